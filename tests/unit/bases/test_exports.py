"""Exports: diffusers' own loaders draw the same images from them, checkpoints keep every other byte, and refusals."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AnimateDiffPipeline, MotionAdapter, StableDiffusionPipeline, UNetMotionModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPTextModel

from expunge.bases.base import denoiser_of, load, load_edit, store_edit
from expunge.bases.edits import Edit
from expunge.bases.exports import Order, export
from expunge.bases.families.names import normal_name
from expunge.bases.sampling import sample_images, sample_videos
from expunge.bases.spec import load_spec
from expunge.core.errors import InputError
from tests.support import ldm, tiny

PROMPTS, SEEDS = ["a photo of bolt", "one cat on the moon"], [3, 4]
HOW = {"height": 32, "width": 32, "num_inference_steps": 2, "guidance_scale": 3.0, "output_type": "np"}
LOW = ("encoder.layers.0.mlp.fc1", "encoder.layers.1.self_attn.q_proj")
DENOISED = ("conv_in.weight", "up_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight",
            "up_blocks.0.upsamplers.0.conv.bias", "mid_block.resnets.1.conv1.weight",
            "down_blocks.0.downsamplers.0.conv.weight", "time_embedding.linear_1.bias")  # fmt: skip


def draw(pipe: Any, **more: Any) -> np.ndarray:
    generators = [torch.Generator().manual_seed(seed) for seed in SEEDS]
    pipe.set_progress_bar_config(disable=True)
    result = pipe(PROMPTS, generator=generators, **HOW, **more)
    return np.stack(result.frames if "num_frames" in more else result.images)


def assert_same(drawn: np.ndarray, ours: np.ndarray, stock: np.ndarray) -> None:
    """The export draws what the edit draws in the base, which is not what the stock model draws."""
    assert np.abs(drawn - ours / 255.0).max() < 1 / 255 < np.abs(ours.astype(int) - stock).max() / 255.0


def low_rank(base: Any) -> Edit:
    """A change of rank 2 in two modules, as the method distil keeps it."""
    encoder, adapter, seeded = deepcopy(base.encoder), {}, torch.Generator().manual_seed(1)
    for name in LOW:
        module = next(m for n, m in encoder.named_modules() if normal_name(n) == name)
        rows, columns = module.weight.shape
        a, b = (torch.randn(*shape, generator=seeded).half().float() / 4 for shape in ((2, columns), (rows, 2)))
        with torch.no_grad():
            module.weight += b @ a
        adapter |= {f"text_encoder.text_model.{name}.lora_{side}.weight": t for side, t in (("A", a), ("B", b))}
    return Edit(encoder, adapter=adapter)


def full_rank(base: Any, denoiser: bool = False) -> Edit:
    seeded = torch.Generator().manual_seed(2)

    def noise(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=seeded) / 8

    encoder = deepcopy(base.encoder)
    with torch.no_grad():
        for name, tensor in encoder.named_parameters():
            if "layers.1" in name or "token_embedding" in name:
                tensor += noise(tensor)
    own = dict(denoiser_of(base).named_parameters())
    return Edit(encoder, denoiser={name: noise(own[name]) for name in DENOISED} if denoiser else {})


def stored(base: Any, folder: Path, edit: Edit, **more: Any) -> Order:
    store_edit(base, folder / "encoder", edit)
    return Order("objects/bolt", "made", folder / "encoder", base.spec, **more)


def problem_of(order: Order, format_: str, out: Path, force: bool = False) -> str:
    with pytest.raises(InputError) as caught:
        export(order, format_, out, force)
    assert not [part for part in out.parent.glob(f".{out.name}*")], "something was left aside"
    return str(caught.value)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_folder_is_the_whole_pipeline(tiny_base: Any, tmp_path: Path, dtype: str) -> None:
    order = stored(tiny_base, tmp_path, full_rank(tiny_base), dtype=dtype)
    assert export(order, "diffusers", tmp_path / "out") == []
    edit, stock = load_edit(tiny_base, order.folder), sample_images(tiny_base, PROMPTS, SEEDS)
    pipe = StableDiffusionPipeline.from_pretrained(tmp_path / "out", torch_dtype=torch.float32)
    assert_same(draw(pipe), sample_images(tiny_base, PROMPTS, SEEDS, edit), stock)
    videos = AnimateDiffPipeline.from_pipe(pipe, unet=tiny_base.t2v.unet, motion_adapter=None)
    ours, before = (sample_videos(tiny_base, PROMPTS, SEEDS, each) for each in (edit, None))
    assert_same(draw(videos, num_frames=2), ours, before)
    files = [tmp_path / "out" / part / "model.safetensors" for part in ("text_encoder",)]
    assert {t.dtype for file in files for t in load_file(file).values()} == {getattr(torch, dtype)}
    assert not (tmp_path / "out" / "motion_unet").exists()


def test_a_folder_holds_the_changed_denoisers(tiny_base: Any, tmp_path: Path) -> None:
    order = stored(tiny_base, tmp_path, full_rank(tiny_base, denoiser=True), dtype="float32")
    export(order, "diffusers", tmp_path / "out")
    edit = load_edit(tiny_base, order.folder)
    pipe = StableDiffusionPipeline.from_pretrained(tmp_path / "out")
    ours, stock = (sample_images(tiny_base, PROMPTS, SEEDS, each) for each in (edit, None))
    assert_same(draw(pipe), ours, stock)
    motion = UNetMotionModel.from_pretrained(tmp_path / "out" / "motion_unet")
    videos = AnimateDiffPipeline.from_pipe(pipe, unet=motion, motion_adapter=None)
    ours, stock = (sample_videos(tiny_base, PROMPTS, SEEDS, each) for each in (edit, None))
    assert_same(draw(videos, num_frames=2), ours, stock)


def read_checkpoint(file: Path, base: Any) -> Any:
    """diffusers' own reader, with the base's folder as configuration and without network."""
    pipe = StableDiffusionPipeline.from_single_file(
        file, config=str(base.spec.t2i.source.path), local_files_only=True, torch_dtype=torch.float32,
        safety_checker=None,
    )  # fmt: skip
    pipe.scheduler = base.t2i.scheduler
    return pipe


def other_bytes(one: Path, other: Path) -> tuple[set[str], Mapping[str, Tensor]]:
    """(names of the tensors that differ in two files with the same header, tensors of the second)."""
    a, b = one.read_bytes(), other.read_bytes()
    length = 8 + int.from_bytes(a[:8], "little")
    assert len(a) == len(b) and a[:length] == b[:length]
    before, after = load_file(one), load_file(other)
    raw = {name: (t.view(torch.uint8) if t.ndim else t[None].view(torch.uint8)) for name, t in before.items()}
    new = {name: (t.view(torch.uint8) if t.ndim else t[None].view(torch.uint8)) for name, t in after.items()}
    return {name for name in raw if not torch.equal(raw[name], new[name])}, after


@pytest.mark.parametrize("open_clip", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_a_checkpoint_gets_the_changed_tensors_alone(
    tiny_base: Any, tmp_path: Path, dtype: torch.dtype, open_clip: bool
) -> None:
    into, out = tmp_path / "sd.safetensors", tmp_path / "out.safetensors"
    ldm.write_checkpoint(tiny_base.t2i, into, dtype, open_clip)
    order = stored(tiny_base, tmp_path, full_rank(tiny_base, denoiser=True), into=into)
    before = into.read_bytes()
    export(order, "single-file", out)
    assert into.read_bytes() == before
    changed, tensors = other_bytes(into, out)
    layers = tiny_base.t2i.unet.config.layers_per_block
    names = {f"model.diffusion_model.{ldm.unet_name(name, layers)}" for name in DENOISED}
    edit = load_edit(tiny_base, order.folder)
    own, new = ({n.removeprefix("text_model."): t for n, t in e.state_dict().items() if "position_ids" not in n}
                for e in (tiny_base.encoder, edit.encoder))  # fmt: skip
    if open_clip:
        before_, after_ = ldm.open_clip_tensors(own), ldm.open_clip_tensors(new)
        names |= {name for name in before_ if not torch.equal(before_[name], after_[name])}
    else:
        names |= {f"cond_stage_model.transformer.text_model.{n}" for n in own if not torch.equal(own[n], new[n])}
    assert changed == names
    assert tensors["model.diffusion_model.input_blocks.0.0.weight"].dtype == dtype
    pipe = read_checkpoint(out, tiny_base)
    ours, stock = (sample_images(tiny_base, PROMPTS, SEEDS, each) for each in (edit, None))
    drawn = draw(pipe)
    if dtype == torch.float32:
        assert_same(drawn, ours, stock)
    else:  # the denoiser's sums are rounded to float16
        assert np.abs(drawn - ours / 255.0).max() < 3 / 255 < np.abs(drawn - stock / 255.0).max()


def test_an_encoder_that_changed_nothing_gives_the_same_bytes(tiny_base: Any, tmp_path: Path) -> None:
    into, out = tmp_path / "sd.safetensors", tmp_path / "out.safetensors"
    ldm.write_checkpoint(tiny_base.t2i, into, torch.float32)
    export(stored(tiny_base, tmp_path, Edit(tiny_base.encoder), into=into), "single-file", out)
    assert out.read_bytes() == into.read_bytes()


def test_a_checkpoint_of_other_weights_is_refused(tiny_base: Any, tmp_path: Path) -> None:
    into, out = tmp_path / "sd.safetensors", tmp_path / "out.safetensors"
    whole = ldm.write_checkpoint(tiny_base.t2i, into, torch.float16)
    order = stored(tiny_base, tmp_path, full_rank(tiny_base, denoiser=True), into=into)

    def refused(changes: Mapping[str, Tensor | None]) -> str:
        kept = {n: t for n, t in {**whole, **changes}.items() if t is not None}
        save_file(kept, into, metadata={"format": "pt"})
        return problem_of(order, "single-file", out)

    name = "cond_stage_model.transformer.text_model.final_layer_norm.bias"
    assert "its text encoder is not that of the base tiny: 1 tensors differ" in refused({name: whole[name] + 1})
    assert "lacks 1 of 36 tensors of the text encoder" in refused({name: None})
    assert "its denoiser is not that of the base tiny: 1 tensors differ" in refused(
        {"model.diffusion_model.input_blocks.0.0.weight": whole["model.diffusion_model.input_blocks.0.0.weight"] + 1}
    )
    assert "lacks 1 tensors of the denoiser" in refused({"model.diffusion_model.input_blocks.0.0.weight": None})
    assert "model_ema" in refused({"model_ema.diffusion_modelout0weight": torch.zeros(1)})
    into.write_bytes(into.read_bytes()[:-10])
    assert "cannot be read" in problem_of(order, "single-file", out)
    into.unlink()
    assert "No such file" in problem_of(order, "single-file", out)
    into.mkdir()
    assert "is no file" in problem_of(order, "single-file", out)
    assert not out.exists()


def test_a_lora_is_the_change(tiny_base: Any, tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="diffusers reads LoRAs with peft")
    order, out = stored(tiny_base, tmp_path, low_rank(tiny_base)), tmp_path / "bolt.safetensors"
    assert "at strength 1" in export(order, "lora", out)[0]
    tensors = load_file(out)
    key = "lora_te_text_model_encoder_layers_0_mlp_fc1"
    assert len(tensors) == 9 and tensors[f"{key}.alpha"] == 2
    assert tensors[f"{key}.lora_down.weight"].shape == (2, 32) and tensors[f"{key}.lora_up.weight"].shape == (64, 2)
    pipe = StableDiffusionPipeline.from_pretrained(tiny_base.spec.t2i.source.path, torch_dtype=torch.float32)
    pipe.scheduler = tiny_base.t2i.scheduler
    pipe.load_lora_weights(out)
    ours, stock = (sample_images(tiny_base, PROMPTS, SEEDS, e) for e in (load_edit(tiny_base, order.folder), None))
    assert_same(draw(pipe), ours, stock)


def test_no_lora_without_low_rank(tiny_base: Any, tmp_path: Path) -> None:
    text = problem_of(stored(tiny_base, tmp_path, full_rank(tiny_base)), "lora", tmp_path / "out.safetensors")
    assert "the rank 32 of 32" in text and "tensors that no LoRA changes" in text
    text = problem_of(stored(tiny_base, tmp_path, Edit(tiny_base.encoder)), "lora", tmp_path / "out.safetensors")
    assert "changed nothing in the text encoder" in text


@pytest.mark.parametrize("dtype", [None, "float32"])
def test_comfyui_gets_transformers_names(tiny_base: Any, tmp_path: Path, dtype: str | None) -> None:
    order, out = stored(tiny_base, tmp_path, full_rank(tiny_base), dtype=dtype), tmp_path / "bolt.safetensors"
    assert "2 layers of width 32" in export(order, "comfyui", out)[0]
    tensors = load_file(out)
    assert "text_model.encoder.layers.0.mlp.fc1.weight" in tensors  # what ComfyUI's detect_te_model looks for
    assert {t.dtype for t in tensors.values()} == {torch.float32 if dtype else torch.float16}
    loaded = CLIPTextModel(tiny_base.encoder.config)
    prefix = next(iter(loaded.state_dict())).startswith("text_model.")
    state = tensors if prefix else {n.removeprefix("text_model."): t for n, t in tensors.items()}
    loaded.load_state_dict(state)
    new = load_edit(tiny_base, order.folder).encoder.state_dict()
    assert all(torch.equal(t, loaded.state_dict()[n]) for n, t in new.items())
    with safe_open(out, "pt") as file:
        assert file.metadata() == {"format": "pt", "encoder": "objects/bolt", "method": "made", "base": "tiny"}


def test_half_a_change_is_refused(tiny_base: Any, tmp_path: Path) -> None:
    order = stored(tiny_base, tmp_path, full_rank(tiny_base, denoiser=True))
    for format_ in ("lora", "comfyui"):
        assert "changed the denoiser" in problem_of(order, format_, tmp_path / "out.safetensors")
    order = stored(tiny_base, tmp_path, Edit(tiny_base.encoder, torch.zeros(1, 40, 32)))
    for format_ in ("diffusers", "lora", "comfyui"):
        assert "changed the empty prompt's embedding" in problem_of(order, format_, tmp_path / "out")
    assert "empty prompt" in problem_of(replace(order, into=tmp_path / "x"), "single-file", tmp_path / "out")


def test_options_that_do_not_fit_are_refused(tiny_base: Any, tmp_path: Path) -> None:
    order, out = stored(tiny_base, tmp_path, full_rank(tiny_base)), tmp_path / "out"
    assert "needs a checkpoint" in problem_of(order, "single-file", out)
    assert "keep the dtype" in problem_of(replace(order, into=out, dtype="float16"), "single-file", out)
    assert "not written into a checkpoint" in problem_of(replace(order, into=out), "comfyui", out)


def test_a_number_too_large_for_float16_is_refused(tiny_base: Any, tmp_path: Path) -> None:
    edit = full_rank(tiny_base)
    with torch.no_grad():
        next(edit.encoder.parameters())[0, 0] = 1e6
    store_edit(replace(tiny_base, encoder_dtype=torch.float32), tmp_path / "encoder", edit)
    order = Order("objects/bolt", "made", tmp_path / "encoder", tiny_base.spec, dtype="float16")
    for format_ in ("comfyui", "diffusers"):
        assert "do not fit into torch.float16" in problem_of(order, format_, tmp_path / "out")
    assert export(replace(order, dtype="float32"), "comfyui", tmp_path / "out")


def test_nothing_is_replaced_unasked(tiny_base: Any, tmp_path: Path) -> None:
    order = stored(tiny_base, tmp_path, full_rank(tiny_base))
    file, folder, other = tmp_path / "a.safetensors", tmp_path / "pipeline", tmp_path / "home"
    for out, format_ in ((file, "comfyui"), (folder, "diffusers")):
        export(order, format_, out)
        assert "write --force" in problem_of(order, format_, out)
        export(order, format_, out, force=True)
    assert not list(tmp_path.glob(".*"))
    (folder / "stale").touch()
    export(order, "diffusers", folder, force=True)
    assert not (folder / "stale").exists()
    other.mkdir()
    (other / "letter.txt").touch()
    assert "is no export of expunge" in problem_of(order, "diffusers", other, force=True)
    assert "is no file" in problem_of(order, "comfyui", other, force=True)
    assert (other / "letter.txt").exists()
    ldm.write_checkpoint(tiny_base.t2i, file, torch.float16)
    assert "is the checkpoint" in problem_of(replace(order, into=file), "single-file", file, force=True)


def test_a_motion_adapter_takes_the_changed_denoiser(tmp_path: Path) -> None:
    base = load(load_spec("tiny", tiny.make_base(tmp_path / "bases", adapter=True)), t2v=True)
    order = stored(base, tmp_path, full_rank(base, denoiser=True), dtype="float32")
    export(order, "diffusers", tmp_path / "out")
    assert not (tmp_path / "out" / "motion_unet").exists()
    pipe = StableDiffusionPipeline.from_pretrained(tmp_path / "out")
    adapter = MotionAdapter.from_pretrained(tmp_path / "bases/tiny/adapter", torch_dtype=torch.float32)
    videos = AnimateDiffPipeline.from_pipe(pipe, motion_adapter=adapter)
    edit = load_edit(base, order.folder)
    ours, stock = (sample_videos(base, PROMPTS, SEEDS, each) for each in (edit, None))
    assert_same(draw(videos, num_frames=2), ours, stock)
