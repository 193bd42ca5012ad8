"""Reads the rows of an imported CSV, TSV, JSON or TXT file, and finds the role of each column or key."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expunge.concepts.kinds import KINDS
from expunge.core.errors import InputError, Problem

LARGEST_FILE = 64 * 2**20  # bytes
COLUMNS: dict[str, tuple[str, ...]] = {
    "name": ("name", "concept", "target", "artist", "character", "celebrity", "person", "object", "style", "label"),
    "aliases": ("aliases", "alias", "synonyms", "train-coref", "test-coref"),
    "neighbours": (
        "neighbours", "neighbors", "neighbour", "neighbor", "hard_negative", "hard_negatives", "train-retain",
        "test-retain",
    ),
    "anchor": ("anchor", "superclass"),
    "prompts": (),  # only if the user names the column: prompts are as often for tests as for training
    "keep": ("type",),  # a column that says erase or retain
}  # fmt: skip


@dataclass(frozen=True)
class ImportedRow:
    """A row of an imported file, as written. `label` is "row 7" (a line) or "style/monet" (a place in JSON)."""

    label: str
    name: Any
    aliases: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    anchor: Any = None
    prompts: tuple[str, ...] = ()
    keep: bool = False  # the file says that this concept must stay
    section: str | None = None  # a kind that the file itself gives ("style": {...})
    doubtful: tuple[str, ...] = ()  # aliases and neighbours that the file itself grades as of low certainty


def read_rows(
    path: Path, columns: Mapping[str, str], encoding: str = "utf-8-sig"
) -> tuple[list[ImportedRow], list[str]]:
    """(the rows of a file, notes about columns that are not read). The file's ending gives its format.

    :param columns: role -> column, in place of the usual names in COLUMNS.
    :raises InputError: the file cannot be read, or has no column with names.
    """
    text = _text(path, encoding)
    ending = path.suffix.lower()
    if ending in (".csv", ".tsv"):
        return _table(path, text, columns, "\t" if ending == ".tsv" else ",")
    if ending == ".json":
        try:
            return list(_walk(json.loads(text), [], columns)), []
        except (json.JSONDecodeError, RecursionError) as error:
            line = getattr(error, "lineno", 1)
            raise InputError([Problem(f"{path}:{line}", f"is not JSON ({error})", "write valid JSON")]) from None
    if ending == ".txt":
        return [ImportedRow(f"row {i}", line) for i, line in enumerate(text.splitlines(), 1) if line.strip()], []
    what = f"ends in {ending}" if ending else "has no file ending"
    raise InputError([Problem(f"{path}", what, "give a .csv, .tsv, .json or .txt file")])


def looks_like_prompts(rows: list[ImportedRow]) -> int:
    """How many rows read like prompts, not like names.

    Such a row has 5 words or more before its first comma, or begins with "a", "my", ... and has 3 words or more.
    """
    count = 0
    for row in rows:
        words = str(row.name).split(",")[0].split() if row.name is not None else []
        whole = str(row.name).split()
        articles = bool(whole) and whole[0] in ("a", "an", "my", "the", "two")
        count += len(words) >= 5 or (articles and len(whole) >= 3)
    return count


def _text(path: Path, encoding: str) -> str:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError([Problem(f"{path}", f"is over {LARGEST_FILE // 2**20} MiB", "split it")])
        raw = path.read_bytes()
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise InputError([Problem(f"{path}", what, "name a file that is there")]) from None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        fix = "say what it is, for example --encoding cp1252"
        raise InputError([Problem(f"{path}:{line}", f"is not {encoding.removesuffix('-sig')}", fix)]) from None
    except LookupError:
        raise InputError([Problem("--encoding", f"there is no {encoding!r}", "write utf-8, cp1252, ...")]) from None


def _table(path: Path, text: str, columns: Mapping[str, str], delimiter: str) -> tuple[list[ImportedRow], list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        what = f"is not a valid table ({error})"
        raise InputError([Problem(f"{path}:{reader.line_num}", what, "fix that line")]) from None
    if not lines:
        return [], []
    header = [cell.strip().lower() for cell in lines[0][1]]
    role = _roles(header, columns)
    missing = [f"--{r}-column {c}" for r, c in columns.items() if c.lower() not in header]
    if missing or "name" not in role:
        if not columns and len(header) == 1 and "name" not in role:
            return [
                ImportedRow(f"row {number}", cells[0]) for number, cells in lines
            ], []  # a file of names only, without a header
        what = f"has no column for {', '.join(missing)}" if missing else "no column is called name or concept"
        raise InputError([Problem(f"{path}:1", what, f"write --name-column with one of {', '.join(header)}")])
    unread = [name for i, name in enumerate(header) if all(i not in at for at in role.values()) and name != "id"]
    notes = [f"not read: column {', '.join(unread)}"] if unread else []

    def row(number: int, cells: list[str]) -> ImportedRow:
        def cell(name: str) -> list[str]:
            return [cells[i] for i in role.get(name, []) if i < len(cells) and cells[i].strip()]

        def several(name: str) -> tuple[str, ...]:
            return tuple(part for value in cell(name) for part in re.split(r"[;|]", value) if part.strip())

        return ImportedRow(
            f"row {number}", next(iter(cell("name")), ""), several("aliases"), several("neighbours"),
            next(iter(cell("anchor")), None), tuple(cell("prompts")),
            any(value.strip().lower() in ("retain", "keep", "preserve") for value in cell("keep")),
        )  # fmt: skip

    return [row(number, cells) for number, cells in lines[1:]], notes


def _roles(keys: list[str], columns: Mapping[str, str]) -> dict[str, list[int]]:
    """Role -> positions of its columns. The name's is the first column in COLUMNS["name"] that the file has."""
    roles: dict[str, list[int]] = {}
    for role, usual in COLUMNS.items():
        wanted = (columns[role].lower(),) if role in columns else usual
        places = [keys.index(name) for name in wanted if name in keys]
        if places:
            roles[role] = places[:1] if role in ("name", "anchor") else places
    return roles


