"""The denoiser without the sampler: add noise to latents, predict, and give the target of that prediction."""

from typing import Any

from torch import Tensor

from expunge.bases.base import Base, autocast, denoiser_of
from expunge.bases.condition import Condition


def predict_noise(
    base: Base, latents: Tensor, timesteps: Tensor, condition: Condition, denoiser: Any | None = None
) -> Tensor:
    """The denoiser's output for noised latents, timesteps (N,) and a condition of N samples.

    The output is float32 and has the shape of the latents.

    :param latents: (N, C, h, w) for the T2I denoiser, (N, C, F, h, w) for the T2V one. :param denoiser: a changed
        denoiser in place of the base's own; gradients reach its parameters.
    """
    if latents.ndim == 5 and denoiser is None:
        denoiser = getattr(base.t2v, base.spec.family.DENOISER)
    denoiser = denoiser_of(base) if denoiser is None else denoiser
    settings = base.spec.t2v if latents.ndim == 5 else base.spec.t2i
    size = settings.height, settings.width
    with autocast(base):
        return base.spec.family.denoise(denoiser, latents, timesteps, condition.embeddings, size).float()


def add_noise(base: Base, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """z_t of z_0 and eps, (N, C, h, w) each, and timesteps (N,)."""
    return base.noise.add_noise(latents, noise, timesteps)


def target(base: Base, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """What the denoiser was trained to predict: the noise, a velocity, or the clean latents."""
    return base.noise.target(latents, noise, timesteps)
