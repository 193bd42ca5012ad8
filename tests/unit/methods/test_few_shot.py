"""Few-shot unlearning: the loss by hand, what it may change, its controls, and the same bytes twice."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from expunge.bases.base import load, store_edit
from expunge.bases.condition import condition_of
from expunge.bases.denoising import add_noise, predict_noise
from expunge.bases.edits import normal_name
from expunge.bases.families import sd
from expunge.bases.sampling import sample_images
from expunge.bases.spec import load_spec
from expunge.bases.text import encode_prompts
from expunge.methods import METHODS, ConceptData, check_parameters, unlearn
from expunge.methods.few_shot import ascent_loss, keep_loss
from expunge.methods.training import samples, select_parameters, take
from tests.support import tiny

FAST = {"learning_rate": 1e-3, "steps": 3}
KEPT = ["a house", "a tree", "the sea"]


@dataclass(frozen=True)
class Named:
    id: str


@pytest.fixture(scope="module")
def bolt(tiny_base: Any) -> ConceptData:
    _, latents = sample_images(tiny_base, ["bolt"] * 4, [0, 1, 2, 3], return_latents=True)
    return ConceptData(Named("bolt"), latents, ("bolt", "the robot"), ("a photo of {}", "one {}"))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def cat(tiny_base: Any) -> ConceptData:
    _, latents = sample_images(tiny_base, ["cat"] * 2, [4, 5], return_latents=True)
    return ConceptData(Named("cat"), latents, ("cat",), ("a photo of {}",))  # type: ignore[arg-type]


def tensors(encoder: Any) -> dict[str, torch.Tensor]:
    return {normal_name(name): tensor.clone() for name, tensor in encoder.state_dict().items()}


def changed(base: Any, encoder: Any) -> set[str]:
    before, after = tensors(base.encoder), tensors(encoder)
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_the_loss_is_the_equation(tiny_base: Any) -> None:
    draw = torch.Generator().manual_seed(0)
    z0, noise = (torch.randn(2, 8, 16, 16, generator=draw) for _ in range(2))
    t = torch.tensor([5, 700])
    prompts = ["a photo of bolt", "one bolt"]
    betas = torch.linspace(0.0001**0.5, 0.02**0.5, 1000) ** 2  # "scaled_linear"
    abar = (1 - betas).cumprod(0)[t].reshape(2, 1, 1, 1)
    ids = tiny_base.t2i.tokenizer(prompts, padding="max_length", max_length=tiny.CONTEXT, return_tensors="pt").input_ids
    with torch.no_grad():
        c = tiny_base.encoder(ids).last_hidden_state
        eps = tiny_base.t2i.unet(abar.sqrt() * z0 + (1 - abar).sqrt() * noise, t, c).sample
        by_hand = -sum(float(((eps[i] - noise[i]) ** 2).mean()) for i in range(2)) / 2
        assert float(ascent_loss(tiny_base, tiny_base.encoder, prompts, z0, noise, t)) == pytest.approx(
            by_hand, rel=1e-5
        )


def test_the_gradient_reaches_the_encoder_alone(tiny_base: Any, bolt: ConceptData) -> None:
    denoiser = {name: p.clone() for name, p in tiny_base.t2i.unet.named_parameters()}
    original = tensors(tiny_base.encoder)
    result = unlearn("few-shot", tiny_base, [bolt], [], FAST, seed=0)
    assert all(torch.equal(p, denoiser[n]) and p.grad is None for n, p in tiny_base.t2i.unet.named_parameters())
    assert all(torch.equal(tensor, original[name]) for name, tensor in tensors(tiny_base.encoder).items())
    assert result.edit.unconditional is None and len(result.losses) == 3 and all(loss < 0 for loss in result.losses)
    assert result.changed_parameters > 0 and not any(p.requires_grad for p in result.edit.encoder.parameters())


@pytest.mark.parametrize("which", ["full", "mlp-final-attn", "mlp", "attn"])
def test_only_the_named_parameters_change(tiny_base: Any, bolt: ConceptData, which: str) -> None:
    result = unlearn("few-shot", tiny_base, [bolt], [], {**FAST, "trained": which}, seed=0)
    moved = changed(tiny_base, result.edit.encoder)
    named = {normal_name(name) for name in select_parameters(sd, tiny_base.encoder, which)}
    assert moved <= named and moved
    last_attention = {name for name in named if "layers.1.self_attn" in name}
    if which == "mlp-final-attn":
        assert last_attention and not any("layers.0.self_attn" in name for name in named)
        assert {name for name in named if ".mlp." in name} == {
            name for name in tensors(tiny_base.encoder) if ".mlp." in name
        }
        assert len(named) == 2 * 4 + 8
    if which == "full":
        assert len(named) == len(list(tiny_base.encoder.parameters())) and len(moved) > len(last_attention)
    before, after = tiny_base.encoder.state_dict(), result.edit.encoder.state_dict()
    count = sum(int((before[n].half() != after[n].half()).sum()) for n in before)
    assert result.changed_parameters == count


def test_mlp_final_attn_is_59_million_in_clip_l() -> None:
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        encoder = CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12))
    count = sum(p.numel() for p in select_parameters(sd, encoder, "mlp-final-attn").values())
    assert round(count / 1e6, 1) == 59.0
    assert round(sum(p.numel() for p in select_parameters(sd, encoder, "full").values()) / 1e6, 2) == 123.06


def test_ascent_ascends(tiny_base: Any, bolt: ConceptData) -> None:
    result = unlearn("few-shot", tiny_base, [bolt], [], {"learning_rate": 3e-3, "steps": 25}, seed=0)
    t, noise = torch.full((4,), 500), torch.randn(4, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    z_t = add_noise(tiny_base, bolt.latents, noise, t)

    def error(encoder: Any) -> float:
        c = condition_of(tiny_base, ["a photo of bolt"] * 4, encoder)
        return float((predict_noise(tiny_base, z_t, t, c) - noise).square().mean())

    with torch.no_grad():
        assert error(result.edit.encoder) > error(None)


def test_the_same_bytes_twice(tiny_base: Any, bolt: ConceptData, cat: ConceptData, tmp_path: Path) -> None:
    parameters = {**FAST, "keep": 1.0}
    torch.manual_seed(1)  # the global generator is not drawn from
    for name in ("one", "two"):
        result = unlearn("few-shot", tiny_base, [bolt, cat], KEPT, parameters, seed=7)
        store_edit(tiny_base, tmp_path / name, result.edit)
        torch.randn(5)
    assert (tmp_path / "one/model.safetensors").read_bytes() == (tmp_path / "two/model.safetensors").read_bytes()
    other = unlearn("few-shot", tiny_base, [bolt, cat], KEPT, parameters, seed=8)
    assert other.losses != result.losses


def test_a_joint_batch_takes_the_concepts_in_turn(tiny_base: Any, bolt: ConceptData, cat: ConceptData) -> None:
    drawn = take(samples([bolt, cat], torch.Generator().manual_seed(0)), 16)
    assert all("cat" in prompt for prompt, _ in drawn[1::2]) and not any("cat" in prompt for prompt, _ in drawn[::2])
    words = {prompt for prompt, _ in drawn[::2]}
    assert words <= {"a photo of bolt", "one bolt", "a photo of the robot", "one the robot"} and len(words) > 1
    epoch = [latents for _, latents in drawn[0:8:2]]
    assert all(sum(torch.equal(image, seen) for seen in epoch) == 1 for image in bolt.latents)
    seen: list[int] = []
    result = unlearn("few-shot", tiny_base, [bolt, cat], [], FAST, 0, log=lambda step, loss: seen.append(step))
    assert seen == [0, 1, 2] and len(result.losses) == 3


def test_the_original_unconditional_embedding_is_kept(tiny_base: Any, bolt: ConceptData) -> None:
    result = unlearn("few-shot", tiny_base, [bolt], [], {**FAST, "unconditional": "original"}, seed=0)
    assert result.edit.unconditional is not None and result.edit.unconditional.shape == (1, tiny.CONTEXT, 32)
    assert torch.equal(result.edit.unconditional, encode_prompts(tiny_base, [""]))
    assert not torch.equal(result.edit.unconditional, encode_prompts(tiny_base, [""], result.edit.encoder))


def test_kept_prompts_are_held(tiny_base: Any, bolt: ConceptData) -> None:
    with torch.no_grad():
        free, held = (
            unlearn("few-shot", tiny_base, [bolt], KEPT, {"learning_rate": 1e-3, "steps": 15, "keep": keep}, seed=0)
            for keep in (0.0, 100.0)
        )
        assert keep_loss(tiny_base, tiny_base.encoder, KEPT) == 0
        assert keep_loss(tiny_base, held.edit.encoder, KEPT) < 0.5 * keep_loss(tiny_base, free.edit.encoder, KEPT)


def test_what_cannot_work_is_said(tiny_base: Any, bolt: ConceptData) -> None:
    with pytest.raises(ValueError, match="no concept"):
        unlearn("few-shot", tiny_base, [], [], FAST, seed=0)
    with pytest.raises(ValueError, match="kept prompts"):
        unlearn("few-shot", tiny_base, [bolt], [], {**FAST, "keep": 1.0}, seed=0)
    empty = ConceptData(bolt.concept, bolt.latents[:0], bolt.names, bolt.templates)
    with pytest.raises(ValueError, match="bolt needs at least one image"):
        unlearn("few-shot", tiny_base, [empty], [], FAST, seed=0)
    broken = ConceptData(bolt.concept, bolt.latents * float("nan"), bolt.names, bolt.templates)
    with pytest.raises(FloatingPointError, match="at step 1; lower learning_rate"):
        unlearn("few-shot", tiny_base, [broken], [], FAST, seed=0)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"trained": "all"}, "one of full, mlp-final-attn"),
        ({"learning_rate": "1e-5"}, "a number from 1e-09 to 1, without quotes"),
        ({"learning_rate": float("nan")}, "a number"),
        ({"steps": 0}, "whole number"),
        ({"steps": 2.5}, "whole number"),
        ({"batch": True}, "whole number"),
        ({"keep": -1}, "a number from 0"),
        ({"unconditional": "none"}, "edited, original"),
        ({"stepz": 3}, "write steps"),
        ({"parameters": "full"}, "did you mean trained"),
    ],
)
def test_parameters_are_checked(parameters: dict[str, Any], match: str) -> None:
    problems = check_parameters("few-shot", parameters)
    assert len(problems) == 1 and match in problems[0][1]


@pytest.mark.parametrize("word", ["unet", "transformer"])
def test_the_denoiser_goes_by_one_word_in_all_families(word: str) -> None:
    for method in ("ablate", "esd"):
        said = check_parameters(method, {"trained": word})
        assert said == [(f"{method}: trained is '{word}', which is called denoiser here", "write `trained: denoiser`")]
        assert check_parameters(method, {"trained": "denoiser"}) == []
    assert "write one of full" in check_parameters("few-shot", {"trained": word})[0][1]  # it has no such value


def test_defaults_are_allowed_and_methods_are_named() -> None:
    for name, method in METHODS.items():
        assert check_parameters(name, method.defaults) == []
        assert callable(importlib.import_module(method.module).run)
    assert "few-shot" in check_parameters("nothing", {})[0][1]


def test_it_learns_in_bfloat16_too(tmp_path: Path, bolt: ConceptData) -> None:
    folder = tiny.make_base(tmp_path / "bases", dtype="bfloat16")
    result = unlearn("few-shot", load(load_spec("tiny", folder)), [bolt], [], FAST, seed=0)
    assert result.changed_parameters > 0
