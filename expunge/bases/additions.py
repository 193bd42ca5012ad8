"""Adds the LoRAs and textual inversions of a base to its loaded pipelines. What they change is then a part of the base.

A LoRA's change (bases/lora.py) is multiplied by the `scale` of the base's file. A textual inversion (Gal et al., arXiv
2208.01618) becomes one token of the tokenizer for each of its vectors.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from expunge.bases.check_additions import addition_problems
from expunge.bases.families import Family
from expunge.bases.loading import readable
from expunge.bases.lora import DENOISER, Factors, change_of, own_names, prefixes, read_lora, weights_of
from expunge.bases.placement import some
from expunge.bases.spec import Addition, Spec
from expunge.core.errors import InputError, Problem


def add_all(spec: Spec, t2i: Any, t2v: Any | None) -> None:
    """Add the inversions, then the LoRAs, to a T2I pipeline and to the T2V pipeline that shares its text encoder.

    :raises InputError: a file is missing, does not fit, or holds more than a LoRA of plain factors.
    """
    problems = addition_problems(spec)
    if problems:
        raise InputError(problems)
    for each in spec.inversions:
        _add_inversion(each, t2i)
    denoisers = [getattr(pipe, spec.family.DENOISER) for pipe in (t2i, t2v) if pipe is not None]
    once = list({id(model): model for model in denoisers}.values())  # both pipelines may hold the same model
    encoders = {part: [getattr(t2i, part)] for part in spec.family.ENCODERS}
    for each in spec.loras:
        _add_lora(each, {DENOISER: once, **encoders}, spec.family)


def _add_inversion(each: Addition, pipe: Any) -> None:
    with readable(each.where, "the textual inversion", each.written):
        tensors, _ = _read(each.path)
        vectors = next(iter(tensors.values())).float()
        if not vectors.isfinite().all():
            raise ValueError("it holds NaN or infinity")
        pipe.load_textual_inversion(vectors, token=each.token)


def _add_lora(each: Addition, models: Mapping[str, list[nn.Module]], family: Family) -> None:
    """Add a LoRA's product to the weights of each module that it names."""
    with readable(each.where, "the LoRA", each.written):
        lora = read_lora(*_read(each.path), family)
    called = own_names(family)
    strange = {*lora.unread, *lora.settings, *(f"{called[part]}.{module}" for part, module in lora.incomplete)}
    weights = {part: [weights_of(model) for model in some_models] for part, some_models in models.items()}
    for (part, module), factors in lora.factors.items():
        for own in weights[part]:
            if module not in own or not _add(own[module][1], factors, each.scale):
                strange.add(f"{called[part]}.{module}")
    if strange:
        what = f"the LoRA {each.written} does not fit: {len(strange)} of its parts have no place ({some(strange)})"
        begin = " or ".join(f"`{prefix}`" for prefix in prefixes(family))
        fix = f"use a plain LoRA that was made for this kind of model, with names that begin with {begin}"
        raise InputError([Problem(each.where, what, fix)])


@torch.no_grad()
def _add(weight: Tensor, factors: Factors, scale: float) -> bool:
    """Add a change times `scale` to a weight; False if the factors do not fit or a number is not finite."""
    change = change_of(factors, weight)
    if change is None or not change.isfinite().all():
        return False
    weight.add_((scale * change).to(weight))
    return True


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """(tensors, metadata) of a safetensors file."""
    with safe_open(str(file), "pt") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}, opened.metadata() or {}  # noqa: SIM118
