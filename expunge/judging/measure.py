"""Samples of renders, and everything that is measured of them: rows of `expunge.judging.table.COLUMNS`.

    samples = read_samples(Path("build/renders/characters/bolt/characters--bolt"), frames=8)
    known = encode(judge, samples)
    rows = measure(judge, samples, {"list": "characters", "encoder": "bolt", "concept": "bolt"}, judge_id, known=known)

What each metric means is in `expunge.judging.table.METRICS`. Each frame goes through the judge once, for all metrics.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.concepts.samples import FORGET
from expunge.judging import formulas as quality
from expunge.judging.table import Row

if TYPE_CHECKING:
    from expunge.judging.judge import Seen

Features = Mapping[int, np.ndarray]  # by Sample.index: (D,), or (F, D) for a video, of length 1
FEWEST = 4  # samples for which a KID is given


@dataclass(frozen=True)
class Sample:
    """One row of a unit's prompts with its pixels."""

    index: int  # position in the concept's list of prompts
    group: str
    prompt: str
    seed: int
    modality: str
    axis: str
    asked: str
    pixels: np.ndarray  # uint8: (H, W, 3), or (F, H, W, 3) for a video
    parts: tuple[str, ...] = ()  # of a composition


def read_samples(folder: Path, frames: int) -> list[Sample]:
    """The samples of one unit of build/renders, from its prompts.json and PNGs.

    Pictures of a motion are left out: a motion cannot be seen in one.
    """
    from expunge.core.media import read_png, read_strip

    samples = []
    for index, row in enumerate(json.loads((folder / "prompts.json").read_text("utf-8"))):
        axis, video = row["asks"]["axis"], row["modality"] == "video"
        if axis == "motion" and not video:
            continue
        pixels = read_strip(folder / row["file"], frames) if video else read_png(folder / row["file"])
        asked, parts = row["asks"]["name"], tuple(row["asks"].get("parts", ()))
        where = row["group"], row["prompt"], row["seed"], row["modality"]
        samples.append(Sample(index, *where, axis, asked, pixels, parts))
    return samples


def place_of(sample: Sample) -> tuple[str, str, str, int]:
    """What a sample shares with the one that the original encoder drew."""
    return sample.modality, sample.group, sample.prompt, sample.seed


def encode(judge: Any, samples: Sequence[Sample]) -> dict[int, np.ndarray]:
    """The judge's features of every sample, float32."""
    from expunge.judging.judge import features

    found: dict[int, np.ndarray] = {}
    for modality in sorted({s.modality for s in samples}):
        batch = [s for s in samples if s.modality == modality]
        found.update(zip((s.index for s in batch), features(judge, np.stack([s.pixels for s in batch])), strict=True))
    return found


def seen_in_video(top1: np.ndarray, group: str) -> bool:
    """The rule of a group over a video's frames (F,) bool: any of them, or more than half."""
    return bool(top1.any() if group in FORGET else top1.mean() > 0.5)


def look(
    judge: Any, batch: Sequence[Sample], axis: str, memorised: np.ndarray | None, known: Features | None = None
) -> "Seen":
    """What is seen in samples of one modality and axis; `memorised` (H, W, 3) uint8 is read for the axis `copy`."""
    from expunge.judging.copies import COPY, likeness
    from expunge.judging.judge import Seen, sees, sees_both

    frames = np.stack([s.pixels for s in batch])
    if axis == "copy":
        if memorised is None:
            raise ValueError("without pictures of the original encoder there is nothing to compare copies with")
        like = likeness(frames, memorised)
        return Seen(like > COPY, like - COPY, like.clip(0, 1))
    if axis == "both":
        both = sees_both(judge, frames, "subject", [s.parts[0] for s in batch], [s.parts[1] for s in batch])
        return Seen(both, 2.0 * both - 1, both.astype(float))
    features = np.stack([known[s.index] for s in batch]) if known is not None else None
    return sees(judge, frames, axis, [s.asked for s in batch], features)


def asks_of(sample: Sample) -> list[tuple[str, str]]:
    """(axis, name) pairs that the judge must know to look at a sample."""
    if sample.axis == "copy":
        return []
    return [("subject", part) for part in sample.parts] if sample.axis == "both" else [(sample.axis, sample.asked)]


