# ruff: noqa: F403, F405
"""Stable Diffusion 1.x and 2.x with AnimateDiff: one CLIP text encoder, one U-Net, one VAE.

Importing this module imports no torch, so `expunge validate` stays fast.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from expunge.bases.families.autoencoder_kl import *
from expunge.bases.families.clip import *
from expunge.bases.families.names import MODEL

if TYPE_CHECKING:
    from torch import Tensor

NAME = "Stable Diffusion"
T2I: Mapping[str, Mapping[str, Any]] = {
    "StableDiffusionPipeline": {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
}
T2V: Mapping[str, Mapping[str, Any]] = {"AnimateDiffPipeline": {"feature_extractor": None}}
DENOISER = "unet"
SHARED_PARTS = ("vae", "text_encoder", "tokenizer", "unet", "scheduler")
VIDEO_PARTS = {"unet": "UNetMotionModel", "motion_adapter": "MotionAdapter"}
MOVING = "UNetMotionModel"
PREDICTIONS = ("epsilon", "v_prediction", "sample")
ENCODERS = {"text_encoder": ENCODER}
CLASSES = {
    "text_encoder": (ENCODER,), "unet": ("UNet2DConditionModel",), "vae": ("AutoencoderKL",),
    "motion_adapter": ("MotionAdapter",), "tokenizer": TOKENIZER_CLASSES,
}  # fmt: skip
VIDEO_CLASSES = CLASSES | {"unet": ("UNetMotionModel", "UNet2DConditionModel")}  # it may hold the motion modules itself
OTHER_PARTS = ("scheduler", "safety_checker", "feature_extractor", "image_encoder")
MODELS = {"text_encoder": "model", "unet": MODEL, "vae": MODEL, "motion_adapter": MODEL}
OPTIONAL_MODELS = ("motion_adapter",)
TOKENIZERS = ("tokenizer",)
FRAMES = "num_frames"
SKIPS, READS_PADDING, TEXT_BY_FRAME = True, True, True
CUTS = False
CAUSAL, CROSS_ATTENTION, CARRIES_OVER = True, True, True
UNREAD = 0
PICTURE_FRAMES = None
NOT_READ = ("text_projection.weight", "logit_scale")
DENOISER_NAMES = (
    "down_blocks.", "up_blocks.", "mid_block.", "conv_in.", "conv_out.", "conv_norm_out.", "time_embedding.",
)  # fmt: skip
INVERSIONS = True
SIZES = (
    ("cross_attention_dim", ("text_encoder",), "hidden_size"),
    ("in_channels", ("vae",), "latent_channels"),
    ("out_channels", ("vae",), "latent_channels"),
)
EXPORTS = ("diffusers", "single-file", "lora", "comfyui", "encoder")

# Prefixes of the tensors of a checkpoint in the original layout (CompVis, Stability), by part.
CHECKPOINT_PREFIXES = {
    "text_encoder": ("cond_stage_model.transformer.", "cond_stage_model.model."),
    "unet": ("model.diffusion_model.",),
    "vae": ("first_stage_model.",),
}


def frames(moving: Mapping[str, Any]) -> tuple[int | None, int | None]:
    longest = moving.get("motion_max_seq_length", 32)
    return None, longest if isinstance(longest, int) else None


def reads_text(module: str) -> bool:
    """Modules of the motion layers have such names as well, but they attend over time."""
    return module.endswith(("attn2.to_k", "attn2.to_v")) and "motion_modules" not in module


def attends_to_text(module: str) -> bool:
    return "attn2" in module.split(".") and "motion_modules" not in module


def encode(encoder: Any, ids: "Tensor", mask: "Tensor", skip: int | None) -> "Tensor":
    """The last hidden state after the final layer norm; with `skip`, that so many layers before, after the same norm.
    Padding is not hidden, as in diffusers, except where config.json asks for it."""
    hidden = mask if getattr(encoder.config, "use_attention_mask", False) else None
    if skip is None:
        return encoder(ids, attention_mask=hidden)[0]  # type: ignore[no-any-return]
    states = encoder(ids, attention_mask=hidden, output_hidden_states=True).hidden_states
    norm = getattr(encoder, "text_model", encoder).final_layer_norm  # transformers 5 has no inner text_model
    return norm(states[-(skip + 1)])  # type: ignore[no-any-return]


def encode_empty(pipe: Any, encoder: Any, ids: "Tensor", mask: "Tensor", skip: int | None, video: bool) -> "Tensor":
    return encode(encoder, ids, mask, skip)


def latents_of(result: "Tensor", frames: int | None) -> "Tensor":
    return result


def text_maps(denoiser: Any) -> list["Tensor"]:
    return [module.weight for name, module in denoiser.named_modules() if reads_text(name)]


def text_states(denoiser: Any, embeddings: "Tensor") -> "Tensor":
    return embeddings


def denoise(denoiser: Any, latents: "Tensor", timesteps: "Tensor", text: "Tensor", size: tuple[int, int]) -> "Tensor":
    if latents.ndim == 5:
        text = text.repeat_interleave(latents.shape[2], dim=0)  # one for each frame, as the pipeline does
    return denoiser(latents, timesteps, encoder_hidden_states=text, return_dict=False)[0]  # type: ignore[no-any-return]


def call(denoiser: Any, text: "Tensor", empty: "Tensor | None", video: bool) -> dict[str, Any]:
    return {"prompt_embeds": text, "negative_prompt_embeds": empty}


def fed(kwargs: dict[str, Any], frames: int | None, guided: bool) -> dict[str, Any]:
    return kwargs
