# ruff: noqa: F403, F405
"""PixArt with Latte: one T5 encoder, and transformers that read its output through a projection, with a mask.

Importing this module imports no torch, so `expunge validate` stays fast.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expunge.bases.families.autoencoder_kl import *
from expunge.bases.families.names import MODEL
from expunge.bases.families.t5 import *

if TYPE_CHECKING:
    from torch import Tensor

NAME = "PixArt"
T2I: Mapping[str, Mapping[str, Any]] = {"PixArtAlphaPipeline": {}, "PixArtSigmaPipeline": {}}
T2V: Mapping[str, Mapping[str, Any]] = {"LattePipeline": {}}
DENOISER = "transformer"
DENOISER_NAMES = (
    "transformer_blocks.", "pos_embed.", "adaln_single.", "caption_projection.", "proj_out.", "scale_shift_table",
)  # fmt: skip
SHARED_PARTS = ("vae", "text_encoder", "tokenizer", "scheduler")
VIDEO_PARTS = {"transformer": "LatteTransformer3DModel"}
MOVING = "LatteTransformer3DModel"
PREDICTIONS = ("epsilon", "v_prediction", "sample")
ENCODER = "T5EncoderModel"
ENCODERS = {"text_encoder": ENCODER}
CLASSES = {
    "text_encoder": (ENCODER,), "transformer": ("PixArtTransformer2DModel", "Transformer2DModel"),
    "vae": ("AutoencoderKL",), "tokenizer": TOKENIZER_CLASSES,
}  # fmt: skip
VIDEO_CLASSES = CLASSES | {"transformer": ("LatteTransformer3DModel",)}
OTHER_PARTS = ("scheduler",)
MODELS = {"text_encoder": "model", "transformer": MODEL, "vae": MODEL}
OPTIONAL_MODELS: Sequence[str] = ()
FRAMES = "video_length"
READS_PADDING, TEXT_BY_FRAME = False, False
CAUSAL, CROSS_ATTENTION, CARRIES_OVER = False, True, True
UNREAD = 0
PICTURE_FRAMES = None
SIZES = (("caption_channels", ("text_encoder",), "d_model"), ("in_channels", ("vae",), "latent_channels"))
LONGEST_PROMPT = 120  # tokens, the end included: what LattePipeline reads
HIDDEN = -10000.0  # what diffusers adds to the attention to what a mask hides


def texts(prompts: Iterable[str]) -> list[str]:
    """As both pipelines do without `clean_caption`."""
    return [prompt.lower().strip() for prompt in prompts]


def frames(moving: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Latte adds an embedding of so many frames, no more and no fewer."""
    length = moving.get("video_length", 16)
    return (length, length) if isinstance(length, int) else (None, None)


def light_tokenizer(folder: Path) -> tuple[Callable[[str], list[int] | None], int, int] | None:
    return tokenizer_in(folder, lambda text: texts([text])[0], LONGEST_PROMPT)


def reads_text(module: str) -> bool:
    return module.endswith(("attn2.to_k", "attn2.to_v")) and not module.startswith("temporal")


def attends_to_text(module: str) -> bool:
    return "attn2" in module.split(".") and not module.startswith("temporal")


def encode(encoder: Any, ids: "Tensor", mask: "Tensor", skip: int | None) -> "Tensor":
    """The last hidden state, zero at padding: no denoiser of the family reads anything there."""
    return encoder(ids, attention_mask=mask)[0] * mask[..., None]  # type: ignore[no-any-return]


def encode_empty(pipe: Any, encoder: Any, ids: "Tensor", mask: "Tensor", skip: int | None, video: bool) -> "Tensor":
    """LattePipeline keeps what the encoder makes of the padding (`fed`)."""
    return encoder(ids, attention_mask=mask)[0] if video else encode(encoder, ids, mask, skip)  # type: ignore[no-any-return]


def latents_of(result: "Tensor", frames: int | None) -> "Tensor":
    return result


def text_maps(denoiser: Any) -> list["Tensor"]:
    """The captions' projection is linear_2 gelu(linear_1 e): its slope at 0 is half of the product."""
    project = denoiser.caption_projection
    slope = project.linear_2.weight @ project.linear_1.weight / 2
    return [module.weight @ slope for name, module in denoiser.named_modules() if reads_text(name)]


def text_states(denoiser: Any, embeddings: "Tensor") -> "Tensor":
    return denoiser.caption_projection(embeddings)  # type: ignore[no-any-return]


def mask_of(text: "Tensor") -> "Tensor":
    """(N, L): 1 at tokens, 0 at padding, of embeddings that `encode` made, or mixtures of such."""
    return (text.detach() != 0).any(-1).to(text.dtype)


def bias_of(mask: "Tensor", frames: int | None) -> "Tensor":
    """(N, 1, L), or (N frames, 1, L): what is added to the attention to each position, of a mask (N, L)."""
    bias = ((1 - mask) * HIDDEN).unsqueeze(1)
    return bias if frames is None else bias.repeat_interleave(frames, dim=0)


def denoise(denoiser: Any, latents: "Tensor", timesteps: "Tensor", text: "Tensor", size: tuple[int, int]) -> "Tensor":
    """Half of the channels may be a variance, which is left out, as the pipelines do."""
    frames = latents.shape[2] if latents.ndim == 5 else None
    own: dict[str, Any] = {"encoder_attention_mask": bias_of(mask_of(text), frames)}
    if frames is None:
        height, width = size  # PixArt-alpha's models of 1,024 pixels are told of them
        told = denoiser.config.use_additional_conditions
        sizes = {"resolution": [height, width], "aspect_ratio": [height / width]}
        own["added_cond_kwargs"] = {
            name: latents.new_tensor([each]).expand(len(latents), -1) if told else None for name, each in sizes.items()
        }
    out = denoiser(latents, timestep=timesteps, encoder_hidden_states=text, return_dict=False, **own)[0]
    return out[:, : latents.shape[1]]  # type: ignore[no-any-return]


def call(denoiser: Any, text: "Tensor", empty: "Tensor | None", video: bool) -> dict[str, Any]:
    given = {
        "prompt_embeds": text, "negative_prompt_embeds": empty, "negative_prompt": None, "clean_caption": False,
    }  # fmt: skip
    if video:
        return {**given, "mask_feature": False}  # it cuts what it encodes itself
    masks = {"prompt_attention_mask": mask_of(text)}
    masks |= {} if empty is None else {"negative_prompt_attention_mask": mask_of(empty)}
    return {**given, **masks, "use_resolution_binning": False}


def fed(kwargs: dict[str, Any], frames: int | None, guided: bool) -> dict[str, Any]:
    """LattePipeline has no mask for embeddings that are given to it: it lets all prompts of a batch see padding. Of the
    empty prompt it reads padding, too, as far as the prompt that it goes with has tokens."""
    mask = mask_of(kwargs["encoder_hidden_states"])
    if guided and frames is not None:
        half = len(mask) // 2
        whole = mask[:half].all(1, keepdim=True)  # else it is an embedding in the empty prompt's place
        mask[:half] = whole * mask[half:] + ~whole * mask[:half]
    return kwargs | {"encoder_attention_mask": bias_of(mask, frames)}
