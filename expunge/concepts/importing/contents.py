"""Reads a file by its format: which the user says, or its ending, or (for stdin) its first character."""

from collections.abc import Mapping
from pathlib import Path

from expunge.concepts.importing.files import decode, read_bytes
from expunge.concepts.importing.formats import TABLES, format_of
from expunge.concepts.importing.lines import read_lines
from expunge.concepts.importing.parsing import parse_json, parse_json_lines
from expunge.concepts.importing.rows import Contents
from expunge.concepts.importing.separated import csv_lines
from expunge.concepts.importing.tables import read_table
from expunge.concepts.importing.trees import read_tree
from expunge.concepts.importing.workbooks import read_workbook
from expunge.core.errors import InputError, Problem
from expunge.core.yamlfile import Limits, load_text

YAML_LIMITS = Limits(size=64 * 2**20, values=2_000_000, levels=50)


def read_contents(
    path: Path,
    said: str | None = None,
    columns: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    header: bool = True,
    ignored: tuple[str, ...] = (),
    sheet: str | None = None,
    commas: bool = False,
) -> Contents:
    """The rows of a file, and remarks about what was not read.

    :param said: the format, in place of the file's ending. :param columns: role -> column or key.
    :param header: does a table begin with the names of its columns? :param ignored: columns that decide nothing.
    :param sheet: of a workbook. :param commas: commas belong to the names of a text file.
    :raises InputError: the file cannot be read, has no names, or an option does not fit its format.
    """
    columns, kind = columns or {}, format_of(path, said)
    if kind is None:
        kind = _kind_of_stdin(path, raw := read_bytes(path), encoding)
    else:
        _options_fit(path, kind, columns, header, ignored, sheet)
        raw = read_bytes(path)
    if kind == "xlsx":
        return read_workbook(path, raw, sheet, columns, header, ignored)
    text = decode(path, raw, encoding)
    if kind in TABLES:
        return read_table(path, csv_lines(path, text, "\t" if kind == "tsv" else None), columns, header, ignored)
    if kind == "txt":
        return read_lines(path, text, commas)
    if kind == "yaml":
        tree = load_text(text, f"{path}", YAML_LIMITS)
        return read_tree(tree.value if tree is not None else [], columns, ignored)
    data = parse_json(path, text) if kind == "json" else parse_json_lines(path, text)
    return read_tree(data, columns, ignored)


def _kind_of_stdin(path: Path, raw: bytes, encoding: str) -> str:
    """JSON if the text begins like it; else a name a line."""
    return "json" if decode(path, raw, encoding).lstrip()[:1] in ("{", "[") else "txt"


def _options_fit(
    path: Path, kind: str, columns: Mapping[str, str], header: bool, ignored: tuple[str, ...], sheet: str | None
) -> None:
    """:raises InputError: an option was given that this format cannot use."""
    unfit = []
    if kind == "txt":
        unfit += [f"--{role}-column" for role in columns] + ["--ignore-column"] * bool(ignored)
    if kind not in TABLES and not header:
        unfit.append("--no-header")
    if kind != "xlsx" and sheet is not None:
        unfit.append("--sheet")
    if unfit:
        what = f"is read as {kind.upper()}, which has no use for {', '.join(unfit)}"
        raise InputError([Problem(f"{path}", what, "leave it out, or write --format")])
