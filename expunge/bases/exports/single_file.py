"""An existing checkpoint of one file with the unlearned tensors in their places; every other byte stays as it is.

The checkpoint must hold the base's own encoder, and where the denoiser changed the base's own denoiser, too: a change
is right for the weights that it was trained on alone. Each tensor keeps the dtype that it has in the checkpoint.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from expunge.bases.edits import differing
from expunge.bases.exports import Order
from expunge.bases.exports.parts import cast, denoiser_changes, encoder_tensors, original_tensors, own_pipeline
from expunge.bases.exports.safetensors_file import spans as spans_of
from expunge.bases.families.sd import DENOISER
from expunge.bases.ldm import EMA, Place, denoiser_places, encoder_places
from expunge.bases.placement import some
from expunge.core.errors import InputError, Problem, shown


def write(order: Order, out: Path) -> list[str]:
    """:raises InputError: the checkpoint cannot be read, is of another layout, or holds other weights than the base."""
    assert order.into is not None  # `export` has checked it
    where = shown(order.into)
    spans = spans_of(order.into)
    pipe, _ = own_pipeline(order)
    try:
        with safe_open(order.into, "pt") as checkpoint:
            new = {**_encoder(order, where, checkpoint, pipe), **_denoiser(order, where, checkpoint, pipe)}
    except SafetensorError as error:
        raise InputError([Problem(where, f"cannot be read ({error})", "name a whole .safetensors file")]) from None
    shutil.copyfile(order.into, out)
    with open(out, "r+b") as file:
        for place, tensor in new.items():
            data = tensor.flatten().view(torch.uint8).numpy().tobytes()
            file.seek(spans[place.key] + (place.third or 0) * len(data))
            file.write(data)
    return []


def _encoder(order: Order, where: str, checkpoint: Any, pipe: Any) -> dict[Place, Tensor]:
    """The encoder's tensors that unlearning changed, in the checkpoint's dtypes."""
    before, after = original_tensors(pipe), encoder_tensors(order)
    places = encoder_places(checkpoint.keys(), before)
    if lost := sorted(before.keys() - places.keys()):
        what = f"lacks {len(lost)} of {len(before)} tensors of the text encoder ({some(lost)})"
        fix = "name a checkpoint of Stable Diffusion 1.x or 2.x with the base's text encoder in it"
        raise InputError([Problem(where, what, fix)])
    theirs = {name: _read(checkpoint, place) for name, place in places.items()}
    _require_same(where, "text encoder", order, before, theirs)
    if wrong := sorted(name for name in before if name not in after or after[name].shape != before[name].shape):
        what = f"does not fit the base {order.spec.name} ({some(wrong)})"
        raise InputError([Problem(order.name, what, "run `dvc repro`: the base is another one than at the run")])
    changed = [name for name in before if not torch.equal(before[name].to(after[name].dtype), after[name])]
    return _in_their_dtypes({name: after[name] for name in changed}, theirs, places, order)


def _denoiser(order: Order, where: str, checkpoint: Any, pipe: Any) -> dict[Place, Tensor]:
    """The denoiser's changed tensors, in the checkpoint's dtypes; {} where unlearning left the denoiser alone."""
    changes = denoiser_changes(order)
    if not changes:
        return {}
    denoiser = getattr(pipe, DENOISER)
    places = denoiser_places(checkpoint.keys(), denoiser.config)
    problems = []
    if any(key.startswith(EMA) for key in checkpoint.keys()):  # noqa: SIM118 (no iterator)
        what = "holds averages of the denoiser's weights as well (model_ema), which would stay as they are"
        problems.append(Problem(where, what, "name a pruned checkpoint, without them"))
    if lost := sorted(changes.keys() - places.keys()):
        what = f"lacks {len(lost)} tensors of the denoiser that the method changed ({some(lost)})"
        problems.append(Problem(where, what, "name a checkpoint with the base's denoiser in it"))
    if problems:
        raise InputError(problems)
    own = {name: tensor for name, tensor in denoiser.state_dict().items() if name in changes}
    theirs = {name: checkpoint.get_tensor(places[name]) for name in changes}
    theirs = {name: t.reshape(own[name].shape) if t.numel() == own[name].numel() else t for name, t in theirs.items()}
    _require_same(where, "denoiser", order, own, theirs)
    new = {name: own[name] + change for name, change in changes.items()}
    return _in_their_dtypes(new, theirs, {name: Place(places[name]) for name in new}, order)


def _in_their_dtypes(
    new: Mapping[str, Tensor], theirs: Mapping[str, Tensor], places: Mapping[str, Place], order: Order
) -> dict[Place, Tensor]:
    made = {name: cast({name: tensor}, theirs[name].dtype, order.name)[name] for name, tensor in new.items()}
    return {places[name]: tensor for name, tensor in made.items()}


def _require_same(where: str, part: str, order: Order, own: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> None:
    if differ := differing(own, theirs):
        what = f"its {part} is not that of the base {order.spec.name}: {len(differ)} tensors differ ({some(differ)})"
        fix = "make a base of this checkpoint and unlearn in that (docs/export.md), or name the base's own checkpoint"
        raise InputError([Problem(where, what, fix)])


def _read(checkpoint: Any, place: Place) -> Tensor:
    tensor = checkpoint.get_tensor(place.key)
    return tensor if place.third is None else tensor.chunk(3)[place.third]
