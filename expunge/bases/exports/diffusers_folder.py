"""A whole pipeline of diffusers: the base's T2I pipeline with the unlearned encoder and the changed denoiser.

A whole pipeline, since a text encoder alone is not the whole change of every method, and nobody can then load one half.
Where the base has a T2V denoiser of its own and the denoiser changed, the folder of that name after `motion_` holds it,
changed.
"""

from pathlib import Path
from typing import Any

import torch

from expunge.bases import hub
from expunge.bases.edits import read_edit
from expunge.bases.encoders import parts_of
from expunge.bases.exports import Order
from expunge.bases.exports.parts import cast, denoiser_changes, dtype_of, own_pipeline
from expunge.bases.loading import load_model
from expunge.bases.parts import read_json
from expunge.bases.pipelines import quiet
from expunge.bases.sources import needed_sources
from expunge.core.errors import InputError, Problem

MOTION = "motion_"  # before the denoiser's name


def write(order: Order, out: Path) -> list[str]:
    pipe, stored = own_pipeline(order)
    dtype, changes = dtype_of(order) or stored, denoiser_changes(order)
    with quiet():
        family = order.spec.family
        pipe.register_modules(**parts_of(family, read_edit(order.folder, family, torch.device("cpu")).encoder))
        _add(getattr(pipe, family.DENOISER), changes, order)
        for part, module in pipe.components.items():
            if isinstance(module, torch.nn.Module):
                cast(module.state_dict(), dtype, f"{order.name}: {part}")
        pipe.to(dtype=dtype)
        pipe.save_pretrained(out, safe_serialization=True)
        motion = _motion_denoiser(order) if changes else None
        if motion is not None:
            _add(motion, changes, order)
            motion.to(dtype=dtype).save_pretrained(out / f"{MOTION}{family.DENOISER}", safe_serialization=True)
    return []


def _motion_denoiser(order: Order) -> Any | None:
    """The T2V pipeline's own denoiser, float32; None where its videos use the T2I model's."""
    part, needed = order.spec.family.DENOISER, needed_sources(order.spec)
    for name, within in ((f"t2v.{part}", "."), ("t2v", part)):
        if name in needed:
            source, own = needed[name].source, needed[name]
            folder = hub.resolve(order.spec, source, own.files, own.optional) / within
            kind = (read_json(folder / "config.json") or {}).get("_class_name", order.spec.family.MOVING)
            return load_model(f"t2v.{part}", kind, folder, source.where, source.variant)
    return None


@torch.no_grad()
def _add(denoiser: Any, changes: dict[str, torch.Tensor], order: Order) -> None:
    own = dict(denoiser.named_parameters())
    wrong = [name for name, change in changes.items() if name not in own or own[name].shape != change.shape]
    if wrong:
        what = f"{len(wrong)} changes fit no tensor of the base's denoiser ({wrong[0]})"
        raise InputError([Problem(order.name, what, "run `dvc repro`: the base is another one than at the run")])
    for name, change in changes.items():
        own[name].add_(change)
