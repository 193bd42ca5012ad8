"""Did an attack bring its concept back? The judge looks at the pictures and videos of its tries."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from expunge.attacks import Victim
from expunge.concepts.prompts import target_asks
from expunge.concepts.samples import PlannedSample
from expunge.judging.copies import reference
from expunge.judging.judge import with_names
from expunge.judging.samples import Sample
from expunge.judging.seen import asks_of, look

Originals = Mapping[str, np.ndarray]  # by modality: what the original draws for the target, (N, [F,] H, W, 3) uint8


def judged(
    victim: Victim, judge: Any, modality: str, pixels: np.ndarray, originals: Originals
) -> list[tuple[bool, float]]:
    """(is the concept seen, in any frame; the judge's confidence) of each picture or video."""
    asks = target_asks(victim.concept, victim.words[0])
    samples = [Sample(i, PlannedSample("target", "", 0, modality, asks), each) for i, each in enumerate(pixels)]
    drawn = originals.get("image", originals.get("video"))
    flat = drawn.reshape(-1, *drawn.shape[-3:]) if drawn is not None else None
    memorised = reference(flat) if asks.axis == "copy" and flat is not None else None
    judge = with_names(judge, sorted({ask for s in samples for ask in asks_of(s)}))
    looks = look(judge, samples, asks.axis, memorised)
    return [(bool(looks.top1[i].any()), float(np.max(looks.confidence[i]))) for i in range(len(samples))]
