"""Everything that is measured of a unit's samples: rows of `expunge.judging.table.COLUMNS`.

    samples = read_samples(Path("build/renders/characters/bolt/characters--bolt"), frames=8)
    features = encode(judge, samples)
    unit = {"list": "characters", "encoder": "bolt", "concept": "bolt"}
    rows = measure(judge, samples, unit, judge_id, formulas=FORMULAS, features=features)

What each metric means is in `expunge.judging.table.METRICS`. Each frame goes through the judge once, for all metrics.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from expunge.concepts.samples import FORGET
from expunge.judging.features import Features, by_place, encode
from expunge.judging.formulas import Formula, kid, moves_as_asked, named_motions
from expunge.judging.looking import asks_of, look, memorised_picture, seen_in_video
from expunge.judging.samples import Sample
from expunge.judging.sight import sights_of
from expunge.judging.table import Row

FEWEST = 4  # samples for which a KID is given
LAST = ("motion", "clear", "distance")  # a sample's last rows, after those of all other formulas
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

    The vocabulary grows by what these samples ask, and by nothing else, so a unit's rows depend on it alone.

    :param unit: {"list", "encoder", "concept"}. :param judge_id: its digest. :param originals: the same concept's
        samples with the original encoder; copies of a memorised picture are compared with what those have in common.
    :param formulas: {metric: its value for one `Sight`, or None where it does not apply}; their order is that of a
        sample's rows. What only the judge can tell is measured besides: seen, seen5, confidence, margin, frames,
        majority, clear and motion.
    :param features: `encode` of the samples, where it was called already. :param original_features: `encode` of the
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
    for more in (_motions(judge, samples), _clear(judge, samples, features)):
        for index, own in more.items():
            values[index] |= own
    drawn_with = drawn_with or {}
    return [
        {**unit, "modality": s.planned.modality, "group": s.planned.group, "sample": s.index,
         "prompt": s.planned.prompt, "seed": s.planned.seed, "axis": s.planned.asks.axis,
         "asked": s.planned.asks.name, "metric": metric, "value": round(value, 6) + 0.0, "judge": judge_id,
         **drawn_with.get(s.planned.modality, {}), "versions": versions}
        for s in samples for metric, value in sorted(values[s.index].items(), key=_last)
    ]  # fmt: skip


def versions() -> str:
    """The packages on which numbers depend, as in "torch 2.15.0; diffusers 0.42.1; ...": one text per table row."""
    from importlib.metadata import version

    names = {"torch": "torch", "diffusers": "diffusers", "transformers": "transformers", "open_clip": "open-clip-torch"}
    return "; ".join(f"{name} {version(package)}" for name, package in {**names, "expunge": "expunge"}.items())


def kid_of(
    samples: Sequence[Sample], features: Features, originals: Sequence[Sample], original_features: Features
) -> dict[str, float]:
    """{"KID", "n"} of the kept pictures, each with the original encoder's beside it; {} of fewer than FEWEST."""
    drawn = by_place(originals, original_features)
    kept = [
        s for s in samples
        if s.planned.modality == "image" and s.planned.group not in FORGET and s.planned.place in drawn
    ]  # fmt: skip
    if len(kept) < FEWEST:
        return {}
    new, old = np.stack([features[s.index] for s in kept]), np.stack([drawn[s.planned.place] for s in kept])
    return {"KID": round(kid(new, old), 6) + 0.0, "n": len(kept)}


def _last(item: tuple[str, float]) -> int:
    return LAST.index(item[0]) + 1 if item[0] in LAST else 0


def _seen(judge: Any, samples: Sequence[Sample], originals: Sequence[Sample], features: Features) -> Values:
    """What the judge's labels say: seen, seen5, confidence, margin and, of videos, frames and majority."""
    memorised, values = memorised_picture(originals), Values()
    for modality, axis in sorted({(s.planned.modality, s.planned.asks.axis) for s in samples}):
        batch = [s for s in samples if (s.planned.modality, s.planned.asks.axis) == (modality, axis)]
        seen = look(judge, batch, axis, memorised, features)
        for index, s in enumerate(batch):
            group = s.planned.group
            top1, margin, confidence = seen.top1[index], seen.margin[index], seen.confidence[index]
            by_frame = bool(top1.ndim)
            pool = np.max if group in FORGET else np.mean  # the strongest frame where any counts, else their mean
            own = {"seen": float(seen_in_video(top1, group) if by_frame else top1)}
            if seen.top5 is not None:
                top5 = seen.top5[index]
                own["seen5"] = float(seen_in_video(top5, group) if by_frame else top5)
            own |= {"confidence": float(pool(confidence)), "margin": float(pool(margin))}
            if by_frame:
                own |= {"frames": float(top1.mean()), "majority": float(top1.mean() > 0.5)}
            values[s.index] = own
    return values


def _clear(judge: Any, samples: Sequence[Sample], features: Features) -> Values:
    """Of target and aliases: is the judge sure of some subject, whatever it is? A blur in its place is no gain.

    1 where the likeliest label has more than half of the probability (of a video: the frames' mean of it), else 0. A
    memorised picture may show no subject, so it is left out.
    """
    from expunge.judging.judge import classify

    gone, values = [s for s in samples if s.planned.group in FORGET and s.planned.asks.axis != "copy"], Values()
    if not gone or not judge.labels.get("subject"):
        return {}
    for modality in sorted({s.planned.modality for s in gone}):
        batch = [s for s in gone if s.planned.modality == modality]
        encoded = np.stack([features[s.index] for s in batch])
        sure = classify(judge, np.stack([s.pixels for s in batch]), "subject", encoded).max(-1)
        values |= {s.index: {"clear": float(np.mean(each) > 0.5)} for s, each in zip(batch, sure, strict=True)}
    return values


def _motions(judge: Any, samples: Sequence[Sample]) -> Values:
    """Of videos whose prompt names motions: is the likeliest one of them? Only a motion classifier can tell."""
    from expunge.judging.judge import classify

    if judge.motion is None:
        return {}
    labels = judge.labels["motion"]
    named = {s.index: named_motions(labels, s.planned.prompt) for s in samples if s.planned.modality == "video"}
    batch = [s for s in samples if named.get(s.index)]
    if not batch:
        return {}
    chances = classify(judge, np.stack([s.pixels for s in batch]), "motion")
    return {
        s.index: {"motion": moves_as_asked(row, named[s.index])} for s, row in zip(batch, chances, strict=True)
    }  # fmt: skip