def measure(
    judge: Any,
    samples: Sequence[Sample],
    unit: Mapping[str, str],
    judge_id: str,
    originals: Sequence[Sample] = (),
    *,
    known: Features | None = None,
    before: Features | None = None,
    anchors: Sequence[str] = (),
    how: Mapping[str, Mapping[str, Any]] | None = None,
    versions: str = "",
) -> list[Row]:
    """Rows of `COLUMNS` for the samples of one unit, in their order.

    The vocabulary grows by what these samples ask, and by nothing else, so a unit's rows depend on it alone.

    :param unit: {"list", "encoder", "concept"}. :param originals: the same concept's samples with the original encoder:
        of a memorised picture, what its pictures have in common is what copies are compared with.
    :param known: `encode` of the samples, where it was called already. :param before: `encode` of the originals, for
        `distance`; None leaves it out, as for the original encoder itself. :param anchors: what the target may become,
        for `clip_accuracy`. :param how: {"image": {"solver", "steps", "guidance"}, "video": {...}}.
    :raises InputError: a motion that the judge does not know.
    """
    from expunge.judging.judge import with_names

    judge = with_names(judge, sorted({asks for s in samples for asks in asks_of(s)}))
    known = encode(judge, samples) if known is None else known
    values = _seen(judge, samples, originals, known)
    for index, more in _scores(judge, samples, known, anchors).items():
        values[index] |= more
    for index, chance in _motions(judge, samples).items():
        values[index]["motion"] = chance
    for index, sure in _clear(judge, samples, known).items():
        values[index]["clear"] = sure
    if before is not None:
        drawn = {place_of(original): before[original.index] for original in originals}
        for s in samples:
            if place_of(s) in drawn:
                values[s.index]["distance"] = quality.distance(known[s.index], drawn[place_of(s)])
    how = how or {}
    return [
        {**unit, "modality": s.modality, "group": s.group, "sample": s.index, "prompt": s.prompt, "seed": s.seed,
         "axis": s.axis, "asked": s.asked, "metric": metric, "value": round(value, 6) + 0.0, "judge": judge_id,
         **how.get(s.modality, {}), "versions": versions}
        for s in samples for metric, value in values[s.index].items()
    ]  # fmt: skip


def write_features(file: Path, known: Features) -> None:
    """As safetensors, for `read_features`."""
    from safetensors.numpy import save_file

    save_file({str(index): np.ascontiguousarray(features) for index, features in known.items()}, file)


def read_features(file: Path) -> dict[int, np.ndarray]:
    """What `write_features` wrote."""
    from safetensors.numpy import load_file

    return {int(index): features for index, features in load_file(file).items()}


def versions() -> str:
    """The packages on which numbers depend, as in "torch 2.15.0; diffusers 0.42.1; ...": one text per table row."""
    from importlib.metadata import version

    names = {"torch": "torch", "diffusers": "diffusers", "transformers": "transformers", "open_clip": "open-clip-torch"}
    return "; ".join(f"{name} {version(package)}" for name, package in {**names, "expunge": "expunge"}.items())


def kid_of(
    samples: Sequence[Sample], known: Features, originals: Sequence[Sample], before: Features
) -> dict[str, float]:
    """{"KID", "n"} of the kept pictures, each with the original encoder's beside it; {} of fewer than FEWEST."""
    drawn = {place_of(original): before[original.index] for original in originals}
    kept = [s for s in samples if s.modality == "image" and s.group not in FORGET and place_of(s) in drawn]
    if len(kept) < FEWEST:
        return {}
    found = quality.kid(np.stack([known[s.index] for s in kept]), np.stack([drawn[place_of(s)] for s in kept]))
    return {"KID": round(found, 6) + 0.0, "n": len(kept)}


