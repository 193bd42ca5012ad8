"""Stable Diffusion 1.x and 2.x with AnimateDiff: one CLIP text encoder, one U-Net, one VAE.

This module holds only names and small functions of names. It does not import torch, so `expunge validate` stays fast.
"""

import re
from typing import Any

T2I_PIPELINE, T2V_PIPELINE = "StableDiffusionPipeline", "AnimateDiffPipeline"
# {pipeline's class: its attribute that holds the denoiser}
DENOISERS = {T2I_PIPELINE: "unet", T2V_PIPELINE: "unet"}
# {pipeline's class: arguments that keep it from loading parts that are not needed}
WITHOUT: dict[str, dict[str, Any]] = {
    T2I_PIPELINE: {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False},
    T2V_PIPELINE: {"feature_extractor": None},
}
# Parts that a T2V pipeline takes from the T2I pipeline if the base's file names no folder for the T2V pipeline.
SHARED_PARTS = ("vae", "text_encoder", "tokenizer", "unet", "scheduler")
# Parts that the base's file may name only for the T2V pipeline: {the pipeline's attribute: the part's diffusers class}
VIDEO_PARTS = {"unet": "UNetMotionModel", "motion_adapter": "MotionAdapter"}
PREDICTIONS = ("epsilon", "v_prediction", "sample")  # prediction types of the T2I model that training supports

ENCODER = "CLIPTextModel"  # transformers class
ENCODER_FOLDER = "text_encoder"
# {part of a pipeline: the classes that it may have}
CLASSES = {
    ENCODER_FOLDER: (ENCODER,), "unet": ("UNet2DConditionModel",), "vae": ("AutoencoderKL",),
    "motion_adapter": ("MotionAdapter",), "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
}  # fmt: skip
# As CLASSES, for a T2V pipeline: its denoiser may hold the motion modules itself.
VIDEO_CLASSES = CLASSES | {"unet": ("UNetMotionModel", "UNet2DConditionModel")}
# Parts of a pipeline's folder that are not loaded, or that are no model.
OTHER_PARTS = ("scheduler", "safety_checker", "feature_extractor", "image_encoder")
IGNORED = ("position_ids",)  # ends of the names of tensors that older files hold and no model reads any more

TOKENIZER_FOLDER = "tokenizer"
# The files that CLIPTokenizer opens; some of them may be missing.
TOKENIZER_FILES = (
    "vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json",
)  # fmt: skip
VOCABULARY_FILES = ("vocab.json", "tokenizer.json")  # one of them must be there
# CLIP's byte-level BPE (openai/CLIP, simple_tokenizer.py).
START, END = "<|startoftext|>", "<|endoftext|>"
UNKNOWN = END  # as in CLIP
END_OF_WORD = "</w>"
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
LONGEST_PROMPT = 77  # tokens, start and end included, where tokenizer_config.json says nothing

MODEL = "diffusion_pytorch_model"  # stem of the weights' file of a diffusers model
# {part of a pipeline that is a model: stem of its weights' file}
MODELS = {ENCODER_FOLDER: "model", "unet": MODEL, "vae": MODEL, "motion_adapter": MODEL}


def pipeline_files(variant: str | None = None) -> list[str]:
    """Names and patterns of the files that a pipeline's folder must hold; the safety checker is never loaded."""
    files = ["model_index.json", "scheduler/scheduler_config.json", f"{TOKENIZER_FOLDER}/*"]
    for part in (ENCODER_FOLDER, "unet", "vae"):
        files += [f"{part}/config.json", f"{part}/{weights_name(MODELS[part], variant)}"]
    return files


def settings_files() -> list[str]:
    """Names and patterns of the files of a pipeline's folder without its weights."""
    return [name for name in pipeline_files() if not name.endswith(".safetensors")]


def module_files(variant: str | None = None) -> list[str]:
    """Names of the files that the folder of one diffusers model (a motion U-Net, a motion adapter) must hold."""
    return ["config.json", weights_name(MODEL, variant)]


def optional_files(variant: str | None = None) -> list[str]:
    """Names of the files of a motion adapter, which a T2V pipeline's folder may hold besides `pipeline_files`."""
    return [f"motion_adapter/{name}" for name in module_files(variant)]


def weights_name(stem: str, variant: str | None) -> str:
    return f"{stem}.{variant}.safetensors" if variant else f"{stem}.safetensors"


def normal_name(name: str) -> str:
    """A tensor's name without its prefix `text_model.`, which only some versions of transformers write."""
    return re.sub(r"^(text_model\.|text_encoder\.)+", "", name)


def stored_name(name: str) -> str:
    """The name under which every version of transformers, A1111 and ComfyUI knows a tensor of the text encoder."""
    return f"text_model.{normal_name(name)}"


def reads_text(module: str) -> bool:
    """Is a denoiser's module of this name a key or value projection of the cross-attention to the text?

    Modules of the motion layers have such names as well, but they attend over time.
    """
    return module.endswith(("attn2.to_k", "attn2.to_v")) and "motion_modules" not in module


def attends_to_text(module: str) -> bool:
    """Is a denoiser's module of this name a part of its cross-attention to the text?"""
    return "attn2" in module.split(".") and "motion_modules" not in module


def encoder_names(layers: int) -> set[str]:
    """The normalised names of all tensors of a CLIP text encoder with so many layers."""
    names = {"embeddings.token_embedding.weight", "embeddings.position_embedding.weight"}
    modules = [f"self_attn.{part}_proj" for part in "qkv"] + ["self_attn.out_proj", "layer_norm1", "layer_norm2"]
    inner = [f"encoder.layers.{i}.{m}" for i in range(layers) for m in (*modules, "mlp.fc1", "mlp.fc2")]
    return names | {f"{module}.{kind}" for module in (*inner, "final_layer_norm") for kind in ("weight", "bias")}


# Prefixes of the tensors of a checkpoint in the original layout (CompVis, Stability), by part.
CHECKPOINT_PREFIXES = {
    ENCODER_FOLDER: ("cond_stage_model.transformer.", "cond_stage_model.model."),
    "unet": ("model.diffusion_model.",),
    "vae": ("first_stage_model.",),
}
