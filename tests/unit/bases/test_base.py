"""A loaded base: the plain functions against diffusers' own pipelines, and edits as they are stored."""

import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AnimateDiffPipeline, StableDiffusionPipeline, UNetMotionModel
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import CLIPTextModel

from expunge.bases.base import denoiser_of, load, load_edit, store_edit
from expunge.bases.base_digest import base_parts
from expunge.bases.check import base_problems
from expunge.bases.condition import Condition, condition_of
from expunge.bases.denoising import add_noise, predict_noise, target
from expunge.bases.edits import Edit, changed_parameters, differing
from expunge.bases.latents import decode, encode_images
from expunge.bases.sampling import sample_images, sample_pairs, sample_videos
from expunge.bases.spec import load_spec
from expunge.bases.text import encode_prompts
from expunge.core.errors import InputError
from tests.support import tiny

PROMPTS = ["a photo of bolt", "one cat on the moon"]


def test_prompts_are_encoded_as_the_pipelines_do(tiny_base: Any) -> None:
    ours = encode_prompts(tiny_base, PROMPTS)
    for pipe in (tiny_base.t2i, tiny_base.t2v):
        theirs, empty = pipe.encode_prompt(PROMPTS, tiny_base.device, 1, True)
        assert torch.equal(ours, theirs)
        assert torch.equal(encode_prompts(tiny_base, ["", ""]), empty)


def test_clip_skip_leaves_out_the_last_layers(tiny_folder: Path, tmp_path: Path, tiny_base: Any) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "bases"))
    raw = load_spec("tiny", folder).raw
    tiny.write_yaml(folder / "tiny.yaml", {**raw, "clip_skip": 1})
    base = load(load_spec("tiny", folder))
    shorter = deepcopy(tiny_base.encoder)  # diffusers 0.42 cannot skip layers with transformers 5
    shorter.encoder.layers = shorter.encoder.layers[:-1]
    theirs = encode_prompts(tiny_base, PROMPTS, shorter)
    assert torch.equal(encode_prompts(base, PROMPTS), theirs)
    assert not torch.equal(theirs, encode_prompts(tiny_base, PROMPTS))
    before, after = base_parts(tiny_base.spec), base_parts(base.spec)
    assert after == before | {"clip_skip": 1}
    tiny.write_yaml(folder / "tiny.yaml", {**raw, "clip_skip": 2})
    (said,) = map(str, base_problems(load_spec("tiny", folder)))
    assert "`clip_skip` is 2, and the text encoder has 2 layers; write at most 1" in said


def test_images_are_the_pipelines(tiny_base: Any) -> None:
    images, latents = sample_images(tiny_base, PROMPTS, [3, 4], return_latents=True)
    generators = [torch.Generator().manual_seed(seed) for seed in (3, 4)]
    how = {"height": 32, "width": 32, "num_inference_steps": 2, "guidance_scale": 3.0, "output_type": "np"}
    theirs = tiny_base.t2i(PROMPTS, generator=generators, **how).images
    assert images.shape == (2, 32, 32, 3) and images.dtype == np.uint8
    assert np.abs(images / 255.0 - theirs).max() < 1 / 255
    assert latents.shape == (2, 8, 16, 16) and np.array_equal(decode(tiny_base, latents), images)
    assert np.array_equal(images, sample_images(tiny_base, PROMPTS, [3, 4]))
    assert not np.array_equal(images, sample_images(tiny_base, PROMPTS, [5, 6]))


def test_videos_are_the_pipelines(tiny_base: Any) -> None:
    videos = sample_videos(tiny_base, PROMPTS, [3, 4])
    generators = [torch.Generator().manual_seed(seed) for seed in (3, 4)]
    how = {"height": 32, "width": 32, "num_inference_steps": 2, "guidance_scale": 3.0, "output_type": "np"}
    theirs = np.stack(tiny_base.t2v(PROMPTS, generator=generators, num_frames=2, **how).frames)
    assert videos.shape == (2, 2, 32, 32, 3) and videos.dtype == np.uint8
    assert np.abs(videos / 255.0 - theirs).max() < 1 / 255


def test_a_video_can_have_a_text_for_each_frame(tiny_base: Any) -> None:
    texts = encode_prompts(tiny_base, PROMPTS)
    same = Condition(texts[:, None].expand(-1, tiny_base.spec.frames, -1, -1))
    assert np.array_equal(sample_videos(tiny_base, same, [3, 4]), sample_videos(tiny_base, PROMPTS, [3, 4]))
    other = Condition(torch.stack([texts[0], texts[1]])[None])
    moved = sample_videos(tiny_base, other, [3])
    assert not any(np.array_equal(moved, sample_videos(tiny_base, [prompt], [3])) for prompt in PROMPTS)
    with pytest.raises(ValueError, match="UNet2DConditionModel reads no text for each frame"):
        sample_images(tiny_base, same, [3, 4])
    assert np.array_equal(sample_videos(tiny_base, same, [3, 4]), sample_videos(tiny_base, PROMPTS, [3, 4]))


