"""PixArt with Allegro and Stable Diffusion with ModelScope on small random models: a family's second T2V pipeline."""

import json
import re
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from expunge.bases.base import load, load_edit, store_edit
from expunge.bases.check import base_problems
from expunge.bases.condition import condition_of
from expunge.bases.denoising import predict_noise
from expunge.bases.families import families_of, family_of, modules_of, pixart, pixart_allegro, sd, sd_modelscope
from expunge.bases.latents import decode_videos
from expunge.bases.sampling import sample_images, sample_videos
from expunge.bases.spec import load_spec
from expunge.bases.text import encode_prompts, text_gram
from expunge.concepts.concept import Concept
from expunge.core.errors import InputError
from expunge.methods import ConceptData, unlearn
from tests.support import tiny_second_video as tiny

PROMPTS = ["a photo of Bolt", "A cat "]
KINDS = ["allegro", "modelscope"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: tiny.make_base(tmp_path_factory.mktemp(kind) / "bases", kind) for kind in KINDS}


@pytest.fixture(scope="module")
def bases(folders: dict[str, Path]) -> dict[str, Any]:
    return {kind: load(load_spec(kind, folder), t2v=True) for kind, folder in folders.items()}


@pytest.fixture(params=KINDS)
def base(request: pytest.FixtureRequest, bases: dict[str, Any]) -> Any:
    return bases[request.param]


def test_each_pair_of_pipelines_has_its_family() -> None:
    assert families_of("PixArtSigmaPipeline") == [pixart, pixart_allegro]
    assert family_of("PixArtAlphaPipeline", "AllegroPipeline") is pixart_allegro
    assert family_of("PixArtAlphaPipeline", "LattePipeline") is family_of("PixArtAlphaPipeline") is pixart
    assert family_of("StableDiffusionPipeline", "TextToVideoSDPipeline") is sd_modelscope
    assert family_of("StableDiffusionPipeline", "AnimateDiffPipeline") is family_of("StableDiffusionPipeline") is sd
    own = {"t2i.pipeline": "StableDiffusionPipeline", "t2v.pipeline": "TextToVideoSDPipeline"}
    assert modules_of(own) == ["expunge.bases.families.sd_modelscope"]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_wrong_with_it(folders: dict[str, Path], kind: str) -> None:
    assert base_problems(load_spec(kind, folders[kind])) == []


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_videos_are_those_of_the_stock_pipeline_whatever_else_is_drawn(base: Any, guidance: float) -> None:
    """Allegro's with its own cleaning of prompts, its own padding up to 512 tokens and its own mask."""
    own = replace(base, spec=replace(base.spec, t2v=replace(base.spec.t2v, guidance=guidance)))
    both, alone = sample_videos(own, PROMPTS, [1, 2]), sample_videos(own, ["A cat "], [2])
    stock = base.t2v(
        prompt=["A cat "], num_inference_steps=2, guidance_scale=guidance, height=tiny.SIDE, width=tiny.SIDE,
        num_frames=base.spec.frames, generator=[torch.Generator().manual_seed(2)], output_type="np",
    ).frames[0]  # fmt: skip
    assert alone.shape == (1, tiny.FRAMES[base.spec.name], tiny.SIDE, tiny.SIDE, 3)
    assert np.abs(both[1] / 255 - stock).max() < 0.01 and np.abs(alone[0] / 255 - stock).max() < 0.01
    assert np.abs(both[0] / 255 - stock).max() > 0.05


def test_pictures_are_those_of_the_t2i_model(base: Any) -> None:
    more = {"max_sequence_length": 40, "use_resolution_binning": False} if base.spec.name == "allegro" else {}
    stock = base.t2i(
        prompt=["A cat "], num_inference_steps=2, guidance_scale=3.0, height=32, width=32, output_type="np",
        generator=[torch.Generator().manual_seed(2)], **more,
    ).images  # fmt: skip
    assert np.abs(sample_images(base, ["A cat "], [2])[0] / 255 - stock[0]).max() < 0.01


