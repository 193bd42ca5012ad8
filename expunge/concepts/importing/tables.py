"""Rows of a table: CSV with any common separator, TSV, or the first sheet of an XLSX workbook."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from expunge.concepts.importing.columns import NUMBERING, REQUEST, deciding, plain, roles_of, split_cell
from expunge.concepts.importing.decisions import KEEP, combined, decision_of, decision_of_cell, objection
from expunge.concepts.importing.rows import Contents, Row
from expunge.concepts.kinds import KINDS
from expunge.core.errors import InputError, Problem
from expunge.core.names import tidy

SEPARATORS = ",;\t|"
LONGEST_CELL = 20  # lines that a quoted cell may span


@dataclass(frozen=True)
class Line:
    """One line of a table."""

    number: int
    cells: list[str]
    broken: str = ""  # why its cells cannot be trusted


def csv_lines(text: str, separator: str | None) -> list[Line]:
    """The lines of a CSV text that hold anything.

    A quote that is not closed spoils its own line alone: the lines after it are read as if it were not there.

    :param separator: None: the one that makes a known header, or else the one that csv.Sniffer finds.
    """
    raw = text.splitlines()
    separator = separator or _separator(raw)
    if '"' not in text:  # fast: no cell spans lines
        plain_lines = csv.reader(raw, delimiter=separator)
        return [Line(i, cells) for i, cells in enumerate(plain_lines, 1) if any(map(str.strip, cells))]
    width, lines, at = 0, list[Line](), 0
    while at < len(raw):
        spans, cells = _record(raw, at, separator, width)
        if any(cell.strip() for cell in cells or [raw[at]]):
            broken = "" if cells is not None else "a quote in it is not closed"
            lines.append(Line(at + 1, [raw[at]] if cells is None else cells, broken))
            width = width or len(lines[-1].cells)
        at += spans
    return lines


def _record(raw: Sequence[str], at: int, separator: str, width: int) -> tuple[int, list[str] | None]:
    """(lines that a record spans, its cells; None if a quote is not closed within LONGEST_CELL lines)."""
    for spans in range(1, LONGEST_CELL + 1 if '"' in raw[at] else 2):
        part = "\n".join(raw[at : at + spans])
        try:
            cells = next(csv.reader(io.StringIO(part, newline=""), delimiter=separator, strict=True), [])
        except csv.Error:
            continue
        if spans == 1 or len(cells) == width:
            return spans, cells
        break
    return 1, None


def _separator(raw: Sequence[str]) -> str:
    """The separator of a table whose file does not say it."""
    header = next((line for line in raw if line.strip()), "")
    known = {each: "name" in roles_of(next(csv.reader([header], delimiter=each)), {}) for each in SEPARATORS}
    by_width = sorted((each for each in SEPARATORS if known[each] and each in header), key=header.count)
    if by_width:
        return by_width[-1]
    try:
        return csv.Sniffer().sniff("\n".join(raw[:50]), SEPARATORS).delimiter if len(raw) > 1 else ","
    except csv.Error:
        return ","


def xlsx_lines(path: Path, raw: bytes, sheet: str | None) -> tuple[list[Line], list[str]]:
    """(the lines of one sheet, remarks about the others). :param sheet: its name; None: the first one.

    :raises InputError: openpyxl is not installed, the file is no workbook, or there is no such sheet.
    """
    try:
        import openpyxl
    except ImportError:
        fix = "install expunge[xlsx], or save the sheet as CSV"
        raise InputError([Problem(f"{path}", "is an XLSX file, and openpyxl is not installed", fix)]) from None
    try:
        book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
    except Exception as error:  # zipfile, XML and openpyxl each raise their own
        what = f"is not an XLSX workbook ({type(error).__name__})"
        raise InputError([Problem(f"{path}", what, "save it again, or as CSV")]) from None
    if sheet is not None and sheet not in book.sheetnames:
        raise InputError([Problem("--sheet", f"there is no {sheet!r}", f"write one of {', '.join(book.sheetnames)}")])
    chosen = sheet or book.sheetnames[0]
    others = [each for each in book.sheetnames if each != chosen]
    lines = []
    for number, values in enumerate(book[chosen].iter_rows(values_only=True), 1):
        cells = ["" if value is None else str(value) for value in values]
        if any(cell.strip() for cell in cells):
            lines.append(Line(number, cells))
    return lines, [f"not read: sheet {', '.join(others)} (--sheet NAME)"] if others else []


def read_table(
    path: Path,
    lines: Sequence[Line],
    chosen: Mapping[str, str],
    header: bool = True,
    ignored: Sequence[str] = (),
) -> Contents:
    """The rows of a table. :param chosen: role -> column, by name, or by number if there is no header.

    :param ignored: columns that decide nothing, whatever they are called and say.
    :raises InputError: there is no column with names, or one that the user named is not there.
    """
    if not lines:
        return Contents([])
    width = max(len(line.cells) for line in lines)
    names = [tidy(cell) for cell in lines[0].cells] if header else [str(i) for i in range(1, width + 1)]
    role = roles_of(names, chosen)
    keys = [plain(name) for name in names]
    missing = [f"--{each}-column {column}" for each, column in chosen.items() if plain(column) not in keys]
    missing += [f"--ignore-column {column}" for column in ignored if plain(column) not in keys]
    remarks = []
    if not header and "name" not in role:
        role["name"] = [0]
    if missing or "name" not in role:
        if missing or len(names) > 1:
            what = f"has no column for {', '.join(missing)}" if missing else "no column is called name or concept"
            fix = f"write --name-column with one of {', '.join(names)}; --no-header if the first line is no header"
            raise InputError([Problem(f"{path}:{lines[0].number}", what, fix)])
        remarks = [f"the file has no header that is known, so its first line {names[0]!r} is taken for a name"]
        header, role = False, {"name": [0]}
    body = lines[1:] if header else list(lines)
    return _rows(names if header else [f"{i}" for i in range(1, width + 1)], role, body, ignored, remarks)


def _rows(
    names: Sequence[str], role: dict[str, list[int]], body: Sequence[Line], ignored: Sequence[str], remarks: list[str]
) -> Contents:
    """The rows below a header. Every column that is not read is named in the remarks."""
    read = {i for places in role.values() for i in places}
    columns = [[line.cells[i] if i < len(line.cells) else "" for line in body] for i in range(len(names))]
    left = [i for i in range(len(names)) if i not in read and plain(names[i]) not in {plain(each) for each in ignored}]
    decides = [i for i in left if deciding(names[i], columns[i])]
    kept = [i for i in left if i not in decides and decision_of(names[i]) == KEEP]  # a column of words that must stay
    role = {**role, "neighbours": [*role.get("neighbours", []), *kept]} if kept else role
    others = [i for i in left if i not in decides and i not in kept]
    unread = [names[i] or f"{i + 1}" for i in others if plain(names[i]) not in NUMBERING]
    if decides:
        remarks.append(f"what is forgotten is decided by column {', '.join(names[i] for i in decides)}")
    if unread:
        remarks.append(f"not read: column {', '.join(unread)}")

    def row(line: Line) -> Row:
        def cells(what: str) -> list[str]:
            places = role.get(what, ())
            return [line.cells[i] for i in places if i < len(line.cells) and line.cells[i].strip()] if places else []

        def several(what: str) -> tuple[str, ...]:
            return tuple(part for cell in cells(what) for part in split_cell(cell))

        if line.broken:
            return Row(f"row {line.number}", ", ".join(line.cells), f"{line.broken}; close it, or take it out")
        said = [decision_of_cell(names[i], line.cells[i] if i < len(line.cells) else "") for i in decides]
        said += [f"its {names[i]!r} {why}" for i in others if i < len(line.cells) and (why := objection(line.cells[i]))]
        kind = next(iter(cells("kind")), "").strip().casefold()
        request = {}
        if "id" in role:  # a register of requests
            request = {what: tidy(next(iter(cells(what)), "")) for what in REQUEST}
            request["decision"] = "; ".join(tidy(line.cells[i]) for i in decides if i < len(line.cells))
        return Row(
            f"row {line.number}", next(iter(cells("name")), ""), combined(said), several("aliases"), several("probes"),
            several("neighbours"), next(iter(cells("anchor")), None), tuple(cells("prompts")),
            kind if kind in KINDS else None, request=request,
        )  # fmt: skip

    return Contents([row(line) for line in body], remarks)
