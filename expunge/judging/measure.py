"""Measure a unit's samples; the result is rows of `expunge.judging.table.COLUMNS`.

    samples = read_samples(Path("build/renders/characters/bolt/characters--bolt"), frames=8)
    features = encode(judge, samples)
    unit = {"list": "characters", "encoder": "bolt", "concept": "bolt"}
    rows = measure(judge, samples, unit, judge_id, formulas=formulas(), features=features)    expunge.metrics.catalogue

`expunge.judging.table.MEASURES` lists the metrics from the judge's labels; the formulas give the rest. The features of
each frame serve all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from expunge.concepts.samples import FORGET, KEPT
from expunge.judging.features import Features, by_place, encode
from expunge.judging.formulas import kid
from expunge.judging.samples import Sample
from expunge.judging.seen import asks_of, comes_back, look, memorised_picture, seen_in_video
from expunge.judging.sight import Formula, sights_of
from expunge.judging.table import Row, frame_measure

FEWEST = 4  # a KID needs at least so many samples
# Order of a sample's rows, fixed so that tables of two runs can be compared line by line. Other metrics come last.
ORDER = (
    "seen", "seen5", "confidence", "margin", "frames", "majority", "target_seen", "returns", "clip_score",
    "clip_accuracy", "alignment", "consistency", "flicker", "subject_consistency", "dynamic", "motion", "clear",
    "distance",
)  # fmt: skip
Values = dict[int, dict[str, float]]  # by Sample.index: {metric: value}


def measure(
    judge: Any,
    samples: Sequence[Sample],
    unit: Mapping[str, str],
    judge_id: str,
    originals: Sequence[Sample] = (),
    *,
    formulas: Mapping[str, Formula],
    features: Features | None = None,
    original_features: Features | None = None,
    anchors: Sequence[str] = (),
    drawn_with: Mapping[str, Mapping[str, Any]] | None = None,
    versions: str = "",
) -> list[Row]:
    """Rows of `COLUMNS` for the samples of one unit, in their order.

    Only what these samples ask for is added to the vocabulary, so a unit's rows do not depend on other units.

    :param unit: {"list", "encoder", "concept"}. :param judge_id: the judge's digest.
    :param originals: the same concept's samples with the original encoder; copies of a memorised picture are compared
        with what those have in common.
    :param formulas: {metric: its value for one `Sight`, or None where it does not apply}. The metrics
        from labels are measured besides.
    :param features: what `encode` returns for the samples, if known. :param original_features: the same for the
        originals; None: there is nothing to compare with, as for the original encoder itself. :param anchors: what the
        target may become. :param drawn_with: {"image": {"solver", "steps", "guidance"}, "video": {...}}.
    :raises InputError: the judge does not know a motion.
    """
    from expunge.judging.judge import with_names

    judge = with_names(judge, sorted({asks for s in samples for asks in asks_of(s)}))
    features = encode(judge, samples) if features is None else features
    values = _seen(judge, samples, originals, features)
    sights = sights_of(judge, samples, features, originals, original_features, anchors) if formulas else []
    for sight in sights:
        for metric, formula in formulas.items():
            value = formula(sight)
            if value is not None:
                values[sight.sample.index][metric] = value
    drawn_with = drawn_with or {}
    return [
        {**unit, "modality": s.modality, "group": s.group, "sample": s.index,
         "prompt": s.prompt, "seed": s.seed, "axis": s.axis,
         "asked": s.asked, "metric": metric, "value": round(value, 6) + 0.0, "judge": judge_id,
         **drawn_with.get(s.modality, {}), "versions": versions}
        for s in samples for metric, value in sorted(values[s.index].items(), key=_place)
    ]  # fmt: skip


def versions() -> str:
    """The packages on which numbers depend, as in "torch 2.15.0; diffusers 0.42.1; ...": one text per table row."""
    from importlib.metadata import version

    names = {"torch": "torch", "diffusers": "diffusers", "transformers": "transformers", "open_clip": "open-clip-torch"}
    return "; ".join(f"{name} {version(package)}" for name, package in {**names, "expunge": "expunge"}.items())


def kid_of(
    samples: Sequence[Sample], features: Features, originals: Sequence[Sample], original_features: Features
) -> dict[str, float]:
    """{"KID", "n"} of the pictures that must stay and have an original; {} if there are fewer than FEWEST."""
    drawn = by_place(originals, original_features)
    kept = [
        s for s in samples
        if s.modality == "image" and s.group in KEPT and s.planned.place in drawn
    ]  # fmt: skip
    if len(kept) < FEWEST:
        return {}
    new, old = np.stack([features[s.index] for s in kept]), np.stack([drawn[s.planned.place] for s in kept])
    return {"KID": round(kid(new, old), 6) + 0.0, "n": len(kept)}


def _place(item: tuple[str, float]) -> int:
    return ORDER.index(item[0]) if item[0] in ORDER else len(ORDER)


def _seen(judge: Any, samples: Sequence[Sample], originals: Sequence[Sample], features: Features) -> Values:
    """The metrics from labels: `judging.table.MEASURES`."""
    memorised, values = memorised_picture(originals), Values()
    for modality, axis in sorted({(s.modality, s.axis) for s in samples}):
        batch = [s for s in samples if (s.modality, s.axis) == (modality, axis)]
        seen = look(judge, batch, axis, memorised, features)
        for index, s in enumerate(batch):
            group = s.group
            top1, margin, confidence = seen.top1[index], seen.margin[index], seen.confidence[index]
            by_frame = bool(top1.ndim)
            pool = np.max if group in FORGET else np.mean  # the strongest frame if one is enough, else the mean
            own = {"seen": float(seen_in_video(top1, group) if by_frame else top1)}
            if seen.top5 is not None:
                top5 = seen.top5[index]
                own["seen5"] = float(seen_in_video(top5, group) if by_frame else top5)
            own |= {"confidence": float(pool(confidence)), "margin": float(pool(margin))}
            if by_frame:
                own |= {"frames": float(top1.mean()), "majority": float(top1.mean() > 0.5)}
            if by_frame and group == "target":
                own["returns"] = float(comes_back(top1))
                own |= {frame_measure(frame): float(shows) for frame, shows in enumerate(top1)}
            values[s.index] = own
    company = [replace(s, planned=replace(s.planned, asks=s.planned.gone)) for s in samples if s.planned.gone]
    for modality, axis in sorted({(s.modality, s.axis) for s in company}):
        batch = [s for s in company if (s.modality, s.axis) == (modality, axis)]
        for s, top1 in zip(batch, look(judge, batch, axis, memorised, features).top1, strict=True):
            values[s.index]["target_seen"] = float(top1.any())
    return values