def test_the_denoiser_of_videos_predicts_what_it_predicts_in_the_pipeline(base: Any) -> None:
    """Its first call in the stock pipeline, and ours on the same latents."""
    denoiser, calls = getattr(base.t2v, base.spec.family.DENOISER), []
    hook = denoiser.register_forward_hook(lambda m, args, kw, out: calls.append((args, kw, out[0])), with_kwargs=True)
    try:
        sample_videos(replace(base, spec=replace(base.spec, t2v=replace(base.spec.t2v, guidance=1.0))), PROMPTS, [1, 2])
    finally:
        hook.remove()
    args, kwargs, wanted = calls[0]
    latents, t = args[:2] if args else (kwargs["hidden_states"], kwargs["timestep"][0])
    with torch.no_grad():
        ours = predict_noise(base, latents, t.expand(2), condition_of(base, PROMPTS))
    assert ours.shape == latents.shape and torch.allclose(ours, wanted, atol=1e-5)


def test_the_text_reaches_videos_through_the_cross_attention_to_it_alone(base: Any) -> None:
    denoiser = getattr(base.t2v, base.spec.family.DENOISER)
    names = [name for name, _ in denoiser.named_modules() if base.spec.family.reads_text(name)]
    assert names and len(base.spec.family.text_maps(denoiser)) == len(names)
    assert not any("temp_attentions" in name or "transformer_in" in name for name in names)
    assert text_gram(base).shape == (32, 32)


def test_solve_edits_both_and_is_stored(base: Any, tmp_path: Path) -> None:
    concept = Concept("bolt", "bolt", "object", anchor="a toy")
    data = ConceptData(concept, (), ("bolt",), ("a photo of {}", "one {}"), ("a toy",), ("a toy",))
    edit = unlearn("solve", base, [data], ["a cat", "the house"], {"others": 8}, seed=0).edit
    store_edit(base, tmp_path / "edit", edit)
    again = load_edit(base, tmp_path / "edit")
    prompts = ["a photo of bolt", "the house"]
    was, now = (encode_prompts(base, prompts, encoder) for encoder in (base.encoder, again.encoder))
    assert (now - was)[0].norm() > 3 * (now - was)[1].norm()
    before, after = sample_videos(base, ["a photo of bolt"], [1]), sample_videos(base, ["a photo of bolt"], [1], again)
    assert not np.array_equal(before, after)


def test_the_vae_of_videos_is_their_own(bases: dict[str, Any]) -> None:
    base = bases["allegro"]
    assert base.t2v.vae.config.latent_channels != base.t2i.vae.config.latent_channels
    assert decode_videos(base, torch.zeros(2, 4, 6, 2, 2)).shape == (2, 24, 16, 16, 3)


SIZES_OF_SD2 = {"attention_head_dim": [5, 10, 20, 20], "cross_attention_dim": 1024, "use_linear_projection": True}
SIZES_OF_PIXART = {"num_layers": 28, "cross_attention_dim": 1152, "caption_channels": 4096}
SIZES_OF_LATTE = SIZES_OF_PIXART | {
    "num_attention_heads": 16, "attention_head_dim": 72, "in_channels": 4, "out_channels": 8, "patch_size": 2,
    "sample_size": 64, "attention_bias": True, "norm_type": "ada_norm_single",
}  # fmt: skip