def _walk(data: Any, place: list[str], columns: Mapping[str, str]) -> Iterator[ImportedRow]:
    """The rows of JSON data.

    A mapping with a name is a row. A text in a list is a name. In other mappings, a key with a text is a name, and the
    text is its anchor.
    """
    label = "/".join(place) or "the file"
    section = next((part for part in place if part in KINDS), None)
    if isinstance(data, list):
        for i, item in enumerate(data, 1):
            yield from _walk(item, [*place, str(i)], columns)
    elif not isinstance(data, dict):
        yield ImportedRow(label, data, section=section)
    else:
        keys = [str(key).lower() for key in data]
        values, role = list(data.values()), _roles(keys, columns)
        if "name" not in role or isinstance(values[role["name"][0]], dict | list):
            for key, value in data.items():
                if isinstance(value, str):
                    yield ImportedRow("/".join([*place, key]), key, anchor=value, section=section)
                else:
                    yield from _walk(value, [*place, key], columns)
            return
        doubtful: list[str] = []

        def texts(name: str) -> tuple[str, ...]:
            kept: list[str] = []
            for i in role.get(name, []):
                items = values[i] if isinstance(values[i], list) else [values[i]]
                grades = data.get(f"{list(data)[i]}-certainty")
                for j, item in enumerate(items):
                    grade = grades[j] if isinstance(grades, list) and j < len(grades) else ""
                    (doubtful if str(grade).lower() == "low" else kept).append(str(item))
            return tuple(kept)

        keep = any(str(values[i]).lower() in ("retain", "keep", "preserve") for i in role.get("keep", []))
        anchor = values[role["anchor"][0]] if "anchor" in role else None
        yield ImportedRow(
            label, values[role["name"][0]], texts("aliases"), texts("neighbours"), anchor, texts("prompts"), keep,
            section, tuple(doubtful),
        )  # fmt: skip
