"""Converts images to latents and back, with the VAE in float32."""

import numpy as np
import torch
from torch import Tensor

from expunge.bases.base import Base


@torch.no_grad()
def decode(base: Base, latents: Tensor) -> np.ndarray:
    """Latents (N, C, h, w) as the denoiser sees them -> images (N, H, W, 3) uint8."""
    vae, pictures = base.t2i.vae, []
    for part in latents.to(base.device, torch.float32).split(max(base.spec.t2i.batch, 1)):
        pixels = vae.decode(part / vae.config.scaling_factor + (vae.config.shift_factor or 0), return_dict=False)[0]
        pixels = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        pictures.append(pixels.permute(0, 2, 3, 1).cpu().numpy())
    return np.concatenate(pictures)


@torch.no_grad()
def encode_images(base: Base, images: np.ndarray) -> Tensor:
    """Images (N, H, W, 3) uint8 -> latents (N, C, h, w) float32 on the cpu: the mean of the VAE's posterior."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).to(base.device, torch.float32) / 127.5 - 1
    vae = base.t2i.vae
    means = [vae.encode(part).latent_dist.mean for part in pixels.split(max(base.spec.t2i.batch, 1))]
    return ((torch.cat(means) - (vae.config.shift_factor or 0)) * vae.config.scaling_factor).cpu()
