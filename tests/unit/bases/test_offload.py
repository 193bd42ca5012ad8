"""`offload:` and `storage:` on a CPU: who is on the device when, that pictures stay the same, and what is refused.

No test here moves anything to a GPU. The device is the cpu, to which moves are watched.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from expunge.bases import base as base_module
from expunge.bases.base import load, load_edit, store_edit
from expunge.bases.base_digest import base_digest
from expunge.bases.edits import Edit
from expunge.bases.offload import Placement, placement_of
from expunge.bases.sampling import sample_images, sample_videos
from expunge.bases.spec import load_spec
from expunge.core.errors import InputError
from tests.support import tiny, tiny_pixart, tiny_video

CPU = torch.device("cpu")


def make(folder: Path, kind: str) -> str:
    if kind == "sd":
        tiny.make_base(folder)
        return "tiny"
    if kind == "pixart":
        tiny_pixart.make_base(folder)
        return "tiny-pixart"
    tiny_video.make_base(folder, kind)
    return kind


def placed(monkeypatch: pytest.MonkeyPatch, **how: str) -> None:
    monkeypatch.setattr(base_module, "placement_of", lambda spec, device, draws_only: Placement(device, **how))


def drawn(base: Any, edit: Edit | None = None) -> tuple[np.ndarray, np.ndarray]:
    return sample_images(base, ["a cat"], [1], edit), sample_videos(base, ["a cat"], [1], edit)


@pytest.mark.parametrize("kind", ["sd", "pixart", "cogvideox", "wan"])
def test_samples_are_the_same_wherever_the_models_lie(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make(tmp_path / "bases", kind)
    spec = load_spec(name, tmp_path / "bases")
    plain = load(spec, t2v=True)
    with torch.no_grad():
        encoder: Any = load(spec).encoder
        for parameter in encoder.parameters():
            parameter *= 2
    store_edit(plain, tmp_path / "edit", Edit(encoder))
    wanted = [*drawn(plain), *drawn(plain, load_edit(plain, tmp_path / "edit"))]
    assert not np.array_equal(wanted[0], wanted[2])
    for how in ({"offload": "model"}, {"offload": "layers"}, {"storage": "float32"}):
        placed(monkeypatch, **how)
        base = load(spec, t2v=True)
        found = [*drawn(base), *drawn(base, load_edit(base, tmp_path / "edit"))]
        assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True)), how


def test_models_take_turns_on_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one model is on the device: whoever is called moves there, and whoever was there moves away first."""
    name = make(tmp_path, "pixart")
    placed(monkeypatch, offload="model")
    base = load(load_spec(name, tmp_path), t2v=True)
    assert base.t2v is not None and base.placement is not None
    store_edit(base, tmp_path / "edit", Edit(base.encoder))
    edit = load_edit(base, tmp_path / "edit")
    names = {
        id(base.encoder): "encoder", id(base.t2i.transformer): "t2i", id(base.t2v.transformer): "t2v",
        id(base.t2i.vae): "vae", id(edit.encoder): "edit",
    }  # fmt: skip
    turns: list[str] = []
    move = torch.nn.Module.to
    for model in (base.encoder, base.t2i.transformer, base.t2v.transformer, base.t2i.vae, edit.encoder):
        before = model._hf_hook.pre_forward

        def watched(module: Any, *args: Any, before: Any = before, **kwargs: Any) -> Any:
            out = before(module, *args, **kwargs)
            (held,) = base.placement.held
            assert held is module
            if not turns or turns[-1] != names[id(module)]:
                turns.append(names[id(module)])
            return out

        model._hf_hook.pre_forward = watched
    away: list[str] = []

    def moved(self: Any, *args: Any, **kwargs: Any) -> Any:
        if id(self) in names:
            away.append(names[id(self)])
        return move(self, *args, **kwargs)

    monkeypatch.setattr(torch.nn.Module, "to", moved)
    sample_images(base, ["a cat"], [1], edit)
    sample_videos(base, ["a cat"], [1])
    assert turns == ["edit", "t2i", "vae", "encoder", "t2v", "vae"]
    assert away == turns[:-1]


