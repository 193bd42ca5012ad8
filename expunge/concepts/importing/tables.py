"""Rows of a table: of CSV, of TSV, or of a sheet of a workbook."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from expunge.concepts.decisions import FORGET, combined, decision_of, instruction, objection
from expunge.concepts.importing.cells import against, as_decision, decided, deciding_column, is_mixed, said_in
from expunge.concepts.importing.columns import (
    NUMBERING,
    REQUEST,
    deciding,
    heading_of,
    plain,
    roles_of,
    split_cell,
    tells,
    wrong_names,
)
from expunge.concepts.importing.rows import Contents, Row
from expunge.concepts.importing.separated import Line
from expunge.concepts.kinds import KINDS
from expunge.core.errors import InputError, Problem
from expunge.core.names import tidy

_DECORATION = "#/-;%=*[]: \t"  # around a heading
_INSIDE = re.compile(r"\(([^()]*)\)")
_FIRST = 6  # lines in which the header may be


@dataclass(frozen=True)
class _Table:
    """The columns and lines of a table."""

    names: list[str]  # of the columns
    width: int  # columns that a line may have
    role: dict[str, list[int]]
    body: Sequence[Line]
    ignored: frozenset[str]  # plain names of columns that decide nothing
    above: str  # what the header or the title says about all names


def read_table(
    path: Path,
    lines: Sequence[Line],
    chosen: Mapping[str, str],
    header: bool = True,
    ignored: Sequence[str] = (),
    title: str = FORGET,
) -> Contents:
    """The rows of a table. :param chosen: role -> column, by name, or by number if there is no header.

    :param ignored: columns that decide nothing, whatever they are called and say.
    :param title: what stands above the table: FORGET, KEEP or a reason to refuse all its rows.
    :raises InputError: there is no column with names or more than one, one that the user named is not there, or a
        heading stands among the rows.
    """
    if not lines:
        return Contents([])
    if header and lines[0].broken:
        raise InputError([Problem(f"{path}:{lines[0].number}", f"has a header in which {lines[0].broken}", "mend it")])
    width = max(len(line.cells) for line in lines)
    names = [tidy(cell) for cell in lines[0].cells] if header else [str(i) for i in range(1, width + 1)]
    role = roles_of(names, chosen)
    keys = [plain(name) for name in names]
    missing = [f"--{each}-column {column}" for each, column in chosen.items() if plain(column) not in keys]
    missing += [f"--ignore-column {column}" for column in ignored if plain(column) not in keys]
    remarks, alone = list[str](), False
    if not header and "name" not in role:
        role["name"] = [0]
    if missing or "name" not in role:
        _header_below(path, lines)
        if missing or len(names) > 1:
            what = f"has no column for {', '.join(missing)}" if missing else "no column is called name or concept"
            fix = f"write --name-column with one of {', '.join(names)}; --no-header if the first line is no header"
            raise InputError([Problem(f"{path}:{lines[0].number}", what, fix)])
        alone, role = True, {"name": [0]}
        if decision_of(names[0]) is not None and heading_of(names[0]) is None:
            what = f"begins with {names[0]!r}, which may be a name or a heading"
            raise InputError([Problem(f"{path}:{lines[0].number}", what, "write name into a line above it")])
        if heading_of(names[0]) is None:
            remarks = [f"the file has no header that is known, so its first line {names[0]!r} is taken for a name"]
            header = False
    unread = frozenset(map(plain, ignored))
    if header and plain(names[role["name"][0]]) not in unread:
        title = _of_header(names[role["name"][0]], title, remarks if alone else [])
    body = lines[1:] if header else list(lines)
    wide = len(lines[0].cells) if header or alone else Counter(len(line.cells) for line in lines).most_common(1)[0][0]
    table = _Table(names if header else [f"{i}" for i in range(1, width + 1)], wide, role, body, unread, title)
    return _rows(path, table, remarks, "name" in chosen)


def _header_below(path: Path, lines: Sequence[Line]) -> None:
    """:raises InputError: the header stands below a title."""
    for line in lines[1:_FIRST]:
        if "name" in roles_of(line.cells, {}) and (
            sum(1 for cell in line.cells if cell.strip()) > 1 or plain(line.cells[0]) in ("name", "names", "concept")
        ):
            what, fix = f"the header seems to be in line {line.number}", "delete the lines above it"
            raise InputError([Problem(f"{path}:{lines[0].number}", what, fix)])


def _of_header(name: str, title: str, remarks: list[str]) -> str:
    """What is said above all names: by the title, and by the name of their column ("Artists to keep")."""
    said = decision_of(name)
    if said is None or said == FORGET:
        remarks += [f"the first line {name!r} is read as a heading"] if said else []
        return title
    remarks.append(f"the first line {name!r} decides about all names")
    return said if title == FORGET else combined([title, said])


def _headings(path: Path, table: _Table, telling: Collection[str]) -> None:
    """:raises InputError: a heading such as "# keep" or "Rejected:" stands among the names: it may mean all below."""
    at = table.role["name"][0]
    for i, line in enumerate(table.body):
        if line.broken or at >= len(line.cells) or line.cells[at] not in telling:
            continue
        if any(cell.strip() for j, cell in enumerate(line.cells) if j != at):
            continue
        text = line.cells[at].strip()
        bare = text.strip(_DECORATION)
        if bare == text and any(each in text for each in "(:,"):  # a name and a remark; `_in_name` looks at them
            continue
        said = heading_of(bare)
        if said is None or (bare == text and (said == FORGET or i == len(table.body) - 1)):
            continue
        what = f"has {text!r} alone in a line, which may be a heading for the lines below"
        fix = "write a column `decision` with forget or keep in each row, or one file for each heading"
        fix += f"; if it is a name, --ignore-column {table.names[at]!r}"
        raise InputError([Problem(f"{path}:{line.number}", what, fix)])


def _rows(path: Path, table: _Table, remarks: list[str], said: bool) -> Contents:
    """The rows below a header. Every column that is not read is named in the remarks."""
    names, role, body = table.names, table.role, table.body
    role_of = {i: what for what, places in role.items() for i in places}
    heard = [i for i in range(len(names)) if plain(names[i]) not in table.ignored]
    left = [i for i in heard if i not in role_of]
    at = role["name"][0]
    if (wrong := wrong_names(names, at, left, said)) is not None:
        raise InputError([Problem(f"{path}", *wrong)])
    different = {i: {line.cells[i] for line in body if i < len(line.cells) and not line.broken} for i in {*heard, at}}
    telling = {i: set(filter(tells, values)) for i, values in different.items()}
    if at in heard:
        _headings(path, table, telling[at])
    decides = [deciding_column(i, names[i] or f"{i + 1}") for i in left if deciding(names[i], different[i], telling[i])]
    places = {column.place for column in decides}
    others = [i for i in heard if i not in places and i != at]
    unread = [names[i] or f"{i + 1}" for i in others if i not in role_of and plain(names[i]) not in NUMBERING]
    if decides:
        remarks.append(f"what is forgotten is decided by column {', '.join(c.name for c in decides)}")
    if unread:
        remarks.append(f"not read: column {', '.join(unread)}")
    readers = [(c.place, {value: said_in(c, value) for value in {*different[c.place], ""}}) for c in decides]
    objections = {i: _objections(names[i] or f"{i + 1}", role_of.get(i, ""), different[i], telling[i]) for i in others}
    objectors = [(i, why) for i, why in objections.items() if why]

    def given(line: Line, what: str) -> list[str]:
        return [line.cells[i] for i in role.get(what, ()) if i < len(line.cells) and line.cells[i].strip()]

    def several(line: Line, what: str) -> tuple[str, ...]:
        return tuple(part for cell in given(line, what) for part in split_cell(cell)) if what in role else ()

    register = any(what in role for what in REQUEST)

    def asked_in(line: Line) -> dict[str, str]:
        return {what: tidy(next(iter(given(line, what)), "")) for what in REQUEST} if register else {}

    def row(line: Line) -> Row:
        cells, label, count = line.cells, f"row {line.number}", len(line.cells)
        if line.broken:
            return Row(label, ", ".join(cells), line.broken, asks=register)
        if count > table.width and any(map(str.strip, cells[table.width :])):
            wide = "has more cells than the header; quote names that hold a comma"
            sure = line._replace(cells=cells[:at])  # a comma in the name moves what stands behind it
            return Row(label, ", ".join(cells), wide, request=asked_in(sure), asks=register)
        name = cells[at] if at < count else ""
        values = [cells[i] if i < count else "" for i, _ in readers]
        cells_say = [said[value] for (_, said), value in zip(readers, values, strict=True)]
        says = decided(decides, values, cells_say)
        if table.above != FORGET:
            says.append(table.above)
        says += [reasons[cells[i]] for i, reasons in objectors if i < count and cells[i] in reasons]
        if name.lstrip()[:2] in ("# ", "//"):
            says.append("begins like a comment; take it out, or write the name without that")
        if at in heard and name in telling[at] and (why := _in_name(name)) is not None:
            says.append(why)
        request = asked_in(line)
        if register:
            request["decision"] = "; ".join(filter(None, map(as_decision, decides, values)))
        kind = next(iter(given(line, "kind")), "").strip().casefold() if "kind" in role else ""
        return Row(
            label, name, combined(says) if says else FORGET, several(line, "aliases"), several(line, "probes"),
            several(line, "neighbours"), next(iter(given(line, "anchor")), None) if "anchor" in role else None,
            tuple(given(line, "prompts")) if "prompts" in role else (), kind if kind in KINDS else None,
            request=request, asks=any(request.values()),
        )  # fmt: skip

    return Contents([row(line) for line in body], remarks)


def _in_name(name: str) -> str | None:
    """Why a name stops its row: it is nothing but a word against it, or begins with a decision ("keep: Ines")."""
    key, colon, rest = name.partition(":")
    if colon and rest.strip() and instruction(key) is not None:
        return f"says {name.strip()!r}; write the decision into a column of its own"
    for remark in (*_INSIDE.findall(name), name.partition(",")[2]):
        if (why := objection(remark)) is not None:
            return f"{why}; write it into a column of its own"
    return f"says {name.strip()!r}, which is no name" if instruction(name) not in (None, FORGET) else None


def _objections(name: str, role: str, values: Collection[str], telling: Collection[str]) -> dict[str, str]:
    """Cell of a column that does not decide -> why it stops its row."""
    mixed = is_mixed(role, telling)
    said = {value: against(name, role, mixed, value, value in telling) for value in values}
    return {value: why for value, why in said.items() if why is not None}
