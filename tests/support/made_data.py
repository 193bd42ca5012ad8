"""Concepts as a method sees them, made from a name and an anchor."""

from dataclasses import dataclass
from typing import Any

import torch

from expunge.methods import ConceptData


@dataclass(frozen=True)
class Named:
    """What methods read of a concept."""

    id: str
    anchor: str | None
    neighbours: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    members: tuple[str, ...] = ()


def made_data(name: str, anchor: str | None, **more: Any) -> ConceptData:
    """A concept without images, in two templates. :param more: further fields of `Named`."""
    anchors = () if anchor is None else (anchor,)
    return ConceptData(Named(name, anchor, **more), torch.zeros(0), (name,), ("a photo of {}", "one {}"), (), anchors)  # type: ignore[arg-type]
