"""Concepts as a method sees them, made from a name and an anchor."""

from dataclasses import dataclass
from typing import Any

import torch

from expunge.bases.sampling import sample_images
from expunge.concepts.concept import Concept
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


def drawn_data(base: Any) -> ConceptData:
    """The object "bolt" with the anchor "a toy" and two pictures of the anchor by `base`."""
    prompts = ("a photo of a toy", "one a toy")
    _, latents = sample_images(base, prompts, [0, 1], return_latents=True)
    concept = Concept("bolt", "bolt", "object", anchor="a toy")
    return ConceptData(concept, latents, ("bolt",), ("a photo of {}", "one {}"), prompts, ("a toy",))
