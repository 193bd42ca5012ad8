"""What a unit wrote, as it may be published: every text in its files goes through the veil before the unit is stored.

    clean(folder, veil, "people/c-0417")        rewrites JSON, Parquet and text files that hold hidden words

So no stage, method or attack needs to know what is confidential. What reads such files again opens the codes in them
(`expunge.core.codes.opened`). Pictures, videos and tensors hold no texts.
"""

import json
from pathlib import Path
from typing import Any

from expunge.concepts.confidential import Veil
from expunge.core.files import write_aside, write_json, write_text

UNTOUCHED = ("config.json",)  # a model's own settings, as transformers writes them
TEXTS = (".txt", ".md", ".csv", ".tsv", ".html", ".yaml", ".yml", ".js", ".css", ".svg", ".log")


def clean(folder: Path, veil: Veil, unit: str) -> list[str]:
    """Hide what a unit's files may not say; returns the files that were changed.

    :param unit: its name, which says what it is about.
    """
    changed = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()) if veil else ():
        if file.name not in UNTOUCHED and _clean(file, veil, unit):
            changed.append(file.relative_to(folder).as_posix())
    return changed


def _clean(file: Path, veil: Veil, unit: str) -> bool:
    if file.suffix == ".json":
        try:
            data = json.loads(file.read_text("utf-8"))
        except ValueError:
            return _masked(file, veil)
        closed = veil.closed(data, *veil.about(unit))
        if closed != data:
            write_json(file, closed)
        return bool(closed != data)
    if file.suffix == ".parquet":
        return _clean_parquet(file, veil, unit)
    return file.suffix in TEXTS and _masked(file, veil)


def _masked(file: Path, veil: Veil) -> bool:
    text = file.read_text("utf-8", errors="replace")
    masked = "\n".join(map(veil.masked, text.split("\n")))
    if masked != text:
        write_text(file, masked)
    return masked != text


def _clean_parquet(file: Path, veil: Veil, unit: str) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(file)
    rows = table.to_pylist()
    closed: Any = veil.closed(rows, *veil.about(unit))
    if closed == rows:
        return False
    new = pa.Table.from_pylist(closed, schema=table.schema)
    write_aside(file, lambda part: pq.write_table(new, part, compression="zstd"))
    return True
