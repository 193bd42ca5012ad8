"""Reads an edit that somebody else made: an encoder, a denoiser or a part of one, a checkpoint, a LoRA.

    encoder, denoiser, notes = read_external(base, Path("external/acme.safetensors"))

Every tensor must find its place in the base, with its shape; an encoder must be whole. A file with a part of a
denoiser, as ESD and UCE are handed out, leaves the rest as it is.
"""

import copy
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from expunge.bases.base import Base, denoiser_of
from expunge.bases.check_external import misfits, not_carried_over, unknown_kind, unread_layout
from expunge.bases.encoders import parts_of
from expunge.bases.external_files import (
    denoiser_names,
    encoder_names,
    encoder_of,
    files_of,
    kind_of,
    needed_names,
)
from expunge.bases.families.names import ENCODER_FOLDER, encoder_name, normal_name
from expunge.bases.ldm import denoiser_places, encoder_places
from expunge.bases.lora import DENOISER, METADATA, change_of, prefixes, read_lora, weights_of
from expunge.bases.placement import some
from expunge.core.errors import InputError, Problem, shown


def read_external(base: Base, path: Path) -> tuple[Any, Any, dict[str, Any]]:
    """(the encoder, or None where it is the base's; the denoiser, or None; {"encoder", "denoiser": tensors replaced}).

    :raises InputError: a file cannot be read, or something in it does not fit the base.
    """
    new: dict[str, dict[str, Tensor]] = {"encoder": {}, "denoiser": {}}
    whole = set[str]()
    for file in files_of(path).values():
        parts, part = _parts_of(base, file)
        whole |= {part} if parts.get("encoder") else set()
        for part, tensors in parts.items():
            new[part] |= tensors
    if new["denoiser"] and (problems := not_carried_over(shown(path), base.spec.family)):
        raise InputError(problems)
    encoder, denoiser = placed(base, shown(path), new["encoder"], new["denoiser"], whole)
    return encoder, denoiser, {part: len(tensors) for part, tensors in new.items()}


def placed(
    base: Base, where: str, encoder: Mapping[str, Tensor], denoiser: Mapping[str, Tensor], whole: Collection[str]
) -> tuple[Any, Any]:
    """Copies of the base's encoder and denoiser with these tensors in them; None where there are none.

    :param where: what an error names as their place. :param encoder: names as in `normal_name`.
    :param whole: the text encoders, by their parts of the pipeline, that must be whole.
    :raises InputError: a tensor does not fit, all of them at once.
    """
    models = {"encoder": copy.deepcopy(base.encoder), "denoiser": copy.deepcopy(denoiser_of(base))}
    own = {"encoder": _by_normal_name(models["encoder"]), "denoiser": dict(models["denoiser"].named_parameters())}
    new = {"encoder": encoder, "denoiser": denoiser}
    needed = {"encoder": needed_names(own["encoder"], whole, base.spec.family), "denoiser": set[str]()}
    if problems := [problem for part in new for problem in _misfits(where, part, new[part], own[part], needed[part])]:
        raise InputError(problems)
    with torch.no_grad():
        for part, tensors in new.items():
            for name, tensor in tensors.items():
                own[part][name].copy_(tensor)
    return models["encoder"] if encoder else None, models["denoiser"] if denoiser else None


