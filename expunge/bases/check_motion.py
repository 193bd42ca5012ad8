"""Does something move in a base's T2V pipeline, and does it fit the denoiser? Imports no torch."""

from typing import Any

from expunge.bases.parts import Found
from expunge.bases.spec import Spec
from expunge.core.errors import Problem

MOVING = "UNetMotionModel"


def motion_problems(spec: Spec, found: Found) -> list[Problem]:
    """A T2V pipeline without motion modules, a motion adapter that does not fit, too many frames."""
    adapter, own = found.parts.get("t2v.motion_adapter"), found.parts.get("t2v.unet")
    source = spec.t2v.unet or spec.t2v.adapter or spec.t2v.source or spec.t2i.source
    where = source.where if source is not None else str(spec.file)
    moving = own if own is not None and own.config.get("_class_name") == MOVING else adapter
    if moving is None:
        if _unseen(spec, found):
            return []
        fix = "write `unet:` with a UNetMotionModel, or `adapter:` with a MotionAdapter"
        return [Problem(where, "`t2v` has no motion modules, so nothing would move as it was trained to", fix)]
    problems = []
    longest = moving.config.get("motion_max_seq_length", 32)
    if isinstance(longest, int) and spec.frames > longest:
        what = f"{moving.label}: it was made for {longest} frames at most, and `frames` is {spec.frames}"
        problems.append(Problem(moving.where, what, f"write `frames: {longest}` or fewer"))
    denoiser = own or found.parts.get("t2i.unet")
    if adapter is not None and adapter is moving and denoiser is not None:
        for what in _misfits(denoiser.config, adapter.config):
            fix = "use an adapter that was made for this model"
            problems.append(Problem(adapter.where, f"{adapter.label}: {what}", fix))
    return problems


def _misfits(unet: dict[str, Any], adapter: dict[str, Any]) -> list[str]:
    """What diffusers' `UNetMotionModel.from_unet2d` compares, and the widths, which decide every shape."""
    widths, own = list(unet.get("block_out_channels") or ()), list(adapter.get("block_out_channels") or ())
    if len(widths) != len(own):
        return [f"it has {len(own)} blocks, and the denoiser has {len(widths)}"]
    misfits = []
    if widths != own:
        misfits.append(f"its blocks have {own} channels, and the denoiser's have {widths}")
    layers = _spread(unet.get("layers_per_block", 2), len(widths))
    if layers != (others := _spread(adapter.get("motion_layers_per_block", 2), len(own))):
        misfits.append(f"it has {others} layers by block, and the denoiser has {layers}")
    return misfits


def _spread(layers: Any, blocks: int) -> list[Any]:
    return list(layers) if isinstance(layers, list) else [layers] * blocks


def _unseen(spec: Spec, found: Found) -> bool:
    """Can the motion modules lie in a repository that is not on this machine?"""
    own = [source for source in (spec.t2v.unet, spec.t2v.adapter, spec.t2v.source) if source is not None]
    return any(source.repo is not None for source in own) and "t2v.index" not in found.parts
