"""The gates of a release, its general set's rates, and what `expunge gate` says of releases."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from expunge.cli import app
from expunge.concepts.confidential import Secret, Veil
from expunge.concepts.samples import GENERAL
from expunge.core.unit_names import GENERAL_SET
from expunge.plan.contract import Plan, PlannedRelease
from expunge.verdicts.gate import verdicts
from expunge.verdicts.rates import Rate, write_rates
from expunge.verdicts.tally import rates_of
from expunge.verdicts.verdict_file import Verdict, write_verdicts
from tests.support.made_plan import made_concept, made_plan, made_sample
from tests.support.made_rates import GATE, rate

NAME = "releases/all"
CONCEPTS = {"l/a": made_concept("a"), "m/b": made_concept("b", gate={"image": {"target": "<= 0.5"}})}


def plan(attacked: tuple[str, ...] = ("l/a", "m/b"), gate: Any = None, concepts: Any = None, **more: Any) -> Plan:
    """One release of two lists."""
    concepts = concepts or CONCEPTS
    release = PlannedRelease(("l", "m"), gate=gate or {}, attacked=attacked)
    return made_plan(concepts, {NAME: list(concepts)}, releases={"all": release}, **more)


def rated(concept: str, metric: str, value: float, **more: Any) -> Rate:
    return rate(metric, value, concept=concept, list="releases", encoder="all", **more)


def good(*concepts: str) -> list[Rate]:
    return [rated(c, metric, float(metric == "near")) for c in concepts for metric in ("target", "aliases", "near")]


def told(found: dict[str, Verdict]) -> list[tuple[str, str, str, str]]:
    reasons = [(r.concept, r.metric, r.threshold, r.verdict) for r in found[NAME].reasons]
    return sorted(reason for reason in reasons if reason[1] in ("target", "asr:words", "general"))


def test_a_concept_is_judged_by_its_list_and_itself_and_the_release_goes_over_both() -> None:
    half = [*good("a"), *(r for r in good("b") if r.metric != "target"), rated("b", "target", 0.5)]
    found = verdicts(plan(), GATE, half)
    assert told(found) == [("a", "target", "<= 0.05", "pass"), ("b", "target", "<= 0.5", "pass")]
    strict = verdicts(plan(gate={"image": {"target": "<= 0.1"}}), GATE, half)
    assert told(strict) == [("a", "target", "<= 0.1", "pass"), ("b", "target", "<= 0.1", "fail")]
    assert found[NAME].verdict == "pass" and strict[NAME].verdict == "fail" and strict[NAME].required
    assert found[NAME].gates != strict[NAME].gates
    optional = verdicts(plan(gate={"required": False}), GATE, half)
    assert not optional[NAME].required


def test_the_general_set_is_gated_once_and_must_be_there() -> None:
    gate = {"image": {"general": ">= 0.95 of before"}}
    for rows, verdict in (([0.96], "pass"), ([0.5], "fail"), ([], "not measured")):
        found = verdicts(plan(gate=gate), {}, [rated("", "general", value, before=1.0) for value in rows])
        assert told(found) == [("", "general", ">= 0.95 of before", verdict)] and found[NAME].verdict == verdict
    lists = made_plan({"l/a": made_concept("a")}, {"l/a": ["l/a"]})
    assert verdicts(lists, {**GATE, **gate}, [])["l/a"].reasons == ()  # a list's encoder has no general set


def test_a_concept_that_is_not_attacked_is_not_asked_for_but_an_attack_left_out_is() -> None:
    gate = {"image": {"asr:words": "<= 0.05"}}
    found = verdicts(plan(attacked=("l/a",)), gate, [rated("a", "asr:words", 0.0)])
    assert told(found) == [("a", "asr:words", "<= 0.05", "pass")]
    assert verdicts(plan(attacked=("l/a",)), gate, [])[NAME].verdict == "not measured"
    both = verdicts(plan(), gate, [rated("a", "asr:words", 0.0)])
    assert told(both)[-1] == ("b", "asr:words", "<= 0.05", "not measured")


def test_a_group_that_only_the_budget_leaves_out_is_not_measured() -> None:
    samples = [made_sample("target"), made_sample("near")]
    one = plan(concepts={"l/a": CONCEPTS["l/a"], "m/b": CONCEPTS["m/b"]}, samples={"l/a": samples, "m/b": samples})
    job = replace(one.encoders[NAME], left_out={"l/a": (1,)}, over_budget={"m/b": (1,)})
    rows = [r for r in good("a", "b") if r.metric != "near"] + [rated("c", "near", 1.0)]
    found = verdicts(replace(one, encoders={NAME: job}), GATE, rows)
    missing = [(r.concept, r.metric) for r in found[NAME].reasons if r.verdict == "not measured"]
    assert missing == [("", "near")]  # asked of b alone, and nothing has it


def general(word: str, before: float, after: float, confidence: tuple[float, float], **more: Any) -> list[Any]:
    """A sample of the general set with both encoders."""
    about = {"list": "releases", "concept": "general", "modality": "image", "group": GENERAL, "seed": 1, "sample": 0,
             "prompt": f"a {word}", "axis": "subject", "asked": word}  # fmt: skip
    return [
        {**about, "encoder": encoder, "metric": metric, "value": value}
        for encoder, seen, sure in (("original", before, confidence[0]), (NAME, after, confidence[1]))
        for metric, value in {"seen": seen, "confidence": sure, "alignment": 1.0, **more}.items()
    ]


def test_rates_of_the_general_set_by_hand() -> None:
    rows = [
        *general("cup", 1, 1, (0.9, 0.9)), *general("owl", 1, 0, (0.9, 0.2)), *general("fox", 0, 1, (0.1, 0.8)),
        *general("key", 1, 1, (0.5, 0.4)),
    ]  # fmt: skip
    units = {"releases/all/releases--general": {"KID": 0.25, "n": 4}}
    found = {r.metric: r for r in rates_of(rows, plan(), kid=units) if not r.concept}
    assert (found["general"].value, found["general"].before, found["general"].n) == (0.75, 0.75, 4)
    kept = found["general_kept"]
    assert kept.value == pytest.approx(2 / 3) and kept.n == 3 and kept.before is None
    worst = found["general_worst"]
    assert (worst.word, worst.value, worst.before, worst.n) == ("owl", 0.2, 0.9, 1)
    assert found["general_alignment"].value == 1.0 and found["general_KID"].value == 0.25
    assert not {"PSR-1", "alignment", "CRA", "IRA", "KID"} & set(found)  # which are of the concepts' own samples
    gate = {"image": {"general_worst": ">= 0.5 of before"}}
    (reason,) = verdicts(plan(gate=gate), {}, list(found.values()))[NAME].reasons
    assert reason.verdict == "fail" and "the worst: owl" in reason.text


def test_nothing_is_kept_where_nothing_was_shown_and_a_code_stands_for_a_secret_word() -> None:
    found = {r.metric: r for r in rates_of(general("cup", 0, 1, (0.2, 0.1)), plan())}
    assert "general_kept" not in found and found["general"].value == 1.0
    veil = Veil("s", {"m/b": Secret(("cup",))})
    rows = veil.closed(general("cup", 1, 0, (0.9, 0.1)))
    assert {r.word for r in rates_of(rows, plan())} == {"", veil.code("cup")}


def test_a_release_and_an_encoder_of_one_name_do_not_mix() -> None:
    both = made_plan({"l/a": made_concept("a")}, {"l/all": ["l/a"], NAME: ["l/a"]},
                     releases={"all": PlannedRelease(("l",))})  # fmt: skip
    about = {"list": "l", "concept": "a", "modality": "image", "group": "target", "seed": 1, "sample": 0,
             "prompt": "it", "axis": "subject", "asked": "a", "metric": "seen"}  # fmt: skip
    rows = [{**about, "encoder": e, "value": v} for e, v in (("original", 1.0), ("all", 0.0), (NAME, 1.0))]
    found = {r.name: r.value for r in rates_of(rows, both) if r.metric == "target"}
    assert found == {"l/all": 0.0, NAME: 1.0}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two lists of a concept each and a release of both, whose verdicts were written with these gates."""
    monkeypatch.chdir(tmp_path)
    Path("concepts").mkdir()
    for list_, id_ in (("l", "a"), ("m", "b")):
        text = (
            f"title: T\nowner: o\nencoders: single\nconcepts:\n  - {{id: {id_}, name: {id_} robot, kind: character}}\n"
        )
        Path(f"concepts/{list_}.yaml").write_text(text)
    Path("params.yaml").write_text('releases:\n  all:\n    lists: all\n    gate: {image: {target: "<= 0.05"}}\n')
    concepts = {"l/a": made_concept("a"), "m/b": made_concept("b")}
    one = plan(concepts=concepts, gate={"image": {"target": "<= 0.05"}})
    write_rates(Path("metrics/rates.csv"), good("a", "b"))
    write_verdicts(Path("metrics/verdicts.json"), verdicts(one, {}, good("a", "b")))
    return tmp_path


