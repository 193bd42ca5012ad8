"""`expunge check-base`: everything that is wrong with a base, in one go; and the part that the stage plan makes."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from expunge.bases.spec import load_spec
from expunge.cli import app
from expunge.plan.check_base import base_file_problems
from tests.support.faults import change_base, change_json, change_tensors


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the base `tiny` whose files a test may change."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "bases"))


def check(folder: Path, *words: str) -> Any:
    return CliRunner().invoke(app, ["check-base", "tiny", "--bases", str(folder), *words])


def test_a_base_that_can_be_used(folder: Path) -> None:
    result = check(folder)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "tiny: all of it loads\n", "")
    assert check(folder, "--quick").stdout == "tiny: its files fit together\n"


def spoil(folder: Path) -> None:
    """One fault of each part of the base."""
    base = folder / "tiny"
    change_tensors(base / "t2i/text_encoder/model.safetensors", lambda s: {f"transformer.{n}": t for n, t in s.items()})
    change_tensors(base / "t2i/vae/diffusion_pytorch_model.safetensors", lambda s: {n: t / 0 for n, t in s.items()})
    change_json(base / "t2i/tokenizer/tokenizer_config.json", model_max_length=77)
    change_tensors(base / "t2v/unet/diffusion_pytorch_model.safetensors", lambda s: dict(sorted(s.items())[5:]))
    change_tensors(base / "judge/model.safetensors", lambda s: {f"module.{n}": t for n, t in s.items()})
    (base / "vocabulary.yaml").write_text("stiles: []\n")
    (base / "prompts.yaml").write_text("far: [{prompt: x, asks: {axis: subjekt, name: x}}]\n")
    change_base(folder, scheduler_options={"solver_ordr": 2})


def test_what_is_wrong_is_said_in_one_go_and_once(folder: Path) -> None:
    spoil(folder)
    result = check(folder)
    said = result.stderr.splitlines()
    assert result.exit_code == 2 and len(said) == len(set(said))
    for words in (
        "t2i.text_encoder: 36 tensors find no place", "t2i.vae:", "hold NaN or infinity", "its model_max_length",
        "t2v.unet: the file lacks 5 tensors", "write style", "write subject", "write solver_order",
        "the weights are not those of config.json",
    ):  # fmt: skip
        assert sum(words in line for line in said) == 1, (words, said)


def test_the_cheap_part_finds_what_files_tell(folder: Path) -> None:
    assert base_file_problems(load_spec("tiny", folder)) == []
    spoil(folder)
    said = "\n".join(map(str, base_file_problems(load_spec("tiny", folder))))
    for words in ("`transformer.`", "model_max_length", "write style", "write subject", "write solver_order"):
        assert words in said
    assert "t2v.unet" not in said  # only loading tells


def test_an_unknown_base_is_one_line(folder: Path) -> None:
    result = CliRunner().invoke(app, ["check-base", "tony", "--bases", str(folder)])
    assert result.exit_code == 2 and result.stderr.startswith("base: there is no ") and "tiny" in result.stderr
