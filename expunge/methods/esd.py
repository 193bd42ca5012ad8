"""ESD's target, in the text encoder: the concept's prediction is turned round, away from the concept.

Gandikota et al., "Erasing Concepts from Diffusion Models" (arXiv 2303.07345), whose denoiser is edited there:

    goal = eps_theta(z_t, t, E("")) - eta * (eps_theta(z_t, t, E(c)) - eps_theta(z_t, t, E("")))
    L    = mean((eps_theta(z_t, t, E'(c)) - goal)^2)    theta frozen, E original, E' trained

z_t is a noised few-shot image of the concept; the paper takes half-denoised samples, which these stand for.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from expunge.bases.base import Base, add_noise, encode_prompts, predict_noise
from expunge.methods import METHODS, ConceptData, Unlearned, check_parameters
from expunge.methods.training import Log, descend, lacking, noised, samples, student, take, unlearned


def esd_loss(
    base: Base, encoder: Any, prompts: Sequence[str], z0: Tensor, noise: Tensor, t: Tensor, eta: float
) -> Tensor:
    """L of the module's docstring, a scalar; z0 and noise (B, C, h, w), t (B,)."""
    z_t = add_noise(base, z0, noise, t)
    with torch.no_grad():
        null = predict_noise(base, z_t, t, encode_prompts(base, [""] * len(prompts)))
        towards = predict_noise(base, z_t, t, encode_prompts(base, prompts)) - null
    return (
        (predict_noise(base, z_t, t, encode_prompts(base, prompts, encoder)) - (null - eta * towards)).square().mean()
    )


def run(
    base: Base,
    concepts: Sequence[ConceptData],
    kept: Sequence[str],
    parameters: Mapping[str, Any],
    seed: int,
    log: Log = lambda step, loss: None,
) -> Unlearned:
    """Unlearn one concept, or several jointly (the batch goes round-robin over them).

    :param kept: not read: the method has no term for it. :param parameters: see METHODS["esd"].
    :raises ValueError: a parameter is wrong, or a concept has no images, names or templates.
    :raises FloatingPointError: the loss is no longer finite.
    """
    how = {**METHODS["esd"].defaults, **parameters}
    problems = check_parameters("esd", how) + lacking("esd", concepts, images=True)
    if problems:
        raise ValueError("\n".join(problems))
    draw = torch.Generator().manual_seed(seed)
    encoder, trained = student(base, how["parameters"])
    adam = torch.optim.Adam(trained, lr=how["learning_rate"])
    drawn = samples(concepts, draw)

    def loss_of(step: int) -> Tensor:
        prompts, latents = zip(*take(drawn, how["batch"]), strict=True)
        z0, t, noise = noised(base, latents, draw)
        return esd_loss(base, encoder, prompts, z0, noise, t, how["eta"])

    return unlearned(base, descend(base, "esd", adam, loss_of, how["steps"], log), encoder)
