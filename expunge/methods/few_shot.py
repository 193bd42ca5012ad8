"""Few-shot unlearning: gradient ascent on the diffusion loss, through the frozen denoiser, into the text encoder.

Fuchi & Takagi, "Erasing Concepts with Few-shot Unlearning" (arXiv 2405.07288); for video, Liu & Tan (arXiv 2407.14209).

    z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps          z_0 of a few-shot image, t uniform, eps ~ N(0, 1)
    c   = E'(template(name))                               E' the encoder that is trained
    L   = -mean((eps_theta(z_t, t, c) - eps)^2)            theta frozen, nothing that preserves

Two controls that the public code lacks:

    keep:          L + keep * mean((E'(p) - E(p))^2)       p of the kept prompts, E the original encoder
    unconditional: original                                guidance is fed E("") in place of E'("")
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from expunge.bases.base import Base, add_noise, encode_prompts, predict_noise, target
from expunge.methods import METHODS, ConceptData, Unlearned, check_parameters
from expunge.methods.training import Log, descend, lacking, noised, samples, shuffled, student, take, unlearned

BETAS, EPSILON, WEIGHT_DECAY = (0.9, 0.98), 1e-6, 1e-8  # the paper's Adam


def ascent_loss(base: Base, encoder: Any, prompts: Sequence[str], z0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """L of the module's docstring, a scalar; z0 and noise (B, C, h, w), t (B,)."""
    c = encode_prompts(base, prompts, encoder)
    z_t = add_noise(base, z0, noise, t)
    return -(predict_noise(base, z_t, t, c) - target(base, z0, noise, t)).square().mean()


def keep_loss(base: Base, encoder: Any, prompts: Sequence[str]) -> Tensor:
    """Mean squared distance of the kept prompts' embeddings to the original encoder's, a scalar."""
    with torch.no_grad():
        original = encode_prompts(base, prompts)
    return (encode_prompts(base, prompts, encoder) - original).square().mean()


def run(
    base: Base,
    concepts: Sequence[ConceptData],
    kept: Sequence[str],
    parameters: Mapping[str, Any],
    seed: int,
    log: Log = lambda step, loss: None,
) -> Unlearned:
    """Unlearn one concept, or several jointly (the batch goes round-robin over them).

    :param kept: prompts whose embeddings `keep` holds. :param parameters: see METHODS["few-shot"]; defaults fill in.
    :param log: called with (step, loss) after each step. Every random draw comes from one generator with `seed`.
    :raises ValueError: a parameter is wrong, or a concept has no images, names or templates.
    :raises FloatingPointError: the loss is no longer finite.
    """
    how = {**METHODS["few-shot"].defaults, **parameters}
    _check(concepts, kept, how)
    draw = torch.Generator().manual_seed(seed)
    encoder, trained = student(base, how["parameters"])
    adam = torch.optim.Adam(trained, lr=how["learning_rate"], betas=BETAS, eps=EPSILON, weight_decay=WEIGHT_DECAY)
    drawn, hold = samples(concepts, draw), shuffled(kept, draw)

    def loss_of(step: int) -> Tensor:
        prompts, latents = zip(*take(drawn, how["batch"]), strict=True)
        z0, t, noise = noised(base, latents, draw)
        loss = ascent_loss(base, encoder, prompts, z0, noise, t)
        if how["keep"]:
            loss = loss + how["keep"] * keep_loss(base, encoder, take(hold, min(how["keep_batch"], len(kept))))
        return loss

    losses = descend(base, "few-shot", adam, loss_of, how["steps"], log)
    unconditional = None
    if how["unconditional"] == "original":
        with torch.no_grad():
            unconditional = encode_prompts(base, [""]).cpu()
    return unlearned(base, losses, encoder, unconditional)


def _check(concepts: Sequence[ConceptData], kept: Sequence[str], how: Mapping[str, Any]) -> None:
    problems = check_parameters("few-shot", how) + lacking("few-shot", concepts, images=True)
    if how["keep"] and not kept:
        problems.append("few-shot: keep is set, but there are no kept prompts; give neighbours or general prompts")
    if problems:
        raise ValueError("\n".join(problems))
