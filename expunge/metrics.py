"""What the judge saw, sample by sample, and the rates that follow from it.

    rows = measure(judge, samples, {"list": "characters", "encoder": "bolt", "concept": "bolt"}, judge_id)
    write_table("scores.parquet", rows)
    summary = summarise(rows, encoders, costs)                 metrics/summary.json
    base = summarise(rows, encoders, original=True)            metrics/base.json

A rate is the share of a group's samples in which the judge sees what the prompt asks about, in [0, 1]. For a video any
frame counts on target and aliases (what must be gone must be gone from every frame) and a majority of the frames, more
than half, on near, far and sense. A group without samples is absent, never 0.
"""

import csv
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from expunge.judge import Seen

GROUPS = ("target", "aliases", "near", "far", "sense")
FORGET = ("target", "aliases")  # any frame counts; the others must be kept: a majority counts
MODALITIES = ("image", "video")
COSTS = ("seconds", "changed_parameters")
ORIGINAL = "original"  # in the column `encoder`: the base's own text encoder

Row = dict[str, Any]

# One row per list, encoder, concept, modality, sample and metric. Also written into the Parquet file's schema.
COLUMNS = {
    "list": "id of the concept list",
    "encoder": f"id of the unlearned encoder, or {ORIGINAL!r}: the base's own text encoder",
    "concept": "id of the concept that the prompt was written for",
    "modality": "image (T2I) or video (T2V)",
    "group": "target, aliases (must be gone), near, far, sense (must stay)",
    "sample": "position in the unit's prompts.json; (group, prompt, seed) is what pairs before with after",
    "prompt": "what was asked of the model; empty where it would name a confidential concept",
    "seed": "of the noise the sample started from",
    "axis": "what was asked about: subject, style, motion, both (parts of a composition), copy (of a memorised image)",
    "asked": "name of what should be seen; empty where it would name a confidential concept",
    "metric": "seen (0 or 1, by the group's rule), confidence (copy: correlation with the memorised picture), margin, "
    "frames (videos: share of frames that show it)",
    "value": "seen, confidence and frames in [0, 1], margin in [-1, 1]",
    "judge": "sha256 of the judge's weights and vocabulary",
}


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
    from expunge.video import read_png, read_strip

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


def seen_in_video(top1: np.ndarray, group: str) -> bool:
    """The rule of a group over a video's frames (F,) bool: any of them, or more than half."""
    return bool(top1.any() if group in FORGET else top1.mean() > 0.5)


def look(judge: Any, batch: Sequence[Sample], axis: str, memorised: np.ndarray | None) -> "Seen":
    """What is seen in samples of one modality and axis; `memorised` (H, W, 3) uint8 is read for the axis `copy`."""
    from expunge.copies import COPY, likeness
    from expunge.judge import Seen, sees, sees_both

    frames = np.stack([s.pixels for s in batch])
    if axis == "copy":
        if memorised is None:
            raise ValueError("without pictures of the original encoder there is nothing to compare copies with")
        like = likeness(frames, memorised)
        return Seen(like > COPY, like - COPY, like.clip(0, 1))
    if axis == "both":
        both = sees_both(judge, frames, "subject", [s.parts[0] for s in batch], [s.parts[1] for s in batch])
        return Seen(both, 2.0 * both - 1, both.astype(float))
    return sees(judge, frames, axis, [s.asked for s in batch])


def asks_of(sample: Sample) -> list[tuple[str, str]]:
    """(axis, name) pairs that the judge must know to look at a sample."""
    if sample.axis == "copy":
        return []
    return [("subject", part) for part in sample.parts] if sample.axis == "both" else [(sample.axis, sample.asked)]


