"""params.yaml: every section is checked, with the line of each mistake and what to write instead."""

from pathlib import Path
from typing import Any

import pytest

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
    number = int(where.rpartition(":")[2])
    text = (tmp_path / "params.yaml").read_text().splitlines()[number - 1]
    assert where.startswith(str(tmp_path / "params.yaml")) and any(key in text for key in path.split(".")), text
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
