"""Rows of a text file: a name a line, without comments, bullets, numbers and quotes; or several names in one line.

A heading decides about the lines below it ("# keep", "Rejected:"), a key about its own line ("keep: Ines Marbury",
"Ines Marbury = keep"). A line that begins or ends with such a word in any other way is refused.
"""

import re
from pathlib import Path

from expunge.concepts.decisions import FORGET, KEEP, decision_of, edge_word, instruction, objection
from expunge.concepts.importing.columns import roles_of
from expunge.concepts.importing.rows import MOST_READ, Contents, Row
from expunge.core.errors import InputError, Problem

_COMMENT = re.compile(r"(#|//|--|;|%)\s*")  # at the beginning of a line
_TRAILING = re.compile(r"\s+(#|//)\s.*$")
_BULLET = re.compile(r"\s*[-*+•·–—]\s+")
_NUMBER = re.compile(r"\s*\(?\d{1,5}[.):]\s+")
_BELOW = re.compile(r"\b(?:below|following|these|those|this section)\b", re.IGNORECASE)
_PAIR = re.compile(r"\s*(?::|=|\t)\s*|\s+->\s+")  # between a name and what is decided about it
MOST_SHOWN = 60  # characters of a comment in a remark


def read_lines(path: Path, text: str, commas: bool = False) -> Contents:
    """The rows of a text. A file of one line may hold several names, separated by semicolons or commas.

    :param commas: a name may hold commas, so that they separate no names.
    :raises InputError: the text is a table, or a single line has one comma, which may separate two names or a last from
        a first name.
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    _no_table(path, [line for _, line in lines])
    rows, comments, headings = list[Row](), list[str](), list[str]()
    decision, cleaned = FORGET, dict[str, int]()
    marks = {line.lstrip()[:2] for _, line in lines} >= {"+ ", "- "}  # what is added and what is taken out, or both?
    for number, line in lines:
        shown, label = f"row {number} {line.strip()[:MOST_SHOWN]!r}", f"row {number}"
        if len(line) > MOST_READ:
            rows.append(Row(label, line))  # it is refused for its length
            continue
        if (heading := _heading(line)) is not None:
            decision = heading
            headings.append(shown)
            continue
        if _COMMENT.match(line.strip()):
            comments.append(shown)
            continue
        name = _TRAILING.sub("", line)
        remark = line[len(name) :].strip()
        if remark:
            comments.append(f"{label} {remark[:MOST_SHOWN]!r}")
        bare, why = _without_bullet(name, cleaned), objection(remark.strip("#/ "))
        why = f"its comment {why}" if why else None
        if marks and line.lstrip()[:2] in ("+ ", "- "):
            why = "begins with + or -, as in a list of changes; write forget or keep"
        rows.append(Row(label, bare, why) if why else _row(label, bare, decision))
    remarks = [f"{count} {what} at the beginning of lines are left out" for what, count in cleaned.items()]
    for what, some in (("headings decide about the lines below them", headings), ("comments are not read", comments)):
        if some:
            more = f" and {len(some) - 5} more" if len(some) > 5 else ""
            remarks.append(f"{what}: {', '.join(some[:5])}{more}")
    if len(rows) == 1:
        rows = _parts(path, rows[0], commas)
    return Contents(rows, remarks)


def _heading(line: str) -> str | None:
    """What a heading ("# keep", "Rejected:", "[erase]", "== retain ==", "KEEP") decides about lines below, or None.

    One that holds a decision and more is a reason to refuse them if it speaks of them: it ends in a colon or says so.
    """
    text = line.strip()
    bare = text.strip("#/-;%=*[]: \t")
    if not bare:
        return None
    framed = text.endswith(":") or (text[0] + text[-1] in ("[]", "=="))
    if not _COMMENT.match(text) and not framed:
        return instruction(bare)
    said = instruction(bare) or decision_of(bare)
    if said in (None, FORGET, KEEP):
        return said
    about_them = framed or _BELOW.search(bare) or instruction(bare)
    return f"stands below the heading {text[:MOST_SHOWN]!r}" if about_them else None


def _row(label: str, text: str, decision: str) -> Row:
    """The row of one name, with what its own line decides."""
    sides = _PAIR.split(text.strip(), maxsplit=1)
    if len(sides) == 2 and all(sides):
        first, second = (instruction(side) for side in sides)
        if first is not None and second is None:  # "keep: Ines Marbury"
            return Row(label, sides[1], first)
        if second is not None and first is None:  # "Ines Marbury: keep"
            return Row(label, sides[0], second)
    if word := edge_word(text):
        why = f"begins or ends with {word!r}, which may decide about it; write `keep: NAME`, or a table with a header"
        return Row(label, text, why)
    return Row(label, text, decision)


def _without_bullet(name: str, cleaned: dict[str, int]) -> str:
    """A line without its bullet or number, which is counted in `cleaned`."""
    for what, form in (("bullets", _BULLET), ("numbers", _NUMBER)):
        if (match := form.match(name)) is not None:
            cleaned[what] = cleaned.get(what, 0) + 1
            return name[match.end() :]
    return name


def _no_table(path: Path, lines: list[str]) -> None:
    """:raises InputError: the first line is the header of a table."""
    for separator, kind in ((",", "csv"), (";", "csv"), ("\t", "tsv"), ("|", "csv")):
        cells = lines[0].split(separator) if lines else []
        if len(cells) > 1 and len(lines) > 1 and "name" in roles_of(cells, {}):
            what = f"begins like a table ({lines[0].strip()[:MOST_SHOWN]!r}), and is read as a name a line"
            raise InputError([Problem(f"{path}", what, f"write --format {kind}")])


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
    return [_row(f"{row.label} part {i}", part, row.decision) for i, part in enumerate(parts, 1)]