def test_width_and_height_are_each_pipelines_own(tiny_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "bases"))
    raw = load_spec("tiny", folder).raw
    t2v = {**raw["t2v"], "resolution": [16, 40]}
    tiny.write_yaml(folder / "tiny.yaml", {**raw, "resolution": [48, 24], "t2v": t2v})
    base = load(load_spec("tiny", folder), t2v=True)
    assert sample_images(base, PROMPTS, [3, 4]).shape == (2, 24, 48, 3)
    assert sample_videos(base, PROMPTS[:1], [3]).shape == (1, 2, 40, 16, 3)
    assert sample_images(base, [], []).shape == (0, 24, 48, 3)
    assert sample_videos(base, [], []).shape == (0, 2, 40, 16, 3)


def test_a_sample_does_not_depend_on_its_neighbours(tiny_base: Any) -> None:
    both = sample_images(tiny_base, PROMPTS, [3, 4]).astype(int)
    alone = sample_images(tiny_base, PROMPTS[1:], [4]).astype(int)
    assert np.abs(both[1] - alone[0]).max() <= 1  # a rounding of float32 at most
    assert sample_images(tiny_base, [], []).shape == (0, 32, 32, 3)
    with pytest.raises(ValueError, match="seeds"):
        sample_images(tiny_base, PROMPTS, [1])


def test_the_unconditional_embedding_replaces_the_empty_prompt(tiny_base: Any) -> None:
    empty, other = (encode_prompts(tiny_base, [text]) for text in ("", "the sea"))
    plain = sample_images(tiny_base, PROMPTS, [3, 4])
    assert np.array_equal(plain, sample_images(tiny_base, PROMPTS, [3, 4], Edit(tiny_base.encoder, empty)))
    _, latents = sample_images(tiny_base, PROMPTS, [3, 4], return_latents=True)
    _, moved = sample_images(tiny_base, PROMPTS, [3, 4], Edit(tiny_base.encoder, other), return_latents=True)
    assert not torch.equal(latents, moved)


def test_an_edit_of_the_denoiser_reaches_images_and_videos_and_is_taken_back(tiny_base: Any, tmp_path: Path) -> None:
    own = {name: t.clone() for name, t in denoiser_of(tiny_base).named_parameters()}
    names = [name for name in own if name.endswith("attn2.to_v.weight")]
    edit = Edit(tiny_base.encoder, denoiser={name: own[name] * 20 for name in names})
    store_edit(tiny_base, tmp_path / "edit", edit)
    stored = load_edit(tiny_base, tmp_path / "edit")
    assert stored.denoiser.keys() == set(names)
    before = [sample_images(tiny_base, PROMPTS, [3, 4]), sample_videos(tiny_base, PROMPTS, [3, 4])]
    after = [f(tiny_base, PROMPTS, [3, 4], stored) for f in (sample_images, sample_videos)]
    assert not np.array_equal(before[0], after[0]) and not np.array_equal(before[1], after[1])
    assert all(torch.equal(t, own[name]) for name, t in denoiser_of(tiny_base).named_parameters())
    assert np.array_equal(before[1], sample_videos(tiny_base, PROMPTS, [3, 4]))


@pytest.mark.parametrize("modality", ["image", "video"])
@pytest.mark.parametrize("what", ["encoder", "unconditional", "denoiser"])
def test_pairs_are_the_samples_with_and_without_the_edit(tiny_base: Any, modality: str, what: str) -> None:
    encoder = deepcopy(tiny_base.encoder)
    own = dict(denoiser_of(tiny_base).named_parameters())
    name = next(name for name in own if name.endswith("attn2.to_v.weight"))
    with torch.no_grad():
        for weights in encoder.parameters():
            weights.mul_(1.5)
    edit = {
        "encoder": Edit(encoder),
        "unconditional": Edit(encoder, encode_prompts(tiny_base, ["the sea"])),
        "denoiser": Edit(encoder, denoiser={name: own[name] * 5}),
    }[what]
    original, edited = condition_of(tiny_base, PROMPTS), condition_of(tiny_base, PROMPTS, encoder)
    before, after = sample_pairs(tiny_base, modality, original, edited, [3, 4], edit)
    sample = sample_images if modality == "image" else sample_videos
    for pixels, alone in (
        (before, sample(tiny_base, PROMPTS, [3, 4])),
        (after, sample(tiny_base, PROMPTS, [3, 4], edit)),
    ):
        assert np.abs(pixels.astype(int) - alone).max() <= 1  # a rounding of float32 at most
    assert np.abs(before.astype(int) - after).max() > 1


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_prediction_types(tmp_path: Path, prediction: str) -> None:
    folder = tiny.make_base(tmp_path / "bases", prediction=prediction)
    base = load(load_spec("tiny", folder))
    draw = torch.Generator().manual_seed(0)
    z0, noise = (torch.randn(2, 8, 16, 16, generator=draw) for _ in range(2))
    t = torch.tensor([10, 900])
    abar = base.noise.noise.alphas_cumprod[t].reshape(2, 1, 1, 1)
    expected = {"epsilon": noise, "v_prediction": abar.sqrt() * noise - (1 - abar).sqrt() * z0, "sample": z0}[
        prediction
    ]
    assert torch.allclose(target(base, z0, noise, t), expected, atol=1e-6)
    z_t = add_noise(base, z0, noise, t)
    assert torch.allclose(z_t, abar.sqrt() * z0 + (1 - abar).sqrt() * noise, atol=1e-6)
    out = predict_noise(base, z_t, t, condition_of(base, PROMPTS))
    assert out.shape == z0.shape and out.dtype == torch.float32
    assert sample_images(base, PROMPTS[:1], [1]).shape == (1, 32, 32, 3)


