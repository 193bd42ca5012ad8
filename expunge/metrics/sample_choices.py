"""Which samples a metric is about: named choices, so that a metric can say `over="kept"`."""

from collections.abc import Callable
from dataclasses import dataclass, field

from expunge.concepts.kinds import KINDS
from expunge.concepts.samples import FORGET, GENERAL, GROUPS, KEPT


@dataclass(frozen=True)
class Drawn:
    """One sample with all that was measured of it."""

    modality: str
    group: str
    axis: str
    own: bool  # is the judge asked about the axis of the concept's own kind?
    values: dict[str, float] = field(default_factory=dict)  # by per-sample measure
    asked: str = ""  # of whom it was asked; a code where that would name a confidential concept


def _in(group: str) -> Callable[[Drawn], bool]:
    return lambda sample: sample.group == group


def _kept(sample: Drawn) -> bool:
    return sample.group in KEPT


OVER: dict[str, Callable[[Drawn], bool]] = {
    **{group: _in(group) for group in (*GROUPS, GENERAL)},
    "forgotten": lambda sample: sample.group in FORGET,
    "kept": _kept,
    "kept, own axis": lambda sample: _kept(sample) and sample.own,
    "kept, other axes": lambda sample: _kept(sample) and not sample.own,
    "members": lambda sample: sample.group == "target" and sample.axis in ("any", "detector"),  # of a category
    # all videos but those whose motion itself must go
    "moving": lambda s: s.modality == "video" and s.group != GENERAL and not (s.axis == "motion" and s.group in FORGET),
}


def axis_of(kind: str) -> str:
    """The axis on which the judge is asked about a concept's target: subject, style, motion or copy."""
    return KINDS[kind].axis if kind in KINDS else "subject"


def shows_in(kind: str, modality: str) -> bool:
    """Can the concept itself be seen in this modality?"""
    return modality in KINDS[kind].modalities
