"""`expunge gate` where a file of metrics/ was edited by hand, or speaks of what is no longer asked."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from expunge.bases.spec import load_spec
from expunge.cli import app
from expunge.concepts.lists import load_lists
from expunge.core.yamlfile import load
from expunge.plan.asked_for import AskedFor, asked_for, digest_of_base
from expunge.verdicts.gate import verdicts
from expunge.verdicts.rates import digest_of_rates, write_rates
from expunge.verdicts.verdict_file import write_verdicts
from tests.support.made_plan import made_concept, made_plan
from tests.support.made_rates import rates
from tests.support.paths import ROOT
from tests.support.tiny import write_yaml

GATE = {"image": {"target": "<= 0.05", "aliases": "<= 0.05", "near": ">= 0.85 of before"}}
LIST = """title: T
owner: o
encoders: {single: true, joint: {all: [a, b]}}
concepts:
  - {id: a, name: the robot a, kind: character, anchor: a toy}
  - {id: b, name: the robot b, kind: character, anchor: a toy}
"""
NO_RATES = digest_of_rates([])
VERDICTS, RATES = Path("metrics/verdicts.json"), Path("metrics/rates.csv")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of two concepts, a single encoder each and a joint one; l/b and l/all fail, since b is still seen."""
    monkeypatch.chdir(tmp_path)
    Path("concepts").mkdir()
    Path("bases").symlink_to(ROOT / "bases")
    params = load(ROOT / "params.yaml").value
    write_yaml(Path("params.yaml"), {**params, "gate": GATE, "releases": {}})
    Path("concepts/l.yaml").write_text(LIST)
    concepts = {f"l/{id_}": made_concept(id_) for id_ in "ab"}
    plan = made_plan(concepts, {"l/a": ["l/a"], "l/b": ["l/b"], "l/all": ["l/a", "l/b"]})
    seen = {"target": 1.0, "aliases": 0.25}
    measured = rates("a", "") + rates("b", "", **seen) + rates("all", "a") + rates("all", "b", **seen)
    asked = asked_for(load_lists(Path("concepts")), params["unlearn"], {}, params["seed"])
    write_rates(RATES, measured)
    write_verdicts(VERDICTS, verdicts(plan, GATE, measured, AskedFor(asked, digest_of_base(load_spec(params["base"])))))
    lock()
    return tmp_path


def lock() -> None:
    """dvc.lock as a run leaves it."""
    outs = [
        {"path": file.as_posix(), "hash": "md5", "md5": hashlib.md5(file.read_bytes()).hexdigest()}
        for file in (RATES, VERDICTS)
    ]
    write_yaml(Path("dvc.lock"), {"schema": "2.0", "stages": {"verdict": {"cmd": "x", "outs": outs}}})


def gate(*words: str) -> Any:
    return CliRunner().invoke(app, ["gate", *words])


def change(edit: Callable[[Any], Any]) -> None:
    """Edit the verdicts as a hand would that knows JSON, and dvc.lock as well."""
    data = json.loads(VERDICTS.read_text())
    edit(data)
    VERDICTS.write_text(json.dumps(data))
    lock()


def test_what_a_run_wrote_is_taken(repository: Path) -> None:
    found = gate()
    assert found.exit_code == 1 and not found.stderr, found.output
    assert gate("l/a").exit_code == 0


def passes(data: Any) -> None:
    for entry in data.values():
        entry["verdict"] = "pass"


def passes_with_all_reasons(data: Any) -> None:
    passes(data)
    for entry in data.values():
        for reason in entry["reasons"]:
            reason["verdict"] = "pass"


def has_no_reasons(data: Any) -> None:
    passes(data)
    for entry in data.values():
        entry["reasons"] = []


def put(data: Any, *lines: str) -> None:
    data["l/a"]["passed"] = [*(line for line in data["l/a"]["passed"] if "target" not in line), *lines]


