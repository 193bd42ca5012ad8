# ruff: noqa: F403
# mypy: disable-error-code="no-redef, assignment"
"""PixArt with Allegro: the same T5, and a transformer and a VAE of videos. What is not here is as in `pixart`.

Importing this module imports no torch, so `expunge validate` stays fast.
"""

from collections.abc import Mapping
from math import lcm
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from expunge.bases.families import pixart
from expunge.bases.families.names import Size, most
from expunge.bases.families.pixart import *

if TYPE_CHECKING:
    from torch import Tensor

NAME = "PixArt with Allegro"
T2V: Mapping[str, Mapping[str, Any]] = {"AllegroPipeline": {}}
SHARED_PARTS = ("text_encoder", "tokenizer", "scheduler")
MOVING, VAE = "AllegroTransformer3DModel", "AutoencoderKLAllegro"
VIDEO_PARTS = {"transformer": MOVING, "vae": VAE}
VIDEO_CLASSES = pixart.CLASSES | {"transformer": (MOVING,), "vae": (VAE,)}
FRAMES = "num_frames"
VIDEO_VAE, CARRIES_OVER = True, False


def frames(moving: Mapping[str, Any]) -> tuple[int | None, int | None]:
    return None, None


def fitting(size: Size, denoiser: Mapping[str, Any], vae: Mapping[str, Any]) -> Size:
    """AutoencoderKLAllegro decodes whole tiles alone, which overlap by 8 frames, 120 rows and 80 columns; what they do
    not reach is grey. The transformer cuts latents into patches, so both sides are multiples of those, too."""
    frames, height, width = size
    if frames is None:
        return pixart.fitting(size, denoiser, vae)
    side = vae.get("sample_size", 320)
    step = 8 * denoiser.get("patch_size", 2)
    whole = (lcm(side - 120, step), lcm(side - 80, step))
    return most(frames, 16, 24), most(height, whole[0], side), most(width, whole[1], side)


def encode_empty(pipe: Any, encoder: Any, ids: "Tensor", mask: "Tensor", skip: int | None, video: bool) -> "Tensor":
    return pixart.encode(encoder, ids, mask, skip)


def denoise(denoiser: Any, latents: "Tensor", timesteps: "Tensor", text: "Tensor", size: tuple[int, int]) -> "Tensor":
    if latents.ndim == 4:
        return pixart.denoise(denoiser, latents, timesteps, text, size)
    own = {"encoder_attention_mask": pixart.mask_of(text), "image_rotary_emb": positions(denoiser, latents)}
    out = denoiser(latents, encoder_hidden_states=text, timestep=timesteps, return_dict=False, **own)[0]
    return out  # type: ignore[no-any-return]


def positions(denoiser: Any, latents: "Tensor") -> Any:
    """The rotary embedding of latents (N, C, f, h, w) as the pipeline makes it."""
    from diffusers import AllegroPipeline

    pipe: Any = SimpleNamespace(transformer=denoiser, vae_scale_factor_spatial=1)
    batch, _, count, height, width = latents.shape
    make = AllegroPipeline._prepare_rotary_positional_embeddings
    return make(pipe, batch, height, width, count, latents.device)


def call(denoiser: Any, text: "Tensor", empty: "Tensor | None", video: bool) -> dict[str, Any]:
    given = pixart.call(denoiser, text, empty, False)  # embeddings with their masks
    if video:
        del given["use_resolution_binning"]
    return given


def fed(kwargs: dict[str, Any], frames: int | None, guided: bool) -> dict[str, Any]:
    """AllegroPipeline has a mask for embeddings, and hands it on."""
    return pixart.fed(kwargs, None, guided) if frames is None else kwargs


def decode(vae: Any, latents: "Tensor") -> "Tensor":
    if latents.ndim == 4:
        return pixart.decode(vae, latents)
    vae.enable_tiling()  # it has no other way
    return vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0].transpose(1, 2)  # type: ignore[no-any-return]