@pytest.mark.parametrize("kind", ["pixart", "wan"])
def test_weights_in_bfloat16_compute_in_float32(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = make(tmp_path, kind)
    spec = load_spec(name, tmp_path)
    plain = load(spec, t2v=True)
    rounded = load(spec, t2v=True)
    for layer in spec.family.layers_of(rounded.encoder):
        for module in layer.modules():
            if isinstance(module, torch.nn.Linear):
                module.to(torch.bfloat16).float()
    placed(monkeypatch, storage="bfloat16")
    base = load(spec, t2v=True)
    modules = [module for layer in spec.family.layers_of(base.encoder) for module in layer.modules()]
    linears = [module for module in modules if isinstance(module, torch.nn.Linear)]
    assert {module.weight.dtype for module in linears} == {torch.bfloat16}
    assert base.encoder.shared.weight.dtype == torch.float32
    held = [parameter.dtype for parameter in base.t2i.transformer.parameters()]
    assert held.count(torch.bfloat16) > len(held) / 2
    assert {parameter.dtype for parameter in base.t2i.vae.parameters()} == {torch.float32}
    ids = torch.tensor([[5, 6, 7, 1]])
    with torch.no_grad():
        one, other, first = (each.encoder(ids)[0] for each in (base, rounded, plain))
    # T5 rounds what reaches the last linear layer to the dtype of its weights, too
    assert one.dtype == torch.float32 and (one - other).norm() < 0.5 * (one - first).norm()
    assert {module.weight.dtype for module in linears} == {torch.bfloat16}
    pictures, videos = drawn(base)
    for mine, theirs in zip((pictures, videos), drawn(plain), strict=True):
        assert np.abs(mine.astype(float) - theirs).mean() < 8
    store_edit(plain, tmp_path / "edit", Edit(plain.encoder))
    assert np.array_equal(drawn(base, load_edit(base, tmp_path / "edit"))[0], pictures)


def test_what_the_file_asks_for(tmp_path: Path) -> None:
    tiny.make_base(tmp_path)
    raw = load_spec("tiny", tmp_path).raw
    usual = base_digest(load_spec("tiny", tmp_path))
    tiny.write_yaml(tmp_path / "tiny.yaml", {**raw, "device": "auto", "offload": "model", "storage": "bfloat16"})
    spec = load_spec("tiny", tmp_path)
    gpu = torch.device("cuda")
    assert (
        placement_of(spec, gpu, True) == Placement(gpu, "model", "bfloat16")
        and placement_of(spec, gpu, True).home == CPU
    )
    assert (
        placement_of(spec, gpu, False) == Placement(gpu, "none", "bfloat16", False)
        and placement_of(spec, gpu, False).home == gpu
    )
    assert placement_of(spec, CPU, True) == Placement(CPU, "none", "bfloat16")
    tiny.write_yaml(tmp_path / "tiny.yaml", {**raw, "device": "auto", "dtype": "float32", "offload": "model"})
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert base_digest(load_spec("tiny", tmp_path)) == usual  # where models lie changes no pixel
        tiny.write_yaml(tmp_path / "tiny.yaml", {**raw, "storage": "bfloat16"})
        assert base_digest(load_spec("tiny", tmp_path)) != usual
    tiny.write_yaml(tmp_path / "tiny.yaml", {**raw, "offload": "model"})
    with pytest.raises(InputError, match=r"`offload: model` does nothing on the device cpu.*write `device: auto`"):
        load_spec("tiny", tmp_path)
    tiny.write_yaml(tmp_path / "tiny.yaml", {**raw, "offload": "disk"})
    with pytest.raises(InputError, match="offload"):
        load_spec("tiny", tmp_path)
