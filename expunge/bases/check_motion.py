"""Does something move in a base's T2V pipeline, and does it fit the denoiser? Imports no torch."""

from typing import Any

from expunge.bases.families import Family
from expunge.bases.parts import Found
from expunge.bases.spec import PARTS, Spec
from expunge.core.errors import Problem


def what_moves(family: Family) -> str:
    """What to write where nothing moves."""
    keys = {part: key for key, part in PARTS.items()}
    ways = [f"`{keys[part]}:` with a {kind}" for part, kind in family.VIDEO_PARTS.items()]
    return f"write {', or '.join(ways)}"


def motion_problems(spec: Spec, found: Found) -> list[Problem]:
    """A T2V pipeline without motion modules, a motion adapter that does not fit, too many frames."""
    family = spec.family
    adapter, own = found.parts.get("t2v.motion_adapter"), found.parts.get(f"t2v.{family.DENOISER}")
    source = next(iter(spec.t2v.parts.values()), spec.t2v.source or spec.t2i.source)
    where = source.where if source is not None else str(spec.file)
    if own is None and spec.t2v.source is not None:  # one model draws pictures and videos
        both = found.parts.get(f"t2i.{family.DENOISER}")
        own = both if both is not None and both.config.get("_class_name") == family.MOVING else None
    moving = own if own is not None and own.config.get("_class_name") == family.MOVING else adapter
    if moving is None:
        if _unseen(spec, found):
            return []
        what = "`t2v` has no motion modules, so nothing would move as it was trained to"
        return [Problem(where, what, what_moves(family))]
    problems, fewest, longest = [], *family.frames(moving.config)
    if longest is not None and spec.frames > longest:
        what = f"{moving.label}: it was made for {longest} frames at most, and `frames` is {spec.frames}"
        problems.append(Problem(moving.where, what, f"write `frames: {longest}` or fewer"))
    if fewest is not None and spec.frames < fewest:
        what = f"{moving.label}: it was made for {fewest} frames, and `frames` is {spec.frames}"
        problems.append(Problem(moving.where, what, f"write `frames: {fewest}`"))
    denoiser = own or found.parts.get(f"t2i.{family.DENOISER}")
    if adapter is not None and adapter is moving and denoiser is not None:
        for what in _misfits(denoiser.config, adapter.config):
            fix = "use an adapter that was made for this model"
            problems.append(Problem(adapter.where, f"{adapter.label}: {what}", fix))
    return problems


def _misfits(denoiser: dict[str, Any], adapter: dict[str, Any]) -> list[str]:
    """What diffusers compares when it puts an adapter into a denoiser, and the widths, which decide every shape.

    The settings of both are those of their config.json."""
    widths, own = list(denoiser.get("block_out_channels") or ()), list(adapter.get("block_out_channels") or ())
    if len(widths) != len(own):
        return [f"it has {len(own)} blocks, and the denoiser has {len(widths)}"]
    misfits = []
    if widths != own:
        misfits.append(f"its blocks have {own} channels, and the denoiser's have {widths}")
    layers = _spread(denoiser.get("layers_per_block", 2), len(widths))
    if layers != (others := _spread(adapter.get("motion_layers_per_block", 2), len(own))):
        misfits.append(f"it has {others} layers by block, and the denoiser has {layers}")
    return misfits


def _spread(layers: Any, blocks: int) -> list[Any]:
    return list(layers) if isinstance(layers, list) else [layers] * blocks


def _unseen(spec: Spec, found: Found) -> bool:
    """Can the motion modules lie in a repository that is not on this machine?"""
    own = [source for source in (*spec.t2v.parts.values(), spec.t2v.source) if source is not None]
    return any(source.repo is not None for source in own) and "t2v.index" not in found.parts
