"""`expunge requests`: what is open, due, overdue, done and refused, and by which encoder."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from expunge.cli import app
from expunge.concepts.lists import load_lists
from expunge.core.times import end
from expunge.records.log import RELEASED, Event, append, read_log
from expunge.records.requests import Answers, answers_of, request_lines
from expunge.verdicts.up_to_date import asked_of
from expunge.verdicts.verdict_file import Verdict

PARAMS: dict[str, Any] = {"releases": {"all": {"lists": "all"}}}
LIST = """title: T
owner: o
encoders: {single: true, joint: {both: [a, b]}}
concepts:
- id: a
  name: a secret cup
  kind: object
  request: {id: R-1, received: "2026-03-01T09:30:00Z", due: "2026-03-03T09:30:00Z", basis: law, decision: granted}
- id: b
  kind: object
  confidential: true
  request: {id: R-2, received: 2026-03-02, due: 2026-04-02, basis: the holder, decision: granted}
- id: c
  name: a spoon
  kind: object
  request: {id: R-5, received: 2026-03-02, basis: law, decision: granted}
"""
PRIVATE = f"salt: '{'0' * 64}'\nconcepts:\n  b: {{name: a plate}}\n"
REGISTER = """requests:
- {id: R-3, received: 2026-03-04, due: 2026-04-04, decision: "refused: no saucer"}
- {id: R-4, received: 2026-03-04, due: 2026-04-05, decision: pending}
- {id: R-6, received: 2026-03-04, decision: granted, concept: l/b}
- {id: R-7, received: 2026-03-04, decision: granted}
- {id: R-8, received: 2026-03-04, decision: "refused: her vase", confidential: true}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    files = {"concepts/l.yaml": LIST, "concepts/private/words.yaml": PRIVATE, "requests/a.yaml": REGISTER}
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    return tmp_path


def verdicts(**words: str) -> dict[str, Verdict]:
    """Of today's gates. :param words: {"l_a": "pass"}"""
    now = asked_of(load_lists(Path("concepts")), PARAMS)
    named = {name.replace("_", "/"): word for name, word in words.items()}
    return {name: Verdict(word, True, now[name].gates) for name, word in named.items()}  # type: ignore[arg-type]


def states(now: str, of: dict[str, Verdict], filed: Any = ()) -> dict[str, str]:
    lists = load_lists(Path("concepts"))
    answers = answers_of(asked_of(lists, PARAMS), of, "", [], {})
    return {line.request: line.state for line in request_lines(lists, filed, answers, end(now))}


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        ("2026-03-03T09:30:00Z", ["due", "due"]),
        ("2026-03-03T10:30:00+01:00", ["due", "due"]),
        ("2026-03-03T09:30:01Z", ["overdue", "due"]),
        ("2026-04-02T23:59:59Z", ["overdue", "due"]),  # a day ends at its end
        ("2026-04-02", ["overdue", "due"]),
        ("2026-04-03T00:00:00Z", ["overdue", "overdue"]),
        ("2026-04-03T01:59:00+02:00", ["overdue", "due"]),  # in UTC it is still the day before
    ],
)
def test_when_a_request_is_overdue(here: Path, now: str, wanted: list[str]) -> None:
    found = states(now, {})
    assert [found["R-1"], found["R-2"]] == wanted and found["R-5"] == "open"


def test_who_answers_a_request(here: Path) -> None:
    lists, late = load_lists(Path("concepts")), end("2027-01-01")
    now = asked_of(lists, PARAMS)

    def of(found: dict[str, Verdict], **more: Any) -> Any:
        answers = answers_of(now, found, **{"base": "", "log": [], "records": {}, **more})
        return next(line for line in request_lines(lists, [], answers, late) if line.request == "R-1")

    assert of(verdicts(l_a="fail", l_both="not measured")).why == (
        "l/a does not pass; l/both not measured; releases/all has not run"
    )
    line = of(verdicts(l_a="fail", l_both="pass"))
    assert (line.state, line.encoders, line.releases) == ("done", ("l/both",), {})
    assert of(verdicts(l_b="pass", l_c="pass")).state == "overdue"  # others'
    line = of(verdicts(releases_all="pass"))
    assert (line.state, line.encoders, line.releases) == ("done", (), {"releases/all": ""})
    stale = {"l/a": replace(verdicts(l_a="pass")["l/a"], gates="0")}
    assert "l/a ran before its lists, gates, method or base changed" in of(stale).why and of(stale).state == "overdue"
    assert of({"l/a": replace(verdicts(l_a="pass")["l/a"], base="old")}, base="new").state == "overdue"
    append(Path("log.jsonl"), [Event(RELEASED, "releases/all", "1" * 64, "PASSED", "2" * 64)], end("2026-05-01T10:00Z"))
    log = read_log(Path("log.jsonl"))[0]
    released = of(verdicts(releases_all="pass"), log=log, records={"releases/all": "1" * 64})
    assert released.releases == {"releases/all": "2026-05-01T10:00:00Z"}
    again = of(verdicts(releases_all="pass"), log=log, records={"releases/all": "3" * 64})
    assert again.releases == {"releases/all": ""}  # another one was handed on


