"""What no stage and no command imports still fits the code that it calls: benchmarks, the docs' scripts, a recipe."""

import importlib
import random
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bases.emoji.recipe.world import load_world
from benchmarks import results, scale, sweep
from benchmarks.world import concepts, unseen
from expunge.bases.spec import load_spec
from expunge.concepts.prompt_file import read_prompts
from expunge.concepts.prompts import kept_prompts, near_words
from expunge.core.words import Finder
from tests.support.paths import ROOT

SCRIPTS = [
    file.relative_to(ROOT)
    for folder in ("benchmarks", "docs", "bases/emoji/recipe")
    for file in sorted((ROOT / folder).glob("*.py"))
    if file.name != "__init__.py"
]
APPS = [file for file in SCRIPTS if "typer.run(" in (ROOT / file).read_text("utf-8")]


def module_of(file: Path) -> str:
    return ".".join(file.with_suffix("").parts)


@pytest.mark.parametrize("file", SCRIPTS, ids=str)
def test_it_imports_what_is_there(file: Path) -> None:
    importlib.import_module(module_of(file))


@pytest.mark.parametrize("file", APPS, ids=str)
def test_help_says_what_it_does_and_starts_nothing(file: Path) -> None:
    module = importlib.import_module(module_of(file))
    app = typer.Typer()
    app.command()(module.main)
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0 and "Usage" in result.output and module.main.__doc__.split()[0] in result.output


def test_no_prompt_of_training_says_an_unseen_thing() -> None:
    prompts = read_prompts(load_spec("emoji").prompts)
    said = [text for texts in (*prompts.fewshot.values(), *prompts.anchors.values()) for text in texts]
    said += [*prompts.general, *(each.prompt for each in prompts.far)]
    counts = set()
    for concept, _ in concepts(load_world()):
        hidden = Finder(form for forms in unseen([concept]) for form in forms)
        counts.add(len(unseen([concept])))
        assert not any(map(hidden.within, [*said, *kept_prompts([concept], prompts)])), concept.id
        assert not any(map(hidden.has, (concept.name, *concept.aliases, *near_words(concept)))), concept.id
    assert counts == {7, 8}


def test_the_rest_of_a_prompt_is_asked_of_prompts_that_name_the_target() -> None:
    prompts = read_prompts(load_spec("emoji").prompts)
    some = [each for each in concepts(load_world()) if each[0].id in ("dog", "rocket")]
    for group in ([some[0]], some):
        rows = sweep.rows_about(group, [], prompts, sweep.COUNTS)
        asked = {(row.modality, row.asks.axis) for row in rows if row.group == "rest"}
        assert asked == {("image", "style"), ("video", "motion")}
        lost = Finder(name for concept, _ in group for name in (concept.name, *concept.aliases))
        assert not any(lost.within(row.prompt) for row in rows if row.group in ("near", "far", "unseen"))


def test_rows_with_other_columns_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    assert results.read(file, ["base", "near"], "x") == []
    results.append(file, ["base", "near"], {"base": "x", "near": 1})
    results.append(file, ["base", "near"], {"base": "y", "near": 0})
    assert results.read(file, ["base", "near"], "x") == [{"base": "x", "near": "1"}]
    with pytest.raises(typer.BadParameter, match="other columns"):
        results.read(file, ["base", "near", "unseen"], "x")


@pytest.mark.parametrize(
    ("world", "workers", "seconds", "lost"),
    [
        ({}, 10, 20.0, False),
        ({"start": 5.0, "fast": 2.0}, 10, 15.0, False),
        ({"driver": 1.0}, 10, 102.0, False),  # the driver takes one in after the other
        ({"stragglers": 1.0, "slower": 3.0}, 100, 6.0, False),
        ({"between_failures": 4.0}, 10, 20.0, True),
    ],
)
def test_many_workers_are_simulated(world: dict[str, float], workers: int, seconds: float, lost: bool) -> None:
    plain = {"start": 0.0, "driver": 0.0, "between_failures": 1e15, "stragglers": 0.0, "slower": 1.0, "fast": 1.0}
    one = scale.simulated([2.0] * 100, workers, scale.World(**{**plain, **world}), random.Random(0))
    assert (one.seconds > seconds and one.lost > 0) if lost else one.seconds == pytest.approx(seconds)
    assert one.work == pytest.approx(200 * world.get("slower", 1.0) / world.get("fast", 1.0))
