"""`expunge check-base`: everything that is wrong with a base, in one go; and the part that the stage plan makes."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from expunge.bases.lock import read_lock
from expunge.bases.spec import load_spec
from expunge.bases.tokenizer import light_tokenizer
from expunge.cli import app
from expunge.plan.check_base import base_file_problems
from tests.support.faults import change_base, change_json, change_tensors
from tests.support.tiny import make_cache, write_yaml


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


@pytest.fixture
def rooted(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The base, whose T2I model and judge lie outside the repository; returns their folder."""
    models = tmp_path / "models"
    models.mkdir()
    for part in ("t2i", "judge"):
        (folder / "tiny" / part).rename(models / part)
    monkeypatch.setenv("EXPUNGE_MODELS", str(models))
    raw = load_spec("tiny", folder).raw
    change_base(folder, t2i={**raw["t2i"], "path": "$EXPUNGE_MODELS/t2i"},
                judge={**raw["judge"], "model": "$EXPUNGE_MODELS/judge"})  # fmt: skip
    return models


def test_a_refused_base_is_not_recorded(folder: Path, rooted: Path) -> None:
    lock, unet = folder / "tiny.lock.yaml", rooted / "t2i/unet/diffusion_pytorch_model.safetensors"
    good = unet.read_bytes()
    change_tensors(unet, lambda s: {n: t / 0 for n, t in s.items()})
    assert check(folder).exit_code == 2 and not lock.exists()
    unet.write_bytes(good)
    result = check(folder)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"tiny: all of it loads; wrote {lock.as_posix()}, commit it\n"
    assert read_lock(load_spec("tiny", folder)).keys() == {"$EXPUNGE_MODELS/t2i", "$EXPUNGE_MODELS/judge"}
    assert check(folder).stdout == "tiny: all of it loads\n"


def test_a_refused_base_gives_its_lock_no_new_entries(folder: Path, rooted: Path) -> None:
    lock = folder / "tiny.lock.yaml"
    assert check(folder).exit_code == 0
    write_yaml(lock, {name: entry for name, entry in read_lock(load_spec("tiny", folder)).items() if "t2i" in name})
    before = lock.read_bytes()
    change_json(rooted / "t2i/vae/config.json", scaling_factor=0.25)
    result = check(folder)
    assert "$EXPUNGE_MODELS/t2i is not what" in result.stderr and "vae/config.json" in result.stderr
    assert lock.read_bytes() == before


def test_missing_merges_are_one_line_for_each_that_needs_them(folder: Path) -> None:
    (folder / "tiny/t2i/tokenizer/merges.txt").unlink()
    models, judge = check(folder).stderr.splitlines()
    assert "t2i.tokenizer: merges.txt is missing; put the text encoder's own tokenizer there" in models
    assert "the judge's tokenizer '../t2i/tokenizer' holds no merges.txt" in judge
    assert light_tokenizer(load_spec("tiny", folder)) is None  # validate says that the spelling went unchecked


def test_a_refused_base_of_the_hub_is_not_recorded(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    raw, lock = load_spec("tiny", folder).raw, folder / "tiny.lock.yaml"
    make_cache(tmp_path / "cache", "org/sd", "a" * 40, folder / "tiny/t2i")
    t2i = {"pipeline": raw["t2i"]["pipeline"], "repo": "org/sd", "revision": None}
    change_base(folder, t2i=t2i, scheduler_options={"solver_ordr": 2})
    assert check(folder).exit_code == 2 and not lock.exists()
    change_base(folder, t2i=t2i, scheduler_options={})
    result = check(folder)
    assert result.exit_code == 0 and "; wrote " in result.stdout, result.stderr
    assert read_lock(load_spec("tiny", folder))["org/sd"]["revision"] == "a" * 40


def test_repositories_of_which_nothing_is_here_are_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    raw = load_spec("tiny", folder).raw
    change_base(folder, t2i={"pipeline": raw["t2i"]["pipeline"], "repo": "org/sd", "revision": "a" * 40})
    result = check(folder, "--quick")
    assert result.exit_code == 0 and "not in the hub's cache" in result.stdout and "org/sd" in result.stdout
    assert "nothing of them was looked at" in result.stdout and "its files fit together" not in result.stdout


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
