"""Concept ablation: the target prompt's distribution is matched to the anchor prompt's.

Kumari et al., "Ablating Concepts in Text-to-Image Diffusion Models" (arXiv 2303.13516), section 3.

    z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps              z_0 of an anchor image, drawn for the anchor prompt c
    c*  = c with the target's name in place of the anchor; for a memorised picture, its caption (c is a paraphrase)
    model-based:  L = mean((eps_theta(z_t, t, E'(c*)) - sg[eps_theta(z_t, t, E'(c))])^2)
    noise-based:  L = mean((eps_theta(z_t, t, E'(c*)) - eps)^2)
    regularised:  L + lambda * mean((eps_theta(z_t, t, E'(c)) - eps)^2)

Either E' is trained and theta is frozen (`full`, `mlp-final-attn`, `mlp`, `attn`; `embedding`: the rows of the token
embedding that only the target's names use), or E' = E and theta is trained (`cross-attention`: the key and value
projections of the text, which get no gradient from the first position; `denoiser`: all of it). sg stops the gradient of
the network that is trained, as in the paper.
"""

import copy
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from expunge.bases.base import Base
from expunge.bases.condition import condition_of
from expunge.bases.denoising import add_noise, predict_noise, target
from expunge.bases.encoders import token_tables
from expunge.core.knobs import Knobs
from expunge.methods import ConceptData, Log, Unlearned
from expunge.methods.training import (
    denoiser_student,
    descend,
    noised,
    pick,
    require_cross_attention,
    shuffled,
    student,
    unlearned,
)

METHOD = {
    "images": "anchor",
    "anchor": "given",
    "knobs": {
        "objective": {"default": "model", "enum": ["model", "noise"],
                      "description": "what the target's prediction is matched to: the anchor's, or the noise"},
        "regularise": {"default": 0.0, "type": "number", "minimum": 0.0, "maximum": 1e6,
                       "description": "lambda: weight of the anchor's own loss"},
        "trained": {"default": "full",
                    "enum": ["full", "mlp-final-attn", "mlp", "attn", "embedding", "cross-attention", "denoiser"],
                    "description": "the part that is trained, of the encoder or of the denoiser"},
        "learning_rate": {"default": 1.6e-5, "type": "number", "minimum": 1e-9, "maximum": 1.0,
                          "description": "of Adam"},
        "steps": {"default": 100, "type": "integer", "minimum": 1, "maximum": 100000, "description": "of AdamW"},
        "batch": {"default": 8, "type": "integer", "minimum": 1, "maximum": 1024, "description": "images in a step"},
    },
}  # fmt: skip


def ablation_loss(
    base: Base,
    encoder: Any,
    anchors: Sequence[str],
    targets: Sequence[str],
    z0: Tensor,
    noise: Tensor,
    t: Tensor,
    objective: str,
    regularise: float = 0.0,
    denoiser: Any | None = None,
) -> Tensor:
    """L of the module's docstring, a scalar; z0 and noise (B, C, h, w), t (B,), a prompt c and a c* for each.

    :param denoiser: the denoiser that is trained; None: the base's own, frozen.
    """
    z_t, truth = add_noise(base, z0, noise, t), target(base, z0, noise, t)

    def eps(prompts: Sequence[str]) -> Tensor:
        return predict_noise(base, z_t, t, condition_of(base, prompts, encoder), denoiser)

    forgotten = eps(targets)
    if objective == "noise":
        goal = truth
    else:
        with torch.no_grad():
            goal = eps(anchors)
    loss = (forgotten - goal).square().mean()
    if regularise:
        loss = loss + regularise * (eps(anchors) - truth).square().mean()
    return loss


def own_tokens(base: Base, names: Sequence[str], anchors: Sequence[str], templates: Sequence[str] = ()) -> list[int]:
    """Ids of the tokens in the target's names that are in neither its anchors nor its templates. "a" is not an own
    token of "a cat" if a template contains it, even if the anchor ("an animal") does not."""
    others = [*anchors, *(template.replace("{}", " ") for template in templates)]
    own, others = (base.t2i.tokenizer(list(texts), add_special_tokens=False).input_ids for texts in (names, others))
    return sorted({token for ids in own for token in ids} - {token for ids in others for token in ids})


