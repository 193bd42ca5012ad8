"""How the judge looks at samples: by labels (of a category: by those of all its members, or with a detector), by two
crops of a composition, by those and the whole where two things stand side by side, or by likeness to a memorised
picture."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.concepts.samples import FORGET, Asks
from expunge.judging.features import Features
from expunge.judging.samples import Sample

if TYPE_CHECKING:
    from expunge.judging.zero_shot import Seen


def asks_of(sample: Sample) -> list[tuple[str, str]]:
    """(axis, name) pairs that the judge must know before it can look at a sample."""
    planned = sample.planned
    return [ask for asks in (planned.asks, planned.gone) if asks is not None for ask in _labels(asks)]


def _labels(asks: Asks) -> list[tuple[str, str]]:
    match asks.axis:
        case "copy" | "detector":
            return []
        case "both" | "any":
            return [("subject", part) for part in asks.parts]
        case "glance":
            return [("subject", part) for part in asks.parts or (asks.name,)]
        case axis:
            return [(axis, asks.name)]


def look(
    judge: Any, batch: Sequence[Sample], axis: str, memorised: np.ndarray | None, features: Features | None = None
) -> "Seen":
    """What the judge, or a category's detector, sees in samples of one modality and axis, all of one concept.

    :param memorised: (H, W, 3) uint8, for the axis `copy`.
    :param features: what `encode` returns for the samples, if known.
    :raises ValueError: the axis is `copy`, and `memorised` is None.
    """
    from expunge.judging.copies import COPY, likeness
    from expunge.judging.detectors import seen_by_detector
    from expunge.judging.zero_shot import Seen, sees, sees_at_a_glance, sees_both

    frames, asks = np.stack([s.pixels for s in batch]), [s.planned.asks for s in batch]
    if axis == "copy":
        if memorised is None:
            raise ValueError("without pictures of the original encoder there is nothing to compare copies with")
        like = likeness(frames, memorised)
        return Seen(like > COPY, like - COPY, like.clip(0, 1))
    if axis == "detector":
        return seen_by_detector(asks[0].parts[0], frames)
    if axis == "both":
        both = sees_both(judge, frames, "subject", [each.parts[0] for each in asks], [each.parts[1] for each in asks])
        return Seen(both, 2.0 * both - 1, both.astype(float))
    encoded = np.stack([features[s.index] for s in batch]) if features is not None else None
    if axis == "any":
        return sees(judge, frames, "subject", [each.parts for each in asks], encoded)
    if axis == "glance":
        return sees_at_a_glance(judge, frames, "subject", [each.parts or each.name for each in asks], encoded)
    return sees(judge, frames, axis, [each.name for each in asks], encoded)


def memorised_picture(originals: Sequence[Sample]) -> np.ndarray | None:
    """(H, W, 3) uint8: what the original encoder's pictures of a memorised picture have in common.

    Frames of videos stand in if there are no pictures. None if no sample asks for a copy.
    """
    from expunge.judging.copies import reference

    drawn = [s for s in originals if s.axis == "copy" and s.group == "target"]
    pictures = [s.pixels for s in drawn if s.modality == "image"]
    pictures = pictures or [frame for s in drawn for frame in s.pixels]
    return reference(np.stack(pictures)) if pictures else None


def seen_in_video(top1: np.ndarray, group: str) -> bool:
    """Is it seen in a video with frames (F,) bool? FORGET groups need any frame, other groups more than half."""
    return bool(top1.any() if group in FORGET else top1.mean() > 0.5)


def comes_back(top1: np.ndarray) -> bool:
    """Is it seen in the second half of a video's frames (F,) bool alone? Of an odd number the first half is longer.

    PROBE (arXiv 2603.21547) calls that temporal re-emergence.
    """
    half = (len(top1) + 1) // 2
    return bool(top1[half:].any() and not top1[:half].any())
