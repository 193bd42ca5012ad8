# ruff: noqa: F403, F405
"""CogVideoX: T5 without a mask, joint attention over text and video, a VAE of videos. A picture is one frame.

Importing this module imports no torch, so `expunge validate` stays fast.
"""

from collections.abc import Callable, Iterable, Mapping
from math import lcm
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from expunge.bases.families.names import Size, most
from expunge.bases.families.one_pipeline import *
from expunge.bases.families.t5 import *

if TYPE_CHECKING:
    from torch import Tensor

NAME = "CogVideoX"
T2I: Mapping[str, Mapping[str, Any]] = {"CogVideoXPipeline": {}}
T2V = T2I
DENOISER_NAMES = (
    "transformer_blocks.", "patch_embed.", "time_embedding.", "norm_final.", "norm_out.", "proj_out.",
)  # fmt: skip
VIDEO_PARTS = {"transformer": "CogVideoXTransformer3DModel"}
MOVING = "CogVideoXTransformer3DModel"
PREDICTIONS = ("epsilon", "v_prediction", "sample")
ENCODER = "T5EncoderModel"
ENCODERS = {"text_encoder": ENCODER}
CLASSES = {
    "text_encoder": (ENCODER,), "transformer": (MOVING,), "vae": ("AutoencoderKLCogVideoX",),
    "tokenizer": TOKENIZER_CLASSES,
}  # fmt: skip
VIDEO_CLASSES = CLASSES
READS_PADDING, CAUSAL = True, False
CROSS_ATTENTION = False
SIZES = (("text_embed_dim", ("text_encoder",), "d_model"), ("in_channels", ("vae",), "latent_channels"))
LONGEST_PROMPT = 226  # tokens, the end included


def texts(prompts: Iterable[str]) -> list[str]:
    return list(prompts)


def light_tokenizer(folder: Path) -> tuple[Callable[[str], list[int] | None], int, int] | None:
    return tokenizer_in(folder, str, LONGEST_PROMPT)


def fitting(size: Size, denoiser: Mapping[str, Any], vae: Mapping[str, Any]) -> Size:
    frames, *sides = size
    step = lcm(8, 2 ** (len(vae.get("block_out_channels", [0] * 4)) - 1) * denoiser.get("patch_size", 2))
    height, width = (most(each, step) for each in sides)
    return None if frames is None else made_of(frames, vae.get("temporal_compression_ratio", 4)), height, width


def made_of(frames: int, each: int) -> int:
    """The most frames, but no more than `frames`, that the VAE makes: it decodes latent frames in pairs; of an odd
    number the first one becomes one frame, not `each`."""
    latents = (frames - 1) // each + 1
    if latents % 2:
        return (latents - 1) * each + 1
    return latents * each if latents * each <= frames else (latents - 2) * each + 1


def reads_text(module: str) -> bool:
    """Text and video share their projections."""
    return False


def attends_to_text(module: str) -> bool:
    return False


def encode(encoder: Any, ids: "Tensor", mask: "Tensor", skip: int | None) -> "Tensor":
    """The last hidden state. The encoder reads the padding like any token, and so does the denoiser."""
    return encoder(ids)[0]  # type: ignore[no-any-return]


def encode_empty(pipe: Any, encoder: Any, ids: "Tensor", mask: "Tensor", skip: int | None, video: bool) -> "Tensor":
    return encode(encoder, ids, mask, skip)


def text_maps(denoiser: Any) -> list["Tensor"]:
    return [denoiser.patch_embed.text_proj.weight]


def text_states(denoiser: Any, embeddings: "Tensor") -> "Tensor":
    return embeddings


def denoise(denoiser: Any, latents: "Tensor", timesteps: "Tensor", text: "Tensor", size: tuple[int, int]) -> "Tensor":
    """The transformer takes frames before channels. That of CogVideoX 1.5 reads them in pairs: the pipeline draws one
    more in front where their number is odd, and drops it; here the first one stands there twice."""
    z = latents.unsqueeze(1) if latents.ndim == 4 else latents.transpose(1, 2)
    more = -z.shape[1] % (denoiser.config.patch_size_t or 1)
    z = z[:, [0] * more + list(range(z.shape[1]))] if more else z
    out = denoiser(z, text, timesteps, image_rotary_emb=positions(denoiser, z), return_dict=False)[0][:, more:]
    return out[:, 0] if latents.ndim == 4 else out.transpose(1, 2)  # type: ignore[no-any-return]


def positions(denoiser: Any, latents: "Tensor") -> Any:
    """The rotary embedding of latents (N, f, C, h, w) as the pipeline makes it; None where the model adds its own."""
    from diffusers import CogVideoXPipeline

    if not denoiser.config.use_rotary_positional_embeddings:
        return None
    pipe: Any = SimpleNamespace(transformer=denoiser, vae_scale_factor_spatial=1)
    _, count, _, height, width = latents.shape
    return CogVideoXPipeline._prepare_rotary_positional_embeddings(pipe, height, width, count, latents.device)


def latents_of(result: "Tensor", frames: int | None) -> "Tensor":
    return result[:, 0] if frames is None else result.transpose(1, 2)


def decode(vae: Any, latents: "Tensor") -> "Tensor":
    z = latents / vae.config.scaling_factor
    if latents.ndim == 5:
        return vae.decode(z, return_dict=False)[0]  # type: ignore[no-any-return]
    return vae.decode(z.unsqueeze(2), return_dict=False)[0][:, :, 0]  # type: ignore[no-any-return]


def encode_pixels(vae: Any, pixels: "Tensor") -> "Tensor":
    mean = vae.encode(pixels.unsqueeze(2)).latent_dist.mean[:, :, 0]
    return mean * vae.config.scaling_factor  # type: ignore[no-any-return]
