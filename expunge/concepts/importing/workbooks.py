"""Rows of an XLSX workbook: of one sheet, without formulas that have no value and without what is struck out."""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from pathlib import Path
from typing import Any

from expunge.concepts.decisions import FORGET, decision_of
from expunge.concepts.importing.rows import Contents
from expunge.concepts.importing.separated import Line
from expunge.concepts.importing.tables import read_table
from expunge.core.errors import InputError, Problem

_CHUNK = 2**20  # bytes
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
_STRUCK = re.compile(rb"<(?:\w+:)?strike\b(?! val=.(?:0|false))")
NO_VALUE = "holds a formula without a value; save the workbook in a spreadsheet program"
IS_STRUCK = "is struck out, which may mean that it no longer counts; delete the row, or take the line off"


def read_workbook(
    path: Path, raw: bytes, sheet: str | None, chosen: Mapping[str, str], header: bool, ignored: Sequence[str]
) -> Contents:
    """The rows of one sheet; its title counts like a header. :param sheet: its name; None: the first one.

    :raises InputError: openpyxl is not installed, the file is no workbook, there is no such sheet, or other sheets'
        titles decide and the user did not choose one.
    """
    book = _book(path, raw, True)
    titles = [each.title for each in book.worksheets]
    if sheet is not None and sheet not in titles:
        raise InputError([Problem("--sheet", f"there is no {sheet!r}", f"write one of {', '.join(titles)}")])
    if not titles:
        raise InputError([Problem(f"{path}", "has no sheet with cells", "save it as CSV")])
    used = sheet or titles[0]
    others = [each for each in titles if each != used]
    if sheet is None and (named := [each for each in others if decision_of(each) is not None]):
        what = f"has sheets whose titles decide ({', '.join(named)}), and only {used!r} would be read"
        fix = f"write --sheet with one of {', '.join(titles)}; or join them in one sheet with a column `decision`"
        raise InputError([Problem(f"{path}", what, fix)])
    said = decision_of(used) or FORGET
    lines = _lines(path, raw, book, used)
    remarks = [f"not read: sheet {', '.join(others)} (--sheet NAME)"] if others else []
    if said != FORGET:
        remarks.append(f"the title of the sheet, {used!r}, decides about all names")
    table = read_table(path, lines, chosen, header, ignored, said)
    return Contents(table.rows, [*remarks, *table.remarks])


def _book(path: Path, raw: bytes, values: bool) -> Any:
    """The workbook, read cell by cell. :param values: what formulas gave when it was saved, in place of formulas."""
    try:
        import openpyxl
    except ImportError:
        fix = "install expunge[xlsx], or save the sheet as CSV"
        raise InputError([Problem(f"{path}", "is an XLSX file, and openpyxl is not installed", fix)]) from None
    try:
        return openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=values)
    except Exception as error:  # zipfile, XML and openpyxl each raise their own
        what = f"is not an XLSX workbook ({type(error).__name__})"
        raise InputError([Problem(f"{path}", what, "save it again, or as CSV")]) from None


def _lines(path: Path, raw: bytes, book: Any, sheet: str) -> list[Line]:
    """The lines of a sheet that hold anything."""
    if _holds(raw, _STRUCK, "xl/sharedStrings", "xl/worksheets/"):
        what = "has cells in which some letters are struck out"
        raise InputError([Problem(f"{path}", what, "take the struck letters out, or the line off them")])
    formulas = _unvalued(path, raw, sheet) if _holds(raw, _FORMULA, "xl/worksheets/") else {}
    struck = _holds(raw, _STRUCK, "xl/styles")
    lines = []
    for number, row in enumerate(book[sheet].iter_rows(values_only=not struck), 1):
        values = [cell.value for cell in row] if struck else row
        cells = ["" if value is None else _text(value) for value in values]
        broken = ""
        for i in formulas.get(number, ()):
            if i < len(cells) and not cells[i]:
                broken, cells[i] = NO_VALUE, "="
        if struck and any(cell.value is not None and cell.font is not None and cell.font.strike for cell in row):
            broken = IS_STRUCK
        if any(map(str.strip, cells)):
            lines.append(Line(number, cells, broken))
    return lines


def _unvalued(path: Path, raw: bytes, sheet: str) -> dict[int, list[int]]:
    """Line -> places of its formulas, whose values may be missing."""
    book = _book(path, raw, False)
    formulas: dict[int, list[int]] = {}
    for number, row in enumerate(book[sheet].iter_rows(), 1):
        places = [i for i, cell in enumerate(row) if cell.data_type == "f"]
        if places:
            formulas[number] = places
    return formulas


def _holds(raw: bytes, pattern: re.Pattern[bytes], *folders: str) -> bool:
    """Does a part of the workbook hold this? It is read by pieces, since a small file may unpack to a large one."""
    with zipfile.ZipFile(io.BytesIO(raw)) as parts:
        for name in parts.namelist():
            if name.startswith(folders):
                with parts.open(name) as part:
                    before = b""
                    while piece := part.read(_CHUNK):
                        if pattern.search(before + piece):
                            return True
                        before = piece[-40:]
    return False


def _text(value: Any) -> str:
    """A value as people see it: 1 for 1.0, and a date without the midnight that the format adds."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return str(value)
