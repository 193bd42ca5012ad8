# ruff: noqa: F401, F403, F405
"""Stable Diffusion XL with AnimateDiff: as Stable Diffusion, with two text encoders and a pooled text.

The denoiser reads the last but one hidden states of both encoders side by side, and the second's pooled text, which is
added to its timesteps. An embedding (N, L, D + P) holds both: its last P numbers are the pooled text at the first
position, and zero at all others.

Importing this module imports no torch, so `expunge validate` stays fast.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from expunge.bases.families import sd
from expunge.bases.families.autoencoder_kl import *
from expunge.bases.families.clip import *
from expunge.bases.families.sd import attends_to_text, fed, frames, latents_of, reads_text

if TYPE_CHECKING:
    from torch import Tensor

NAME = "Stable Diffusion XL"
T2I: Mapping[str, Mapping[str, Any]] = {
    "StableDiffusionXLPipeline": {"feature_extractor": None, "image_encoder": None, "add_watermarker": False}
}
T2V: Mapping[str, Mapping[str, Any]] = {"AnimateDiffSDXLPipeline": {"feature_extractor": None, "image_encoder": None}}
DENOISER = "unet"
ENCODERS = {"text_encoder": ENCODER, "text_encoder_2": PROJECTED}
TOKENIZERS = ("tokenizer", "tokenizer_2")
SHARED_PARTS = ("vae", *ENCODERS, *TOKENIZERS, "unet", "scheduler")
VIDEO_PARTS, MOVING = sd.VIDEO_PARTS, sd.MOVING
PREDICTIONS = sd.PREDICTIONS
CLASSES = sd.CLASSES | {"text_encoder_2": (PROJECTED,), "tokenizer_2": TOKENIZER_CLASSES}
VIDEO_CLASSES = CLASSES | {"unet": sd.VIDEO_CLASSES["unet"]}
OTHER_PARTS = ("scheduler", "feature_extractor", "image_encoder")
MODELS = sd.MODELS | {"text_encoder_2": "model"}
OPTIONAL_MODELS = sd.OPTIONAL_MODELS
FRAMES = sd.FRAMES
SKIPS, READS_PADDING, TEXT_BY_FRAME = True, True, False  # the pooled text is one for all frames
CUTS = False
CAUSAL, CROSS_ATTENTION, CARRIES_OVER = True, True, True
UNREAD = 1
PICTURE_FRAMES = None
NOT_READ = ("logit_scale",)
DENOISER_NAMES = sd.DENOISER_NAMES
INVERSIONS = False  # one would need a vector for each text encoder
SIZES = (
    ("cross_attention_dim", tuple(ENCODERS), "hidden_size"),
    ("in_channels", ("vae",), "latent_channels"),
    ("out_channels", ("vae",), "latent_channels"),
)
EXPORTS = ("diffusers", "encoder")
PADDING = 0  # the second tokenizer's "!"


def encode(encoder: Any, ids: "Tensor", mask: "Tensor", skip: int | None) -> "Tensor":
    """:param encoder: of both (bases/encoders.py). :param ids: the first tokenizer's; the second one pads otherwise."""
    import torch

    states, pooled = [], None
    for each, own in (encoder.text_encoder, ids), (encoder.text_encoder_2, ids.where(mask.bool(), PADDING)):
        result = each(own, output_hidden_states=True)
        states.append(result.hidden_states[-((skip or 0) + 2)])
        pooled = result[0]
    assert pooled is not None
    first = torch.nn.functional.pad(pooled.unsqueeze(1), (0, 0, 0, ids.shape[1] - 1))
    return torch.cat([*states, first], dim=-1)


def encode_empty(pipe: Any, encoder: Any, ids: "Tensor", mask: "Tensor", skip: int | None, video: bool) -> "Tensor":
    """Most models take zeros for the empty prompt. The others skip no layers of it."""
    empty = encode(encoder, ids, mask, None)
    return empty * 0 if pipe.config.force_zeros_for_empty_prompt else empty


def split(denoiser: Any, text: "Tensor") -> tuple["Tensor", "Tensor"]:
    """((N, L, D) the hidden states, (N, P) the pooled text)."""
    width = denoiser.config.cross_attention_dim
    width = width if isinstance(width, int) else width[0]
    return text[..., :width], text[:, 0, width:]


def text_maps(denoiser: Any) -> list["Tensor"]:
    """The projections of the cross-attention read the hidden states; one more reads the pooled text."""
    from torch.nn.functional import pad

    embed = denoiser.add_embedding.linear_1.weight
    pooled = embed.shape[1] - 6 * denoiser.config.addition_time_embed_dim
    states = [pad(each, (0, pooled)) for each in sd.text_maps(denoiser)]
    return [*states, pad(embed[:, :pooled], (states[0].shape[1] - pooled, 0))]


def text_states(denoiser: Any, embeddings: "Tensor") -> "Tensor":
    return split(denoiser, embeddings)[0]


def denoise(denoiser: Any, latents: "Tensor", timesteps: "Tensor", text: "Tensor", size: tuple[int, int]) -> "Tensor":
    """The sizes that the denoiser is told are those of a picture that was neither scaled nor cropped."""
    states, pooled = split(denoiser, text)
    if latents.ndim == 5:
        states = states.repeat_interleave(latents.shape[2], dim=0)
    sizes = latents.new_tensor([[*size, 0, 0, *size]]).expand(len(latents), -1)
    more = {"text_embeds": pooled, "time_ids": sizes}
    out = denoiser(latents, timesteps, encoder_hidden_states=states, added_cond_kwargs=more, return_dict=False)
    return out[0]  # type: ignore[no-any-return]


def call(denoiser: Any, text: "Tensor", empty: "Tensor | None", video: bool) -> dict[str, Any]:
    states, pooled = split(denoiser, text)
    given = {"prompt_embeds": states, "pooled_prompt_embeds": pooled}
    if empty is not None:
        none, pooled_none = split(denoiser, empty)
        given |= {"negative_prompt_embeds": none, "negative_pooled_prompt_embeds": pooled_none}
    return given
