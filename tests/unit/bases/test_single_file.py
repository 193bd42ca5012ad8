"""A checkpoint of one file, as the community passes models on: read without the network, pinned by its sha256."""

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from expunge.bases.base import load
from expunge.bases.base_digest import base_parts
from expunge.bases.check import base_problems
from expunge.bases.sampling import sample_images, sample_videos
from expunge.bases.spec import load_spec
from expunge.bases.tokenizer import light_tokenizer
from expunge.core.errors import InputError
from tests.support import ldm, tiny
from tests.support.faults import change_base, change_tensors

NAME = "tiny/model.safetensors"
T2I = {"pipeline": "StableDiffusionPipeline", "path": NAME, "config": "tiny/settings"}


@pytest.fixture(scope="session")
def single_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like bases/ whose base `tiny` is one file, its settings and a motion adapter. Read only."""
    folder = tiny.make_base(tmp_path_factory.mktemp("single"), adapter=True)
    pipe = StableDiffusionPipeline.from_pretrained(folder / "tiny/t2i", torch_dtype=torch.float16)
    ldm.write_checkpoint(pipe, folder / NAME, torch.float16, ema=True)
    shutil.copytree(folder / "tiny/t2i", folder / "tiny/settings", ignore=shutil.ignore_patterns("*.safetensors"))
    change_base(folder, t2i=T2I)
    return folder


@pytest.fixture
def folder(single_folder: Path, tmp_path: Path) -> Path:
    """A copy of it whose files a test may change."""
    return Path(shutil.copytree(single_folder, tmp_path / "bases"))


def refused(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load(load_spec("tiny", folder))
    return str(caught.value)


def test_it_draws_what_the_folder_draws(single_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    spec = load_spec("tiny", single_folder)
    assert base_problems(spec) == [] and light_tokenizer(spec) is not None
    base = load(spec, t2v=True)
    whole = load(load_spec("tiny", tiny.make_base(tmp_path / "whole", adapter=True)), t2v=True)
    for part in ("text_encoder", "unet", "vae"):
        one, other = (getattr(each.t2i, part).state_dict() for each in (base, whole))
        assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    assert base.encoder_dtype == whole.encoder_dtype == torch.float16
    for sample in (sample_images, sample_videos):
        assert np.array_equal(sample(base, ["one cat"], [3]), sample(whole, ["one cat"], [3]))


def test_its_digest_is_in_the_key_and_can_be_pinned(folder: Path) -> None:
    sha256 = hashlib.sha256((folder / NAME).read_bytes()).hexdigest()
    files = base_parts(load_spec("tiny", folder))["files"]
    assert files["t2i.checkpoint"] == sha256 and "t2i/text_encoder/config.json" in files
    (folder / NAME).rename(folder / "tiny/other.safetensors")
    change_base(folder, t2i={**T2I, "path": "tiny/other.safetensors", "sha256": sha256})
    assert base_parts(load_spec("tiny", folder))["files"] == files
    change_base(folder, t2i={**T2I, "path": "tiny/other.safetensors", "sha256": "0" * 64})
    with pytest.raises(InputError, match=rf"tiny.yaml:2: the checkpoint .*other.safetensors has the sha256 {sha256}"):
        base_parts(load_spec("tiny", folder))


UNET, CLIP = "model.diffusion_model.", "cond_stage_model.transformer.text_model."


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda s: {n: t for n, t in s.items() if "output_blocks.3." not in n},
         r"t2i.unet: the file lacks \d+ tensors .*up_blocks.1.resnets.1.conv1.bias"),
        (lambda s: s | {f"{UNET}output_blocks.1.5.extra.weight": torch.ones(3)},
         r"t2i.unet: 1 tensors of the file have no place .*\(model.diffusion_model.output_blocks.1.5.extra.weight\)"),
        (lambda s: {n: t for n, t in s.items() if "layers.1.mlp" not in n}, "t2i.text_encoder: the file lacks 4"),
        (lambda s: s | {n: t * float("nan") for n, t in s.items() if n.endswith("decoder.conv_out.bias")},
         r"t2i.vae: 1 tensors hold NaN or infinity \(decoder.conv_out.bias\)"),
    ],
)  # fmt: skip
def test_a_checkpoint_whose_tensors_do_not_all_find_their_place(folder: Path, change: Any, match: str) -> None:
    change_tensors(folder / NAME, change)
    assert re.search(match, refused(folder)), refused(folder)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda s: {n: t for n, t in s.items() if n.startswith(UNET)},
         "it holds no text_encoder (`cond_stage_model.transformer....`), vae (`first_stage_model....`), but"),
        (lambda s: {n.replace("cond_stage_model", "conditioner.embedders.0"): t for n, t in s.items()},
         "name a whole Stable Diffusion 1.x or 2.x checkpoint"),
        (lambda s: {n: t for n, t in s.items() if "layers.1." not in n}, "t2i.text_encoder: the file lacks 16 tensors"),
    ],
)  # fmt: skip
def test_the_names_tell_without_loading(folder: Path, change: Any, match: str) -> None:
    change_tensors(folder / NAME, change)
    (said,) = map(str, base_problems(load_spec("tiny", folder)))
    assert match in said


def test_parts_that_a_checkpoint_lacks_are_one_line(folder: Path) -> None:
    change_tensors(folder / NAME, lambda s: {n: t for n, t in s.items() if n.startswith("cond_stage_model")})
    (said,) = refused(folder).splitlines()
    assert "it holds no unet (`model.diffusion_model....`), vae (`first_stage_model....`), but" in said
    assert said in map(str, base_problems(load_spec("tiny", folder)))


def test_a_missing_and_a_broken_file(folder: Path) -> None:
    (folder / NAME).write_bytes(b"not a model")
    assert "t2i.checkpoint: model.safetensors is no safetensors file" in str(
        base_problems(load_spec("tiny", folder))[0]
    )
    (folder / NAME).unlink()
    (said,) = map(str, base_problems(load_spec("tiny", folder)))
    assert "tiny.yaml:2: the checkpoint tiny/model.safetensors is not there; put it there" in said
    shutil.rmtree(folder / "tiny/settings/tokenizer")
    assert any("tiny/settings lacks some" in str(each) for each in base_problems(load_spec("tiny", folder)))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"t2i": {"pipeline": "StableDiffusionPipeline", "path": NAME}}, "without its settings; write `config:`"),
        ({"t2i": {**T2I, "path": "tiny/model.ckpt"}}, "is no safetensors file; .*from_single_file"),
        ({"t2i": {**T2I, "path": "tiny/t2i"}}, "belong to a checkpoint of one file"),
        ({"t2v": {"pipeline": "AnimateDiffPipeline", "adapter": NAME}}, "is one file, which is read for `t2i` only"),
        ({"t2i": {**T2I, "sha256": "abc"}}, "write the 64 hex digits"),
    ],
)
def test_what_the_bases_file_may_not_say(folder: Path, changes: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        change_base(folder, **changes)
        load_spec("tiny", folder)
