"""params.yaml: every section is checked, with the line of each mistake and what to write instead."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from expunge.cli import app
from expunge.core.errors import InputError
from expunge.core.yamlfile import load
from expunge.plan.params import read_params
from tests.support.paths import ROOT
from tests.support.tiny import write_yaml

SHIPPED = load(ROOT / "params.yaml").value


def wrong(tmp_path: Path, path: str, value: Any) -> list[str]:
    """The lines that are told of the shipped file with one value changed."""
    *outer, last = path.split(".")
    params = load(ROOT / "params.yaml").value
    table = params
    for key in outer:
        table = table[key]
    table[last] = value
    write_yaml(tmp_path / "params.yaml", params)
    with pytest.raises(InputError) as error:
        read_params(tmp_path / "params.yaml")
    return str(error.value).splitlines()


def test_the_shipped_file_is_good() -> None:
    params = read_params(ROOT / "params.yaml")
    assert params.base == SHIPPED["base"] and params.render == SHIPPED["render"]
    assert params.run.executor == "processes"


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("base", 3, "base"),
        ("seed", -1, "seed"),
        ("seed", 0.0, "seed"),  # 0.0 would be another seed than 0
        ("render.images", {"target": 1.0}, "target"),
        ("fewshot.images", 0, "images"),
        ("render", None, "render"),
        ("render.images", 8, "images"),
        ("render.videos", {"targets": 8}, "write target"),
        ("render.videos", {"target": -8}, "target"),
        ("unlearn.method", "magic", "there is no method 'magic'"),
        ("unlearn.method", "distill", "write distil"),
        ("unlearn.few-shot", {"steps": 0}, "steps"),
        ("unlearn.few-shot", {"parameters": "full"}, "trained"),  # its name of before
        ("unlearn.few-shots", {}, "write few-shot"),
        ("attack.word", {"images": 1}, "write words"),
        ("attack.words", {"image": 1}, "write images"),
        ("attack.words", {"images": "many"}, "images"),
        ("gate.image.targets", "<= 0.05", "write target"),
        ("gate.image.target", "<= 5", "target"),
        ("gate.images", {}, "write image"),
        ("report", {"sample": 3}, "write samples"),
        ("run", {"executor": "threads"}, "executor"),
        ("attacks", {}, "write attack"),
    ],
)
def test_a_wrong_value_is_told_with_its_line(tmp_path: Path, path: str, value: Any, says: str) -> None:
    lines = wrong(tmp_path, path, value)
    assert len(lines) == 1 and says in lines[0], lines
    where, _, rest = lines[0].partition(": ")
    keys = [*path.split("."), *(value if isinstance(value, dict) else ())]
    number = int(where.rpartition(":")[2])
    text = (tmp_path / "params.yaml").read_text().splitlines()[number - 1]
    assert where.startswith(str(tmp_path / "params.yaml")) and any(key in text for key in keys), text
    assert "; " in rest


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    params = {**SHIPPED, "seed": -1, "reports": {}, "attack": {"word": {}}, "gate": {"image": {"target": "0.05"}}}
    write_yaml(tmp_path / "params.yaml", params)
    with pytest.raises(InputError) as error:
        read_params(tmp_path / "params.yaml")
    assert len(error.value.problems) == 4


def test_a_missing_and_an_empty_file_are_one_line(tmp_path: Path) -> None:
    for text in (None, "", "- a\n"):
        if text is not None:
            (tmp_path / "params.yaml").write_text(text)
        with pytest.raises(InputError) as error:
            read_params(tmp_path / "params.yaml")
        assert len(error.value.problems) == 1


def test_validate_checks_this_file_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong(tmp_path, "unlearn.method", "distill")
    (tmp_path / "concepts").mkdir()
    (tmp_path / "concepts/a.yaml").write_text("title: T\nowner: O\nconcepts: []\n")
    (tmp_path / "bases").symlink_to(ROOT / "bases")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["validate"])
    assert done.exit_code == 2 and "write distil" in done.output and "concepts/a.yaml" in done.output