def test_images_become_latents_and_images_again(tiny_base: Any) -> None:
    images = np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3), dtype=np.uint8)
    latents = encode_images(tiny_base, images)
    mean = tiny_base.t2i.vae.encode(torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1).latent_dist.mean
    assert torch.allclose(latents, mean * 0.5, atol=1e-5)


def test_bfloat16_on_a_cpu_is_close(tiny_folder: Path, tmp_path: Path, tiny_base: Any) -> None:
    shutil.copytree(tiny_folder, tmp_path / "bases")
    raw = load_spec("tiny", tiny_folder).raw
    tiny.write_yaml(tmp_path / "bases" / "tiny.yaml", {**raw, "dtype": "bfloat16"})
    half = load(load_spec("tiny", tmp_path / "bases"), t2v=True)
    assert half.dtype == torch.bfloat16 and half.encoder.dtype == torch.float32
    a, b = (sample_images(base, PROMPTS, [1, 2]).astype(int) for base in (tiny_base, half))
    assert np.abs(a - b).mean() < 3
    assert sample_videos(half, PROMPTS[:1], [1]).shape == (1, 2, 32, 32, 3)


def test_an_encoder_folder_is_stored_as_the_base_stores_its_own(
    tiny_base: Any, tiny_folder: Path, tmp_path: Path
) -> None:
    empty = encode_prompts(tiny_base, [""])
    for name in ("one", "two"):
        store_edit(tiny_base, tmp_path / name, Edit(tiny_base.encoder, empty))
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == sorted(
        ["config.json", "model.safetensors", "unconditional.safetensors"] * 2
    )
    assert all((tmp_path / "two" / p.name).read_bytes() == p.read_bytes() for p in (tmp_path / "one").iterdir())
    with safe_open(tmp_path / "one" / "model.safetensors", "pt") as tensors:
        names = list(tensors.keys())
        assert {tensors.get_tensor(name).dtype for name in names} == {torch.float16}
    assert all(name.startswith("text_model.") for name in names)
    own = load_file(tiny_folder / "tiny" / "t2i" / "text_encoder" / "model.safetensors")
    assert differing(own, load_file(tmp_path / "one" / "model.safetensors")) == []
    edit = load_edit(tiny_base, tmp_path / "one")
    assert edit.unconditional is not None and torch.equal(edit.unconditional, empty)
    encoder = edit.encoder
    assert torch.equal(encode_prompts(tiny_base, PROMPTS, encoder), encode_prompts(tiny_base, PROMPTS))
    assert changed_parameters(tiny_base.encoder, encoder, torch.float16) == 0
    store_edit(tiny_base, tmp_path / "one", Edit(encoder))
    assert load_edit(tiny_base, tmp_path / "one").unconditional is None
    with pytest.raises(InputError, match="lacks config"):
        load_edit(tiny_base, tmp_path / "three")


def test_the_readmes_five_lines(tiny_base: Any, tiny_folder: Path, tmp_path: Path) -> None:
    store_edit(tiny_base, tmp_path / "encoder", Edit(tiny_base.encoder))
    t2i, unet = tiny_folder / "tiny" / "t2i", tiny_folder / "tiny" / "t2v" / "unet"
    how = {"num_inference_steps": 2, "output_type": "np", "height": 32, "width": 32}

    encoder = CLIPTextModel.from_pretrained(tmp_path / "encoder")
    pipe = StableDiffusionPipeline.from_pretrained(t2i, text_encoder=encoder)
    image = pipe("bolt", **how).images[0]
    video_pipe = AnimateDiffPipeline.from_pipe(pipe, unet=UNetMotionModel.from_pretrained(unet), motion_adapter=None)
    frames = video_pipe("bolt", num_frames=2, **how).frames[0]

    assert image.shape == (32, 32, 3) and np.asarray(frames).shape == (2, 32, 32, 3)