@pytest.mark.parametrize("decision", ["by the board", "request dropped", "to be erased"])
def test_a_decision_that_is_not_understood_is_never_done(here: Path, decision: str) -> None:
    text = LIST.replace("basis: law, decision: granted", f"basis: law, decision: {decision}", 1)
    Path("concepts/l.yaml").write_text(text)
    lists = load_lists(Path("concepts"))
    answers = answers_of(asked_of(lists, PARAMS), verdicts(l_a="pass"), "", [], {})
    line = next(each for each in request_lines(lists, [], answers, end("2026-03-02")) if each.request == "R-1")
    assert (line.state, line.why, line.encoders) == ("undecided", f"undecided: {decision}", ())


def test_an_encoder_of_another_list_with_the_same_name_answers_nothing(here: Path) -> None:
    answers = Answers({"m/a": "passes"}, {"m/a": frozenset(["a"])})
    lines = request_lines(load_lists(Path("concepts")), [], answers, end("2026-03-02"))
    assert {line.state for line in lines} == {"due", "open"}


def command(*words: str) -> Any:
    return CliRunner().invoke(app, ["requests", *words])


def test_the_command_shows_them_by_urgency(here: Path) -> None:
    found = command("--now", "2026-03-03")
    assert found.exit_code == 1, found.output
    rows = [line.split("│")[1:3] for line in found.stdout.splitlines() if line.startswith("│ R")]
    assert [(name.strip(), state.strip()) for name, state in rows] == [
        ("R-1", "overdue"), ("R-2", "due"), ("R-4", "undecided"), ("R-5", "open"), ("R-6", "open"), ("R-7", "open"),
        ("R-3", "refused"), ("R-8", "refused"),
    ]  # fmt: skip
    assert "8 requests: 1 overdue, 1 due, 1 undecided, 3 open, 2 refused" in found.stdout
    assert "undecided: pending" in found.stdout and "it is on no list" in found.stdout
    assert "without `due` nobody can tell whether they are late: R-5, R-6, R-7" in found.stderr
    assert "nothing has run here" in found.stderr
    assert command("--now", "2026-03-02").exit_code == 0
    assert command().exit_code == 1  # today all that is due is overdue
    assert "R-4 │ overdue" in " ".join(command("--now", "2026-04-06").stdout.split())


def test_of_a_confidential_request_ids_and_times_alone_are_shown(here: Path) -> None:
    found = command("--now", "2026-03-03", "--json")
    told = {each["request"]: each for each in json.loads(found.stdout)}
    assert told["R-2"]["basis"] == told["R-6"]["basis"] == told["R-8"]["why"] == "" and told["R-1"]["basis"] == "law"
    assert told["R-2"]["due"] == "2026-04-02" and told["R-3"]["why"] == "refused: no saucer"
    assert "holder" not in found.stdout and "her vase" not in found.stdout + command("--now", "2026-03-03").stdout


def test_bad_input_is_told_at_once(here: Path) -> None:
    assert "--now: '3 March' is no day and no time with a zone" in command("--now", "3 March").stderr
    Path("requests/a.yaml").write_text("requests:\n- {id: R}\n- {received: 2026-01-31}\n- {id: S, concept: l/x}\n")
    found = command()
    assert found.exit_code == 2 and "requests/a.yaml:3: `id` is missing" in found.stderr
    Path("requests/a.yaml").write_text("requests:\n- {id: R-1, concept: l/x}\n")
    found = command()
    assert found.exit_code == 2 and "requests/a.yaml:2: there is no concept l/x on a list" in found.stderr
    Path("requests/a.yaml").write_text("requests:\n- {id: R-9, decision: 'refused: there are no such Plates'}\n")
    found = command()
    assert (
        found.exit_code == 2 and "requests/a.yaml:2: `decision` of R-9 names the confidential concept b" in found.stderr
    )
    assert "plate" not in found.stderr.casefold()
    Path("requests/a.yaml").write_text("requests:\n- {id: R-1, decision: pending}\n")
    assert "the request R-1 stands at concepts/l.yaml:5 and requests/a.yaml:2" in command().stderr
    Path("metrics").mkdir()
    Path("metrics/verdicts.json").write_text("{]")
    assert command().exit_code == 2 and "metrics/verdicts.json: holds no verdicts" in command().stderr


