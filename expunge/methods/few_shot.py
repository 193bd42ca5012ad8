"""Few-shot unlearning: gradient ascent on the diffusion loss, through the frozen denoiser, into the text encoder.

Fuchi & Takagi, "Erasing Concepts with Few-shot Unlearning" (arXiv 2405.07288); for video, Liu & Tan (arXiv 2407.14209).

    z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps          z_0 of a few-shot image, t uniform, eps ~ N(0, 1)
    c   = E'(template(name))                               E' the encoder that is trained
    L   = -mean((eps_theta(z_t, t, c) - eps)^2)            theta frozen, no term that preserves

Two controls that the public code lacks:

    keep:          L + keep * mean((E'(p) - E(p))^2)       p of the kept prompts, E the original encoder
    unconditional: original                                guidance uses E("") in place of E'("")
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from expunge.bases.base import Base
from expunge.bases.condition import condition_of
from expunge.bases.denoising import add_noise, predict_noise, target
from expunge.bases.text import encode_prompts
from expunge.core.knobs import Knobs
from expunge.methods import ConceptData, Log, Unlearned
from expunge.methods.training import descend, noised, samples, shuffled, student, take, unlearned

METHOD = {
    "images": "target",
    "kept": "keep",
    "knobs": {
        "trained": {"default": "full", "enum": ["full", "mlp-final-attn", "mlp", "attn"],
                    "description": "the part of the encoder that is trained"},
        "learning_rate": {"default": 1e-5, "type": "number", "minimum": 1e-9, "maximum": 1.0, "description": "of Adam"},
        "steps": {"default": 10, "type": "integer", "minimum": 1, "maximum": 100000, "description": "of Adam"},
        "batch": {"default": 2, "type": "integer", "minimum": 1, "maximum": 1024, "description": "images in a step"},
        "unconditional": {"default": "edited", "enum": ["edited", "original"],
                          "description": "whose embedding of the empty prompt guidance is fed: edited is as published"},
        "keep": {"default": 0.0, "type": "number", "minimum": 0.0, "maximum": 1e6,
                 "description": "weight of the kept prompts' loss"},
        "keep_batch": {"default": 8, "type": "integer", "minimum": 1, "maximum": 1024,
                       "description": "kept prompts in a step"},
    },
}  # fmt: skip
BETAS, EPSILON, WEIGHT_DECAY = (0.9, 0.98), 1e-6, 1e-8  # the paper's Adam


def ascent_loss(base: Base, encoder: Any, prompts: Sequence[str], z0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """L of the module's docstring, a scalar; z0 and noise (B, C, h, w), t (B,)."""
    c, z_t = condition_of(base, prompts, encoder), add_noise(base, z0, noise, t)
    return -(predict_noise(base, z_t, t, c) - target(base, z0, noise, t)).square().mean()


def keep_loss(base: Base, encoder: Any, prompts: Sequence[str]) -> Tensor:
    """Mean squared distance of the kept prompts' embeddings to the original encoder's, a scalar."""
    with torch.no_grad():
        original = encode_prompts(base, prompts)
    return (encode_prompts(base, prompts, encoder) - original).square().mean()


def run(
    base: Base, concepts: Sequence[ConceptData], kept: Sequence[str], knobs: Knobs, draw: torch.Generator, log: Log
) -> Unlearned:
    """Unlearn one concept, or several jointly: the batch takes them in turn. Kept prompts are used if `keep` is set."""
    encoder, trained = student(base, knobs["trained"])
    adam = torch.optim.Adam(trained, lr=knobs["learning_rate"], betas=BETAS, eps=EPSILON, weight_decay=WEIGHT_DECAY)
    drawn, hold = samples(concepts, draw), shuffled(kept, draw)

    def loss_of(step: int) -> Tensor:
        prompts, latents = zip(*take(drawn, knobs["batch"]), strict=True)
        loss = ascent_loss(base, encoder, prompts, *noised(base, latents, draw))
        if knobs["keep"]:
            held = take(hold, min(knobs["keep_batch"], len(kept)))
            loss = loss + knobs["keep"] * keep_loss(base, encoder, held)
        return loss

    losses = descend(base, "few-shot", adam, loss_of, knobs["steps"], log)
    unconditional = None
    if knobs["unconditional"] == "original":
        with torch.no_grad():
            unconditional = encode_prompts(base, [""]).cpu()
    return unlearned(base, losses, encoder, unconditional)
