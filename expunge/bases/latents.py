"""Converts images and videos to latents and back, with the VAE in float32."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from expunge.bases.base import Base


@torch.no_grad()
def decode(base: Base, latents: Tensor) -> np.ndarray:
    """Latents (N, C, h, w) as the denoiser sees them -> images (N, H, W, 3) uint8."""
    return _decoded(base, base.t2i.vae, latents)


@torch.no_grad()
def decode_videos(base: Base, latents: Tensor) -> np.ndarray:
    """Latents (N, C, f, h, w) -> videos (N, F, H, W, 3) uint8, with the T2V pipeline's VAE, which may be another than
    the T2I pipeline's. A VAE of pictures decodes each frame by itself.

    :raises ValueError: the base was loaded without its T2V pipeline.
    """
    if base.t2v is None:
        raise ValueError("the base was loaded without its T2V pipeline: load(spec, t2v=True)")
    vae, family = base.t2v.vae, base.spec.family
    if family.VIDEO_VAE:
        videos = [family.decode(vae, one) for one in latents.to(base.device, torch.float32).split(1)]
        return np.concatenate([_bytes(video.transpose(1, 2).flatten(0, 1))[None] for video in videos])
    frames = _decoded(base, vae, latents.transpose(1, 2).flatten(0, 1))
    return frames.reshape(len(latents), -1, *frames.shape[1:])


@torch.no_grad()
def encode_images(base: Base, images: np.ndarray) -> Tensor:
    """Images (N, H, W, 3) uint8 -> latents (N, C, h, w) float32 on the cpu: the mean of the VAE's posterior."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).to(base.device, torch.float32) / 127.5 - 1
    parts = pixels.split(max(base.spec.t2i.batch, 1))
    return torch.cat([base.spec.family.encode_pixels(base.t2i.vae, part) for part in parts]).cpu()


def _decoded(base: Base, vae: Any, latents: Tensor) -> np.ndarray:
    parts = latents.to(base.device, torch.float32).split(max(base.spec.t2i.batch, 1))
    return np.concatenate([_bytes(base.spec.family.decode(vae, part)) for part in parts])


def _bytes(pixels: Tensor) -> np.ndarray:
    """(N, 3, H, W) in [-1, 1] -> (N, H, W, 3) uint8."""
    pixels = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).cpu().numpy()