def gate(*words: str) -> Any:
    return CliRunner().invoke(app, ["gate", *words])


def test_the_command_takes_releases(repository: Path) -> None:
    assert gate("releases/all").exit_code == 0 and gate("releases").exit_code == 0, gate("releases/all").output
    assert gate().exit_code == 1 and "has not run yet" in gate().stdout  # the encoders of the lists
    assert "write releases/all" in gate("releases/al").stderr
    params = Path("params.yaml").read_text()
    Path("params.yaml").write_text(params + "    without: [m/b]\n")  # which is another encoder
    assert gate("releases/all").exit_code == 2 and "made with other gates" in gate("releases/all").stderr
    Path("params.yaml").write_text(params + "  other: {lists: [l]}\n")
    assert gate("releases/other").exit_code == 1 and "has not run yet" in gate("releases/other").stdout


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("lists: all", "lists: [n]", "params.yaml:3: all: there is no list 'n'"),
        ("lists: all", "list: all", "releases.all: is no release"),
        ("lists: all", "lists: 3", "releases.all: is no release"),
        ("target:", "targets:", "releases.all.gate.image.targets"),
    ],
)
def test_wrong_releases_are_bad_input(repository: Path, old: str, new: str, says: str) -> None:
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace(old, new))
    found = gate("releases/all")
    assert found.exit_code == 2 and says in found.stderr and len(found.stderr.splitlines()) == 1, found.output


def test_the_general_set_is_no_concept() -> None:
    assert GENERAL_SET not in plan().concepts and plan().sets_of(NAME) == ("l/a", "m/b")
