"""Names of files and tensors that all families share."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from expunge.bases.families import Family

Size = tuple[int | None, int, int]  # frames (None: a picture), height and width in pixels
FLOW = "flow_prediction"
ENCODER_FOLDER = "text_encoder"
TOKENIZER_FOLDER = "tokenizer"
MODEL = "diffusion_pytorch_model"  # stem of the weights' file of a diffusers model
RENAMED = {"Transformer2DModel": "PixArtTransformer2DModel"}  # what older folders call a class of diffusers
IGNORED = ("position_ids",)  # ends of the names of tensors that older files hold and no model reads any more


def pipeline_files(family: "Family", variant: str | None = None) -> list[str]:
    """Names and patterns of the files that a pipeline's folder must hold; what OTHER_PARTS names is never loaded."""
    files = ["model_index.json", "scheduler/scheduler_config.json", *(f"{each}/*" for each in family.TOKENIZERS)]
    for part, stem in family.MODELS.items():
        if part not in family.OPTIONAL_MODELS:
            files += [f"{part}/config.json", f"{part}/{weights_name(stem, variant)}"]
    return files


def settings_files(family: "Family") -> list[str]:
    """Names and patterns of the files of a pipeline's folder without its weights."""
    return [name for name in pipeline_files(family) if not name.endswith(".safetensors")]


def module_files(variant: str | None = None) -> list[str]:
    """Names of the files that the folder of one diffusers model must hold."""
    return ["config.json", weights_name(MODEL, variant)]


def optional_files(family: "Family", variant: str | None = None) -> list[str]:
    """Names of files that a T2V pipeline's folder may hold besides `pipeline_files`."""
    return [f"{part}/{name}" for part in family.OPTIONAL_MODELS for name in module_files(variant)]


def encoder_folders(family: "Family") -> list[str]:
    """Where the text encoders lie in an edit's folder: the first in the folder itself."""
    return [".", *list(family.ENCODERS)[1:]]


def encoder_name(name: str, part: str) -> str:
    """What the text encoders together call a tensor of one of them (bases/encoders.py)."""
    return name if part == ENCODER_FOLDER else f"{part}.{name}"


def most(size: int, step: int, fewest: int = 0) -> int:
    """The largest of fewest, fewest + step, fewest + 2 step, ... that is no more than `size`; 0 if there is none."""
    return fewest + (size - fewest) // step * step if size >= fewest else 0


def weights_name(stem: str, variant: str | None) -> str:
    return f"{stem}.{variant}.safetensors" if variant else f"{stem}.safetensors"


def index_name(weights: str) -> str:
    """The name of the index that stands for a weights file which is cut into pieces: "a/model.fp16.safetensors" ->
    "a/model.safetensors.index.fp16.json", as transformers and diffusers write it."""
    folder, slash, file = weights.rpartition("/")
    stem, *variant, kind = file.split(".")
    return folder + slash + ".".join([stem, kind, "index", *variant, "json"])


def prediction_of(scheduler: Mapping[str, Any]) -> str:
    """What the model of a scheduler's config.json predicts."""
    flows = str(scheduler.get("_class_name", "")).startswith("FlowMatch")
    return FLOW if flows else str(scheduler.get("prediction_type", "epsilon"))


def longest_prompt(tokenizer: Path, otherwise: int) -> int:
    """How many tokens a tokenizer's folder says that a prompt may have."""
    file = tokenizer / "tokenizer_config.json"
    settings = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return int(settings.get("model_max_length", otherwise))


def normal_name(name: str) -> str:
    """A tensor's name without its prefix `text_model.`, which only some versions of transformers write, and without
    that of the first text encoder."""
    return re.sub(r"^(text_encoder_\d\.)?(text_model\.|text_encoder\.)*", r"\1", name)
