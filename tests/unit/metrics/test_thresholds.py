"""How thresholds are written: in params.yaml, in lists and in concepts, and what is wrong with one."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.concepts.lists import load_lists
from expunge.core.errors import InputError
from expunge.metrics.thresholds import Threshold, merged, parse, problems_of, signature
from expunge.plan.validate_lists import list_rules


@given(st.sampled_from(["<=", ">="]), st.integers(0, 10**9 - 1), st.booleans(), st.sampled_from(["", " "]))
def test_a_threshold_reads_back_as_it_was_written(sign: str, number: int, before: bool, blank: str) -> None:
    text = f"{sign}{blank}{number / 1000:.3f}{' of before' * before}"
    threshold = parse(text)
    assert threshold == Threshold(sign, number / 1000, before) == parse(str(threshold))


@given(st.text(max_size=20) | st.integers() | st.floats() | st.none() | st.booleans() | st.lists(st.text()))
def test_anything_else_is_refused(text: Any) -> None:
    """What parse takes is a sign and a number; nothing else gets through, and nothing breaks it."""
    try:
        found = parse(text)
    except ValueError as error:
        assert "no threshold" in str(error)
    else:
        assert text == "none" if found is None else str(text).startswith(found.sign)


@pytest.mark.parametrize(
    "text",
    ["0.05", "< 0.05", "= 0.05", "<= -0.1", "<= 5 %", "<= 1e-2", "<=  0.1", " <= 0.1", "<= .5", ">= 0.9 of  before",
     ">= 0.9 before", "<= 0.1\n", "", "None", 0.05, None, True],
)  # fmt: skip
def test_near_misses_are_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="no threshold"):
        parse(text)


@pytest.mark.parametrize(
    ("section", "where", "fix"),
    [
        ({"image": {"tagret": "<= 0.1"}}, "image.tagret", "write target"),
        ({"images": {"target": "<= 0.1"}}, "images", "write image"),
        ({"image": {"dynamic": ">= 0.1"}}, "image.dynamic", "write"),  # a picture does not move
        ({"image": {"target": ">= 0.1"}}, "image.target", 'write "<= ..."'),
        ({"image": {"near": "<= 0.9"}}, "image.near", 'write ">= ..."'),
        ({"image": {"target": "<= 5"}}, "image.target", "from 0 to 1 (5 % is 0.05)"),
        ({"image": {"near": ">= 90 of before"}}, "image.near", "from 0 to 10 (90 % is 0.9)"),
        ({"image": {"KID": "<= 0.5 of before"}}, "image.KID", "a number alone"),
        ({"image": {"target": 0.05}}, "image.target", "in quotes"),
        ({"image": "<= 0.05"}, "image", "thresholds by metric"),
        ({"required": "no"}, "required", "true or false"),
        (["image"], "", "write `gate:`"),
    ],
)
def test_wrong_sections_say_where_and_what_to_write(section: Any, where: str, fix: str) -> None:
    (problem,) = problems_of(section, "gate")
    assert problem.where == f"gate.{where}".rstrip(".") and fix in problem.fix


def test_all_problems_come_at_once() -> None:
    section = {"image": {"x": "<= 1", "near": "<= 1"}, "video": 3, "required": None}
    assert len(list(problems_of(section))) == 4


def test_the_nearer_section_counts_and_none_lifts() -> None:
    outer = {"image": {"target": "<= 0.05", "near": ">= 0.9", "far": ">= 0.9"}, "required": False}
    list_, concept = {"image": {"near": "none"}}, {"image": {"target": "<= 0.2"}, "required": True}
    gates, required = merged(outer, list_, concept)
    assert gates == {("image", "target"): Threshold("<=", 0.2), ("image", "far"): Threshold(">=", 0.9)} and required
    assert merged(outer, None, {}) == merged(outer) and merged(outer)[1] is False
    assert merged() == ({}, True)


HEAD = "title: T\nowner: o\n"
CONCEPTS = "concepts:\n  - id: a\n    name: b\n    kind: style\n"  # lines 3-6, or 4-7 after one more


@pytest.mark.parametrize(
    ("text", "line", "what", "fix"),
    [
        (HEAD + 'gate: {image: {tagret: "<= 0.1"}}\n' + CONCEPTS, 3, "no 'tagret' here", "write target"),
        (HEAD + "gate: {image: {target: 0.05}}\n" + CONCEPTS, 3, "is '0.05'", "in quotes"),
        (HEAD + 'gate: {image: {target: "<= 5"}}\n' + CONCEPTS, 3, '"<= 5"', "5 % is 0.05"),
        (HEAD + CONCEPTS + "    gate:\n      image:\n        near: >= 0.5\n", 9, "begins with >", "put it in quotes"),
        (HEAD + CONCEPTS + '    gate:\n      video:\n        near: "<= 0.5"\n', 9, "higher is better", 'write ">= '),
        (HEAD + CONCEPTS + '    gate: {required: "no"}\n', 7, "'no'", "without quotes"),
        (HEAD + CONCEPTS + "    gate: {}\n", 7, "`gate` is empty", "take `gate` out"),
        (HEAD + CONCEPTS + "    gate: {sound: {}}\n", 7, "no key 'sound'", "image"),
    ],
)
def test_a_wrong_gate_in_a_list_says_its_line(tmp_path: Path, text: str, line: int, what: str, fix: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_lists(tmp_path, list_rules())
    (problem,) = caught.value.problems
    assert problem.where.endswith(f"x.yaml:{line}") and what in problem.what and fix in problem.fix


def test_lists_and_concepts_carry_their_gates(tmp_path: Path) -> None:
    text = HEAD + 'gate: {image: {"asr:words": "<= 0.2"}}\n' + CONCEPTS + "    gate: {required: false}\n"
    (tmp_path / "x.yaml").write_text(text)
    (found,) = load_lists(tmp_path, list_rules())
    assert found.gate == {"image": {"asr:words": "<= 0.2"}} and found.concepts[0].gate == {"required": False}


def test_a_signature_changes_with_the_thresholds_alone() -> None:
    gate = {"image": {"target": "<= 0.05", "aliases": "<= 0.05", "near": ">= 0.85 of before"}}

    def signed(own: Any, list_gate: Any, concept: Any) -> str:
        return signature(merged(own, list_gate), {"a": merged(own, list_gate, concept)})

    one = signed(gate, {}, {})
    lifted = {**gate, "video": {"target": "none"}}
    assert one == signed(lifted, None, {"image": {"target": "<=0.050"}})
    for other in ({"required": False}, {"image": {"target": "<= 0.06"}}, {"image": {"KID": "<= 0.1"}}):
        assert one not in (signed({**gate, **other}, {}, {}), signed(gate, other, {}))
        assert one != signed(gate, {}, other)
