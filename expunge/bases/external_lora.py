"""Reads a LoRA: W' = W + (alpha / r) B A, with A (r, in) and B (out, r), under the names of kohya's scripts or of peft.

    lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight, .lora_up.weight, .alpha       kohya's sd-scripts
    text_encoder.text_model.encoder.layers.0.mlp.fc1.lora_A.weight, .lora_B.weight              diffusers with peft

A convolution's A is (r, in, h, w), and its B (out, r, 1, 1). Without an alpha, alpha is r.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from expunge.bases.families.stable_diffusion import normal_name
from expunge.core.errors import InputError, Problem

_SIDES = {
    "lora_down": "A", "lora_up": "B", "lora_A": "A", "lora_B": "B", "lora.down": "A", "lora.up": "B",
    "lora_linear_layer.down": "A", "lora_linear_layer.up": "B",
}  # fmt: skip
_NAME = re.compile(
    r"(?:lora_(?P<kohya>te1?|unet)_|(?P<dotted>text_encoder|unet)\.)(?P<module>.+?)\."
    rf"(?:(?P<side>{'|'.join(map(re.escape, _SIDES))})(?:\.default)?\.weight|(?P<alpha>alpha))"
)
_MARKS = ("lora_", ".lora.", "hada_", "lokr_", "dora_scale")
EXAMPLES = 3


def is_lora(names: Iterable[str]) -> bool:
    return any(mark in name for name in names for mark in _MARKS)


def lora_changes(
    where: str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], parts: Mapping[str, Any]
) -> dict[str, dict[str, Tensor]]:
    """{"encoder" or "denoiser": {weight's name: the changed weight, float32}}; the encoder's as in `normal_name`.

    :param where: the file, for errors. :param metadata: of the file. :param parts: the base's own modules by part.
    :raises InputError: a tensor is of another kind than a LoRA's, its module is not in the base, or its size is wrong.
    """
    factors: dict[tuple[str, str], dict[str, Tensor]] = {}
    unknown = []
    for name, tensor in tensors.items():
        found = _NAME.fullmatch(name)
        if found is None:
            unknown.append(name)
            continue
        part = "denoiser" if "unet" in (found["kohya"], found["dotted"]) else "encoder"
        side = _SIDES[found["side"]] if found["side"] else "alpha"
        factors.setdefault((part, _flat(found["module"])), {})[side] = tensor.float().cpu()
    weights = {part: _weights(module) for part, module in parts.items()}
    lost = [name for part, name in factors if name not in weights[part]]
    problems = []
    if unknown:
        what = f"{len(unknown)} tensors are of a kind that is not read ({', '.join(unknown[:EXAMPLES])})"
        problems.append(Problem(where, what, "give a plain LoRA (no DoRA, LoHa or LoKr), or the merged model"))
    if lost:
        what = f"{len(lost)} modules of the LoRA are not in the base ({', '.join(lost[:EXAMPLES])})"
        problems.append(Problem(where, what, "give a LoRA of this base"))
    made: dict[str, dict[str, Tensor]] = {part: {} for part in parts}
    for (part, module), own in factors.items() if not problems else ():
        name, weight = weights[part][module]
        change = _change(own, weight, _scale(where, metadata, part))
        if change is None:
            problems.append(Problem(where, f"the factors of {module} do not fit {name}", "give a LoRA of this base"))
        else:
            made[part][name] = weight.float().cpu() + change
    if problems:
        raise InputError(problems)
    return made


def _change(own: Mapping[str, Tensor], weight: Tensor, scale: float | None) -> Tensor | None:
    """(alpha / r) B A in the weight's shape; None where the factors are incomplete or do not fit."""
    if "A" not in own or "B" not in own:
        return None
    a, b = own["A"].flatten(1), own["B"].flatten(1)
    if a.shape[0] != b.shape[1] or b.shape[0] != weight.shape[0] or b.shape[0] * a.shape[1] != weight.numel():
        return None
    if scale is None:
        scale = float(own["alpha"]) / a.shape[0] if "alpha" in own else 1.0
    return scale * (b @ a).reshape(weight.shape)


def _weights(module: Any) -> dict[str, tuple[str, Tensor]]:
    """{module's flat name: (its weight's name, its weight)} of the linear layers and convolutions."""
    kinds = (torch.nn.Linear, torch.nn.Conv2d)
    return {
        _flat(name): (f"{normal_name(name)}.weight", each.weight.detach())
        for name, each in module.named_modules()
        if isinstance(each, kinds)
    }


def _flat(module: str) -> str:
    """A module's name as kohya's scripts write it, without "text_model"."""
    return module.replace(".", "_").removeprefix("text_model_")


def _scale(where: str, metadata: Mapping[str, str], part: str) -> float | None:
    """alpha / r as diffusers writes it into the metadata; None where it wrote none.

    :raises InputError: it differs from module to module, or has another form than a plain LoRA's.
    """
    prefix = "unet" if part == "denoiser" else "text_encoder"
    try:
        own = json.loads(metadata.get("lora_adapter_metadata", "{}"))
        config = {k.removeprefix(f"{prefix}."): v for k, v in own.items() if k.startswith(f"{prefix}.")}
        if any(config.get(key) for key in ("alpha_pattern", "rank_pattern", "use_rslora", "use_dora")):
            raise ValueError("ranks or alphas that differ from module to module, rsLoRA or DoRA")
        return float(config["lora_alpha"]) / float(config["r"]) if config else None
    except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
        what = f"its metadata (lora_adapter_metadata) are not read: {error}"
        raise InputError([Problem(where, what, "give the merged model")]) from None
