"""The papers' other methods and the baselines: each loss by hand, what is trained, and what is refused."""

import copy
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from expunge.bases.base import denoiser_of
from expunge.bases.families.sd import reads_text
from expunge.bases.sampling import sample_images
from expunge.bases.text import encode_prompts
from expunge.methods import ConceptData, ablate, esd, for_several, kept_words, uce, unlearn
from expunge.methods.training import denoiser_student

FAST = {"steps": 2, "batch": 2, "learning_rate": 1e-3}
DRAW = torch.Generator().manual_seed(0)
Z0, NOISE = (torch.randn(2, 8, 16, 16, generator=DRAW) for _ in range(2))
T = torch.tensor([5, 700])
ANCHORS, TARGETS = ["a photo of a toy", "one toy"], ["a photo of bolt", "one bolt"]


@dataclass(frozen=True)
class Named:
    id: str
    anchor: str | None = "a toy"
    paraphrases: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()


@pytest.fixture(scope="module")
def bolt(tiny_base: Any) -> ConceptData:
    prompts = ("a photo of a toy", "one a toy")
    _, latents = sample_images(tiny_base, prompts, [0, 1], return_latents=True)
    templates = ("a photo of {}", "one {}")
    return ConceptData(Named("bolt"), latents, ("bolt",), templates, prompts, ("a toy",))  # type: ignore[arg-type]


def noised() -> Tensor:
    betas = torch.linspace(0.0001**0.5, 0.02**0.5, 1000) ** 2  # "scaled_linear"
    abar = (1 - betas).cumprod(0)[T].reshape(2, 1, 1, 1)
    return abar.sqrt() * Z0 + (1 - abar).sqrt() * NOISE


def eps(base: Any, prompts: list[str], encoder: Any = None) -> Tensor:
    with torch.no_grad():
        return base.t2i.unet(noised(), T, encode_prompts(base, prompts, encoder)).sample


def mean_square(a: Tensor, b: Tensor) -> float:
    return sum(float(((a[i] - b[i]) ** 2).mean()) for i in range(2)) / 2


def test_ablation_losses_are_the_equations(tiny_base: Any) -> None:
    forgotten, anchor = eps(tiny_base, TARGETS), eps(tiny_base, ANCHORS)

    def loss(objective: str, regularise: float = 0.0) -> float:
        args = (tiny_base, tiny_base.encoder, ANCHORS, TARGETS, Z0, NOISE, T, objective, regularise)
        with torch.no_grad():
            return float(ablate.ablation_loss(*args))

    assert loss("model") == pytest.approx(mean_square(forgotten, anchor), rel=1e-4)
    assert loss("noise") == pytest.approx(mean_square(forgotten, NOISE), rel=1e-4)
    both = mean_square(forgotten, anchor) + 0.5 * mean_square(anchor, NOISE)
    assert loss("model", 0.5) == pytest.approx(both, rel=1e-4)


def test_the_anchors_branch_gets_no_gradient(tiny_base: Any) -> None:
    """With target and anchor the same prompt the loss and its gradient are 0: sg is applied to the tuned network."""
    encoder = copy.deepcopy(tiny_base.encoder).requires_grad_(True)
    loss = ablate.ablation_loss(tiny_base, encoder, ANCHORS, ANCHORS, Z0, NOISE, T, "model")
    loss.backward()
    assert loss.item() == 0 and all(p.grad is None or not p.grad.any() for p in encoder.parameters())
    ablate.ablation_loss(tiny_base, encoder, ANCHORS, TARGETS, Z0, NOISE, T, "model").backward()
    assert any(p.grad is not None and p.grad.any() for p in encoder.parameters())


def test_embedding_moves_the_targets_own_tokens_alone(tiny_base: Any, bolt: ConceptData) -> None:
    result = unlearn("ablate", tiny_base, [bolt], [], {**FAST, "trained": "embedding"}, seed=0)
    before, after = tiny_base.encoder.state_dict(), result.edit.encoder.state_dict()
    moved = [name for name in before if not torch.equal(before[name], after[name])]
    assert len(moved) == 1 and "token_embedding" in moved[0]
    rows = (before[moved[0]] != after[moved[0]]).any(1).nonzero().flatten().tolist()
    assert rows == ablate.own_tokens(tiny_base, ["bolt"], ["a toy"], bolt.templates) and rows


