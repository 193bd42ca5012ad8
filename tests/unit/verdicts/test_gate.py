"""Verdicts by hand, and what `expunge gate` says of them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from expunge.cli import app
from expunge.concepts.concept import Concept
from expunge.core.errors import InputError
from expunge.metrics.thresholds import Threshold, parse
from expunge.plan.contract import Plan
from expunge.verdicts.gate import decide, verdicts
from expunge.verdicts.rates import Rate, digest_of_rates, write_rates
from expunge.verdicts.read_verdicts import read_verdicts
from expunge.verdicts.verdict_file import Verdict, chosen, write_verdicts
from tests.support.made_plan import made_concept, made_plan, made_sample
from tests.support.made_rates import GATE, GOOD, rate, rates


@pytest.mark.parametrize(
    ("threshold", "value", "low", "high", "verdict", "sure"),
    [
        ("<= 0.05", 0.05, 0.0, 0.05, "pass", True),  # the bound itself is good
        ("<= 0.05", 0.0, 0.0, 0.32, "pass", False),
        ("<= 0.05", 0.25, 0.07, 0.59, "fail", True),
        ("<= 0.05", 0.125, 0.02, 0.47, "fail", False),
        (">= 0.9 of before", 0.72, 0.6, 0.8, "pass", False),  # 0.9 of 0.8; 0.72 is not less
        (">= 0.9 of before", 0.72, 0.72, 0.8, "pass", True),
        (">= 0.9 of before", 0.7, 0.5, 0.71, "fail", True),
        (">= 0.9", 0.95, None, None, "pass", False),  # no interval: nobody can be sure
    ],
)
def test_the_value_decides_and_the_interval_says_how_sure(
    threshold: str, value: float, low: float | None, high: float | None, verdict: str, sure: bool
) -> None:
    found = decide(("image", "near"), parse(threshold), rate("near", value, low=low, high=high, before=0.8))  # type: ignore[arg-type]
    assert (found.verdict, found.sure) == (verdict, sure)
    assert ("too small to be sure" in found.text) == (not sure and low is not None)
    assert f"{value:g}" in found.text and "n = 8" in found.text


def test_reasons_are_sentences() -> None:
    found = decide(("image", "target"), Threshold("<=", 0.05), rate("target", 0.25, low=0.0715, high=0.591))
    assert found.text == (
        "The share of images that show the target is 0.25 (n = 8; 95 % interval 0.0715 to 0.591; before: 1), but must "
        "be at most 0.05."
    )
    lost = decide(("video", "dynamic"), Threshold(">=", 0.5, True), rate("dynamic", 0.01, before=0.2, modality="video"))
    assert lost.text.endswith("but must be at least 0.5 of before, which is 0.1.")
    never = decide(("image", "target"), Threshold("<=", 0.05), rate("target", 0.0, before=0.0, low=0.0, high=0.04))
    assert never.verdict == "pass" and "says nothing about forgetting" in never.text and not never.sure and never.empty
    drawn = decide(("image", "target"), Threshold("<=", 0.05), rate("target", 0.1, before=0.0, low=0.0, high=0.4))
    assert drawn.verdict == "fail" and not drawn.empty and not lost.empty


@pytest.mark.parametrize(("metric", "before"), [("near", 0.0), ("dynamic", 0.0001)])
def test_what_was_not_there_cannot_be_lost(metric: str, before: float) -> None:
    """A video of what was asked to stand still does not freeze; the reason says that nothing is known."""
    key = ("video", metric)
    still = decide(key, Threshold(">=", 0.5, True), rate(metric, 0.0, before=before, low=0.0, high=0.0))
    assert still.verdict == "pass" and not still.sure and "nothing to lose" in still.text
    moving = decide(key, Threshold(">=", 0.5, True), rate(metric, 0.0, before=0.02, low=0.0, high=0.0))
    assert moving.verdict == "fail" and moving.sure
    absolute = decide(key, Threshold(">=", 0.5), rate(metric, 0.0, before=before))
    assert absolute.verdict == "fail"


def test_what_was_not_measured_says_why() -> None:
    found = decide(("image", "target"), Threshold("<=", 0.05), None)
    assert found.verdict == "not measured" and "no samples" in found.text and found.value is None
    lacks = decide(("image", "near"), Threshold(">=", 0.9, True), rate("near", 1.0, before=None))
    assert lacks.verdict == "not measured" and "original encoder" in lacks.text


def plan(concepts: dict[str, Concept], encoders: dict[str, list[str]], **more: Any) -> Plan:
    """Of one list, l."""
    named = {f"l/{name}": [f"l/{c}" for c in members] for name, members in encoders.items()}
    return made_plan({f"l/{c}": concept for c, concept in concepts.items()}, named, **more)


def entry(**more: Any) -> Concept:
    return made_concept(**more)


def said(found: dict[str, Verdict], encoder: str = "l/a") -> tuple[str, list[str]]:
    """The verdict, and the metrics that do not pass."""
    verdict = found[encoder]
    return verdict.verdict, [reason.metric for reason in verdict.reasons if reason.verdict != "pass"]


@pytest.mark.parametrize(
    ("values", "verdict", "why"),
    [
        ({}, "pass", []), ({"target": 0.5}, "fail", ["target"]), ({"near": 0.5}, "fail", ["near"]),
        ({"aliases": 1.0, "target": 1.0, "near": 0.0}, "fail", ["aliases", "near", "target"]),
    ],
)  # fmt: skip
def test_one_gate_that_fails_fails_the_encoder(values: dict[str, float], verdict: str, why: list[str]) -> None:
    assert said(verdicts(plan({"a": entry()}, {"a": ["a"]}), GATE, rates("a", "a", **values))) == (verdict, why)


def test_the_encoder_as_a_whole_stands_in_for_its_only_concept() -> None:
    whole = [rate(metric, value) for metric, value in GOOD.items()]
    assert said(verdicts(plan({"a": entry()}, {"a": ["a"]}), GATE, whole)) == ("pass", [])


def test_no_samples_are_no_pass_but_a_failure_weighs_more() -> None:
    one = plan({"a": entry()}, {"a": ["a"]})
    assert said(verdicts(one, GATE, rates("a", "a")[:2])) == ("not measured", ["near"])
    assert said(verdicts(one, GATE, rates("a", "a", target=1.0)[:2])) == ("fail", ["target", "near"])
    assert said(verdicts(one, GATE, [])) == ("not measured", ["aliases", "near", "target"])
    assert said(verdicts(one, {}, rates("a", "a"))) == ("not measured", [])  # nothing was asked, so nothing is passed


def test_what_a_concept_cannot_have_is_not_asked_for() -> None:
    bare = plan({"a": entry(aliases=(), neighbours=())}, {"a": ["a"]})
    assert said(verdicts(bare, GATE, rates("a", "a")[:1])) == ("pass", [])
    parts = plan({"a": entry(aliases=(), neighbours=(), parts=("p", "q"))}, {"a": ["a"]})
    assert said(verdicts(parts, GATE, rates("a", "a")[:1])) == ("not measured", ["near"])
    kept = replace(bare, keep={"l/a": ("a bus",)})  # the list keeps something, which is near
    assert said(verdicts(kept, GATE, rates("a", "a")[:1])) == ("not measured", ["near"])
    assert said(verdicts(kept, GATE, rates("a", "a", near=0.5))) == ("fail", ["near"])
    probed = {"image": {**GATE["image"], "probes": "<= 0.5"}}
    assert said(verdicts(bare, probed, rates("a", "a")[:1])) == ("pass", [])
    some = plan({"a": entry(aliases=(), neighbours=(), probes=("x",))}, {"a": ["a"]})
    assert said(verdicts(some, probed, rates("a", "a")[:1])) == ("not measured", ["probes"])
    assert said(verdicts(some, probed, [*rates("a", "a"), rate("probes", 0.6, concept="a")])) == ("fail", ["probes"])
    motion = plan({"a": entry(kind="motion")}, {"a": ["a"]})  # which no picture can show
    both = {"image": {**GATE["image"], "far": ">= 0.9"}, "video": {"target": "<= 0.05"}}
    seen = [rate("target", 0.0, modality="video", concept="a"), rate("far", 1.0, concept="a")]
    assert said(verdicts(motion, both, seen)) == ("pass", [])
    assert said(verdicts(motion, both, seen[1:])) == ("not measured", ["target"])


def test_attacks_on_videos_must_be_there_for_motions_alone() -> None:
    attack = {"video": {"asr:words": "<= 0.05"}, "image": {"asr:words": "<= 0.05", "asr:replay": "<= 0.05"}}
    found = [rate("asr:words", 0.0, concept="a")]
    assert said(verdicts(plan({"a": entry()}, {"a": ["a"]}), attack, found)) == ("pass", [])
    moves = plan({"a": entry(kind="motion")}, {"a": ["a"]})
    assert said(verdicts(moves, attack, found)) == ("not measured", ["asr:words"])
    bad = [*found, rate("asr:words", 0.5, concept="a", modality="video")]
    assert said(verdicts(plan({"a": entry()}, {"a": ["a"]}), attack, bad)) == ("fail", ["asr:words"])


def test_an_average_does_not_hide_a_concept_of_a_joint_encoder() -> None:
    joint = plan({c: entry() for c in "abcd"}, {"j": list("abcd")})
    gate = {"image": {"target": "<= 0.25"}}
    some = [r for c in "abcd" for r in rates("j", c, target=float(c == "c"))]
    whole = [rate("target", 0.25, encoder="j"), rate("KID", 0.5, encoder="j")]
    found = verdicts(joint, gate, some + whole)
    assert said(found, "l/j") == ("fail", ["target"])
    assert found["l/j"].reasons[0].concept == "c" and found["l/j"].reasons[0].text.startswith("c: The share")
    assert len(found["l/j"].reasons) == 4
    only_whole = verdicts(joint, {"image": {"KID": "<= 0.1"}}, some + whole)
    assert [(r.concept, r.verdict) for r in only_whole["l/j"].reasons] == [("", "fail")]


def test_a_group_that_a_joint_encoder_leaves_out_is_not_asked_for() -> None:
    drawn = [made_sample(group) for group in ("target", "near", "near")]
    joint = plan(
        {"a": entry(), "b": entry()}, {"j": ["a", "b"]}, samples={"l/a": drawn, "l/b": drawn},
        left_out={"l/j": {"l/a": [1, 2], "l/b": [1]}},
    )  # fmt: skip
    found = [r for r in rates("j", "a") if r.metric != "near"] + rates("j", "b")
    assert said(verdicts(joint, GATE, found), "l/j") == ("pass", [])
    without = [r for r in found if r.metric != "near"]
    assert said(verdicts(joint, GATE, without), "l/j") == ("not measured", ["near"])


def test_lists_and_concepts_override() -> None:
    lenient = {"image": {"target": "<= 0.5"}}
    half = rates("a", "a", target=0.5)
    assert said(verdicts(plan({"a": entry()}, {"a": ["a"]}, gate=lenient), GATE, half)) == ("pass", [])
    own = plan({"a": entry(gate=lenient), "b": entry()}, {"a": ["a"], "j": ["a", "b"]})
    found = verdicts(own, GATE, half + rates("j", "a", target=0.5) + rates("j", "b", target=0.5))
    assert said(found) == ("pass", []) and said(found, "l/j") == ("fail", ["target"])
    assert found["l/j"].reasons[0].concept == "b"


def test_what_is_not_required_is_reported_and_does_not_fail() -> None:
    optional = {"required": False}
    alone = plan({"a": entry(gate=optional), "b": entry()}, {"a": ["a"], "j": ["a", "b"]})
    bad = rates("a", "a", target=1.0) + rates("j", "a", target=1.0) + rates("j", "b")
    found = verdicts(alone, GATE, bad)
    assert said(found) == ("fail", ["target"]) and not found["l/a"].required
    assert said(found, "l/j") == ("pass", ["target"]) and found["l/j"].required
    listed = verdicts(plan({"a": entry()}, {"a": ["a"]}, gate=optional), GATE, bad)
    assert said(listed) == ("fail", ["target"]) and not listed["l/a"].required


def test_verdicts_read_back_and_one_reason_is_one_line(tmp_path: Path) -> None:
    file, measured = tmp_path / "verdicts.json", rates("a", "", target=1.0)
    found = verdicts(plan({"a": entry(), "b": entry()}, {"a": ["a"], "b": ["b"]}), GATE, measured)
    write_verdicts(file, found)
    write_rates(tmp_path / "rates.csv", measured)
    assert read_verdicts(file) == found and chosen(found, ["l/b"], file) == {"l/b": found["l/b"]}
    assert chosen(found, ["l"], file) == chosen(found, [], file) == found
    passed = [reason.place for verdict in found.values() for reason in verdict.reasons if reason.verdict == "pass"]
    lines = file.read_text().splitlines()
    assert passed and all(sum(f'"{place} ' in line for line in lines) == 1 for place in passed)
    assert sum('"metric"' in line for line in lines) == 6 - len(passed)
    write_verdicts(file, {})
    with pytest.raises(InputError, match="no encoder"):
        chosen(read_verdicts(file), [], file)


def test_a_pass_that_the_rates_do_not_bear_out_is_told_as_it_stands(tmp_path: Path) -> None:
    """Who compares it with the rates says what is wrong: `expunge.verdicts.recomputed`."""
    file, measured = tmp_path / "verdicts.json", rates("a", "", target=1.0)
    write_verdicts(file, verdicts(plan({"a": entry()}, {"a": ["a"]}), GATE, measured))
    write_rates(tmp_path / "rates.csv", measured)
    data = json.loads(file.read_text())
    data["l/a"]["reasons"] = [r for r in data["l/a"]["reasons"] if r["metric"] != "target"]
    data["l/a"]["passed"].append("image target <= 0.05: 1")
    file.write_text(json.dumps(data))
    reason = next(reason for reason in read_verdicts(file)["l/a"].reasons if reason.metric == "target")
    assert (reason.verdict, reason.value) == ("pass", 1.0)
    write_rates(tmp_path / "rates.csv", rates("a", "a"))
    with pytest.raises(InputError, match="l/a: its rows in rates"):
        read_verdicts(file)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"l/a": {}}', '{"l/a": {"verdict": "good", "required": 1, "reasons": []}}',
     '{"l/a": {"verdict": "pass", "required": true, "rates": "", "passed": [], "x": 1}}',
     *(json.dumps({"l/a": {"verdict": "pass", "required": True, "rates": digest_of_rates([]), "passed": passed}})
       for passed in (["image target"], ["<= 0.05: 0"], "image", [7], 3, ["image target <= x: 0"],
                      ["image target <= 1: x"]))],
)  # fmt: skip
def test_broken_verdicts_are_refused(tmp_path: Path, text: str) -> None:
    write_rates(tmp_path / "rates.csv", [])
    (tmp_path / "v.json").write_text(text)
    with pytest.raises(InputError, match="holds no verdicts"):
        read_verdicts(tmp_path / "v.json")


def test_the_command_says_why_and_by_its_exit_code_whether(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where there are no lists to compare with
    file = tmp_path / "verdicts.json"
    optional = plan({"a": entry(), "b": entry(gate={"required": False})}, {"a": ["a"], "b": ["b"]})

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["gate", "--metrics", str(file), *words])

    def write(measured: list[Rate]) -> None:
        write_verdicts(file, verdicts(optional, GATE, measured))
        write_rates(tmp_path / "rates.csv", measured)

    write(rates("a", "a") + rates("b", "b", target=1.0))
    result = run()
    assert result.exit_code == 0 and "1 pass, 1 fail, 0 not measured" in result.stdout
    assert "not required" in result.stdout and "share of images that show the target is 1" in result.stdout
    write(rates("a", "a", near=0.2) + rates("b", "b"))
    assert run().exit_code == 1 and run("l/b").exit_code == 0 and run("l/a").exit_code == 1
    write(rates("b", "b"))
    assert run().exit_code == 1 and "was not measured" in run().stdout
    unknown = run("l/c")
    assert unknown.exit_code == 2 and "write l/" in unknown.stderr and "Traceback" not in unknown.stderr
    file.unlink()
    assert run().exit_code == 2


TARGETS = {"image": {"target": "<= 0.05"}, "video": {"target": "<= 0.05"}}


def targets(concept: str, *rows: tuple[str, float, float], encoder: str = "a") -> list[Rate]:
    """Rates of the target: (modality, value, before)."""
    return [
        rate("target", v, 8, concept, encoder=encoder, modality=m, before=b, low=0.0, high=0.04) for m, v, b in rows
    ]


@pytest.mark.parametrize(
    ("rows", "verdict", "why"),
    [
        ([("image", 0.0, 0.0), ("video", 0.0, 0.0)], "not measured", ["target", "target"]),
        ([("image", 0.0, 0.5), ("video", 0.0, 0.0)], "pass", []),
        ([("image", 0.0, 0.0), ("video", 0.0, 0.5)], "pass", []),
        ([("image", 0.0, 0.0), ("video", 0.5, 0.0)], "fail", ["target", "target"]),
    ],
)
def test_what_the_original_never_draws_is_not_measured(rows: Any, verdict: str, why: list[str]) -> None:
    found = verdicts(plan({"a": entry()}, {"a": ["a"]}), TARGETS, targets("a", *rows))
    assert said(found) == (verdict, why)
    told = " ".join(reason.text for reason in found["l/a"].reasons if reason.empty)
    assert ("nowhere that is gated" in told) == (verdict != "pass")
    assert ("Only images tell." in told or "Only videos tell." in told) == (verdict == "pass")


def test_what_is_never_drawn_is_told_for_each_concept_and_by_what_is_gated() -> None:
    videos = verdicts(plan({"a": entry(kind="motion")}, {"a": ["a"]}), TARGETS, targets("a", ("video", 0.0, 1.0)))
    assert said(videos) == ("pass", [])  # no picture shows a motion
    only = plan({"a": entry(gate={"video": {"target": "none"}})}, {"a": ["a"]})
    assert said(verdicts(only, TARGETS, targets("a", ("image", 0.0, 0.0), ("video", 0.0, 1.0))))[0] == "not measured"
    joint = plan({"a": entry(), "b": entry()}, {"j": ["a", "b"]})
    rows = targets("a", ("image", 0.0, 1.0), ("video", 0.0, 1.0), encoder="j")
    rows += targets("b", ("image", 0.0, 0.0), ("video", 0.0, 0.0), encoder="j")
    found = verdicts(joint, TARGETS, rows)
    assert said(found, "l/j")[0] == "not measured"
    assert {r.concept for r in found["l/j"].reasons if r.verdict != "pass"} == {"b"}


def test_every_gate_is_one_line_and_why_says_it_in_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    some = [rate("target", 0.0, 8, "", low=0.0, high=0.3, before=0.9), rate("near", 1.0, 1, "", low=0.2, high=1.0),
            rate("aliases", 0.0, 8, "", low=0.0, high=0.3, before=0.0)]  # fmt: skip
    write_verdicts(tmp_path / "v.json", verdicts(plan({"a": entry()}, {"a": ["a"]}), GATE, some))
    write_rates(tmp_path / "rates.csv", some)

    def run(*words: str) -> list[str]:
        return list(CliRunner().invoke(app, ["gate", "--metrics", "v.json", *words]).stdout.splitlines())

    tally = "3 of 3 gates pass: 2 not sure, 1 empty; 1 of the 3 have n < 5"
    assert any(tally in line for line in run()) and not any("share of images" in line for line in run())
    lines = run("--all")
    assert lines[0] == f"l/a: pass: {tally}" and len(lines) == 7
    target = next(line for line in lines if "image target" in line)
    assert all(part in target for part in ("pass", "0 (0-0.3)", "<= 0.05", "before 0.9", "n = 8", "not sure"))
    assert next(line for line in lines if "image aliases" in line).endswith("empty")
    assert any("image near (n = 1): The share" in line for line in run("--why"))
