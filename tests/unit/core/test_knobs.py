"""Knobs: what a file declares is read without running it; wrong values and broken declarations are clear errors."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.core.errors import InputError
from expunge.core.knobs import LAST, Registry, Schemas, allowed, defaults, knob_problems


@dataclass(frozen=True)
class Tool:
    name: str
    module: str
    colour: Literal["", "red"] = ""
    order: int = LAST
    knobs: Schemas = field(default_factory=dict)


STEPS = {"default": 3, "type": "integer", "minimum": 1, "maximum": 9}
SCHEMAS: Schemas = {
    "steps": STEPS,
    "rate": {"default": 0.5, "type": "number", "minimum": 0.0, "maximum": 1.0},
    "part": {"default": "all", "enum": ["all", "none"]},
}


def registry(folder: Path, **files: str) -> Registry[Tool]:
    package = folder / "site-packages" / "shop" / "tools"
    package.mkdir(parents=True)
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    return Registry(package, "shop.tools", "TOOL", Tool, renamed={"pace": "steps"})


def test_a_file_is_an_entry_and_is_not_run(tmp_path: Path) -> None:
    tools = registry(
        tmp_path,
        hand_saw=f'"""A saw."""\nraise SystemExit\nTOOL = {{"colour": "red", "knobs": {{"steps": {STEPS}}}}}\n',
        axe="import nothing_of_that_name\nTOOL: dict[str, object] = {}\n",
        drill='TOOL = {"order": 1}\n',
        helper="# shares with TOOL\ndef run() -> None:\n    TOOL = 3\n",
    )
    assert list(tools) == ["drill", "axe", "hand-saw"]
    saw = tools["hand-saw"]
    assert (saw.name, saw.module, saw.colour) == ("hand-saw", "shop.tools.hand_saw", "red")
    assert defaults(saw.knobs) == {"steps": 3}
    assert tools.problems("hand-saw", {"steps": 9}) == []
    assert tools.problems("hand-saw", {"pace": 9}) == [
        ("hand-saw has no parameter 'pace'", "did you mean steps? write `steps:`")
    ]
    assert tools.problems("axe", {"pace": 9}) == [("axe has no parameter 'pace'", "take it out")]
    assert tools.problems("dril", {}) == [("there is no tool 'dril'", "write drill")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\nTOOL = {\n", "tools/a.py:2: is no Python"),
        ("\nTOOL = dict(colour='red')\n", "tools/a.py:2: TOOL is no plain literal"),
        ("TOOL = ['red']", "tools/a.py:1: TOOL is ['red']; write a dict with colour, order, knobs"),
        ("TOOL = {'color': 'red'}", "tools/a.py:1: TOOL has no key 'color'; write colour"),
        ("TOOL = {'colour': 'blue'}", "tools/a.py:1: TOOL is not what it should be (Invalid enum value 'blue'"),
        ("TOOL = {'knobs': {'x': 3}}", "the knob 'x' has no default"),
        ("TOOL = {'knobs': {'x': {'default': 3}}}", "the knob 'x' has the type None; write an enum, or a type"),
        ("TOOL = {'knobs': {'x': {'default': 3, 'minimun': 2}}}", "has the key 'minimun'; write minimum"),
    ],
)
def test_a_broken_declaration_is_one_clear_error(tmp_path: Path, text: str, says: str) -> None:
    tools = registry(tmp_path, a=text, b="TOOL = {}")
    with pytest.raises(InputError) as caught:
        list(tools)
    assert len(caught.value.problems) == 1 and says in str(caught.value)


def test_a_default_must_be_allowed(tmp_path: Path) -> None:
    tools = registry(tmp_path, a=f"TOOL = {{'knobs': {{'steps': {STEPS | {'default': 0}}}}}}")
    with pytest.raises(InputError, match=r"shop.tools.a: of its defaults, a: steps is 0; write a whole"):
        tools.problems("a", {})


@pytest.mark.parametrize(
    ("value", "what", "fix"),
    [
        ({"steps": 0}, "saw: steps is 0", "write a whole number from 1 to 9"),
        ({"steps": 2.0}, "saw: steps is 2.0", "write a whole number from 1 to 9"),
        ({"steps": True}, "saw: steps is True", "write a whole number from 1 to 9"),
        ({"steps": "3"}, "saw: steps is '3'", "write a whole number from 1 to 9, without quotes"),
        ({"steps": None}, "saw: steps is None", "write a whole number from 1 to 9"),
        ({"rate": float("nan")}, "saw: rate is nan", "write a number from 0 to 1"),
        ({"rate": float("inf")}, "saw: rate is inf", "write a number from 0 to 1"),
        ({"rate": False}, "saw: rate is False", "write a number from 0 to 1"),
        ({"part": "al"}, "saw: part is 'al'", "write one of all, none"),
        ({"part": ["all"]}, "saw: part is ['all']", "write one of all, none"),
        ({"parts": "all"}, "saw has no parameter 'parts'", "write part"),
        ([1], "saw is [1]", "write a table of its parameters, such as {steps: 20}"),
    ],
)
def test_a_wrong_value_is_said_in_words(value: Any, what: str, fix: str) -> None:
    assert knob_problems("saw", SCHEMAS, value) == [(what, fix)]


def test_another_word_for_a_value_is_answered_with_the_value() -> None:
    words = {"entire": "all", "five": "5"}
    said = [("saw: part is 'entire', which is called all here", "write `part: all`")]
    assert knob_problems("saw", SCHEMAS, {"part": "entire"}, other_words=words) == said
    others = knob_problems("saw", SCHEMAS, {"steps": "entire", "part": "five"}, other_words=words)
    assert [fix for _, fix in others] == ["write a whole number from 1 to 9", "write one of all, none"]


@given(st.integers(1, 9), st.floats(0, 1), st.sampled_from(["all", "none"]))
def test_what_is_allowed_passes(steps: int, rate: float, part: str) -> None:
    assert knob_problems("saw", SCHEMAS, {"steps": steps, "rate": rate, "part": part}) == []


def test_bounds_in_words() -> None:
    assert allowed({"type": "integer", "minimum": 2}) == "a whole number of at least 2"
    assert allowed({"type": "number", "maximum": 2.5}) == "a number of at most 2.5"
    assert allowed({"type": "boolean"}) == "true or false"
