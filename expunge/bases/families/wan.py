# ruff: noqa: F403, F405
# mypy: disable-error-code="no-redef, assignment"
"""Wan 2.1: a UMT5 encoder whose padding is zero, a flow, a VAE of videos. A picture is a video of one frame.

Importing this module imports no torch, so `expunge validate` stays fast.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expunge.bases.families import t5
from expunge.bases.families.names import Size, most
from expunge.bases.families.one_pipeline import *
from expunge.bases.families.t5 import *

if TYPE_CHECKING:
    from torch import Tensor

NAME = "Wan"
T2I: Mapping[str, Mapping[str, Any]] = {"WanPipeline": {}}
T2V = T2I
DENOISER_NAMES = ("blocks.", "patch_embedding.", "condition_embedder.", "proj_out.", "scale_shift_table")
VIDEO_PARTS = {"transformer": "WanTransformer3DModel"}
MOVING = "WanTransformer3DModel"
PREDICTIONS = ("flow_prediction",)
ENCODER = "UMT5EncoderModel"
ENCODERS = {"text_encoder": ENCODER}
CLASSES = {
    "text_encoder": (ENCODER,), "transformer": (MOVING,), "vae": ("AutoencoderKLWan",), "tokenizer": TOKENIZER_CLASSES,
}  # fmt: skip
VIDEO_CLASSES = CLASSES
READS_PADDING, CAUSAL = False, False
CROSS_ATTENTION = True
SIZES = (("text_dim", ("text_encoder",), "d_model"), ("in_channels", ("vae",), "z_dim"))
LONGEST_PROMPT = 512  # tokens, the end included


def texts(prompts: Iterable[str]) -> list[str]:
    """As WanPipeline cleans them."""
    import ftfy

    unescaped = (html.unescape(html.unescape(ftfy.fix_text(prompt))) for prompt in prompts)
    return [re.sub(r"\s+", " ", prompt).strip() for prompt in unescaped]


def light_tokenizer(folder: Path) -> tuple[Callable[[str], list[int] | None], int, int] | None:
    return tokenizer_in(folder, lambda text: texts([text])[0], LONGEST_PROMPT)


def encoder_shapes(config: Mapping[str, Any], biases: int = 1) -> dict[str, tuple[Any, ...] | None]:
    return t5.encoder_shapes(config, biases=config.get("num_layers") or 1)


def through(layer: Any, states: "Tensor", *rest: Any, **options: Any) -> Iterator[Any]:
    """:param rest: the mask; each layer of UMT5 has its own bias of positions."""
    return steps(layer, states, lambda attention, x: attention(x, attention_mask=rest[0]))


def fitting(size: Size, denoiser: Mapping[str, Any], vae: Mapping[str, Any]) -> Size:
    """The first latent frame becomes one frame, each other one four. The pipeline asks for sides of 16, and cuts what
    is no multiple of a patch."""
    frames, *sides = size
    step = lcm(16, vae.get("scale_factor_spatial", 8) * denoiser.get("patch_size", (1, 2, 2))[1])
    height, width = (most(each, step) for each in sides)
    return None if frames is None else most(frames, vae.get("scale_factor_temporal", 4), 1), height, width


def reads_text(module: str) -> bool:
    return module.endswith(("attn2.to_k", "attn2.to_v"))


def attends_to_text(module: str) -> bool:
    return "attn2" in module.split(".")


def encode(encoder: Any, ids: "Tensor", mask: "Tensor", skip: int | None) -> "Tensor":
    """The last hidden state, zero at padding, which the denoiser reads as such."""
    return encoder(ids, attention_mask=mask)[0] * mask[..., None]  # type: ignore[no-any-return]


def encode_empty(pipe: Any, encoder: Any, ids: "Tensor", mask: "Tensor", skip: int | None, video: bool) -> "Tensor":
    return encode(encoder, ids, mask, skip)


def text_maps(denoiser: Any) -> list["Tensor"]:
    """The text's embedder is linear_2 gelu(linear_1 e): its slope at 0 is half of the product."""
    project = denoiser.condition_embedder.text_embedder
    slope = project.linear_2.weight @ project.linear_1.weight / 2
    return [module.weight @ slope for name, module in denoiser.named_modules() if reads_text(name)]


def text_states(denoiser: Any, embeddings: "Tensor") -> "Tensor":
    return denoiser.condition_embedder.text_embedder(embeddings)  # type: ignore[no-any-return]


def denoise(denoiser: Any, latents: "Tensor", timesteps: "Tensor", text: "Tensor", size: tuple[int, int]) -> "Tensor":
    z = latents.unsqueeze(2) if latents.ndim == 4 else latents
    out = denoiser(z, timestep=timesteps, encoder_hidden_states=text, return_dict=False)[0]
    return out[:, :, 0] if latents.ndim == 4 else out  # type: ignore[no-any-return]


def latents_of(result: "Tensor", frames: int | None) -> "Tensor":
    return result[:, :, 0] if frames is None else result


def spread(vae: Any, like: "Tensor") -> tuple["Tensor", "Tensor"]:
    """(the mean, the standard deviation) of the VAE's latents, by channel, (1, C, 1, 1, 1)."""
    mean, std = (
        like.new_tensor(each).view(1, -1, 1, 1, 1) for each in (vae.config.latents_mean, vae.config.latents_std)
    )
    return mean, std


def decode(vae: Any, latents: "Tensor") -> "Tensor":
    z = latents if latents.ndim == 5 else latents.unsqueeze(2)
    mean, std = spread(vae, z)
    pixels = vae.decode(z * std + mean, return_dict=False)[0]
    return pixels if latents.ndim == 5 else pixels[:, :, 0]  # type: ignore[no-any-return]


def encode_pixels(vae: Any, pixels: "Tensor") -> "Tensor":
    z = vae.encode(pixels.unsqueeze(2)).latent_dist.mean
    mean, std = spread(vae, z)
    return ((z - mean) / std)[:, :, 0]  # type: ignore[no-any-return]
