"""Adds the LoRAs and textual inversions of a base to its loaded pipelines. What they change is then a part of the base.

W' = W + scale * alpha / r * up @ down for each module of a LoRA of rank r (Hu et al., arXiv 2106.09685). A textual
inversion (Gal et al., arXiv 2208.01618) becomes one token of the tokenizer for each of its vectors.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from expunge.bases.check_additions import addition_problems
from expunge.bases.families import stable_diffusion as family
from expunge.bases.loading import readable
from expunge.bases.placement import some
from expunge.bases.spec import Addition, Spec
from expunge.core.errors import InputError, Problem

# How the files write the two factors of a module: kohya, peft, diffusers before and after 0.18.
FACTORS = re.compile(
    r"(?P<module>.+?)(?:"
    r"\.lora_(?P<kohya>down|up)\.weight|\.lora_(?P<peft>A|B)(?:\.default)?\.weight|"
    r"(?:\.|_)lora\.(?P<old>down|up)\.weight|\.lora_linear_layer\.(?P<text>down|up)\.weight|(?P<alpha>\.alpha))"
)
PREFIXES = {"lora_unet_": "unet", "unet.": "unet", "lora_te_": "text_encoder", "text_encoder.": "text_encoder"}
METADATA = "lora_adapter_metadata"  # where diffusers writes the settings of a LoRA


def add_all(spec: Spec, t2i: Any, t2v: Any | None) -> None:
    """Add the inversions, then the LoRAs, to a T2I pipeline and to the T2V pipeline that shares its text encoder.

    :raises InputError: a file is missing, does not fit, or holds more than a LoRA of plain factors.
    """
    problems = addition_problems(spec)
    if problems:
        raise InputError(problems)
    for each in spec.inversions:
        _add_inversion(each, t2i)
    for each in spec.loras:
        models = {"unet": [t2i.unet], "text_encoder": [t2i.text_encoder]}
        if t2v is not None:
            models["unet"].append(t2v.unet)
        _add_lora(each, models)


def _add_inversion(each: Addition, pipe: Any) -> None:
    with readable(each.where, "the textual inversion", each.written):
        tensors, _ = _read(each.path)
        vectors = next(iter(tensors.values())).float()
        if not vectors.isfinite().all():
            raise ValueError("it holds NaN or infinity")
        pipe.load_textual_inversion(vectors, token=each.token)


def _add_lora(each: Addition, models: Mapping[str, list[nn.Module]]) -> None:
    """Add a LoRA's product to the weights of each module that it names."""
    with readable(each.where, "the LoRA", each.written):
        tensors, metadata = _read(each.path)
        factors, strange = _factors(tensors, metadata)
    for part, modules in factors.items():
        for model in models[part]:
            places = {_flat(name): module for name, module in model.named_modules() if hasattr(module, "weight")}
            strange += [f"{part}.{name}" for name in modules if name not in places]
            for name, (up, down, alpha) in modules.items():
                if name in places and not _add(places[name].weight, up, down, each.scale * alpha / down.shape[0]):
                    strange.append(f"{part}.{name}")
    if strange:
        parts = set(strange)
        what = f"the LoRA {each.written} does not fit: {len(parts)} of its parts have no place ({some(parts)})"
        fix = "use a plain LoRA (kohya's or diffusers' layout) that was made for this kind of model"
        raise InputError([Problem(each.where, what, fix)])


@torch.no_grad()
def _add(weight: Tensor, up: Tensor, down: Tensor, scale: float) -> bool:
    """Add scale * up @ down to a weight; False if the shapes do not fit or a number is not finite."""
    if up.flatten(1).shape[1] != down.shape[0] or up.shape[0] * down[0].numel() != weight.numel():
        return False
    change = scale * (up.flatten(1).float() @ down.flatten(1).float())
    if not change.isfinite().all():
        return False
    weight.add_(change.reshape(weight.shape).to(weight))
    return True


def _factors(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]
) -> tuple[dict[str, dict[str, tuple[Tensor, Tensor, float]]], list[str]]:
    """({part: {module: (up, down, alpha)}}, names of tensors that are no part of a plain LoRA)."""
    found: dict[tuple[str, str], dict[str, Tensor]] = {}
    strange = [key for key in metadata if key.endswith(("use_dora", "use_rslora", "alpha_pattern")) and metadata[key]]
    for name, tensor in tensors.items():
        match = FACTORS.fullmatch(name)
        prefix = next((prefix for prefix in PREFIXES if name.startswith(prefix)), None)
        if match is None or prefix is None:
            strange.append(name)
            continue
        kind = match["kohya"] or match["old"] or match["text"] or {"A": "down", "B": "up"}.get(match["peft"], "alpha")
        module = _flat(match["module"].removeprefix(prefix).replace(".processor", ""))
        module = re.sub(r"_to_out$", "_to_out_0", module)
        found.setdefault((PREFIXES[prefix], module), {})[kind] = tensor
    factors: dict[str, dict[str, tuple[Tensor, Tensor, float]]] = {"unet": {}, "text_encoder": {}}
    for (part, module), each in found.items():
        if "up" not in each or "down" not in each:
            strange.append(f"{part}.{module}")
            continue
        rank = each["down"].shape[0]
        alpha = float(each["alpha"]) if "alpha" in each else float(metadata.get(f"{part}.lora_alpha") or rank)
        factors[part][module] = each["up"], each["down"], alpha
    return factors, strange


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(tensors, what diffusers wrote about them) of a safetensors file."""
    with safe_open(str(file), "pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no iterator)
        metadata = opened.metadata() or {}
    settings = json.loads(metadata.get(METADATA, "{}"))
    return tensors, settings if isinstance(settings, dict) else {}


def _flat(module: str) -> str:
    """A module's name with `_` between its parts, as kohya writes it, without the prefix of older text encoders."""
    return re.sub(r"[._]+", "_", family.normal_name(module)).removeprefix("text_model_")
