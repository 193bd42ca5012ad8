"""CogVideoX and Wan on small random models: one pipeline draws pictures and videos; every method, every attack."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from expunge.attacks import ATTACKS, Victim
from expunge.attacks.attempts import condition_of_tries, tries_of
from expunge.bases.base import load, load_edit, store_edit
from expunge.bases.check import base_problems
from expunge.bases.condition import condition_of
from expunge.bases.denoising import add_noise, predict_noise, target
from expunge.bases.latents import decode, decode_videos, encode_images
from expunge.bases.sampling import sample_images, sample_videos
from expunge.bases.spec import load_spec
from expunge.bases.text import encode_prompts, text_gram
from expunge.methods import METHODS, ConceptData, unlearn
from tests.support import tiny_video
from tests.support.alike import alike
from tests.support.made_data import drawn_data
from tests.support.walked import assert_walked

PROMPTS = ["a photo of bolt", "a cat"]


@pytest.fixture(scope="module", params=["cogvideox", "wan"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tiny_video.make_base(tmp_path_factory.mktemp(request.param) / "bases", request.param)
    spec = load_spec(request.param, folder)
    assert base_problems(spec) == []
    return load(spec, t2v=True)


@pytest.fixture(scope="module")
def bolt(base: Any) -> ConceptData:
    return drawn_data(base)


def test_videos_are_those_of_the_stock_pipeline_whatever_else_is_drawn(base: Any) -> None:
    both, alone = sample_videos(base, PROMPTS, [1, 2]), sample_videos(base, ["a cat"], [2])
    stock = base.t2v(
        prompt="a cat", num_inference_steps=2, guidance_scale=3.0, height=16, width=16, num_frames=base.spec.frames,
        generator=[torch.Generator().manual_seed(2)], output_type="np", max_sequence_length=tiny_video.CONTEXT,
    ).frames[0]  # fmt: skip
    assert len(alone[0]) == base.spec.frames and alike(both[1], alone[0])
    assert np.abs(alone[0] / 255 - stock).max() < 0.01


def test_a_picture_is_a_video_of_one_frame(base: Any) -> None:
    both, alone = sample_images(base, PROMPTS, [1, 2]), sample_images(base, ["a cat"], [2])
    stock = base.t2i(
        prompt="a cat", num_inference_steps=2, guidance_scale=3.0, height=16, width=16, num_frames=1,
        generator=[torch.Generator().manual_seed(2)], output_type="np", max_sequence_length=tiny_video.CONTEXT,
    ).frames[0]  # fmt: skip
    assert both.shape == (2, 16, 16, 3) and alike(both[1], alone[0])
    assert np.abs(alone[0] / 255 - stock[0]).max() < 0.01
    latents = encode_images(base, alone)
    assert latents.ndim == 4 and decode(base, latents).shape == alone.shape


def test_the_vae_makes_as_many_frames_as_fit(base: Any) -> None:
    vae, each = base.t2v.vae, base.t2v.vae_scale_factor_temporal

    def fitting(frames: int) -> int:
        return int(base.spec.family.fitting((frames, 16, 16), base.t2v.transformer.config, vae.config)[0])

    assert fitting(1) == 1
    for frames in (2, 7, 8, 9, 12, 13, 17):
        most = fitting(frames)
        latents = torch.zeros(1, vae.config.get("latent_channels", 16), (most - 1) // each + 1, 2, 2)
        assert most <= frames and decode_videos(base, latents).shape[1] == most == fitting(most)


def test_a_size_that_cannot_be_drawn_is_refused(base: Any) -> None:
    spec = base.spec
    (frames,) = base_problems(replace(spec, frames=6))
    said = r"`frames` is 6, and the VAE of \w+ makes no video of so many; write `frames: (1|5)` or `frames: (8|9)`"
    assert re.search(said, str(frames))
    picture, video = (replace(each, width=24, height=40) for each in (spec.t2i, spec.t2v))
    both = base_problems(replace(spec, t2i=picture, t2v=video))
    assert [str(problem).partition(": ")[2][:3] for problem in both] == ["t2i", "t2v"]
    said = r"`resolution` is \[24, 40\], and \w+ draws none of that size here; write `resolution: \[16, 32\]`"
    assert all(re.search(said, str(problem)) for problem in both)


def test_what_is_predicted_is_what_the_schedule_asks_for(base: Any) -> None:
    z0 = torch.randn(2, base.t2i.transformer.config.in_channels, 2, 2, generator=torch.Generator().manual_seed(0))
    noise, t = torch.randn(z0.shape, generator=torch.Generator().manual_seed(1)), torch.tensor([100, 900])
    z_t, goal = add_noise(base, z0, noise, t), target(base, z0, noise, t)
    with torch.no_grad():
        predicted = predict_noise(base, z_t, t, condition_of(base, PROMPTS))
    assert predicted.shape == goal.shape == z0.shape and predicted.isfinite().all()
    if base.spec.name == "wan":  # on the line from z_0 to eps, a step along the goal ends at z_0
        assert torch.allclose(z_t - (t / 1000).reshape(2, 1, 1, 1) * goal, z0, atol=1e-5)
    else:
        abar = base.t2i.scheduler.alphas_cumprod.float()[t].reshape(2, 1, 1, 1)
        assert torch.allclose(goal, abar.sqrt() * noise - (1 - abar).sqrt() * z0, atol=1e-5)


def test_a_transformer_that_reads_frames_in_pairs_draws_and_predicts_a_picture(tmp_path: Path) -> None:
    """CogVideoX 1.5."""
    made = tiny_video.make_base(tmp_path / "bases", "cogvideox", patch_size_t=2, patch_bias=False)
    own = load(load_spec("cogvideox", made), t2v=True)
    picture, latents = sample_images(own, ["a cat"], [1], return_latents=True)
    assert picture.shape == (1, 16, 16, 3) and sample_videos(own, ["a cat"], [1]).shape == (1, 8, 16, 16, 3)
    with torch.no_grad():
        assert predict_noise(own, latents, torch.tensor([100]), condition_of(own, ["a cat"])).shape == latents.shape


def test_a_walk_gives_what_each_layer_receives(base: Any) -> None:
    assert_walked(base, PROMPTS)
    assert text_gram(base).shape == (tiny_video.WIDTH, tiny_video.WIDTH)


@pytest.mark.parametrize("method", sorted(METHODS.keys() - {"external"}))
def test_every_method_unlearns_or_says_why_it_cannot(base: Any, bolt: ConceptData, method: str, tmp_path: Path) -> None:
    knobs = {name: value for name, value in (("steps", 2), ("batch", 2)) if name in METHODS[method].knobs}
    knobs |= {"others": 8} if "others" in METHODS[method].knobs else {}
    kept = ["a cat", "the house"]
    if not base.spec.family.CROSS_ATTENTION and method in ("uce", "null-space", "esd"):
        with pytest.raises(ValueError, match="no key and value projections of the text alone"):
            unlearn(method, base, [bolt], kept, knobs, seed=0)
        return
    result = unlearn(method, base, [bolt], kept, knobs, seed=0)
    now, was = (encode_prompts(base, ["a photo of bolt"], encoder) for encoder in (result.edit.encoder, base.encoder))
    assert not torch.equal(now, was) or result.edit.denoiser or result.edit.unconditional is not None
    store_edit(base, tmp_path / "edit", result.edit)
    again = load_edit(base, tmp_path / "edit")
    assert type(again.encoder) is type(base.encoder)
    assert len(sample_images(base, ["a cat"], [1], again)) == 1


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_every_attack_tries_or_says_that_it_cannot(base: Any, bolt: ConceptData, name: str) -> None:
    edit = unlearn("negative", base, [bolt], [], {}, seed=0).edit
    budget = {key: 2 for key in ("steps", "warm", "generations", "tries", "images") if key in ATTACKS[name].knobs}
    budget = {key: 0 if ATTACKS[name].videos_only and key == "images" else value for key, value in budget.items()}
    victim = Victim(base, edit, bolt.concept, bolt.names, bolt.templates, ("a toy",), bolt.latents)
    tries = tries_of(name, victim, budget, seed=0)
    assert bool(tries) == (name not in ("clip-skip", "travel"))
    if tries:
        condition = condition_of_tries(victim, tries[:1], edit.encoder)
        assert len(sample_images(base, condition, [tries[0].seed], edit)) == 1
