"""`releases` in params.yaml: every mistake is told with its line, and all of them at once."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from expunge.cli import app
from expunge.core.errors import InputError
from expunge.core.yamlfile import load
from expunge.plan.params import read_params
from expunge.plan.release_params import members_of, release_problems, releases_of, written_concepts
from tests.support.paths import ROOT
from tests.support.tiny import write_yaml

KNOWN = {"animals": ("fox", "owl"), "fruit": ("pear",)}


def problems(tmp_path: Path, release: Any, name: str = "a") -> list[str]:
    """Everything that is told of the shipped params.yaml with this one release."""
    params = load(ROOT / "params.yaml").value
    write_yaml(tmp_path / "params.yaml", {**params, "releases": {name: release}})
    tree = load(tmp_path / "params.yaml")
    found = release_problems(tree, "params.yaml", KNOWN)
    try:
        read_params(tmp_path / "params.yaml")
    except InputError as error:
        found = [*error.problems, *found]
    for problem in found:
        line = (tmp_path / "params.yaml").read_text().splitlines()[problem.line - 1]
        assert problem.fix and problem.line > 1 and line.strip(), problem
    return [f"{problem.what}; {problem.fix}" for problem in found]


@pytest.mark.parametrize(
    ("release", "says"),
    [
        ({"lists": ["anmals"]}, ["there is no list 'anmals'; write animals"]),
        ({"lists": ["animals", "animals"]}, ["has 'animals' twice"]),
        ({"lists": []}, ["`releases.a.lists` is empty"]),
        ({"lists": "animals"}, ["lists` is 'animals'"]),
        ({}, ["`releases.a.lists` is missing; write `lists: all`"]),
        ([], ["`releases.a` is a list where a mapping"]),
        ({"lists": "all", "without": ["animals/fix"]}, ["which is on no list; write animals/fox"]),
        ({"lists": "all", "without": ["fox"]}, ["is 'fox'; write LIST/CONCEPT"]),
        ({"lists": "all", "without": ["animals/fox", "animals/fox"]}, ["has 'animals/fox' twice"]),
        ({"lists": ["animals"], "without": ["fruit/pear"]}, ["and 'fruit' is none of its lists"]),
        ({"lists": ["fruit"], "without": ["fruit/pear"]}, ["the release a forgets nothing"]),
        ({"lists": "all", "method": "distill"}, ["there is no method 'distill'; write distil"]),
        ({"lists": "all", "parameters": {"keeps": 3}}, ["solve has no parameter 'keeps'; write keep"]),
        ({"lists": "all", "method": "uce", "parameters": {"steps": 3}}, ["uce has no parameter 'steps'"]),
        ({"lists": "all", "attack": {"word": {}}}, ["there is no attack 'word'; write words"]),
        ({"lists": "all", "attack": {"words": {"image": 1}}}, ["words has no parameter 'image'; write images"]),
        ({"lists": "all", "attack": None}, ["attack` has no value"]),
        ({"lists": "all", "attacked": 0}, ["attacked` is 0"]),
        ({"lists": "all", "gate": {"image": {"generals": "<= 1"}}}, ["there is no 'generals' here; write general"]),
        ({"lists": "all", "gate": {"image": {"general": "<= 0.9"}}}, ["for general higher is better"]),
        ({"lists": "all", "general": {"image": 3}}, ["write images"]),
        ({"lists": "all", "render": {"images": {"target": 1}}}, ["`releases.a.render.videos` is missing"]),
        ({"list": "all"}, ["there is no key 'list' here; write lists", "lists` is missing"]),
        ({"lists": ["x", "fruit"], "without": ["fruit/apple"], "attacked": -1, "gate": {"image": {"target": "low"}}},
         ["attacked", "target", "no list 'x'", "fruit/apple"]),
    ],
)  # fmt: skip
def test_a_wrong_release_is_told_with_its_line(tmp_path: Path, release: Any, says: list[str]) -> None:
    found = problems(tmp_path, release)
    assert len(found) == len(says), found
    for text in says:
        assert any(text in problem for problem in found), (text, found)


@pytest.mark.parametrize("name", ["Production", "a b", "releases", "original", "con"])
def test_a_release_s_name_is_an_id(tmp_path: Path, name: str) -> None:
    (found,) = problems(tmp_path, {"lists": "all"}, name)
    assert "write an id such as" in found


def test_members_are_the_lists_concepts_without_some(tmp_path: Path) -> None:
    params = {"releases": {"a": {"lists": "all"}, "b": {"lists": ["fruit", "animals"], "without": ["animals/owl"]}}}
    releases = releases_of(params)
    assert members_of(releases["a"], KNOWN) == ("animals/fox", "animals/owl", "fruit/pear")
    assert members_of(releases["b"], KNOWN) == ("fruit/pear", "animals/fox")
    assert releases_of({}) == {} and releases["a"].lists is None


def test_the_shipped_releases_name_lists_that_there_are() -> None:
    known = written_concepts(ROOT / "concepts")
    assert release_problems(load(ROOT / "params.yaml"), "params.yaml", known) == []
    releases = read_params(ROOT / "params.yaml").releases
    assert set(releases) == {"production", "children"} and releases["production"].lists is None
    assert releases["children"].without and members_of(releases["children"], known)


def test_validate_tells_of_releases_with_the_mistakes_of_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = load(ROOT / "params.yaml").value
    write_yaml(tmp_path / "params.yaml", {**params, "releases": {"x": {"lists": ["b"]}, "y": {"lists": ["a"]}}})
    (tmp_path / "concepts").mkdir()
    concept = "  - {id: fox, name: a fox, kind: object, anchor: an owl}\n"
    (tmp_path / "concepts/a.yaml").write_text(f"title: T\nowner: o\nconcepts:\n{concept}")
    (tmp_path / "bases").symlink_to(ROOT / "bases")
    monkeypatch.chdir(tmp_path)

    def validate(*words: str) -> Any:
        return CliRunner().invoke(app, ["validate", *words])

    done = validate()
    assert done.exit_code == 2 and len(done.output.splitlines()) == 1
    assert "x: there is no list 'b'; write" in done.output
    write_yaml(tmp_path / "params.yaml", {**params, "releases": {"y": {"lists": ["a"]}}})
    done = validate()
    assert done.exit_code == 0 and "releases/y: 1 concept, 1 encoder" in done.output, done.output
    (tmp_path / "concepts/releases.yaml").write_text(f"title: T\nowner: o\nconcepts:\n{concept.replace('fox', 'cat')}")
    done = validate()
    assert done.exit_code == 2 and "stands for the releases of params.yaml" in done.output
