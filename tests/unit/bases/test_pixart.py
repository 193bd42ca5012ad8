"""The family of PixArt and Latte on small random models: what is fed, what the stock pipelines draw, every method."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from expunge.attacks import ATTACKS, Victim
from expunge.attacks.attempts import condition_of_tries, tries_of
from expunge.bases.base import load, load_edit, store_edit
from expunge.bases.check import base_problems
from expunge.bases.edits import differing
from expunge.bases.exports import Order, export
from expunge.bases.families import pixart
from expunge.bases.sampling import sample_images, sample_videos
from expunge.bases.spec import load_spec
from expunge.bases.text import alignment, encode_prompts, text_gram
from expunge.bases.tokenizer import light_tokenizer
from expunge.core.errors import InputError
from expunge.methods import METHODS, ConceptData, unlearn
from tests.support import tiny_pixart
from tests.support.alike import alike
from tests.support.made_data import drawn_data
from tests.support.walked import assert_walked

PROMPTS = ["a photo of bolt", "a cat"]
STOCK = {"num_inference_steps": 2, "guidance_scale": 3.0, "height": 32, "width": 32, "clean_caption": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pixart.make_base(tmp_path_factory.mktemp("pixart") / "bases")


@pytest.fixture(scope="module")
def base(folder: Path) -> Any:
    return load(load_spec("tiny-pixart", folder), t2v=True)


@pytest.fixture(scope="module")
def bolt(base: Any) -> ConceptData:
    return drawn_data(base)


def test_nothing_is_wrong_with_it(folder: Path) -> None:
    assert base_problems(load_spec("tiny-pixart", folder)) == []


def test_padding_is_zero_and_a_prompts_embedding_is_the_encoders(base: Any) -> None:
    embeddings = encode_prompts(base, ["A photo of bolt ", "a cat", ""])
    assert (embeddings != 0).any(-1).sum(1).tolist() == [5, 3, 1]
    ids = base.t2i.tokenizer(["a photo of bolt"], return_tensors="pt").input_ids
    with torch.no_grad():
        assert torch.allclose(embeddings[0, :5], base.encoder(ids)[0][0], atol=1e-5)
    assert text_gram(base).shape == (32, 32)


def test_pictures_are_those_of_the_stock_pipeline_whatever_else_is_drawn(base: Any) -> None:
    both, alone = sample_images(base, PROMPTS, [1, 2]), sample_images(base, ["A cat"], [2])
    stock = base.t2i(
        prompt=["A cat"], generator=[torch.Generator().manual_seed(2)], output_type="np", max_sequence_length=40,
        use_resolution_binning=False, **STOCK,
    ).images  # fmt: skip
    assert alike(both[1], alone[0]) and np.abs(alone[0] / 255 - stock[0]).max() < 0.01


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_videos_are_those_of_the_stock_pipeline_whatever_else_is_drawn(base: Any, guidance: float) -> None:
    """With guidance, LattePipeline reads the empty prompt's padding up to the prompt's length."""
    settings = replace(base.spec, t2v=replace(base.spec.t2v, guidance=guidance))
    own = replace(base, spec=settings)
    both, alone = sample_videos(own, PROMPTS, [1, 2]), sample_videos(own, ["a cat"], [2])
    stock = base.t2v(
        prompt="a cat", generator=[torch.Generator().manual_seed(2)], output_type="pt", video_length=2,
        **{**STOCK, "guidance_scale": guidance},
    ).frames[0]  # fmt: skip
    assert alike(both[1], alone[0])
    assert np.abs(alone[0] / 255 - stock.permute(0, 2, 3, 1).numpy()).max() < 0.01


def test_the_light_tokenizer_reads_as_the_real_one(base: Any) -> None:
    ids, longest = light_tokenizer(base.spec) or (None, 0)
    assert ids is not None and longest == base.t2i.tokenizer.model_max_length - 1
    for text in ("A Photo of zebra", "bolt", "the teapot!"):
        assert ids(text) == base.t2i.tokenizer(text.lower(), add_special_tokens=False).input_ids
    assert ids("été") is None and ids("</s>") is None


@pytest.mark.parametrize("says", [512, None])
def test_a_prompt_is_cut_where_the_pipelines_cut_it(folder: Path, tmp_path: Path, says: int | None) -> None:
    bases = broken(folder, tmp_path)
    config = bases / "tiny-pixart/t2i/tokenizer/tokenizer_config.json"
    settings = json.loads(config.read_text()) | {"model_max_length": says}
    config.write_text(json.dumps({key: value for key, value in settings.items() if value is not None}))
    spec = load_spec("tiny-pixart", bases)
    assert (light_tokenizer(spec) or (None, 0))[1] == pixart.LONGEST_PROMPT - 1
    assert encode_prompts(load(spec), ["a " * 200]).shape[1] == pixart.LONGEST_PROMPT


def test_a_walk_gives_what_each_layer_receives(base: Any) -> None:
    assert_walked(base, PROMPTS, length=5, count=1)  # of the second prompt some is padding


@pytest.mark.parametrize("method", sorted(METHODS.keys() - {"external"}))
def test_every_method_unlearns_and_is_stored(base: Any, bolt: ConceptData, method: str, tmp_path: Path) -> None:
    knobs = {name: value for name, value in (("steps", 2), ("batch", 2)) if name in METHODS[method].knobs}
    knobs |= {"others": 8} if "others" in METHODS[method].knobs else {}
    result = unlearn(method, base, [bolt], ["a cat", "the house"], knobs, seed=0)
    moved = (
        encode_prompts(base, ["a photo of bolt"], result.edit.encoder) - encode_prompts(base, ["a photo of bolt"])
    ).norm()
    assert float(moved) > 0 or result.edit.denoiser or result.edit.unconditional is not None
    store_edit(base, tmp_path / "edit", result.edit)
    again = load_edit(base, tmp_path / "edit")
    assert type(again.encoder).__name__ == "T5EncoderModel"
    sample_videos(base, ["a cat"], [1], again)


def test_a_names_tokens_are_matched_with_the_last_ones_of_the_other(base: Any) -> None:
    def pairs(prompt: str, other: str) -> list[tuple[str, str]]:
        read, places = base.t2i.tokenizer, alignment(base, [prompt], [other])
        assert places is not None
        ours, theirs = (read.convert_ids_to_tokens(read(text).input_ids) for text in (prompt, other))
        return [(token, theirs[int(place)]) for token, place in zip(ours, places[0], strict=False)]

    begin = [("▁a", "▁a"), ("▁photo", "▁photo"), ("▁of", "▁of")]
    assert pairs("a photo of bolt", "a photo of the teapot") == [*begin, ("▁bolt", "▁teapot"), ("</s>", "</s>")]
    wanted = [*begin, ("▁the", "▁bolt"), ("▁teapot", "▁bolt"), ("</s>", "</s>")]
    assert pairs("a photo of the teapot", "a photo of bolt") == wanted
    assert pairs("a photo of bolt", "a photo of bolt") == [*begin, ("▁bolt", "▁bolt"), ("</s>", "</s>")]
    assert pairs("bolt", "") == [("▁bolt", "</s>"), ("</s>", "</s>")]


def test_solve_takes_the_name_to_its_anchor_and_leaves_the_rest(base: Any, bolt: ConceptData) -> None:
    edit = unlearn("solve", base, [bolt], ["a cat", "the house"], {"others": 8, "error": 0.0}, seed=0).edit
    was, goal = encode_prompts(base, ["a photo of bolt", "a photo of a toy"])
    places = alignment(base, ["a photo of bolt"], ["a photo of a toy"])
    assert places is not None
    goal = goal[places[0]] * (was != 0)
    now, same = encode_prompts(base, ["a photo of bolt", "the house"], edit.encoder)
    _, house = encode_prompts(base, ["a photo of bolt", "the house"])
    assert (now - goal).norm() < 0.5 * (was - goal).norm() and (same - house).norm() < 0.1 * (was - goal).norm()
    assert all(name.startswith("text_encoder.encoder.block.") for name in edit.adapter)


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_every_attack_tries_or_says_that_it_cannot(base: Any, bolt: ConceptData, name: str) -> None:
    edit = unlearn("solve", base, [bolt], ["a cat"], {"others": 8}, seed=0).edit
    budget = {key: 2 for key in ("steps", "warm", "generations", "tries", "images") if key in ATTACKS[name].knobs}
    budget = {key: 0 if ATTACKS[name].videos_only and key == "images" else value for key, value in budget.items()}
    victim = Victim(base, edit, bolt.concept, bolt.names, bolt.templates, ("a toy",), bolt.latents)
    tries = tries_of(name, victim, budget, seed=0)
    assert bool(tries) == (name not in ("clip-skip", "travel"))
    if tries:  # what is fed can be drawn
        condition = condition_of_tries(victim, tries[:1], edit.encoder)
        assert sample_images(base, condition, [tries[0].seed], edit).shape == (1, 32, 32, 3)


@pytest.mark.parametrize("form", ["single-file", "lora", "comfyui"])
def test_what_only_stable_diffusion_has_is_not_exported(base: Any, tmp_path: Path, form: str) -> None:
    with pytest.raises(InputError, match=f"there is no {form} of PixArt; write --to diffusers or --to encoder"):
        export(Order("list/one", "solve", tmp_path, base.spec, into=tmp_path), form, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_encoder_in_pieces_with_a_tensor_twice_is_read_as_it_is(base: Any, folder: Path, tmp_path: Path) -> None:
    place = broken(folder, tmp_path) / "tiny-pixart/t2i/text_encoder"
    tensors = load_file(place / "model.safetensors")
    (place / "model.safetensors").unlink()
    first = {
        "encoder.embed_tokens.weight": tensors["shared.weight"].clone(),
        "shared.weight": tensors.pop("shared.weight"),
    }
    names = {f"model-0000{i}-of-00002.safetensors": each for i, each in enumerate((first, tensors), 1)}
    for name, part in names.items():
        save_file(part, place / name, metadata={"format": "pt"})
    index = {"weight_map": {tensor: name for name, part in names.items() for tensor in part}}
    (place / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, **index}))
    spec = load_spec("tiny-pixart", place.parents[2])
    assert base_problems(spec) == []
    again = load(spec)
    assert differing(base.encoder.state_dict(), again.encoder.state_dict()) == []
    assert again.encoder_dtype == base.encoder_dtype == torch.float16


def broken(folder: Path, tmp_path: Path) -> Path:
    copied = tmp_path / "bases"
    shutil.copytree(folder, copied)
    return copied


def test_another_familys_video_model_is_refused(folder: Path, tmp_path: Path) -> None:
    bases = broken(folder, tmp_path)
    file = bases / "tiny-pixart.yaml"
    file.write_text(file.read_text().replace("LattePipeline", "AnimateDiffPipeline").replace("transformer:", "unet:"))
    with pytest.raises(InputError) as caught:
        load_spec("tiny-pixart", bases)
    said = "\n".join(map(str, caught.value.problems))
    assert (
        "does not share the text encoder of PixArt" in said
        and "`t2v.unet` is no part of a video model of PixArt" in said
    )


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("t2i/transformer", {"caption_channels": 64}, "caption_channels is 64, and t2i.text_encoder has d_model 32"),
        ("t2v/transformer", {"video_length": 16}, "it was made for 16 frames, and `frames` is 2; write `frames: 16`"),
        ("t2i/text_encoder", {"num_layers": 4}, "the file lacks"),
        ("t2i/text_encoder", {"vocab_size": 999}, "the token embeddings are"),
        ("t2i/text_encoder", {"eos_token_id": 7}, "its end token </s> has the id 1"),
    ],
)
def test_what_does_not_fit_is_said(folder: Path, tmp_path: Path, part: str, change: dict[str, Any], said: str) -> None:
    bases = broken(folder, tmp_path)
    config = bases / "tiny-pixart" / part / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    assert any(said in str(problem) for problem in base_problems(load_spec("tiny-pixart", bases)))
