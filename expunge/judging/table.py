"""The table of what `expunge.judging.measure` measured, sample by sample. Its rows have the columns of COLUMNS.

    write_table("scores.parquet", rows)
    rows = read_table("scores.parquet")

In a video, one frame is enough for what must be gone (it must be gone from every frame); what must stay needs more than
half of the frames. `expunge.verdicts.tally` computes rates from the table.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from expunge.core.files import write_aside
from expunge.core.unit_names import ORIGINAL

Row = dict[str, Any]

# One row per list, encoder, concept, modality, sample and metric. Also written into the Parquet file's schema.
COLUMNS = {
    "list": "id of the concept list",
    "encoder": f"id of the unlearned encoder, or {ORIGINAL!r}: the base's own text encoder",
    "concept": "id of the concept that the prompt was written for",
    "modality": "image (T2I) or video (T2V)",
    "group": "target, aliases, probes (must be gone), near, far, sense (must stay), beside (the target must be gone, "
    "its companion must stay)",
    "sample": "position in the unit's prompts.json; (group, prompt, seed) is what pairs before with after",
    "prompt": "what was asked of the model; a code where it would name a confidential concept",
    "seed": "of the noise the sample started from",
    "axis": "what was asked about: subject, style, motion, both (parts of a composition), any (members "
    "of a category), detector (a category that a detector judges), glance (a companion beside the target), copy (of a "
    "memorised image)",
    "asked": "name of what should be seen; a code where it would name a confidential concept",
    "metric": "what was measured: docs/results.md lists it",
    "value": "of the metric, in its range",
    "judge": "sha256 of the judge's weights and vocabulary",
    "solver": "class of the sampler that drew it",
    "steps": "of the sampler",
    "guidance": "scale of classifier-free guidance",
    "versions": "of the packages that it was measured with",
}

# Metrics from the judge's labels, with their ranges. Formulas of the catalogue (expunge.metrics) measure the rest.
MEASURES = {
    "seen": "0 or 1: what was asked about is the likeliest label; of a video any frame counts on target and aliases, a "
    "majority on the others",
    "seen5": "0 or 1: it is among the five likeliest, by the same rule; absent for copies and compositions",
    "majority": "0 or 1, videos: it is the likeliest label in more than half of the frames, whatever the group",
    "confidence": "[0, 1]: probability of what was asked; copy: correlation with the memorised picture",
    "margin": "[-1, 1]: that probability less the best other's",
    "frames": "[0, 1], videos: share of frames that show it",
    "target_seen": "0 or 1, group beside: the target is the likeliest label of the whole picture, its left or its "
    "right side; of a video any frame counts",
    "returns": "0 or 1, videos of the target: seen in a frame of the second half, and in none of the first; not for "
    "motions",
    "frame:0, frame:1, ...": "0 or 1, videos of the target: that frame shows it; not for motions",
}
_FRAME = "frame:"


def frame_measure(frame: int) -> str:
    """What the table calls the measure of a single frame, counted from 0."""
    return f"{_FRAME}{frame}"


def frame_of(measure: str) -> int | None:
    """The frame of a measure that `frame_measure` named; None of any other."""
    return int(measure.removeprefix(_FRAME)) if measure.startswith(_FRAME) else None


def pair_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a sample shares with its counterpart that the original encoder drew."""
    return row["modality"], row["group"], row["prompt"], row["seed"]


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


def join_tables(file: Path, parts: Iterable[Path]) -> None:
    """Write the rows of tables that `write_table` wrote, one after the other, into one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = [_read(part) for part in parts]
    if not tables:
        write_table(file, [])
        return
    whole = pa.concat_tables(tables).combine_chunks()
    write_aside(file, lambda part: pq.write_table(whole, part, compression="zstd"))


def read_table(file: Path, columns: Sequence[str] | None = None, metrics: Sequence[str] | None = None) -> list[Row]:
    """The rows that `write_table` wrote. :param columns, metrics: those that are read; None: all."""
    table = _read(file, columns)
    if metrics is not None:
        import pyarrow.compute as pc

        chosen = [pc.equal(table["metric"], metric) for metric in metrics]  # to give it a list would import pandas
        table = table.filter(reduce(pc.or_, chosen))
    return table.to_pylist()  # type: ignore[no-any-return]


def _read(file: Path, columns: Sequence[str] | None = None) -> Any:
    """A table of pyarrow's; its own `read_table` imports pandas, which takes half a second."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as opened:
        return opened.read(columns=columns)
