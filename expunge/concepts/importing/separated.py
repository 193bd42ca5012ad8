"""The lines of CSV and TSV texts: which separator they have, and cells in quotes that span lines."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from expunge.concepts.importing.columns import roles_of
from expunge.core.errors import InputError, Problem

SEPARATORS = ",;\t|"
LONGEST_CELL = 20  # lines that a quoted cell may span
NOT_CLOSED = "a quote in it is not closed"
_SAID = re.compile(r'\s*"?sep=(.)"?\s*', re.IGNORECASE)  # the first line of files for spreadsheets
_FIRST = 5  # lines in which a header is looked for
_NAMED = {"\t": "tab", " ": "blank"}


class Line(NamedTuple):
    """One line of a table."""

    number: int
    cells: list[str]
    broken: str = ""  # why its cells cannot be trusted, and what to do


def csv_lines(path: Path, text: str, separator: str | None) -> list[Line]:
    """The lines of a CSV text that hold anything.

    A quote that is not closed spoils its own line alone: the lines after it are read as if it were not there.

    :param separator: None: the one that `sep=;` says, or that makes a known header, or that csv.Sniffer finds.
    :raises InputError: every line holds another separator and none of them this one.
    """
    raw = text.splitlines()
    start = next((i for i, line in enumerate(raw) if line.strip()), 0)
    if raw and (said := _SAID.fullmatch(raw[start])) is not None:
        separator, start = said[1], start + 1
    separator = separator or separator_of(raw[start:])
    _same_separator(path, raw, start, separator)
    if '"' not in text:  # fast: no cell spans lines
        return [
            Line(i, line.split(separator)) for i, line in enumerate(raw[start:], start + 1) if _holds(line, separator)
        ]
    return _quoted(raw, start, separator)


def _holds(line: str, separator: str) -> bool:
    return bool(line.replace(separator, "").strip())


def _quoted(raw: Sequence[str], at: int, separator: str) -> list[Line]:
    """The lines of a text with quotes. One pass: a reader goes on until a record cannot be read."""
    width, lines = 0, list[Line]()
    while at < len(raw):
        begins = [at]  # the first line of the record that is being read
        reader = csv.reader(_fed(raw, at, begins), delimiter=separator, strict=True)
        first, whole = at, True
        while whole and at < len(raw):
            try:
                cells = next(reader, [])
            except csv.Error:
                cells = []
                whole = False
            ends = first + reader.line_num
            if not whole or (ends - at > 1 and len(cells) != width):
                lines.append(Line(at + 1, [raw[at]], f"{NOT_CLOSED}; close it, or take it out"))
                whole, ends = False, at + 1
            elif any(map(str.strip, cells)):
                lines.append(Line(at + 1, cells))
            width = width or (len(lines[-1].cells) if lines else 0)
            at = begins[0] = ends
    return lines


def _fed(raw: Sequence[str], at: int, begins: list[int]) -> Iterator[str]:
    """The lines from one on, until the record that begins in line begins[0] is too long."""
    while at < len(raw) and at - begins[0] < LONGEST_CELL:
        yield raw[at] + "\n"
        at += 1


def separator_of(raw: Sequence[str]) -> str:
    """The separator of a table whose file does not say it."""
    first = [line for line in raw[:50] if line.strip()][:_FIRST]
    for header in first:
        known = [each for each in SEPARATORS if each in header and "name" in roles_of(_cells(header, each), {})]
        if known:
            return max(known, key=header.count)
    try:
        return csv.Sniffer().sniff("\n".join(raw[:50]), SEPARATORS).delimiter if len(raw) > 1 else ","
    except csv.Error:
        return ","


def _cells(line: str, separator: str) -> list[str]:
    """The cells of one line, read by itself; as it is where it cannot be read."""
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return [line]


def _same_separator(path: Path, raw: Sequence[str], start: int, separator: str) -> None:
    """:raises InputError: no line holds the separator, and all hold another one: whole lines would become names."""
    lines = [line for line in raw[start:] if line.strip()]
    if not lines or any(separator in line for line in lines):
        return
    for other in SEPARATORS + ":":
        header = other != ":" and other in lines[0] and "name" in roles_of(_cells(lines[0], other), {})
        if other != separator and (header or (len(lines) > 1 and all(other in line for line in lines))):
            name, used = _NAMED.get(other, other), _NAMED.get(separator, separator)
            what = f"is read with {used!r} between the cells, and every line holds {name!r} instead"
            fix = f"write 'sep={other}' as the first line, or put {used!r} between the cells"
            raise InputError([Problem(f"{path}:{start + 1}", what, fix)])