def reason(data: Any, encoder: str = "l/b") -> Any:
    return next(r for r in data[encoder]["reasons"] if r["metric"] == "target")


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (passes, "l/b: `verdict` is 'pass', and 'fail' follows from its reasons"),
        (passes_with_all_reasons, "l/b: image target: `verdict` is 'pass', and 'fail' follows"),
        (has_no_reasons, "l/b: image target has a rate and a gate, and no reason"),
        (lambda d: reason(d).update(value=0.0), "image target: `value` is 0.0, and 1.0 follows"),
        (lambda d: reason(d).update(threshold="<= 1"), "image target: `threshold` is '<= 1', and '<= 0.05' follows"),
        (lambda d: reason(d).update(required=False), "image target: `required` is False, and True follows"),
        (lambda d: reason(d).update(text="It passes."), "image target: `text` is 'It passes.'"),
        (lambda d: reason(d, "l/all").update(concept=""), "l/all: b, image target has a rate and a gate, and no rea"),
        (lambda d: d["l/b"].update(required=False), "l/b: `required` is False, and True follows"),
        (lambda d: d["l/b"]["reasons"].append(reason(d)), "l/b: image target has two reasons"),
        (lambda d: d["l/b"]["passed"].append("image target <= 0.05: 0"), "l/b: image target has two reasons"),
        (lambda d: put(d, "image target <= 1: 0"), "`threshold` is '<= 1', and '<= 0.05' follows"),
        (lambda d: put(d, "image target <= 0.05: 0.01"), "image target: `value` is 0.01, and 0.0 follows"),
        (lambda d: put(d), "l/a: image target has a rate and a gate, and no reason"),
        (lambda d: d["l/a"].update({"passed, not required": d["l/a"].pop("passed")}), "`required` is False, and True"),
        (lambda d: d["l/b"].update(rates="x"), "l/b: its rows in rates.csv are not those that it was made of"),
        (lambda d: d["l/b"].update(gates="x"), "verdicts were made with other gates (l/b)"),
        (lambda d: d["l/b"].update(about=d["l/a"]["about"]), "verdicts speak of other concepts"),
        (lambda d: d["l/b"].update(base="x"), "verdicts speak of another base (l/b)"),
        (
            lambda d: d.update({"l/c": {**d["l/a"], "rates": digest_of_rates([])}}),
            "verdicts are of encoders that no list asks for (l/c)",
        ),
    ],
)
def test_a_verdict_that_a_hand_changed_is_named(repository: Path, edit: Any, said: str) -> None:
    change(edit)
    found = gate()
    assert found.exit_code == 2 and said in found.stderr and not found.stdout, found.output


@pytest.mark.parametrize("line", ["l,b,,image,target", "l,all,b,image,near"])
def test_a_rate_that_a_hand_changed_or_took_away_is_named(repository: Path, line: str) -> None:
    rows = RATES.read_text().splitlines()
    old = next(row for row in rows if row.startswith(line))
    encoder = "/".join(line.split(",")[:2])
    for new in (
        [],
        [old.replace(",1,", ",0,").replace(",0,,,", ",1,,,") if ",0,," in old else old.replace(",1,", ",0.5,", 1)],
    ):
        RATES.write_text("\n".join([*(row for row in rows if row != old), *new]) + "\n")
        lock()
        found = gate()
        assert found.exit_code == 2 and f"metrics/verdicts.json: {encoder}: " in found.stderr, found.output


def test_a_file_that_is_not_what_dvc_lock_says_is_named(repository: Path) -> None:
    RATES.write_text(RATES.read_text() + "\n")
    found = gate("l/a")
    assert found.exit_code == 2 and "metrics/rates.csv: is not what the last run wrote" in found.stderr
    Path("dvc.lock").write_text("schema: '2.0'\n")
    assert "dvc.lock: names no metrics/verdicts.json and no" in gate().stderr
    RATES.unlink()
    assert gate().exit_code == 2 and "metrics/rates.csv: cannot be read" in gate().stderr
    Path("dvc.lock").unlink()
    assert "metrics/rates.csv: cannot be read" in gate().stderr


