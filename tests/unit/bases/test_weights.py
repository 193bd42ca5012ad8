"""Finding and checking a base's weights: folders, the hub's cache and its lock, and devices."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from expunge.bases import hub
from expunge.bases.base import load
from expunge.bases.base_digest import base_digest
from expunge.bases.sampling import sample_videos
from expunge.bases.spec import load_spec
from expunge.bases.tokenizer import light_tokenizer
from expunge.core.errors import InputError
from tests.support import tiny
from tests.support.paths import ROOT

PROMPTS = ["a photo of bolt", "one cat on the moon"]


def test_a_t2v_pipeline_with_another_encoder_is_refused(tmp_path: Path) -> None:
    folder = tiny.make_base(tmp_path / "bases", adapter=True)
    shutil.copytree(folder / "tiny" / "t2i", folder / "tiny" / "other")
    raw = load_spec("tiny", folder).raw
    t2v = {"pipeline": "AnimateDiffPipeline", "path": "tiny/other", "adapter": {"path": "tiny/adapter"}}
    tiny.write_yaml(folder / "tiny.yaml", {**raw, "t2v": t2v})
    file = folder / "tiny" / "other" / "text_encoder" / "model.safetensors"
    tensors = {f"text_model.{name}": tensor.float() for name, tensor in load_file(file).items()}
    save_file(tensors, file, {"format": "pt"})  # the same weights under other names in another dtype
    base = load(load_spec("tiny", folder), t2v=True)
    assert base.t2v is not None and base.t2v.text_encoder is base.encoder
    tensors["text_model.final_layer_norm.bias"] += 0.1
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(InputError, match=r"1 tensors differ \(final_layer_norm.bias"):
        load(load_spec("tiny", folder), t2v=True)
    load(load_spec("tiny", folder))  # without the T2V model there is nothing to share


def test_missing_and_broken_weights_are_one_line(tmp_path: Path) -> None:
    folder = tiny.make_base(tmp_path / "bases")
    file = folder / "tiny" / "t2i" / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be loaded") as caught:
        load(load_spec("tiny", folder))
    assert len(str(caught.value).splitlines()) == 1
    file.unlink()
    with pytest.raises(InputError, match=r"lacks some of the weight files.*unet/diffusion_pytorch_model.safetensors"):
        load(load_spec("tiny", folder))
    tiny.write_yaml(folder / "tiny.yaml", {**load_spec("tiny", folder).raw, "scheduler": "EvilScheduler"})
    file.write_bytes(b"")
    with pytest.raises(InputError):
        load(load_spec("tiny", folder))


@pytest.fixture
def hub_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The SD 1.5 layout: two repositories, unpinned, in a filled cache and offline. (folder of bases, cache)"""
    from huggingface_hub import constants

    cache = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tiny.make_base(tmp_path / "bases", adapter=True)
    tiny.make_cache(cache, "org/sd", "a" * 40, folder / "tiny" / "t2i")
    tiny.make_cache(cache, "org/adapter", "b" * 40, folder / "tiny" / "adapter")
    raw = load_spec("tiny", folder).raw
    t2i = {"pipeline": "StableDiffusionPipeline", "repo": "org/sd", "revision": None}
    adapter = {"repo": "org/adapter", "revision": None}
    tiny.write_yaml(folder / "tiny.yaml", {**raw, "t2i": t2i, "t2v": {**raw["t2v"], "adapter": adapter}})
    return folder, cache


def test_a_filled_cache_is_enough_and_the_lock_holds(hub_base: tuple[Path, Path]) -> None:
    folder, cache = hub_base
    spec = load_spec("tiny", folder)
    digest = base_digest(spec)
    assert not spec.lock.exists()
    base = load(spec, t2v=True)
    assert sample_videos(base, PROMPTS[:1], [1]).shape == (1, 2, 32, 32, 3)
    lock = hub.read_lock(spec)
    assert lock["org/sd"]["revision"] == "a" * 40 and lock["org/adapter"]["revision"] == "b" * 40
    assert "unet/diffusion_pytorch_model.safetensors" in lock["org/sd"]["files"]
    assert base_digest(spec) == digest and light_tokenizer(spec) is not None
    written = spec.lock.read_bytes()
    load(spec)
    assert spec.lock.read_bytes() == written
    (cache / "models--org--sd" / "refs" / "main").write_text("c" * 40)  # main moves on; the lock does not
    load(spec)
    link = cache / "models--org--sd" / "snapshots" / ("a" * 40) / "unet" / "config.json"
    content = link.read_bytes()
    link.unlink()
    link.write_bytes(content + b"\n")
    with pytest.raises(InputError, match=r"not what .*lock.yaml recorded: unet/config.json"):
        load(spec)


def test_missing_hub_weights_say_what_to_fetch(hub_base: tuple[Path, Path]) -> None:
    folder, cache = hub_base
    shutil.rmtree(cache / "models--org--adapter")
    raw = load_spec("tiny", folder).raw
    adapter = {"repo": "org/adapter", "revision": "d" * 40}
    tiny.write_yaml(folder / "tiny.yaml", {**raw, "t2v": {**raw["t2v"], "adapter": adapter}})
    with pytest.raises(InputError) as caught:
        load(load_spec("tiny", folder), t2v=True)
    assert len(str(caught.value).splitlines()) == 1
    weights = ("", ".index.json")
    files = '--include "config.json"' + "".join(
        f' --include "diffusion_pytorch_model.safetensors{end}"' for end in weights
    )
    files += ' --include "diffusion_pytorch_model-*.safetensors"'
    assert f"`hf download org/adapter --revision {'d' * 40} {files}`" in str(caught.value)
    real = load_spec("sd15-animatediff", ROOT / "bases")
    with pytest.raises(InputError, match="hf download stable-diffusion-v1-5/stable-diffusion-v1-5 --revision 451f"):
        load(real)
    assert light_tokenizer(real) is None and len(base_digest(real)) == 64


def test_a_cache_with_a_variant_only_says_which(hub_base: tuple[Path, Path]) -> None:
    folder, cache = hub_base
    for link in sorted((cache / "models--org--sd").rglob("snapshots/*/*/*.safetensors")):
        link.rename(link.with_name(link.name.replace(".safetensors", ".fp16.safetensors")))
    with pytest.raises(InputError, match=r"org/sd lacks .* in the hub's cache; write `variant: fp16` beside"):
        load(load_spec("tiny", folder))


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    raw = load_spec("emoji", ROOT / "bases").raw
    tiny.write_yaml(tmp_path / "own.yaml", {**raw, "name": "own", "device": "cuda:1"})
    with pytest.raises(InputError, match="no device cuda:1"):
        load(load_spec("own", tmp_path))
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"]