def measure(
    judge: Any, samples: Sequence[Sample], unit: Mapping[str, str], judge_id: str, originals: Sequence[Sample] = ()
) -> list[Row]:
    """Rows of `COLUMNS` for the samples of one unit, in their order.

    The vocabulary grows by what these samples ask, and by nothing else, so a unit's rows depend on it alone.

    :param unit: {"list", "encoder", "concept"}. :param originals: of a memorised picture, the same concept's samples
        with the original encoder: what its pictures have in common is what copies are compared with.
    :raises InputError: a motion that the judge does not know.
    """
    from expunge.copies import reference
    from expunge.judge import with_names

    judge = with_names(judge, sorted({asks for s in samples for asks in asks_of(s)}))
    drawn = [s for s in originals if s.axis == "copy" and s.group == "target"]
    copied = [s.pixels for s in drawn if s.modality == "image"] or [frame for s in drawn for frame in s.pixels]
    memorised = reference(np.stack(copied)) if copied else None
    values: dict[int, dict[str, float]] = {}
    for modality, axis in sorted({(s.modality, s.axis) for s in samples}):
        batch = [s for s in samples if (s.modality, s.axis) == (modality, axis)]
        seen = look(judge, batch, axis, memorised)
        for index, sample in enumerate(batch):
            top1, margin, confidence = seen.top1[index], seen.margin[index], seen.confidence[index]
            if top1.ndim:  # frame by frame: the strongest frame where any counts, else their mean
                pool = np.max if sample.group in FORGET else np.mean
                found = {"seen": float(seen_in_video(top1, sample.group)), "confidence": float(pool(confidence)),
                         "margin": float(pool(margin)), "frames": float(top1.mean())}  # fmt: skip
            else:
                found = {"seen": float(top1), "confidence": float(confidence), "margin": float(margin)}
            values[sample.index] = found
    return [
        {**unit, "modality": s.modality, "group": s.group, "sample": s.index, "prompt": s.prompt, "seed": s.seed,
         "axis": s.axis, "asked": s.asked, "metric": metric, "value": round(value, 6), "judge": judge_id}
        for s in samples for metric, value in values[s.index].items()
    ]  # fmt: skip


def rates(rows: Iterable[Row]) -> dict[str, dict[str, float]]:
    """{"image": {group: rate}, "video": {group: rate}} of the rows of metric `seen`; what has no samples is absent."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row["metric"] == "seen":
            found.setdefault((row["modality"], row["group"]), []).append(row["value"])
    return _shaped({key: float(np.mean(values)) for key, values in found.items()})


def pair_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a sample shares with the one that the original encoder drew."""
    return row["modality"], row["group"], row["prompt"], row["seed"]


def summarise(
    rows: Sequence[Row],
    encoders: Mapping[str, Sequence[str]],
    costs: Mapping[str, Mapping[str, Any]] | None = None,
    original: bool = False,
) -> dict[str, Any]:
    """{"overall": {...}, "lists": {list: {...}}, "encoders": {"list/encoder": {...}}}.

    An encoder has its rates by modality and group and its costs. A list, and overall, has the mean of its encoders'
    rates (each encoder counts once), the number of encoders and the sum of their seconds.

    :param encoders: {"list/encoder": ["list/concept", ...]}, the plan's.
    :param costs: {"list/encoder": {"seconds", "changed_parameters"}}.
    :param original: the same samples, drawn with the base's own text encoder.
    """
    by_unit: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        by_unit.setdefault((row["list"], row["encoder"], row["concept"]), []).append(row)
    found = {}
    for name, concepts in encoders.items():
        chosen: list[Row] = []
        for list_, concept in (c.split("/", 1) for c in concepts):
            own = by_unit.get((list_, name.split("/", 1)[1], concept), [])
            if original:  # a joint encoder leaves some of its concepts' prompts out: compare like with like
                drawn = {pair_of(row) for row in own}
                own = [row for row in by_unit.get((list_, ORIGINAL, concept), ()) if pair_of(row) in drawn]
            chosen += own
        found[name] = rates(chosen)
    lists = sorted({name.split("/", 1)[0] for name in encoders})
    costs = costs or {}
    summary: dict[str, Any] = {
        "overall": _mean(found, costs),
        "lists": {
            list_: _mean({n: r for n, r in found.items() if n.startswith(f"{list_}/")}, costs) for list_ in lists
        },
        "encoders": {
            name: {**found[name], **{k: _cost(costs[name][k]) for k in COSTS if k in costs.get(name, {})}}
            for name in sorted(found)
        },
    }  # fmt: skip
    return summary


