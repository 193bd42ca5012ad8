"""ESD: training turns the prediction for the concept away from the concept.

Gandikota et al., "Erasing Concepts from Diffusion Models" (arXiv 2303.07345), equation 7:

    goal = eps_theta(z_t, t, E("")) - eta * (eps_theta(z_t, t, E(c)) - eps_theta(z_t, t, E("")))
    L    = mean((eps_theta'(z_t, t, E'(c)) - goal)^2)              theta and E are the original's

z_t is a sample for c that is denoised as far as t, with guidance, by what is trained: no images are needed. The paper's
own: E' = E, and theta' is trained, its cross-attention (ESD-x: `cross-attention`) or all of it (ESD-u: `denoiser`). The
other choices of `trained` apply the same target to the text encoder: theta' = theta, and E' is trained.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from expunge.bases.base import Base, denoiser_of
from expunge.bases.condition import condition_of, joined
from expunge.bases.denoising import predict_noise
from expunge.core.knobs import Knobs
from expunge.methods import ConceptData, Log, Unlearned
from expunge.methods.training import denoiser_student, descend, pick, require_cross_attention, student, unlearned

METHOD = {
    "knobs": {
        "eta": {"default": 1.0, "type": "number", "minimum": 0.0, "maximum": 100.0,
                "description": "how far the prediction is turned away from the concept"},
        "guidance": {"default": 3.0, "type": "number", "minimum": 0.0, "maximum": 100.0,
                     "description": "of the samples that are half denoised"},
        "trained": {"default": "cross-attention",
                    "enum": ["cross-attention", "denoiser", "full", "mlp-final-attn", "mlp", "attn"],
                    "description": "the part that is trained, of the denoiser or of the encoder"},
        "learning_rate": {"default": 1e-5, "type": "number", "minimum": 1e-9, "maximum": 1.0, "description": "of Adam"},
        "steps": {"default": 1000, "type": "integer", "minimum": 1, "maximum": 100000, "description": "of Adam"},
        "batch": {"default": 1, "type": "integer", "minimum": 1, "maximum": 1024, "description": "samples in a step"},
    },
}  # fmt: skip


def esd_loss(
    base: Base, encoder: Any, prompts: Sequence[str], z_t: Tensor, t: Tensor, eta: float, denoiser: Any | None = None
) -> Tensor:
    """L of the module's docstring, a scalar; z_t (B, C, h, w), t (B,).

    :param denoiser: the denoiser that is trained; None: the base's own, frozen.
    """
    with torch.no_grad():
        null = predict_noise(base, z_t, t, condition_of(base, [""] * len(prompts)))
        towards = predict_noise(base, z_t, t, condition_of(base, prompts)) - null
    predicted = predict_noise(base, z_t, t, condition_of(base, prompts, encoder), denoiser)
    return (predicted - (null - eta * towards)).square().mean()


@torch.no_grad()
def half_denoised(
    base: Base, encoder: Any, denoiser: Any | None, prompts: Sequence[str], guidance: float, draw: torch.Generator
) -> tuple[Tensor, Tensor]:
    """(z_t (B, C, h, w), t (B,)): noise, denoised for the prompts to a timestep of DDIM (of a flow, of Euler's method)
    that is drawn at random."""
    schedule = base.noise.stepper()
    schedule.set_timesteps(base.spec.t2i.steps, device=base.device)
    last = int(torch.randint(len(schedule.timesteps), (1,), generator=draw))
    height, width = (size // base.spec.family.scale(base.t2i) for size in (base.spec.t2i.height, base.spec.t2i.width))
    channels = denoiser_of(base).config.in_channels
    z = torch.randn(len(prompts), channels, height, width, generator=draw).to(base.device)
    both = joined([condition_of(base, [""] * len(prompts), encoder), condition_of(base, prompts, encoder)])
    for t in schedule.timesteps[:last]:
        null, towards = predict_noise(base, torch.cat([z, z]), t.expand(2 * len(z)), both, denoiser).chunk(2)
        z = schedule.step(null + guidance * (towards - null), t, z).prev_sample
    return z, schedule.timesteps[last].expand(len(z))


def run(
    base: Base, concepts: Sequence[ConceptData], kept: Sequence[str], knobs: Knobs, draw: torch.Generator, log: Log
) -> Unlearned:
    """Unlearn one concept, or several jointly: the batch takes them in turn. Kept prompts are not used."""
    encoder, denoiser = copy.deepcopy(base.encoder), None
    if knobs["trained"] == "cross-attention":
        require_cross_attention(base)
    if knobs["trained"] in ("cross-attention", "denoiser"):
        denoiser, trained = denoiser_student(
            base, base.spec.family.attends_to_text if knobs["trained"] != "denoiser" else lambda _: True
        )
    else:
        encoder, trained = student(base, knobs["trained"])
    adam = torch.optim.Adam(trained, lr=knobs["learning_rate"])
    turn = 0

    def loss_of(step: int) -> Tensor:
        nonlocal turn
        some = [concepts[(turn + i) % len(concepts)] for i in range(knobs["batch"])]
        turn += len(some)
        prompts = [pick(data.templates, draw).replace("{}", pick(data.names, draw)) for data in some]
        z_t, t = half_denoised(base, encoder, denoiser, prompts, knobs["guidance"], draw)
        return esd_loss(base, encoder, prompts, z_t, t, knobs["eta"], denoiser)

    return unlearned(base, descend(base, "esd", adam, loss_of, knobs["steps"], log), encoder, denoiser=denoiser)
