"""What families share whose VAE is an AutoencoderKL of pictures. Importing it imports no torch."""

from collections.abc import Mapping
from math import lcm
from typing import TYPE_CHECKING, Any

from expunge.bases.families.names import Size, most

if TYPE_CHECKING:
    from torch import Tensor

VIDEO_VAE = False


def fitting(size: Size, denoiser: Mapping[str, Any], vae: Mapping[str, Any]) -> Size:
    """Each frame is a picture. The pipelines ask for multiples of 8; a transformer cuts latents into patches."""
    frames, *sides = size
    step = lcm(8, 2 ** (len(vae.get("block_out_channels", [0] * 4)) - 1) * denoiser.get("patch_size", 1))
    height, width = (most(each, step) for each in sides)
    return frames, height, width


def scale(pipe: Any) -> int:
    return int(pipe.vae_scale_factor)


def decode(vae: Any, latents: "Tensor") -> "Tensor":
    return vae.decode(latents / vae.config.scaling_factor + (vae.config.shift_factor or 0), return_dict=False)[0]  # type: ignore[no-any-return]


def encode_pixels(vae: Any, pixels: "Tensor") -> "Tensor":
    mean = vae.encode(pixels).latent_dist.mean
    return (mean - (vae.config.shift_factor or 0)) * vae.config.scaling_factor  # type: ignore[no-any-return]