def test_without_dvc_lock_it_says_that_nobody_looked(repository: Path) -> None:
    Path("dvc.lock").unlink()
    found = gate("l/a")
    assert found.exit_code == 0 and "there is no dvc.lock: nobody looked" in found.stderr


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("concepts/l.yaml", "the robot b", "the robot c"),
        ("concepts/l.yaml", "id: b, name: the robot b, ", "id: b, name: the robot b, aliases: [bob], "),
        ("concepts/l.yaml", "title: T", "title: T\nkeep: [a dog]"),
        ("params.yaml", "method: solve", "method: distil"),
        ("params.yaml", "seed: 0", "seed: 1"),
    ],
)
def test_a_verdict_on_what_is_no_longer_asked_is_none(repository: Path, file: str, old: str, new: str) -> None:
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new))
    found = gate()
    assert found.exit_code == 2 and "speak of other concepts" in found.stderr and "dvc repro" in found.stderr
    Path(file).write_text(f"# a comment\n{text}")
    assert gate().exit_code == 1


def test_a_key_that_stands_twice_is_refused(repository: Path) -> None:
    text = VERDICTS.read_text()
    VERDICTS.write_text(text.replace('"verdict": "fail",', '"verdict": "fail", "verdict": "pass",', 1))
    found = gate()
    assert found.exit_code == 2 and "'verdict' stands twice" in found.stderr


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["l/a", "reasons", "verdict", "gates", "required"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=60, deadline=None)
def test_a_file_of_any_other_form_is_bad_input(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    file = tmp_path_factory.mktemp("any") / "verdicts.json"
    file.write_text(json.dumps(data))
    found = CliRunner().invoke(app, ["gate", "--metrics", str(file), "--concepts", str(file.parent)])
    assert found.exit_code == 2 and len(found.stderr.strip().splitlines()) == 1, found.output
    assert found.exception is None or isinstance(found.exception, SystemExit)


ASKED = "request: {id: R-1, received: 2026-01-31, due: 2026-02-28, basis: b, decision: granted}"


def answered(*words: str) -> Any:
    return CliRunner().invoke(app, ["requests", "--now", "2026-02-01", *words])


def test_requests_believe_no_edited_verdicts(repository: Path) -> None:
    """R-1 asks for b, which no encoder forgets."""
    Path("concepts/l.yaml").write_text(LIST.replace("robot b, kind: character,", f"robot b, kind: character, {ASKED},"))
    found = answered()
    assert found.exit_code == 0 and "1 request: 1 due" in found.stdout, found.output
    kept = VERDICTS.read_bytes()
    for edit in (passes, passes_with_all_reasons):
        change(edit)
        found = answered()
        assert found.exit_code == 2 and "l/b: " in found.stderr and not found.stdout, found.output
        Path("dvc.lock").unlink()
        found = answered()
        assert found.exit_code == 2 and not found.stdout, found.output
        VERDICTS.write_bytes(kept)
        lock()
    Path("dvc.lock").unlink()
    assert answered().exit_code == 0 and "there is no dvc.lock" in answered().stderr
    Path("dvc.yaml").write_text("stages: {}\n")
    assert answered().exit_code == 2 and "dvc.lock: is missing" in answered().stderr


def test_verdicts_on_what_was_asked_before_answer_nothing(repository: Path) -> None:
    Path("concepts/l.yaml").write_text(LIST.replace("robot a, kind: character,", f"robot a, kind: character, {ASKED},"))
    assert "1 request: 1 done" in answered().stdout
    Path("concepts/l.yaml").write_text(
        LIST.replace("robot a, kind: character, anchor: a toy", f"robot a, kind: character, {ASKED}, anchor: a ball")
    )
    found = answered()
    assert found.exit_code == 0 and "1 request: 1 due" in found.stdout, found.output
