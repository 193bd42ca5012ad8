"""The prompts file of a base: what it may hold, and what is said of a wrong one."""

from pathlib import Path

import pytest

from expunge.concepts.kinds import KINDS
from expunge.concepts.prompt_file import Beside, FarPrompt, read_prompts
from expunge.concepts.samples import Asks
from expunge.core.errors import InputError
from tests.support.paths import ROOT


def test_shipped_prompts_files_are_good() -> None:
    for file in ROOT.glob("bases/*/prompts.yaml"):
        read_prompts(file, KINDS)


def test_a_kind_without_templates_has_those_of_its_kind(tmp_path: Path) -> None:
    file = tmp_path / "prompts.yaml"
    file.write_text("eval: {object: ['{} at sea']}\nfar: [{prompt: x, asks: {axis: subject, name: x}}]\n")
    prompts = read_prompts(file)
    assert prompts.eval == {name: kind.eval for name, kind in KINDS.items()} | {"object": ("{} at sea",)}
    assert prompts.fewshot == {name: kind.fewshot for name, kind in KINDS.items()}
    assert (prompts.far, prompts.videos) == ((FarPrompt("x", Asks("subject", "x")),), {})
    assert read_prompts(file, ["style"]).eval.keys() == {"style", "object"}
    assert prompts.beside.templates == ()


def test_prompts_in_company_are_filled_with_each_of_the_others(tmp_path: Path) -> None:
    file = tmp_path / "prompts.yaml"
    file.write_text("beside: {prompts: ['{} by {other}', '{other} and {}'], others: [a cat, a hat]}\n" + FAR)
    beside = read_prompts(file).beside
    assert beside == Beside(("{} by {other}", "{other} and {}"), ("a cat", "a hat"))
    assert beside.templates == ("{} by a cat", "{} by a hat", "a cat and {}", "a hat and {}")


FAR = "far: [{prompt: x, asks: {axis: subject, name: x}}]\n"


@pytest.mark.parametrize(
    ("text", "line", "what", "fix"),
    [
        ("[1]", 1, "the prompts file is a list where a mapping", "write fewshot, eval, videos, far, beside, general"),
        (FAR + "beside: {prompts: ['{} beside it'], others: [a cat]}", 2, "`beside.prompts` is '{} beside it'",
         "{other} for what stands at its side"),
        (FAR + "beside: {prompts: ['{other} by {}']}", 2, "`beside.others` is missing", "such as [a teapot, a chair]"),
        (FAR + "beside: {prompts: ['{other} by {}'], others: []}", 2, "`beside.others` is empty", "a list of things"),
        (FAR + "evals: {}", 2, "there is no key 'evals'", "write eval"),
        (FAR + "fewshot:\n  object: [a photo]", 3, "`fewshot.object` is 'a photo'", "with {} for the name"),
        (FAR + "fewshot: {object: []}", 2, "`fewshot.object` is empty", "a photo of {}"),
        (FAR + "fewshot: {object: '{}'}", 2, "is text where a list is wanted", "write object: [{}]"),
        (FAR + "eval: {plant: ['{}']}", 2, "there is no key 'plant'", "write one of character, style"),
        (FAR + "videos: {obiect: ['{}']}", 2, "there is no key 'obiect'", "write object"),
        (FAR + "anchors: {object: [no]}", 2, "is no, which YAML reads as true or false", 'quotes: "no"'),
        (FAR + "general: a house", 2, "`general` is text where a list is wanted", "write general: [a house]"),
        ("general: [a house]", 1, "`far` is missing", "asks: {axis: subject, name: teapot}"),
        ("far: []", 1, "`far` is empty", "asks: {axis: subject, name: teapot}"),
        ("far:\n  - x", 2, "`far` is text where a mapping", "{prompt: a teapot, asks: {axis"),
        ("far:\n  - {prompt: x, asks: {axis: subject}}", 2, "`asks.name` is missing", "such as teapot"),
        ("far:\n  - prompt: x\n    asks: {axis: subject, name: x, part: y}", 3, "no key 'part'", "axis, name"),
        ("a: [", 1, "a bracket that is not closed", "every bracket closed"),
        ("", 1, "the file is empty", "take it from git"),
        (None, 0, "is missing", "take it from git"),
    ],
)  # fmt: skip
def test_a_wrong_prompts_file_says_so(tmp_path: Path, text: str | None, line: int, what: str, fix: str) -> None:
    file = tmp_path / "prompts.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_prompts(file)
    (problem,) = caught.value.problems
    assert (problem.files, problem.line) == ((file.as_posix(),), line)
    assert what in problem.what and fix in problem.fix


@pytest.mark.parametrize(
    ("text", "line", "also", "what"),
    [
        ("fewshot:\n  object: ['a photo of {}']\neval:\n  object:\n  - '{} at sea'\n  - A photo  of {}\n" + FAR, 6, [2],
         "the object prompt 'A photo  of {}'"),
        ("fewshot: {object: ['a photo of {}']}\nvideos:\n  object: ['a photo of {}']\n" + FAR, 3, [1], "a photo of {}"),
        ("eval:\n  object: ['{}']\n" + FAR, 2, [], "the object prompt '{}'"),  # as its kind's own templates
        ("fewshot:\n  object: ['{} in the snow']\n" + FAR, 2, [2], "'{} in the snow'"),
        ("general: [a house, X]\n" + FAR, 2, [1], "the prompt 'x' is kept by training"),
    ],
)  # fmt: skip
def test_a_prompt_that_training_uses_measures_nothing(
    tmp_path: Path, text: str, line: int, also: list[int], what: str
) -> None:
    file = tmp_path / "prompts.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_prompts(file)
    (problem,) = caught.value.problems
    assert problem.line == line and problem.also == tuple(f"{file.as_posix()}:{each}" for each in also)
    assert what in problem.what and "write another one" in problem.fix


@pytest.mark.parametrize("axis", ["subjekt", "Subject", "both"])
def test_a_far_prompt_asks_about_an_axis_of_the_judge(tmp_path: Path, axis: str) -> None:
    file = tmp_path / "prompts.yaml"
    file.write_text(f"far:\n- prompt: x\n  asks: {{axis: {axis}, name: x}}\n")
    with pytest.raises(InputError, match=rf"prompts.yaml:3: `asks.axis` is '{axis}', which is not known; write"):
        read_prompts(file)
