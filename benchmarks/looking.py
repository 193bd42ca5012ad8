"""How the sweep measures what a method left: the pipeline's rates, the rest of the prompt, clean pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np

from benchmarks.world import concepts, unseen
from expunge.bases.base import Base
from expunge.bases.edits import Edit
from expunge.bases.sampling import sample_images, sample_videos
from expunge.concepts.concept import Concept
from expunge.concepts.prompt_file import Prompts
from expunge.concepts.prompts import eval_templates, spread
from expunge.concepts.samples import COUNTS, GROUPS, Asks, PlannedSample
from expunge.core.seeds import derive_seed
from expunge.core.words import plain
from expunge.judging.judge import Judge, classify
from expunge.judging.measure import measure as look_at
from expunge.judging.samples import Sample
from expunge.judging.vocabulary import Label
from expunge.metrics.catalogue import formulas

KEPT = {"near", "far", "unseen", "sense"}
Row = dict[str, Any]
Counts = Mapping[str, Mapping[str, int]]


def of_the_rest(concept: Concept) -> list[PlannedSample]:
    """Prompts of the target whose style or motion must still be followed."""
    if concept.kind in ("style", "motion", "image"):
        return []
    asked = [
        ("image", "a watercolor of {}", "style", "watercolor"),
        ("image", "a neon sign of {}", "style", "neon sign"),
        ("video", "{} bouncing in the snow", "motion", "bouncing"),
    ]
    return [
        PlannedSample("rest", prompt.replace("{}", concept.name), 77, modality, Asks(axis, name))
        for modality, prompt, axis, name in asked
    ]


def of_the_unseen(some: Sequence[Concept], prompts: Prompts, counts: Counts) -> list[PlannedSample]:
    """Prompts of things that no training saw. :param counts: as for `samples_of`; there are as many as of `far`."""
    names = [forms[0] for forms in unseen(some)]
    return [
        PlannedSample("unseen", prompt, derive_seed(0, prompt, again), modality, Asks("subject", name))
        for modality, key in COUNTS.items()
        for name, prompt, again in spread(names, eval_templates("object", prompts, modality), counts[key]["far"])
    ]


def contrast_of(frames: np.ndarray) -> np.ndarray:
    """Standard deviation of each sample's pixels, in [0, 128]."""
    return frames.reshape(len(frames), -1).std(1)


@dataclass(frozen=True)
class Eyes:
    """Who draws and who looks."""

    base: Base
    judge: Judge
    limits: dict[str, tuple[float, float]]  # of a clean sample's contrast, by modality
    drawn: dict[tuple[str, str, int], np.ndarray]  # what the original drew: concepts share neighbours


def draw(eyes: Eyes, rows: list[PlannedSample], edit: Edit | None) -> np.ndarray:
    """uint8 frames of rows of one modality; what several concepts ask for with one seed is drawn once."""
    sample = sample_images if rows[0].modality == "image" else sample_videos

    def key(row: PlannedSample) -> tuple[str, str, int]:
        return row.modality, row.prompt, row.seed

    done = {} if edit else eyes.drawn
    if new := [each for each in dict.fromkeys(map(key, rows)) if each not in done]:
        frames = sample(eyes.base, [prompt for _, prompt, _ in new], [seed for *_, seed in new], edit)
        done.update(zip(new, frames, strict=True))
    return np.stack([done[key(row)] for row in rows])


def typical_range(base: Base, world: Row, prompts: Prompts, modality: str, count: int) -> tuple[float, float]:
    """(least, greatest) contrast of what the original draws of the world's things."""
    things = [concept for concept, _ in concepts(world) if concept.kind in ("character", "person", "object")]
    things = things[:: len(things) // count or 1]
    texts = [
        templates[i % len(templates)].replace("{}", thing.name)
        for i, thing in enumerate(islice(cycle(things), count))
        for templates in [eval_templates(thing.kind, prompts, modality)]
    ]
    sample = sample_images if modality == "image" else sample_videos
    contrast = contrast_of(sample(base, texts, [derive_seed(11, text) for text in texts]))
    return float(contrast.min()), float(contrast.max())


def measure(
    eyes: Eyes, rows: list[PlannedSample], axis: str, before: dict[str, Any] | None = None, edit: Edit | None = None
) -> dict[str, Any]:
    """{group: rate}, rest and clean of rows of one modality, and what the same rows of an edit are compared with.

    :param axis: of what should stay on target prompts. :param before: the result for the original encoder.
    """
    modality, judge = rows[0].modality, eyes.judge
    (low, high), frames = eyes.limits[modality], draw(eyes, rows, edit)
    samples = [Sample(i, row, pixels) for i, (row, pixels) in enumerate(zip(rows, frames, strict=True))]
    originals = before["samples"] if before else samples
    seen = look_at(judge, samples, {"list": "", "encoder": "", "concept": ""}, "", originals, formulas=formulas())
    rates: dict[str, Any] = shares(seen)
    target = [row.prompt for row in rows if row.group == "target"]
    drawn = frames[[i for i, row in enumerate(rows) if row.group == "target"]]
    whats, sure = classify(judge, drawn, axis), classify(judge, drawn, "subject").max(-1)
    if modality == "video":
        whats, sure = whats.mean(1), sure.mean(1)
    labels = [judge.labels[axis][i] for i in whats.argmax(-1)]
    followed = [says(prompt, label) for prompt, label in zip(target, labels, strict=True)]
    asked = [row["value"] for row in seen if row["group"] == "rest" and row["metric"] == "seen"]
    rates |= {"followed": np.array([*followed, *asked], float), "samples": samples}
    contrast = contrast_of(drawn)
    rates["clean"] = float(np.mean((sure > 0.5) & (contrast >= low) & (contrast <= high)))
    if before:
        rates["clean"] = min(1.0, rates["clean"] / before["clean"]) if before["clean"] else float("nan")
        there = before["followed"] > 0  # what the original does not follow cannot be lost
        if samples[0].axis != "copy" and there.any():  # a memorised picture has no rest
            rates["rest"] = float(rates["followed"][there].mean())
        for group in KEPT & rates.keys():
            rates[group] = min(1.0, rates[group] / before[group]) if before[group] else float("nan")
    return rates


def share_left(eyes: Eyes, rows: list[PlannedSample], edit: Edit) -> float:
    """The share of the original's own rate (at most 1) that an edit leaves of rows of one group and modality."""
    rates = []
    for each in (None, edit):
        frames = draw(eyes, rows, each)
        samples = [Sample(i, row, pixels) for i, (row, pixels) in enumerate(zip(rows, frames, strict=True))]
        seen = look_at(eyes.judge, samples, {"list": "", "encoder": "", "concept": ""}, "", formulas={})
        rates.append(shares(seen)[rows[0].group])
    return min(1.0, rates[1] / rates[0]) if rates[0] else float("nan")


def shares(seen: list[Row]) -> dict[str, float]:
    """{group: share of its samples in which the judge sees what was asked}; what several concepts share counts once."""
    values: dict[str, dict[Any, float]] = {}
    for row in seen:
        if row["metric"] == "seen" and row["group"] in (*GROUPS, "unseen"):
            values.setdefault(row["group"], {})[row["prompt"], row["seed"]] = row["value"]
    return {group: float(np.mean(list(each.values()))) for group, each in values.items()}


def says(prompt: str, label: Label) -> bool:
    """Does a prompt hold one of the label's names, as whole words?"""
    return any(f" {plain(name)} " in f" {plain(prompt)} " for name in label.names)