def anchors_of(data: ConceptData) -> tuple[str, ...]:
    return data.concept.paraphrases or ((data.concept.anchor,) if data.concept.anchor is not None else ())


def retold(data: ConceptData, prompt: str, name: str) -> str:
    """c*: the anchor's prompt with a name of the target in its place; for a memorised picture, its caption.

    An anchor can be "", as for a motion, whose words are left out: then the template says where the name stands.
    """
    if data.concept.paraphrases:
        return name
    anchor = str(data.concept.anchor)
    template = next((each for each in data.templates if each.replace("{}", anchor) == prompt), None)
    return prompt.replace(anchor, name) if template is None else template.replace("{}", name)


def run(
    base: Base, concepts: Sequence[ConceptData], kept: Sequence[str], knobs: Knobs, draw: torch.Generator, log: Log
) -> Unlearned:
    """Unlearn one concept, or several in turn. A concept's images show its anchor. Kept prompts are not used.

    :raises ValueError: the embedding is trained, and a target has no token of its own.
    """
    encoder, denoiser = base.encoder, None
    if knobs["trained"] == "embedding":
        encoder = copy.deepcopy(base.encoder).eval().requires_grad_(False)
        trained = _embedding_rows(base, encoder, concepts)
    elif knobs["trained"] in ("cross-attention", "denoiser"):
        if knobs["trained"] == "cross-attention":
            require_cross_attention(base)
        which = {"cross-attention": base.spec.family.reads_text, "denoiser": lambda _: True}[knobs["trained"]]
        denoiser, trained = denoiser_student(base, which)
        if knobs["trained"] == "cross-attention":
            stop_first_position(base, denoiser)
    else:
        encoder, trained = student(base, knobs["trained"])
    adam = torch.optim.AdamW(trained, lr=knobs["learning_rate"], weight_decay=0.0)
    images = [shuffled(list(zip(data.prompts, data.latents, strict=True)), draw) for data in concepts]
    turn = 0

    def loss_of(step: int) -> Tensor:
        nonlocal turn
        anchors, targets, latents = [], [], []
        for _ in range(knobs["batch"]):
            data, (prompt, latent) = concepts[turn % len(concepts)], next(images[turn % len(concepts)])
            turn += 1
            anchors.append(prompt)
            targets.append(retold(data, prompt, pick(data.names, draw)))
            latents.append(latent)
        drawn = noised(base, latents, draw)
        return ablation_loss(base, encoder, anchors, targets, *drawn, knobs["objective"], knobs["regularise"], denoiser)

    losses = descend(base, "ablate", adam, loss_of, knobs["steps"], log)
    return unlearned(base, losses, copy.deepcopy(encoder), denoiser=denoiser)


def stop_first_position(base: Base, denoiser: Any) -> None:
    """Give a denoiser's key and value projections of the text no gradient from the first position."""
    for name, module in denoiser.named_modules():
        if base.spec.family.reads_text(name):
            module.register_forward_hook(partial(_first_position_stopped, base.spec.family.STARTS))


def _first_position_stopped(starts: int, module: Any, inputs: Any, output: Tensor) -> Tensor:
    """Stop the gradient at the start token's position of (N, L, D), if there is one: every prompt has it, so what is
    learnt through it would change every prompt."""
    return torch.cat([output[:, :starts].detach(), output[:, starts:]], dim=1)


def _embedding_rows(base: Base, encoder: Any, concepts: Sequence[ConceptData]) -> list[torch.nn.Parameter]:
    """The token embedding of each text encoder; its gradient is zero except in the rows of the targets' own tokens.

    :raises ValueError: a target has no token of its own (`own_tokens`).
    """
    weights = [table.weight.requires_grad_(True) for table in token_tables(base.spec.family, encoder)]
    mask = torch.zeros(len(weights[0]), 1, device=weights[0].device)
    for data in concepts:
        rows = own_tokens(base, data.names, anchors_of(data), data.templates)
        if not rows:
            raise ValueError(
                f"ablate: {data.concept.id} has no token of its own beside its anchor's; train the encoder"
            )
        mask[rows] = 1
    for weight in weights:
        weight.register_hook(lambda gradient: gradient * mask)
    return weights