@pytest.mark.parametrize(
    ("family", "ours", "theirs"),
    [
        (sd_modelscope, ("UNet2DConditionModel", SIZES_OF_SD2), ("UNet3DConditionModel", {})),
        (pixart, ("PixArtTransformer2DModel", SIZES_OF_PIXART), ("LatteTransformer3DModel", SIZES_OF_LATTE)),
        (pixart_allegro, ("PixArtTransformer2DModel", SIZES_OF_PIXART), ("AllegroTransformer3DModel", {})),
    ],
)
def test_changes_of_the_real_t2i_denoiser_fit_the_real_t2v_denoiser_where_it_is_said(
    family: Any, ours: tuple[str, dict[str, Any]], theirs: tuple[str, dict[str, Any]]
) -> None:
    """Of the published sizes, without memory."""
    with torch.device("meta"):
        shapes = [
            {name: each.shape for name, each in getattr(diffusers, kind)(**sizes).named_parameters()}
            for kind, sizes in (ours, theirs)
        ]
    read = {name: shape for name, shape in shapes[0].items() if family.reads_text(name.rsplit(".", 1)[0])}
    assert read and all(shapes[1].get(name) == shape for name, shape in read.items()) == family.CARRIES_OVER


def changed(folders: dict[str, Path], tmp_path: Path, t2v: str, frames: int = 24) -> Path:
    copied = tmp_path / "bases"
    shutil.copytree(folders["allegro"], copied)
    tiny.change(copied / "allegro.yaml", f"pipeline: {t2v}", frames)
    return copied


def test_allegro_needs_its_own_vae_and_no_second_copy_of_the_text_encoder(
    folders: dict[str, Path], bases: dict[str, Any], tmp_path: Path
) -> None:
    parts = f"AllegroPipeline, {tiny.ANCESTRAL}, transformer: allegro/whole/transformer"
    copied = changed(folders, tmp_path, parts)
    with pytest.raises(InputError, match=r"has no vae, .* write `vae:` with a AutoencoderKLAllegro, or `path:`"):
        load_spec("allegro", copied)
    tiny.change(copied / "allegro.yaml", f"pipeline: {parts}, vae: allegro/whole/vae", 24)
    spec = load_spec("allegro", copied)
    assert base_problems(spec) == []
    videos = [sample_videos(each, ["a cat"], [1]) for each in (load(spec, t2v=True), bases["allegro"])]
    assert np.array_equal(*videos)


def test_sizes_are_whole_tiles_and_whole_patches() -> None:
    """At the published sizes: tiles of 320 x 320 that overlap by 120 rows and 80 columns, patches of 16 pixels."""
    fit = partial(pixart_allegro.fitting, denoiser={"patch_size": 2}, vae={"sample_size": 320})
    assert fit((88, 720, 1280)) == (88, 720, 1280)
    assert fit((87, 719, 1279)) == (72, 320, 1040)
    assert fit((23, 319, 319)) == (0, 0, 0)
    assert fit((None, 520, 521)) == (None, 512, 512)  # a picture


@pytest.mark.parametrize(
    ("t2v", "frames", "said"),
    [
        (
            "AllegroPipeline, path: allegro/whole",
            32,
            "with Allegro makes no .* write `frames: 24` or `frames: 40`",
        ),
        ("AllegroPipeline, path: allegro/t2i", 24, "has no motion modules"),
        ("AllegroPipeline, transformer: allegro/whole/transformer, vae: allegro/t2i/vae", 24, "AutoencoderKLAllegro"),
    ],
)
def test_what_does_not_fit_is_said(folders: dict[str, Path], tmp_path: Path, t2v: str, frames: int, said: str) -> None:
    problems = base_problems(load_spec("allegro", changed(folders, tmp_path, t2v, frames)))
    assert [problem for problem in problems if re.search(said, str(problem))], problems


def test_a_denoiser_that_does_not_fit_its_own_vae_is_said(folders: dict[str, Path], tmp_path: Path) -> None:
    copied = changed(folders, tmp_path, "AllegroPipeline, path: allegro/whole")
    config = copied / "allegro/whole/transformer/config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"in_channels": 8}))
    said = "\n".join(map(str, base_problems(load_spec("allegro", copied))))
    assert "t2v.transformer: in_channels is 8, and t2v.vae has latent_channels 4" in said


def test_all_video_pipelines_that_fit_are_named(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="write LattePipeline or AllegroPipeline"):
        load_spec("allegro", changed(folders, tmp_path, "CogVideoXPipeline, path: allegro/whole"))
