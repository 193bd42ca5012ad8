"""ESD in the text encoder: training turns the prediction for the concept away from the concept.

Gandikota et al., "Erasing Concepts from Diffusion Models" (arXiv 2303.07345); the paper edits the denoiser:

    goal = eps_theta(z_t, t, E("")) - eta * (eps_theta(z_t, t, E(c)) - eps_theta(z_t, t, E("")))
    L    = mean((eps_theta(z_t, t, E'(c)) - goal)^2)    theta frozen, E original, E' trained

z_t is a noised few-shot image of the concept, in place of the half-denoised samples of the paper.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from expunge.bases.base import Base
from expunge.bases.condition import condition_of
from expunge.bases.denoising import add_noise, predict_noise
from expunge.core.knobs import Knobs
from expunge.methods import ConceptData, Log, Unlearned
from expunge.methods.training import descend, noised, samples, student, take, unlearned

METHOD = {
    "images": "target",
    "knobs": {
        "eta": {"default": 1.0, "type": "number", "minimum": 0.0, "maximum": 100.0,
                "description": "how far the prediction is turned away from the concept"},
        "trained": {"default": "full", "enum": ["full", "mlp-final-attn", "mlp", "attn"],
                    "description": "the part of the encoder that is trained"},
        "learning_rate": {"default": 1e-5, "type": "number", "minimum": 1e-9, "maximum": 1.0, "description": "of Adam"},
        "steps": {"default": 100, "type": "integer", "minimum": 1, "maximum": 100000, "description": "of Adam"},
        "batch": {"default": 2, "type": "integer", "minimum": 1, "maximum": 1024, "description": "images in a step"},
    },
}  # fmt: skip


def esd_loss(
    base: Base, encoder: Any, prompts: Sequence[str], z0: Tensor, noise: Tensor, t: Tensor, eta: float
) -> Tensor:
    """L of the module's docstring, a scalar; z0 and noise (B, C, h, w), t (B,)."""
    z_t = add_noise(base, z0, noise, t)
    with torch.no_grad():
        null = predict_noise(base, z_t, t, condition_of(base, [""] * len(prompts)))
        towards = predict_noise(base, z_t, t, condition_of(base, prompts)) - null
    predicted = predict_noise(base, z_t, t, condition_of(base, prompts, encoder))
    return (predicted - (null - eta * towards)).square().mean()


def run(
    base: Base, concepts: Sequence[ConceptData], kept: Sequence[str], knobs: Knobs, draw: torch.Generator, log: Log
) -> Unlearned:
    """Unlearn one concept, or several jointly: the batch takes them in turn. Kept prompts are not used."""
    encoder, trained = student(base, knobs["trained"])
    adam = torch.optim.Adam(trained, lr=knobs["learning_rate"])
    drawn = samples(concepts, draw)

    def loss_of(step: int) -> Tensor:
        prompts, latents = zip(*take(drawn, knobs["batch"]), strict=True)
        return esd_loss(base, encoder, prompts, *noised(base, latents, draw), knobs["eta"])

    return unlearned(base, descend(base, "esd", adam, loss_of, knobs["steps"], log), encoder)
