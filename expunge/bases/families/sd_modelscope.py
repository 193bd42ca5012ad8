# ruff: noqa: F403
# mypy: disable-error-code="no-redef, assignment"
"""Stable Diffusion 2.x with ModelScope and ZeroScope: the same CLIP and VAE, and a U-Net of videos. What is not here is
as in `sd`.

Importing this module imports no torch, so `expunge validate` stays fast.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from expunge.bases.families import sd
from expunge.bases.families.names import MODEL
from expunge.bases.families.sd import *

if TYPE_CHECKING:
    from torch import Tensor

NAME = "Stable Diffusion with ModelScope"
T2V: Mapping[str, Mapping[str, Any]] = {"TextToVideoSDPipeline": {}}
SHARED_PARTS = ("vae", "text_encoder", "tokenizer", "scheduler")
MOVING = "UNet3DConditionModel"
VIDEO_PARTS = {"unet": MOVING}
CLASSES = {part: kinds for part, kinds in sd.CLASSES.items() if part != "motion_adapter"}
VIDEO_CLASSES = CLASSES | {"unet": (MOVING,)}
MODELS = {"text_encoder": "model", "unet": MODEL, "vae": MODEL}
OPTIONAL_MODELS: Sequence[str] = ()
TEXT_BY_FRAME = False
OVER_TIME = ("temp_attentions", "transformer_in")  # attend to other frames, under the names of a cross-attention


def frames(moving: Mapping[str, Any]) -> tuple[int | None, int | None]:
    return None, None


def reads_text(module: str) -> bool:
    return sd.reads_text(module) and not set(OVER_TIME) & set(module.split("."))


def attends_to_text(module: str) -> bool:
    return sd.attends_to_text(module) and not set(OVER_TIME) & set(module.split("."))


def text_maps(denoiser: Any) -> list["Tensor"]:
    return [module.weight for name, module in denoiser.named_modules() if reads_text(name)]


def denoise(denoiser: Any, latents: "Tensor", timesteps: "Tensor", text: "Tensor", size: tuple[int, int]) -> "Tensor":
    """The U-Net of videos repeats the text itself."""
    return denoiser(latents, timesteps, encoder_hidden_states=text, return_dict=False)[0]  # type: ignore[no-any-return]