def plot_rows(summary: Mapping[str, Any]) -> list[Row]:
    """Rows of metrics/scores.csv, for `dvc plots`, one per encoder and modality:

    name (list/encoder), list, encoder, modality, the rates target, aliases, near, far, sense (empty: no samples),
    forgotten = 1 - target, kept = mean of near, far and sense.
    """
    rows = []
    for name, entry in summary["encoders"].items():
        for modality in MODALITIES:
            if modality not in entry:
                continue
            found = entry[modality]
            keep = [found[g] for g in GROUPS if g not in FORGET and g in found]
            list_, encoder = name.split("/", 1)
            rows.append(
                {"name": name, "list": list_, "encoder": encoder, "modality": modality}
                | {group: found.get(group, "") for group in GROUPS}
                | {"forgotten": round(1 - found["target"], 4) if "target" in found else "",
                   "kept": round(float(np.mean(keep)), 4) if keep else ""}
            )  # fmt: skip
    return rows


PLOT_COLUMNS = ("name", "list", "encoder", "modality", *GROUPS, "forgotten", "kept")


def confidential_words(concepts: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Lower-case names and aliases of the confidential concepts of a plan, {"list/concept": entry}."""
    hidden = [entry for entry in concepts.values() if entry.get("confidential")]
    return tuple(sorted({w.casefold() for e in hidden for w in (e["name"], *e.get("aliases", ())) if w}))


def is_withheld(concept: Mapping[str, Any], group: str, texts: Iterable[str], words: Sequence[str]) -> bool:
    """Would showing a sample name a confidential concept? All but the far prompts of such a concept do."""
    if concept.get("confidential") and group != "far":
        return True
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text.casefold()) for text in texts for word in words)


def redact(rows: Iterable[Row], concepts: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Rows with prompt and asked name emptied where they would name a confidential concept."""
    words = confidential_words(concepts)
    result = []
    for row in rows:
        concept = concepts.get(f"{row['list']}/{row['concept']}", {})
        hide = is_withheld(concept, row["group"], (row["prompt"], row["asked"]), words)
        result.append({**row, "prompt": "", "asked": ""} if hide else row)
    return result


def write_table(file: Path, rows: Sequence[Row]) -> None:
    """Write rows of `COLUMNS` as Parquet; each column carries its description in the file's schema."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"sample": pa.int32(), "seed": pa.int64(), "value": pa.float64()}
    fields = [pa.field(name, types.get(name, pa.string()), metadata={"description": text})
              for name, text in COLUMNS.items()]  # fmt: skip
    table = pa.Table.from_pylist(list(rows), schema=pa.schema(fields))
    write_aside(file, lambda part: pq.write_table(table, part, compression="zstd"))


def read_table(file: Path) -> list[Row]:
    """The rows that `write_table` wrote."""
    import pyarrow.parquet as pq

    return pq.read_table(file).to_pylist()


def write_json(file: Path, data: Any) -> None:
    write_aside(file, lambda part: part.write_text(json.dumps(data, indent=2) + "\n", "utf-8"))


def write_csv(file: Path, rows: Sequence[Row], columns: Sequence[str] = PLOT_COLUMNS) -> None:
    def write(part: Path) -> None:
        with open(part, "w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    write_aside(file, write)


def write_aside(file: Path, write: Callable[[Path], object]) -> None:
    """Write into a file of the same folder, which then takes `file`'s place."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        write(part)
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


def _shaped(values: Mapping[tuple[str, str], float]) -> dict[str, dict[str, float]]:
    groups = {m: {g: round(values[m, g], 4) for g in GROUPS if (m, g) in values} for m in MODALITIES}
    return {modality: found for modality, found in groups.items() if found}


def _mean(found: Mapping[str, Any], costs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    values: dict[tuple[str, str], float] = {}
    for modality in MODALITIES:
        for group in GROUPS:
            each = [entry[modality][group] for entry in found.values() if group in entry.get(modality, {})]
            if each:
                values[modality, group] = float(np.mean(each))
    seconds = [costs[name]["seconds"] for name in found if "seconds" in costs.get(name, {})]
    total = {"seconds": round(float(sum(seconds)), 2)} if seconds else {}
    return {**_shaped(values), "encoders": len(found), **total}


def _cost(value: Any) -> Any:
    return round(value, 2) if isinstance(value, float) else value
