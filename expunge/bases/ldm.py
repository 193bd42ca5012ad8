"""The names of tensors in a checkpoint of one file, in the layout of CompVis' and Stability's code ("LDM").

cond_stage_model.transformer.text_model...     the text encoder of SD 1.x, under transformers' names
cond_stage_model.model....                     that of SD 2.x, under open_clip's names; q, k and v are one tensor
model.diffusion_model....                      the denoiser
model_ema....                                  averages of the denoiser, which some programs load in its place
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from expunge.bases.families.names import normal_name
from expunge.bases.families.sd import stored_name

CLIP, OPEN_CLIP, EMA = "cond_stage_model.transformer.", "cond_stage_model.model.", "model_ema."
_RENAMED = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
_LAYER = {
    "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where a tensor lies: a tensor of the file, or one of the three equal parts of its rows."""

    key: str
    third: int | None = None


def encoder_places(keys: Iterable[str], names: Iterable[str]) -> dict[str, Place]:
    """{name: its place} for those of the encoder's tensors, named as in `stored_name`, that the checkpoint has."""
    there = set(keys)
    if any(key.startswith(OPEN_CLIP) for key in there):
        found = {name: _open_clip(normal_name(name)) for name in names}
    else:
        own = {stored_name(key.removeprefix(CLIP)): Place(key) for key in there if key.startswith(CLIP)}
        found = {name: own.get(name, Place("")) for name in names}
    return {name: place for name, place in found.items() if place.key in there}


def denoiser_places(keys: Iterable[str], config: Mapping[str, Any]) -> dict[str, str]:
    """{diffusers' name: the checkpoint's key} of the denoiser's tensors.

    diffusers' own converter renames them, so a file is understood as `from_single_file` understands it.

    :param config: the denoiser's, as diffusers keeps it.
    """
    from diffusers.loaders.single_file_utils import LDM_UNET_KEY, convert_ldm_unet_checkpoint

    return convert_ldm_unet_checkpoint({key: key for key in keys if key.startswith(LDM_UNET_KEY)}, config)


def _open_clip(name: str) -> Place:
    """The place of a tensor, named as in `normal_name`, in open_clip's layout."""
    layer = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
    if layer is None:
        return Place(OPEN_CLIP + _RENAMED.get(name, name))
    number, module, kind = layer.groups()
    block = f"{OPEN_CLIP}transformer.resblocks.{number}"
    if module.startswith("self_attn.") and module[10:] in ("q_proj", "k_proj", "v_proj"):
        return Place(f"{block}.attn.in_proj_{kind}", "qkv".index(module[10]))
    return Place(f"{block}.{_LAYER.get(module, module)}.{kind}")
