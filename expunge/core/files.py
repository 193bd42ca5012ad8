"""Writes files atomically: a file is written beside its place, then renamed."""

import csv
import json
import os
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

_FORMULA = re.compile(r"'*[=+@\t\r]|'*-(?![\d.]+(?:e-?\d+)?$)")  # spreadsheets run such a cell; a number is none
BROKEN_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what reading a broken JSON file raises


def write_aside(file: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a path in the file's folder; what it writes there then takes the file's place.

    A reader sees the old file or the new one, never a part of it. The old file is replaced, not written through, so a
    hard link to it keeps its content.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{uuid.uuid4().hex}.part")
    try:
        write(part)
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


def write_text(file: Path, text: str) -> None:
    """Write a text as UTF-8, with its own line ends."""
    write_aside(file, lambda part: part.write_text(text, "utf-8", newline=""))


def to_json(data: Any, indent: int | None = 1) -> str:
    """Strict JSON with the keys in their own order and a line end.

    :raises ValueError: NaN or infinity, which JSON cannot hold.
    """
    return json.dumps(data, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(file: Path, data: Any, indent: int | None = 1) -> None:
    """Write the text of `to_json` into a file."""
    write_text(file, to_json(data, indent))


def write_csv(file: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write a table with a header line and LF line ends; a missing value is empty.

    A text that a spreadsheet would run as a formula gets an apostrophe in front; `from_cell` takes it away.
    """

    def write(part: Path) -> None:
        with open(part, "w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows({key: to_cell(value) for key, value in row.items()} for row in rows)

    write_aside(file, write)


def to_cell(value: Any) -> Any:
    """A value for a cell of a table. A text that begins like a formula gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def from_cell(text: str) -> str:
    """The text that `to_cell` made a cell of."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text[1:]) else text
