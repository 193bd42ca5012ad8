"""What families share whose one pipeline, with one transformer and a VAE of videos, draws both: a picture is a video of
one frame. Importing it imports no torch."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from expunge.bases.families.names import MODEL

if TYPE_CHECKING:
    from torch import Tensor

DENOISER = "transformer"
SHARED_PARTS = ("vae", "text_encoder", "tokenizer", "scheduler", "transformer")
OTHER_PARTS = ("scheduler",)
MODELS = {"text_encoder": "model", "transformer": MODEL, "vae": MODEL}
OPTIONAL_MODELS: Sequence[str] = ()
FRAMES = "num_frames"
TEXT_BY_FRAME, UNREAD = False, 0
PICTURE_FRAMES = 1
VIDEO_VAE = CARRIES_OVER = True


def frames(moving: Mapping[str, Any]) -> tuple[int | None, int | None]:
    return None, None


def scale(pipe: Any) -> int:
    return int(pipe.vae_scale_factor_spatial)


def call(denoiser: Any, text: "Tensor", empty: "Tensor | None", video: bool) -> dict[str, Any]:
    return {"prompt_embeds": text, "negative_prompt_embeds": empty}


def fed(kwargs: dict[str, Any], frames: int | None, guided: bool) -> dict[str, Any]:
    return kwargs
