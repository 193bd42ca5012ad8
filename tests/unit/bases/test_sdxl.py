"""Stable Diffusion XL on small random models: two text encoders, both changed; a pooled text beside their states."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from expunge.attacks import ATTACKS, Victim
from expunge.attacks.attempts import tries_of
from expunge.bases.base import load, load_edit, store_edit
from expunge.bases.check import base_problems
from expunge.bases.condition import condition_of
from expunge.bases.denoising import predict_noise
from expunge.bases.encoder_layers import tokens_in
from expunge.bases.encoders import stacks
from expunge.bases.sampling import sample_images, sample_videos
from expunge.bases.spec import load_spec
from expunge.bases.text import encode_prompts, text_gram
from expunge.core.errors import InputError
from expunge.methods import METHODS, ConceptData, unlearn
from tests.support import tiny_sdxl
from tests.support.alike import alike
from tests.support.made_data import drawn_data
from tests.support.walked import assert_walked

PROMPTS = ["a photo of bolt", "a cat"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tiny_sdxl.make_base(tmp_path_factory.mktemp("sdxl") / "bases")
    spec = load_spec("tiny-sdxl", folder)
    assert base_problems(spec) == []
    return load(spec, t2v=True)


@pytest.fixture(scope="module")
def bolt(base: Any) -> ConceptData:
    return drawn_data(base)


def drawn(pipe: Any, frames: bool = False) -> Any:
    extra = {"num_frames": tiny_sdxl.FRAMES} if frames else {}
    result = pipe(
        prompt="a cat", num_inference_steps=2, guidance_scale=3.0, height=32, width=32, output_type="np",
        generator=[torch.Generator().manual_seed(2)], **extra,
    )  # fmt: skip
    return result.frames[0] if frames else result.images[0]


def test_pictures_and_videos_are_those_of_the_stock_pipelines(base: Any) -> None:
    both, alone = sample_images(base, PROMPTS, [1, 2]), sample_images(base, ["a cat"], [2])
    assert alike(both[1], alone[0])
    assert np.abs(alone[0] / 255 - drawn(base.t2i)).max() < 0.01
    videos = sample_videos(base, PROMPTS, [1, 2])
    assert videos.shape == (2, tiny_sdxl.FRAMES, 32, 32, 3)
    assert np.abs(videos[1] / 255 - drawn(base.t2v, frames=True)).max() < 0.01


def test_a_pipeline_that_reads_the_empty_prompt_is_drawn_so(tmp_path: Path, base: Any) -> None:
    folder = tiny_sdxl.make_base(tmp_path / "bases", zeros=False)
    other = load(load_spec("tiny-sdxl", folder))
    picture = sample_images(other, ["a cat"], [2])[0]
    assert np.abs(picture / 255 - drawn(other.t2i)).max() < 0.01
    assert not np.array_equal(picture, sample_images(base, ["a cat"], [2])[0])


def test_an_embedding_is_what_the_pipeline_feeds(base: Any) -> None:
    states, _, pooled, _ = base.t2i.encode_prompt("a photo of bolt", do_classifier_free_guidance=False)
    own = encode_prompts(base, ["a photo of bolt"])
    width = tiny_sdxl.WIDTH + tiny_sdxl.WIDTH_2
    assert torch.allclose(own[..., :width], states, atol=1e-6) and torch.allclose(own[:, 0, width:], pooled, atol=1e-6)
    assert own[:, 1:, width:].abs().max() == 0


def test_the_pooled_text_is_predicted_from_and_weighed(base: Any) -> None:
    z, t = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0)), torch.tensor([100, 900])
    condition, width = condition_of(base, PROMPTS), tiny_sdxl.WIDTH + tiny_sdxl.WIDTH_2
    with torch.no_grad():
        whole = predict_noise(base, z, t, condition)
        without = predict_noise(base, z, t, condition.each(lambda text: text.index_fill(2, torch.tensor([width]), 0)))
    assert whole.shape == z.shape and not torch.equal(whole, without)
    gram = text_gram(base)
    assert gram.shape == (width + tiny_sdxl.POOLED,) * 2 and gram[width:, width:].diagonal().min() > 0
    assert gram[:width, width:].abs().max() == 0


def test_a_walk_goes_through_both_encoders(base: Any) -> None:
    assert stacks(base.spec.family, base.encoder) == [range(3), range(3, 7)]
    assert_walked(base, PROMPTS)


def test_solve_moves_both_encoders_and_the_pooled_text_to_the_anchor(base: Any, bolt: ConceptData) -> None:
    result = unlearn(
        "solve", base, [bolt], ["a cat", "the house"], {"others": 0, "beyond": 0.0, "keep": 1.0, "error": 0.0}, seed=0
    )
    prompts = ["a photo of bolt", f"a photo of {result.notes['bolt']['anchor']}"]
    length = int(tokens_in(base, prompts).max())
    was, goal = encode_prompts(base, prompts)[:, :length]
    now = encode_prompts(base, prompts[:1], result.edit.encoder)[0, :length]
    both = tiny_sdxl.WIDTH, tiny_sdxl.WIDTH + tiny_sdxl.WIDTH_2
    for part in (slice(0, both[0]), slice(*both), slice(both[1], None)):
        left = (now[..., part] - goal[..., part]).norm() / (was[..., part] - goal[..., part]).norm()
        assert left < 0.2, (part, left)
    names = {name.partition(".")[0] for name in result.edit.adapter}
    assert names == {"text_encoder", "text_encoder_2"}


@pytest.mark.parametrize("method", sorted(METHODS.keys() - {"external"}))
def test_every_method_unlearns(base: Any, bolt: ConceptData, method: str, tmp_path: Path) -> None:
    knobs = {name: value for name, value in (("steps", 2), ("batch", 2)) if name in METHODS[method].knobs}
    knobs |= {"others": 8} if "others" in METHODS[method].knobs else {}
    result = unlearn(method, base, [bolt], ["a cat", "the house"], knobs, seed=0)
    now, was = (encode_prompts(base, ["a photo of bolt"], encoder) for encoder in (result.edit.encoder, base.encoder))
    assert not torch.equal(now, was) or result.edit.denoiser or result.edit.unconditional is not None
    store_edit(base, tmp_path / "edit", result.edit)
    files = {file.relative_to(tmp_path / "edit").as_posix() for file in (tmp_path / "edit").rglob("*.safetensors")}
    assert {"model.safetensors", "text_encoder_2/model.safetensors"} <= files
    again = load_edit(base, tmp_path / "edit")
    assert torch.allclose(encode_prompts(base, PROMPTS, again.encoder), encode_prompts(base, PROMPTS, again.encoder))
    assert len(sample_images(base, ["a cat"], [1], again)) == 1


def test_a_stored_edit_loads_into_the_stock_pipeline(base: Any, bolt: ConceptData, tmp_path: Path) -> None:
    from diffusers import StableDiffusionXLPipeline
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    edit = unlearn("solve", base, [bolt], ["a cat"], {"others": 0}, seed=0).edit
    store_edit(base, tmp_path / "edit", edit)
    pipe = StableDiffusionXLPipeline.from_pretrained(
        base.spec.t2i.source.path, torch_dtype=torch.float32, add_watermarker=False,
        text_encoder=CLIPTextModel.from_pretrained(tmp_path / "edit"),
        text_encoder_2=CLIPTextModelWithProjection.from_pretrained(tmp_path / "edit", subfolder="text_encoder_2"),
    )  # fmt: skip
    pipe.register_modules(scheduler=base.t2i.scheduler)
    own = sample_images(base, ["a cat"], [2], load_edit(base, tmp_path / "edit"))[0]
    assert np.abs(own / 255 - drawn(pipe)).max() < 0.01
    assert not np.array_equal(own, sample_images(base, ["a cat"], [2])[0])


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_every_attack_tries_or_says_that_it_cannot(base: Any, bolt: ConceptData, name: str) -> None:
    edit = unlearn("negative", base, [bolt], [], {}, seed=0).edit
    budget = {key: 2 for key in ("steps", "warm", "generations", "tries", "images") if key in ATTACKS[name].knobs}
    budget = {key: 0 if ATTACKS[name].videos_only and key == "images" else value for key, value in budget.items()}
    victim = Victim(base, edit, bolt.concept, bolt.names, bolt.templates, ("a toy",), bolt.latents)
    assert bool(tries_of(name, victim, budget, seed=0)) == (name != "travel")


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    folder = tiny_sdxl.make_base(tmp_path / "bases")
    other = folder / "tiny-sdxl/t2i/tokenizer_2/vocab.json"
    text = other.read_text()
    other.write_text(text.replace('"!"', '"%%"') if other.is_file() else text)
    problems = [str(problem) for problem in base_problems(load_spec("tiny-sdxl", folder))]
    assert any("t2i.tokenizer_2: it knows other tokens than t2i.tokenizer" in problem for problem in problems)
    config = folder / "tiny-sdxl/t2i/unet/config.json"
    config.write_text(config.read_text().replace('"cross_attention_dim": 80', '"cross_attention_dim": 64'))
    problems = [str(problem) for problem in base_problems(load_spec("tiny-sdxl", folder))]
    assert any("t2i.text_encoder and t2i.text_encoder_2 have hidden_size 80 together" in each for each in problems)
    with pytest.raises(InputError):
        load(load_spec("tiny-sdxl", folder))
    assert yaml.safe_load((folder / "tiny-sdxl.yaml").read_text())["t2i"]["pipeline"] == "StableDiffusionXLPipeline"
