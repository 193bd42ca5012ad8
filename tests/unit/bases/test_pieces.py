"""Weights that are cut into pieces with an index, as those of T5-XXL and Wan are published, and their variants."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from expunge.bases.base import load, load_edit, store_edit
from expunge.bases.base_digest import base_digest, base_parts
from expunge.bases.check import base_problems
from expunge.bases.edits import Edit, file_dtype
from expunge.bases.families.names import index_name
from expunge.bases.hub import read_lock
from expunge.bases.parts import parts_of
from expunge.bases.sampling import sample_images, sample_videos
from expunge.bases.spec import load_spec
from expunge.core.errors import InputError
from expunge.records.changes import changes_of, original_encoders, tensors_of_encoders
from expunge.records.tensors import types_of
from tests.support import tiny, tiny_pixart, tiny_video

BASES = {"pixart": "tiny-pixart", "wan": "wan", "cogvideox": "cogvideox"}
PLACES = {"pixart": "t2i", "wan": "model", "cogvideox": "model"}


def make(folder: Path, kind: str) -> tuple[Path, str]:
    """(bases, the base's name)."""
    made = tiny_pixart.make_base(folder) if kind == "pixart" else tiny_video.make_base(folder, kind)
    return made, BASES[kind]


def cut(folder: Path, kind: str, variant: str | None = None) -> Path:
    """Save the models of the T2I pipeline again in pieces; returns its folder."""
    from diffusers import DiffusionPipeline

    place = folder / BASES[kind] / PLACES[kind]
    pipe: Any = DiffusionPipeline.from_pretrained(place, torch_dtype=torch.float16)
    shutil.rmtree(place)
    for name, model in pipe.components.items():
        own = place / name
        if isinstance(model, torch.nn.Module):
            model.half().save_pretrained(own, max_shard_size="16kB", variant=variant)
        elif model is not None:
            model.save_pretrained(own)
    pipe.save_config(place)
    return place


@pytest.mark.parametrize(("kind", "variant"), [("pixart", "fp16"), ("wan", None), ("cogvideox", None)])
def test_a_base_in_pieces_is_the_same_base(kind: str, variant: str | None, tmp_path: Path) -> None:
    folder, name = make(tmp_path / "bases", kind)
    whole = load(load_spec(name, folder))
    pictures = sample_images(whole, ["a cat"], [1])
    place = cut(folder, kind, variant)
    if variant is not None:
        raw = load_spec(name, folder).raw
        tiny.write_yaml(folder / f"{name}.yaml", {**raw, "t2i": {**raw["t2i"], "variant": variant}})
    spec = load_spec(name, folder)
    for part in ("text_encoder", spec.family.DENOISER):
        stem = spec.family.MODELS[part]
        single = f"{stem}.{variant}.safetensors" if variant else f"{stem}.safetensors"
        assert (place / part / index_name(single)).is_file() and not (place / part / single).is_file()
    assert base_problems(spec) == []
    assert parts_of(spec).parts["t2i.text_encoder"].tensors.keys() >= {"shared.weight"}
    base = load(spec)
    assert np.array_equal(sample_images(base, ["a cat"], [1]), pictures)
    assert base.encoder_dtype == file_dtype(place / "text_encoder", variant) == torch.float16
    store_edit(base, tmp_path / "edit", Edit(base.encoder))
    stored = load_file(tmp_path / "edit" / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    assert load_edit(base, tmp_path / "edit").encoder.dtype == torch.float32


def test_the_record_reads_all_pieces(tmp_path: Path) -> None:
    """What the stage attest writes of an encoder: which tensors it changes, and the digests of the original's."""
    folder, name = make(tmp_path / "bases", "pixart")
    (whole,) = original_encoders(load_spec(name, folder)).values()
    digests = tensors_of_encoders({"text_encoder": whole})
    cut(folder, "pixart")
    spec = load_spec(name, folder)
    originals = original_encoders(spec)
    assert len(originals["text_encoder"]) > 2
    assert tensors_of_encoders(originals) == digests
    assert types_of(originals["text_encoder"]) == ["F16"]
    base = load(spec)
    encoder = copy.deepcopy(base.encoder)
    changed = next(key for key, tensor in encoder.named_parameters() if tensor.dim() == 2 and "layer.0" in key)
    encoder.get_parameter(changed).data.mul_(2.0)
    store_edit(base, tmp_path / "edit", Edit(encoder))
    assert list(changes_of(originals, tmp_path / "edit", spec.family, {})["encoder"]) == [changed]


def test_every_piece_counts_and_a_missing_one_is_said(tmp_path: Path) -> None:
    folder, name = make(tmp_path / "bases", "wan")
    place = cut(folder, "wan")
    spec = load_spec(name, folder)
    pieces = sorted((place / "text_encoder").glob("model-*.safetensors"))
    assert len(pieces) > 2
    files = base_parts(spec)["files"]
    assert all(f"t2i/text_encoder/{piece.name}" in files for piece in pieces)
    assert "t2i/text_encoder/model.safetensors.index.json" in files
    before = base_digest(spec)
    tensors = load_file(pieces[1])
    save_file({key: tensor + 1 for key, tensor in tensors.items()}, pieces[1], {"format": "pt"})
    assert base_digest(spec) != before
    pieces[1].unlink()
    (problem,) = base_problems(spec)
    assert "lacks some of the weight files" in str(problem) and f"text_encoder/{pieces[1].name}" in str(problem)
    with pytest.raises(InputError, match=pieces[1].name):
        load(spec)
    (place / "text_encoder" / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(InputError, match="is not an index of weights"):
        base_digest(spec)


def test_a_cache_of_pieces_is_enough_locked_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    folder, name = make(tmp_path / "bases", "wan")
    raw = load_spec(name, folder).raw
    place = cut(folder, "wan")
    tiny.make_cache(cache, "org/wan", "a" * 40, place)
    own = {"pipeline": "WanPipeline", "repo": "org/wan", "revision": None}
    tiny.write_yaml(folder / f"{name}.yaml", {**raw, "t2i": own, "t2v": dict(own)})
    spec = load_spec(name, folder)
    base = load(spec, t2v=True)
    assert base.t2v is not None and base.t2v.text_encoder is base.t2i.text_encoder
    assert sample_videos(base, ["a cat"], [1]).shape[0] == 1
    recorded = read_lock(spec)["org/wan"]["files"]
    weights = json.loads((place / "text_encoder" / "model.safetensors.index.json").read_text())["weight_map"].values()
    assert {f"text_encoder/{piece}" for piece in weights} <= recorded.keys()
    link = next((cache / "models--org--wan").rglob("snapshots/*/text_encoder/model-00002*"))
    link.unlink()
    with pytest.raises(InputError, match="org/wan is not in the hub's cache"):  # an interrupted download
        load(spec)


def test_pieces_of_a_variant_alone_say_which(tmp_path: Path) -> None:
    folder, name = make(tmp_path / "bases", "wan")
    cut(folder, "wan", "fp16")
    assert any("write `variant: fp16` beside" in str(problem) for problem in base_problems(load_spec(name, folder)))
