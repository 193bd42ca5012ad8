"""What benchmarks share: settings from the command line, rows kept as they are measured, tables in the docs."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "methods.md"


def parsed(words: Sequence[str] | None, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """["distil.steps=200"] -> {"distil": {"steps": 200}}; values are JSON.

    :param names: those that may be set. :raises BadParameter: a word sets another name.
    """
    settings: dict[str, dict[str, Any]] = {}
    for word in words or []:
        where, _, value = word.partition("=")
        name, _, key = where.partition(".")
        if name not in names:
            raise typer.BadParameter(f"{word!r}: write NAME.PARAMETER=VALUE with one of {', '.join(names)}")
        settings.setdefault(name, {})[key] = json.loads(value)
    return settings


def read(file: Path, columns: Sequence[str], digest: str) -> list[dict[str, str]]:
    """The rows that were measured on a base; [] where there is no file.

    :raises BadParameter: the file has other columns: it was measured in another way, and its rows do not compare.
    """
    if not file.is_file():
        return []
    with open(file, newline="") as lines:
        rows = csv.DictReader(lines)
        if list(rows.fieldnames or ()) != list(columns):
            raise typer.BadParameter(f"{file} has other columns than are measured now; move it away")
        return [row for row in rows if row["base"] == digest]


def append(file: Path, columns: Sequence[str], row: dict[str, Any]) -> None:
    """Add a row, so that a run that is stopped goes on from there."""
    first = not file.is_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "a", newline="") as lines:
        writer = csv.DictWriter(lines, columns)
        if first:
            writer.writeheader()
        writer.writerow(row)


def publish(mark: str, table: Sequence[Sequence[str]], page: Path = PAGE) -> None:
    """Write a table, its heading first, into a page of docs/ between `<!-- mark -->` and `<!-- end mark -->`."""
    lines = ["| " + " | ".join(row) + " |" for row in (table[0], ["---"] * len(table[0]), *table[1:])]
    before, start, rest = page.read_text("utf-8").partition(f"<!-- {mark} -->\n")
    end = f"<!-- end {mark} -->"
    page.write_text(before + start + "\n".join(lines) + f"\n{end}" + rest.partition(end)[2], "utf-8")