def test_the_id_of_a_private_request_is_a_code(here: Path) -> None:
    own = "request: {id: R-2, received: 2026-03-02, basis: x, decision: granted}"
    asked = "\n  request: {id: R-2, received: 2026-03-02, due: 2026-04-02, basis: the holder, decision: granted}"
    Path("concepts/l.yaml").write_text(LIST.replace(asked, ""))
    Path("concepts/private/words.yaml").write_text(PRIVATE.replace("a plate}", f"a plate, {own}}}"))
    found = command("--now", "2026-03-02").output
    assert "R-2" not in found and "[confidential " in found and "R-1" in found


def test_a_folder_of_registers_that_was_named_must_be_there(here: Path) -> None:
    for wrong, said in (("request", "request: is not there"), ("requests/a.yaml", "requests/a.yaml: is no folder")):
        found = command("--registers", wrong)
        assert found.exit_code == 2 and said in found.stderr and not found.stdout
    Path("requests").rename("others")
    assert command("--now", "2026-03-02", "--registers", "others").exit_code == 0
    assert command("--registers", "requests").exit_code == 2
    found = command("--now", "2026-03-02")
    assert found.exit_code == 0 and "3 requests" in found.stdout
    Path("requests").write_text("")
    assert command().exit_code == 2 and "requests: is no folder" in command().stderr


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("a", "requests: []\n# the plates are gone\n", "requests/a.yaml:2: a comment names the confidential concept b"),
        ("a-plate", "requests: []\n", "its name names the confidential concept b"),
        ("a", "requests:\n- {id: R, concept: plate/b}\n", "requests/a.yaml:2: `concept` of R names the"),
        ("a", "requests:\n- {id: R, plate: x}\n", "requests/a.yaml:2: there is no key"),
        ("a", "requests:\n- {id: plates}\n", "requests/a.yaml:2: `id` names the"),
    ],
)
@pytest.mark.parametrize("lists_are_right", [True, False])
def test_a_register_names_no_confidential_concept(
    here: Path, file: str, text: str, said: str, lists_are_right: bool
) -> None:
    Path("requests/a.yaml").unlink()
    Path(f"requests/{file}.yaml").write_text(text)
    if not lists_are_right:
        Path("concepts/m.yaml").write_text("title: 1\n")
    for found in (command(), CliRunner().invoke(app, ["validate"])):
        told = found.stderr.replace("requests/a-plate.yaml", "")
        assert found.exit_code == 2 and said in found.stderr and "plate" not in told.casefold(), found.stderr


@pytest.mark.parametrize(
    "entry",
    [
        "{id: R, confidential: true, decision: {who: ida holm}, basis: 17}",
        "{id: R, confidential: yes, ida holm: x}", "{id: R, confidential: true, due: ida holm}",
        "{id: R, confidential: true, concept: ida holm}", "{id: R, confidential: true, concept: l/ida-holm}",
        "{id: R, confidential: true, basis: ida holm, basis: ida holm}", "{id: R, confidential: 'ida holm'}",
        "{id: R, confidential: true, ida holm: x, ida holm: y}", "{id: R, confidential: true, basis: &ida holm}",
        "{id: R, confidential: true, basis: 'ida holm, decision: x}",
    ],
)  # fmt: skip
def test_no_mistake_tells_what_a_confidential_request_holds(here: Path, entry: str) -> None:
    Path("requests/a.yaml").write_text(f"requests:\n- {entry}\n")
    found = command()
    told = found.stderr.casefold()
    assert found.exit_code == 2 and "requests/a.yaml:2: " in found.stderr, found.stderr
    assert not any(word in told for word in ("ida", "holm", "17")), found.stderr


def test_an_id_that_stands_twice_in_a_register_is_noted(here: Path) -> None:
    Path("requests/a.yaml").write_text("requests:\n- {id: R-9, decision: pending}\n- {id: R-9, decision: refused}\n")
    said = "the request R-9 stands at requests/a.yaml:2 and requests/a.yaml:3"
    assert said in command("--now", "2026-03-02").stderr