def _seen(
    judge: Any, samples: Sequence[Sample], originals: Sequence[Sample], known: Features
) -> dict[int, dict[str, float]]:
    """What the judge's labels say: seen, seen5, confidence, margin and, of videos, frames and majority."""
    from expunge.judging.copies import reference

    drawn = [s for s in originals if s.axis == "copy" and s.group == "target"]
    copied = [s.pixels for s in drawn if s.modality == "image"] or [frame for s in drawn for frame in s.pixels]
    memorised = reference(np.stack(copied)) if copied else None
    values: dict[int, dict[str, float]] = {}
    for modality, axis in sorted({(s.modality, s.axis) for s in samples}):
        batch = [s for s in samples if (s.modality, s.axis) == (modality, axis)]
        seen = look(judge, batch, axis, memorised, known)
        for index, s in enumerate(batch):
            top1, margin, confidence = seen.top1[index], seen.margin[index], seen.confidence[index]
            by_frame = bool(top1.ndim)
            pool = np.max if s.group in FORGET else np.mean  # the strongest frame where any counts, else their mean
            found = {"seen": float(seen_in_video(top1, s.group) if by_frame else top1)}
            if seen.top5 is not None:
                top5 = seen.top5[index]
                found["seen5"] = float(seen_in_video(top5, s.group) if by_frame else top5)
            found |= {"confidence": float(pool(confidence)), "margin": float(pool(margin))}
            if by_frame:
                found |= {"frames": float(top1.mean()), "majority": float(top1.mean() > 0.5)}
            values[s.index] = found
    return values


def _scores(
    judge: Any, samples: Sequence[Sample], known: Features, anchors: Sequence[str]
) -> dict[int, dict[str, float]]:
    """What features and pixels say: clip_score, clip_accuracy, alignment and, of videos, how they move."""
    from expunge.judging.judge import text_features

    def contest(s: Sample) -> list[str]:
        """Texts of the target and of its anchors, in the form in which the judge's labels are; [] without anchors."""
        # Of a composition, one embedding of the whole picture does not say whether both parts are there.
        if s.group not in FORGET or s.axis in ("motion", "both") or not any(anchors):
            return []
        form = (judge.templates.get(s.axis) or judge.templates.get("subject") or ("a photo of {}",))[0]
        return [form.replace("{}", name) for name in (s.asked, *filter(None, anchors))]

    texts = dict.fromkeys(t for s in samples for t in (s.prompt, quality.depicts(s.axis, s.asked), *contest(s)))
    vectors = dict(zip(texts, text_features(judge, list(texts)), strict=True)) if texts else {}
    values: dict[int, dict[str, float]] = {}
    for s in samples:
        features, found = known[s.index], dict[str, float]()
        if s.axis != "motion":  # which no frame shows
            found["clip_score"] = quality.clip_score(features, vectors[quality.depicts(s.axis, s.asked)])
        if both := contest(s):
            target, *others = (vectors[text] for text in both)
            found["clip_accuracy"] = quality.clip_accuracy(features, target, np.stack(others))
        found["alignment"] = quality.clip_score(features, vectors[s.prompt])
        if s.modality == "video" and len(s.pixels) > 1:
            found |= {"consistency": quality.consistency(features), "flicker": quality.flicker(s.pixels),
                      "subject_consistency": quality.subject_consistency(features),
                      "dynamic": quality.dynamic(s.pixels)}  # fmt: skip
        values[s.index] = found
    return values


def _clear(judge: Any, samples: Sequence[Sample], known: Features) -> dict[int, float]:
    """Of target and aliases: is the judge sure of some subject, whatever it is? A blur in its place is no gain.
    A memorised picture may show none.

    1 where the likeliest label has more than half of the probability (of a video: the frames' mean of it), else 0.
    """
    from expunge.judging.judge import classify

    gone, found = [s for s in samples if s.group in FORGET and s.axis != "copy"], dict[int, float]()
    if not gone or not judge.labels.get("subject"):
        return {}
    for modality in sorted({s.modality for s in gone}):
        batch = [s for s in gone if s.modality == modality]
        features = np.stack([known[s.index] for s in batch])
        sure = classify(judge, np.stack([s.pixels for s in batch]), "subject", features).max(-1)
        found.update((s.index, float(np.mean(each) > 0.5)) for s, each in zip(batch, sure, strict=True))
    return found


def _motions(judge: Any, samples: Sequence[Sample]) -> dict[int, float]:
    """Of videos whose prompt names motions: is the likeliest one of them? Only a motion classifier can tell."""
    from expunge.judging.judge import classify

    if judge.motion is None:
        return {}
    named = {s.index: quality.named_motions(judge.labels["motion"], s.prompt) for s in samples if s.modality == "video"}
    batch = [s for s in samples if named.get(s.index)]
    if not batch:
        return {}
    chances = classify(judge, np.stack([s.pixels for s in batch]), "motion")
    return {s.index: quality.moves_as_asked(row, named[s.index]) for s, row in zip(batch, chances, strict=True)}