def test_an_article_is_nobodys_own_token(tiny_base: Any) -> None:
    article = tiny_base.t2i.tokenizer(["a"], add_special_tokens=False).input_ids[0]
    own = ablate.own_tokens(tiny_base, ["a bolt"], ["toys"], ["a photo of {}"])
    assert own and not set(article) & set(own)
    assert set(article) <= set(ablate.own_tokens(tiny_base, ["a bolt"], ["toys"]))


def test_a_memorised_captions_goal_is_its_paraphrases(
    tiny_base: Any, bolt: ConceptData, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def loss(base: Any, encoder: Any, anchors: list[str], targets: list[str], *rest: Any) -> Tensor:
        seen.extend(zip(anchors, targets, strict=True))
        return encode_prompts(base, targets, encoder).square().mean()

    monkeypatch.setattr(ablate, "ablation_loss", loss)
    picture = replace(bolt, concept=Named("x", None, ("a photo of a toy", "one a toy")), names=("the comet",))
    unlearn("ablate", tiny_base, [picture], [], FAST, seed=0)
    assert {target for _, target in seen} == {"the comet"} and {anchor for anchor, _ in seen} == set(bolt.prompts)


def test_parameters_of_a_joint_encoder() -> None:
    alone = {"steps": 60, "rank": 2, "learning_rate": 0.008, "keep": 1.0}
    assert for_several("distil", alone, 1) == alone
    many = for_several("distil", alone, 16)
    assert (many["steps"], many["rank"], many["keep"]) == (120, 32, 1.0)
    assert for_several("distil", alone, 8)["learning_rate"] == pytest.approx(0.004)
    assert for_several("few-shot", {"steps": 30, "learning_rate": 1e-5}, 4) == {"steps": 120, "learning_rate": 1e-5}
    assert for_several("negative", {}, 4) == {}


def test_an_empty_anchor_leaves_the_names_place_to_the_template(bolt: ConceptData) -> None:
    motion = replace(bolt, concept=Named("spinning", ""), templates=("a cat {}", "a {} cat on the beach"))
    assert ablate.retold(motion, "a cat ", "spinning") == "a cat spinning"
    assert ablate.retold(motion, "a  cat on the beach", "spinning") == "a spinning cat on the beach"
    assert ablate.retold(bolt, "two of a toy", "bolt") == "two of bolt"  # drawn for a prompt of its own


def test_esd_loss_is_the_equation(tiny_base: Any) -> None:
    null, towards = eps(tiny_base, ["", ""]), eps(tiny_base, TARGETS)
    goal = null - 2.0 * (towards - null)
    with torch.no_grad():
        loss = float(esd.esd_loss(tiny_base, tiny_base.encoder, TARGETS, noised(), T, eta=2.0))
    assert loss == pytest.approx(mean_square(towards, goal), rel=1e-4)


def test_a_half_denoised_sample_is_what_ddim_makes_of_noise(tiny_base: Any) -> None:
    """The tiny base takes two steps, so a sample is the noise itself, or what one step with guidance makes of it."""
    seen = {}
    for seed in range(8):
        draw = torch.Generator().manual_seed(seed)
        z, t = esd.half_denoised(tiny_base, tiny_base.encoder, None, TARGETS, 3.0, draw)
        draw.manual_seed(seed)
        first = int(torch.randint(2, (1,), generator=draw)) == 0
        noise = torch.randn(2, 8, 16, 16, generator=draw)
        seen[first] = t
        if first:
            assert torch.equal(z, noise)
            continue
        start = seen.get(True, torch.tensor([501, 501]))
        with torch.no_grad():
            null, towards = (
                tiny_base.t2i.unet(noise, start, encode_prompts(tiny_base, prompts)).sample
                for prompts in (["", ""], TARGETS)
            )
        guided = null + 3.0 * (towards - null)
        abar = tiny_base.noise.noise.alphas_cumprod
        now, then = abar[start[0]], abar[t[0]]
        clean = (noise - (1 - now).sqrt() * guided) / now.sqrt()
        assert torch.allclose(z, then.sqrt() * clean + (1 - then).sqrt() * guided, atol=1e-4)
    assert seen.keys() == {True, False} and (seen[True] > seen[False]).all()


@pytest.mark.parametrize("which", ["cross-attention", "denoiser", "mlp"])
def test_esd_trains_the_denoiser_or_the_encoder(tiny_base: Any, bolt: ConceptData, which: str) -> None:
    result = unlearn("esd", tiny_base, [bolt], [], {**FAST, "trained": which}, seed=0)
    before, after = tiny_base.encoder.state_dict(), result.edit.encoder.state_dict()
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert bool(changed) == (which == "mlp") and bool(result.edit.denoiser) == (which != "mlp")
    within = [".attn2." in name for name in result.edit.denoiser]
    assert all(within) == (which != "denoiser")
    if which == "cross-attention":
        assert {name.split(".attn2.")[1].split(".")[0] for name in result.edit.denoiser} == {
            "to_q",
            "to_k",
            "to_v",
            "to_out",
        }


@pytest.mark.parametrize("which", ["cross-attention", "denoiser"])
def test_ablate_can_train_the_denoiser(tiny_base: Any, bolt: ConceptData, which: str) -> None:
    result = unlearn("ablate", tiny_base, [bolt], [], {**FAST, "trained": which}, seed=0)
    before, after = tiny_base.encoder.state_dict(), result.edit.encoder.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    text = [name for name in result.edit.denoiser if name.endswith(("attn2.to_k.weight", "attn2.to_v.weight"))]
    assert text and (len(text) < len(result.edit.denoiser)) == (which == "denoiser") and result.changed_parameters > 0


def test_the_start_token_sends_no_gradient_into_cross_attention(tiny_base: Any) -> None:
    """Of an output summed over positions, d/dW is the sum of the inputs at all positions but the first."""
    denoiser, trained = denoiser_student(tiny_base, reads_text)
    ablate.stop_first_position(tiny_base, denoiser)
    module = next(m for n, m in denoiser.named_modules() if n.endswith("attn2.to_k"))
    words = torch.randn(2, 5, module.in_features, generator=torch.Generator().manual_seed(0))
    module(words).sum().backward()
    assert any(module.weight is parameter for parameter in trained)
    assert torch.allclose(module.weight.grad, words[:, 1:].sum((0, 1)).expand_as(module.weight), atol=1e-5)


def test_uce_is_the_minimum_of_its_objective() -> None:
    """At W' = W M the objective's gradient, written out by autograd, is 0."""
    draw = torch.Generator().manual_seed(0)
    c, goal, k, w = (torch.randn(n, 4, generator=draw, dtype=torch.float64) for n in (3, 3, 5, 2))
    matrix = uce.edit_matrix(c, goal, k, keep=0.7, ridge=0.1)
    new = (w @ matrix).requires_grad_(True)
    loss = (c @ new.T - goal @ w.T).square().sum() + 0.7 * (k @ new.T - k @ w.T).square().sum()
    loss = loss + 0.1 * (new - w).square().sum()
    loss.backward()
    assert new.grad is not None and float(new.grad.abs().max()) < 1e-10
    assert torch.allclose(uce.edit_matrix(c, c, k, 0.7, 0.1), torch.eye(4, dtype=torch.float64))


def test_uce_moves_the_name_to_the_anchor(tiny_base: Any, bolt: ConceptData) -> None:
    edit = unlearn("uce", tiny_base, [bolt], ["a photo of a cat"], {"ridge": 1e-3}, seed=0).edit
    assert edit.denoiser and all(name.endswith(("attn2.to_k.weight", "attn2.to_v.weight")) for name in edit.denoiser)
    own = dict(denoiser_of(tiny_base).named_parameters())
    with torch.no_grad():
        target, anchor = (encode_prompts(tiny_base, [words]) for words in ("bolt", "a toy"))
        for name, change in edit.denoiser.items():
            weight = own[name]
            far = (target - anchor)[:, 1:] @ weight.T
            left = target[:, 1:] @ (weight + change).T - anchor[:, 1:] @ weight.T
            assert left.square().mean() < 0.3 * far.square().mean()


def test_uce_counts_the_vocabularys_prompts_together_as_the_lists(
    tiny_base: Any, bolt: ConceptData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_words, "vocabulary", lambda _, count, draw: ["owl", "lamp", "moon"][:count])
    given = {}

    def matrix(*args: Any) -> Tensor:
        given.update(zip(("targets", "anchors", "kept"), args, strict=False))
        return torch.eye(32, dtype=torch.float64)

    monkeypatch.setattr(uce, "edit_matrix", matrix)
    unlearn("uce", tiny_base, [bolt], ["a house"], {"others": 3, "alike": 0.0}, seed=0)
    listed, words = given["kept"].unflatten(0, (8, -1)).split([2, 6])
    assert torch.allclose(listed, encode_prompts(tiny_base, ["", "a house"]), atol=1e-6)
    moon = encode_prompts(tiny_base, ["a photo of moon"])[0] * (2 / 6) ** 0.5
    assert any(torch.allclose(row, moon, atol=1e-6) for row in words)
    assert len(given["targets"]) == 3 * (listed.shape[1] - 1)  # the name, and in two templates
    unlearn("uce", tiny_base, [bolt], ["a house"], {"others": 0, "expand": False}, seed=0)
    assert len(given["kept"]) == 2 * listed.shape[1] and len(given["targets"]) == listed.shape[1] - 1


def test_the_negative_prompt_names_members_and_is_never_cut(tiny_base: Any, bolt: ConceptData) -> None:
    several = replace(bolt, concept=replace(bolt.concept, members=("a cat", "a dog")))  # type: ignore[type-var]
    result = unlearn("negative", tiny_base, [several], [], {}, seed=0)
    whole = encode_prompts(tiny_base, [f"{bolt.names[0]}, a cat, a dog"])
    assert result.edit.unconditional is not None and torch.equal(result.edit.unconditional, whole)
    with pytest.raises(ValueError, match="tokens in one negative prompt, of which"):
        unlearn("negative", tiny_base, [bolt] * 200, [], {}, seed=0)


def test_the_negative_prompt_is_the_name_and_nothing_is_trained(tiny_base: Any, bolt: ConceptData) -> None:
    result = unlearn("negative", tiny_base, [bolt], [], {}, seed=0)
    assert result.edit.unconditional is not None and result.changed_parameters == 0 and result.losses == []
    assert torch.equal(result.edit.unconditional, encode_prompts(tiny_base, ["bolt"]))


@pytest.mark.parametrize("name", ["ablate", "esd"])
def test_trained_methods_are_deterministic(tiny_base: Any, bolt: ConceptData, name: str) -> None:
    runs = [unlearn(name, tiny_base, [bolt], [], FAST, seed=3) for _ in range(2)]
    assert runs[0].losses == runs[1].losses and len(runs[0].losses) == 2 and runs[0].changed_parameters > 0
    assert unlearn(name, tiny_base, [bolt], [], FAST, seed=4).losses != runs[0].losses


def test_what_is_missing_is_said_at_once(tiny_base: Any) -> None:
    bare = ConceptData(Named("bolt", None), torch.zeros(0), ("bolt",), ("{}",))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"(?s)no parameter 'speed'.*one image.*no anchor"):
        unlearn("ablate", tiny_base, [bare], [], {"speed": 1}, seed=0)
    with pytest.raises(ValueError, match="one image"):
        unlearn("few-shot", tiny_base, [bare], [], {}, seed=0)
    with pytest.raises(ValueError, match="no anchor"):
        unlearn("uce", tiny_base, [bare], [], {}, seed=0)
