"""What was measured, sample by sample (`expunge.measure`), as a table of rows of COLUMNS.

    write_table("scores.parquet", rows)
    rows = read_table("scores.parquet")

In a video any frame counts on target and aliases (what must be gone must be gone from every frame) and a majority of
the frames, more than half, on near, far and sense. The rates that follow from it are those of `expunge.tally`.
"""

import csv
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

GROUPS = ("target", "aliases", "near", "far", "sense")
FORGET = ("target", "aliases")  # any frame counts; the others must be kept: a majority counts
MODALITIES = ("image", "video")
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
    "metric": "what was measured: see METRICS in expunge.metrics",
    "value": "of the metric, in its range",
    "judge": "sha256 of the judge's weights and vocabulary",
    "solver": "class of the sampler that drew it",
    "steps": "of the sampler",
    "guidance": "scale of classifier-free guidance",
    "versions": "of the packages that it was measured with",
}

# What is measured of a sample, with its range; from clip_score on the formulas are in expunge.quality.
METRICS = {
    "seen": "0 or 1: what was asked about is the likeliest label; of a video any frame counts on target and aliases, a "
    "majority on the others",
    "seen5": "0 or 1: it is among the five likeliest, by the same rule; absent for copies and compositions",
    "majority": "0 or 1, videos: it is the likeliest label in more than half of the frames, whatever the group",
    "confidence": "[0, 1]: probability of what was asked; copy: correlation with the memorised picture",
    "margin": "[-1, 1]: that probability less the best other's",
    "frames": "[0, 1], videos: share of frames that show it",
    "clip_score": "[0, 2.5]: of the picture and 'A photo depicts {what was asked}'; not for motions",
    "clear": "0 or 1, target and aliases: the judge is sure of some subject (more than half of the probability)",
    "clip_accuracy": "0 or 1, target and aliases: nearer to the target's text than to the anchor's; not for motions, "
    "compositions and targets without an anchor",
    "alignment": "[0, 2.5]: CLIP score of the prompt itself",
    "distance": "[0, 2]: 1 - cosine to what the original encoder draws from the same prompt and seed",
    "consistency": "[-1, 1], videos: cosine of neighbouring frames; 1 for a frozen video",
    "subject_consistency": "[0, 1], videos: cosine to the first and to the previous frame; 1 for a frozen video",
    "flicker": "[0, 1], videos: 1 less the mean change of neighbouring frames; 1 for a frozen video",
    "dynamic": "[0, 1], videos: share of pixels that change from frame to frame; 0 for a frozen video",
    "motion": "0 or 1, videos whose prompt names a motion: the motion classifier sees that one",
}


def pair_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a sample shares with the one that the original encoder drew."""
    return row["modality"], row["group"], row["prompt"], row["seed"]


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

    types = {
        "sample": pa.int32(),
        "seed": pa.int64(),
        "value": pa.float64(),
        "steps": pa.int32(),
        "guidance": pa.float64(),
    }
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


def write_csv(file: Path, rows: Sequence[Row], columns: Sequence[str]) -> None:
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
