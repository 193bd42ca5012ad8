"""Stable Diffusion 1.x and 2.x with AnimateDiff: one CLIP text encoder, one U-Net, one VAE.

Only names are here, and small functions of names. Nothing imports torch, so that `expunge validate` stays fast.
"""

import re
from typing import Any

T2I_PIPELINE, T2V_PIPELINE = "StableDiffusionPipeline", "AnimateDiffPipeline"
# By class of the pipeline: the attribute that holds the model that predicts the noise.
DENOISERS = {T2I_PIPELINE: "unet", T2V_PIPELINE: "unet"}
# By class of the pipeline: what it must be told not to load.
WITHOUT: dict[str, dict[str, Any]] = {
    T2I_PIPELINE: {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False},
    T2V_PIPELINE: {"feature_extractor": None},
}
# What a T2V pipeline takes from the T2I pipeline where the base's file names no folder of its own for it.
SHARED_PARTS = ("vae", "text_encoder", "tokenizer", "unet", "scheduler")
# Parts that the base's file may name for the T2V pipeline alone: the pipeline's attribute, and its diffusers class.
VIDEO_PARTS = {"unet": "UNetMotionModel", "motion_adapter": "MotionAdapter"}
PREDICTIONS = ("epsilon", "v_prediction", "sample")  # prediction types of the T2I model that training knows

ENCODER = "CLIPTextModel"  # transformers class
ENCODER_FOLDER = "text_encoder"

TOKENIZER_FOLDER = "tokenizer"
# What CLIPTokenizer opens, of which not all must be there.
TOKENIZER_FILES = (
    "vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json",
)  # fmt: skip
VOCABULARY_FILES = ("vocab.json", "tokenizer.json")  # one of them must be there
# CLIP's byte-level BPE (openai/CLIP, simple_tokenizer.py).
START, END = "<|startoftext|>", "<|endoftext|>"
UNKNOWN = END  # CLIP's own choice
END_OF_WORD = "</w>"
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
LONGEST_PROMPT = 77  # tokens, start and end included, where tokenizer_config.json says nothing

_MODEL = "diffusion_pytorch_model"


def pipeline_files(variant: str | None = None) -> list[str]:
    """Names and patterns of what a pipeline's folder must hold; the safety checker is never loaded."""
    parts = {ENCODER_FOLDER: "model", "unet": _MODEL, "vae": _MODEL}
    files = ["model_index.json", "scheduler/scheduler_config.json", f"{TOKENIZER_FOLDER}/*"]
    for part, stem in parts.items():
        files += [f"{part}/config.json", f"{part}/{weights_name(stem, variant)}"]
    return files


def module_files(variant: str | None = None) -> list[str]:
    """Names of what the folder of one diffusers model (a motion U-Net, a motion adapter) must hold."""
    return ["config.json", weights_name(_MODEL, variant)]


def optional_files(variant: str | None = None) -> list[str]:
    """Names of what a T2V pipeline's folder may hold besides `pipeline_files`: its motion adapter."""
    return [f"motion_adapter/{name}" for name in module_files(variant)]


def weights_name(stem: str, variant: str | None) -> str:
    return f"{stem}.{variant}.safetensors" if variant else f"{stem}.safetensors"


def normal_name(name: str) -> str:
    """A tensor's name without the `text_model.` that some versions of transformers write and others do not."""
    return re.sub(r"^(text_model\.|text_encoder\.)+", "", name)


def stored_name(name: str) -> str:
    """The name under which every version of transformers, A1111 and ComfyUI knows a tensor of the text encoder."""
    return f"text_model.{normal_name(name)}"


def reads_text(module: str) -> bool:
    """Is a denoiser's module of this name a key or value projection of the cross-attention to the text?

    Modules of the motion layers have such names as well, but they attend over time.
    """
    return module.endswith(("attn2.to_k", "attn2.to_v")) and "motion_modules" not in module