def _parts_of(base: Base, file: Path) -> tuple[dict[str, dict[str, Tensor]], str]:
    """({"encoder" or "denoiser": {name: tensor}} of a file, the text encoder that must be whole, or ""); the encoder's
    names as in `normal_name`."""
    where, family = shown(file), base.spec.family
    try:
        with safe_open(file, "pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no iterator)
            metadata = opened.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise InputError([Problem(where, f"cannot be read ({error})", "get it again, whole")]) from None
    match kind_of(tensors, family):
        case "lora":
            return _of_lora(base, where, tensors, metadata), ""
        case "checkpoint":
            if problems := unread_layout(where, family):
                raise InputError(problems)
            return _of_checkpoint(base, tensors), ENCODER_FOLDER
        case "denoiser":
            return {"denoiser": {name: tensors[key] for name, key in denoiser_names(tensors, family).items()}}, ""
        case "encoder":
            part = encoder_of(file, family)
            return {"encoder": {name: tensors[key] for name, key in encoder_names(tensors, family, part).items()}}, part
    raise InputError([unknown_kind(where, tensors, family)])


def _of_lora(
    base: Base, where: str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> dict[str, dict[str, Tensor]]:
    """The weights that a LoRA changes, as it leaves them, float32.

    :raises InputError: it is no plain LoRA, or does not fit the base.
    """
    try:
        lora = read_lora(tensors, metadata, base.spec.family)
    except ValueError as error:
        what = f"its metadata ({METADATA}) are not read: {error}"
        raise InputError([Problem(where, what, "give the merged model")]) from None
    models = {**parts_of(base.spec.family, base.encoder), DENOISER: denoiser_of(base)}
    weights = {part: weights_of(module) for part, module in models.items()}
    lost = [module for part, module in lora.factors if module not in weights[part]]
    problems = []
    if lora.settings:
        what = f"its metadata ({METADATA}) are not read: it is no plain LoRA ({some(lora.settings)})"
        problems.append(Problem(where, what, "give the merged model"))
    if lora.unread:
        what = f"{len(lora.unread)} tensors are of a kind that is not read ({some(lora.unread)})"
        begin = " or ".join(f"`{prefix}`" for prefix in prefixes(base.spec.family))
        fix = f"give a plain LoRA (no DoRA, LoHa or LoKr) whose names begin with {begin}, or the merged model"
        problems.append(Problem(where, what, fix))
    if lost:
        what = f"{len(lost)} modules of the LoRA are not in the base ({some(lost)})"
        problems.append(Problem(where, what, "give a LoRA of this base"))
    made: dict[str, dict[str, Tensor]] = {"encoder": {}, "denoiser": {}}
    unfit = [module for _, module in lora.incomplete]
    for (part, module), factors in lora.factors.items() if not problems else ():
        name, weight = weights[part][module]
        change = change_of(factors, weight)
        if change is None:
            unfit.append(module)
        else:
            kind, called = ("denoiser", name) if part == DENOISER else ("encoder", encoder_name(name, part))
            made[kind][called] = weight.detach().float().cpu() + change
    problems += [Problem(where, f"the factors of {module} do not fit", "give a LoRA of this base") for module in unfit]
    if problems:
        raise InputError(problems)
    return made


def _of_checkpoint(base: Base, tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The encoder and the denoiser of a checkpoint of one file, as far as it has them."""
    names = [base.spec.family.stored_name(name) for name in _by_normal_name(base.encoder)]
    encoder = {}
    for name, place in encoder_places(tensors, names).items():
        tensor = tensors[place.key]
        encoder[normal_name(name)] = tensor if place.third is None else tensor.chunk(3)[place.third]
    denoiser = denoiser_of(base)
    own = dict(denoiser.named_parameters())
    found = {name: tensors[key] for name, key in denoiser_places(tensors, denoiser.config).items()}
    shaped = {
        n: t.reshape(own[n].shape) if n in own and t.numel() == own[n].numel() else t for n, t in found.items()
    }  # a projection is a linear layer in one layout, and a convolution of width 1 in the other
    return {"encoder": encoder, "denoiser": shaped}


def _by_normal_name(encoder: Any) -> dict[str, Tensor]:
    return {normal_name(name): tensor for name, tensor in encoder.named_parameters()}


def _misfits(
    where: str, part: str, new: Mapping[str, Tensor], own: Mapping[str, Tensor], needed: Collection[str]
) -> Iterator[Problem]:
    """Why tensors are not the base's: names without a place, other shapes, missing ones, numbers not finite.

    :param needed: as of `misfits`.
    """
    given, wanted = ({name: tuple(tensor.shape) for name, tensor in each.items()} for each in (new, own))
    yield from misfits(where, part, given, wanted, needed)
    broken = sorted(name for name, tensor in new.items() if not bool(torch.isfinite(tensor).all()))
    if broken:
        what = f"{len(broken)} tensors of the {part} hold numbers that are not finite ({some(broken)})"
        yield Problem(where, what, "give an edit of this base, or judge it in its own base")
