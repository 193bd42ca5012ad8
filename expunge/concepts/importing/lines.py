"""Rows of a text file: a name a line, without comments, bullets, numbers and quotes; or several names in one line."""

import re
from pathlib import Path

from expunge.concepts.importing.decisions import FORGET, instruction
from expunge.concepts.importing.rows import Contents, Row
from expunge.core.errors import InputError, Problem

_COMMENT = re.compile(r"(#|//|--|;|%)\s*")  # at the beginning of a line
_TRAILING = re.compile(r"\s+(#|//)\s.*$")
_BULLET = re.compile(r"\s*(?:[-*+•·–—]\s+|\(?\d{1,5}[.):]\s+)")
MOST_SHOWN = 60  # characters of a comment in a remark


def read_lines(path: Path, text: str, commas: bool = False) -> Contents:
    """The rows of a text. A file of one line may hold several names, separated by semicolons or commas.

    :param commas: a name may hold commas, so that they separate no names.
    :raises InputError: a single line has one comma, which may separate two names or a last from a first name.
    """
    rows: list[Row] = []
    comments: list[str] = []
    decision, headings = FORGET, list[str]()
    cleaned: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        heading = _heading(line)
        if heading is not None:
            decision = heading
            headings.append(f"row {number} {line.strip()[:MOST_SHOWN]!r}")
            continue
        if _COMMENT.match(line.strip()):
            comments.append(f"row {number} {line.strip()[:MOST_SHOWN]!r}")
            continue
        name = _TRAILING.sub("", line)
        if name != line:
            comments.append(f"row {number} {line[len(name) :].strip()[:MOST_SHOWN]!r}")
        bare = _BULLET.sub("", name, count=1)
        if bare != name:
            what = "numbers" if re.match(r"\s*\(?\d", name) else "bullets"
            cleaned[what] = cleaned.get(what, 0) + 1
        key, colon, rest = bare.partition(":")
        said = instruction(key) if colon and rest.strip() else None  # "keep: Ines Marbury"
        rows.append(Row(f"row {number}", bare if said is None else rest, decision if said is None else said))
    remarks = [f"{count} {what} at the beginning of lines are left out" for what, count in cleaned.items()]
    if headings:
        remarks.append(f"headings decide about the lines below them: {', '.join(headings[:5])}")
    if comments:
        shown = ", ".join(comments[:5]) + (f" and {len(comments) - 5} more" if len(comments) > 5 else "")
        remarks.append(f"comments are not read: {shown}")
    if len(rows) == 1:
        rows = _parts(path, rows[0], commas)
    return Contents(rows, remarks)


def _heading(line: str) -> str | None:
    """What a heading ("# keep", "Rejected:", "[erase]", "== retain ==") decides about the lines below it; else None."""
    text = line.strip()
    bare = text.strip("#/-;%=*[]: \t")
    return (
        instruction(bare) if bare and (_COMMENT.match(text) or text.endswith((":", "]", "=")) or bare != text) else None
    )


def _parts(path: Path, row: Row, commas: bool) -> list[Row]:
    """The names in the only line of a file."""
    text = str(row.name)
    separator = ";" if ";" in text else ","
    parts = [part for part in text.split(separator) if part.strip()]
    if len(parts) < 2 or (separator == "," and commas):
        return [row]
    if len(parts) == 2 and separator == ",":
        what = f"the only line {text.strip()!r} has one comma: two names, or a last and a first name"
        fix = "write one name a line; or --order last-first turns it round, --comma cut or keep takes it for one name"
        raise InputError([Problem(f"{path}:{row.label.removeprefix('row ')}", what, fix)])
    return [Row(f"{row.label} part {i}", part, row.decision) for i, part in enumerate(parts, 1)]
