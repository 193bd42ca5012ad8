"""Commands for concept lists: check them, and make them from the files that people bring."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from expunge.cli.app import (
    CONCEPTS,
    REQUESTS,
    app,
    count,
    default_base_and_method,
    errors_in_lines,
    parameter_problems,
    released,
    require_new,
    write_asked,
)  # fmt: skip
from expunge.concepts.importing.formats import FORMATS
from expunge.concepts.importing.notes import ACTIONS
from expunge.concepts.kinds import KINDS
from expunge.core.errors import InputError, Problem

FOUND = Path("attacks/found.csv")
Kind = StrEnum("Kind", list(KINDS))  # type: ignore[misc]  # mypy wants the names written out
Parentheses = StrEnum("Parentheses", ["cut", "alias", "keep"])
Comma = StrEnum("Comma", ["cut", "keep"])
Order = StrEnum("Order", {"last_first": "last-first"})  # type: ignore[misc]
Format = StrEnum("Format", list(FORMATS))  # type: ignore[misc]


@app.command()
@errors_in_lines
def validate(
    lists: Annotated[Path, typer.Argument(help="A folder of concept lists, or one list.")] = Path("concepts"),
    base: Annotated[
        str | None, typer.Option(help="The base to check against; default: the one in params.yaml.")
    ] = None,
    bases: Annotated[Path, typer.Option(help="The folder of bases.")] = Path("bases"),
) -> None:
    """Check concept lists, params.yaml and requests/ in full, without loading a model.

    For a single list, it shows that list's mistakes and its contradictions with other lists in the folder.
    Without a params.yaml and a folder of bases, lists are checked without a base.

    Exit code 0: no mistakes. 2: there are mistakes; each is printed with its place and a fix.
    """
    from expunge.concepts.register import problems_with_lists, read_registers
    from expunge.plan.validate_lists import validate as check

    parameters, problems = default_base_and_method(), parameter_problems(lists)
    default = parameters["base"] if Path("params.yaml").is_file() or bases.is_dir() else None
    own = lists.is_dir() and lists.resolve() == CONCEPTS.resolve()
    filed, wrong = read_registers(REQUESTS) if own else ([], [])
    problems += wrong
    try:
        checked, notes = check(lists, base or default, bases, parameters["method"])
    except InputError as error:
        raise InputError([*problems, *error.problems]) from None
    if problems := [*problems, *problems_with_lists(filed, checked)]:
        raise InputError(problems)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    for each in checked:
        typer.echo(f"{each.id}: {count(len(each.concepts), 'concept')}, {count(len(each.members()), 'encoder')}")
    for name, members in released(checked if lists.is_dir() else ()).items():
        typer.echo(f"{name}: {count(len(members), 'concept')}, 1 encoder")


@app.command("import")
@errors_in_lines
def import_(
    file: Annotated[
        Path, typer.Argument(help=f"A file ({', '.join(each.upper() for each in FORMATS)}), or - for stdin.")
    ],
    kind: Annotated[Kind, typer.Option(help="What the names are.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; default: concepts/<name of the file>.yaml.")] = None,
    title: Annotated[str | None, typer.Option(help="The list's title; default: the file's name.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who is responsible for the list.")] = None,
    base: Annotated[
        str | None, typer.Option(help="Refuse names that this base cannot spell, or that are too long for it.")
    ] = None,
    bases: Annotated[Path, typer.Option(help="The folder of bases.")] = Path("bases"),
    format_: Annotated[
        Format | None, typer.Option("--format", help="The file's format; default: from its ending.")
    ] = None,
    no_header: Annotated[
        bool, typer.Option("--no-header", help="The table has no header; columns are called 1, 2, ...")
    ] = False,
    sheet: Annotated[str | None, typer.Option(help="The sheet of a workbook; default: the first.")] = None,
    name_column: Annotated[str | None, typer.Option(help="The column or key with the names.")] = None,
    alias_column: Annotated[str | None, typer.Option(help="The column with aliases, separated by ; or | or ,.")] = None,
    probe_column: Annotated[str | None, typer.Option(help="The column with words that are only tested.")] = None,
    neighbour_column: Annotated[str | None, typer.Option(help="The column with neighbours, separated alike.")] = None,
    anchor_column: Annotated[str | None, typer.Option(help="The column with the anchor.")] = None,
    prompt_column: Annotated[str | None, typer.Option(help="The column with the concept's own prompts.")] = None,
    ignore_column: Annotated[
        list[str] | None, typer.Option(help="A column that decides nothing, whatever it says; can be repeated.")
    ] = None,
    parentheses: Annotated[Parentheses, typer.Option(help="What to do with (...) in names.")] = Parentheses.cut,
    comma: Annotated[
        Comma | None,
        typer.Option(help="What to do with text after a comma; default: in TXT files cut a role, else keep."),
    ] = None,
    order: Annotated[Order | None, typer.Option(help="Turn names such as 'Vint, Orla' round.")] = None,
    split: Annotated[int | None, typer.Option(help="Write several lists of at most so many concepts.")] = None,
    prompts_of: Annotated[str | None, typer.Option(help="Read the rows as prompts of this one concept.")] = None,
    as_names: Annotated[bool, typer.Option(help="Read the rows as names even if they look like prompts.")] = False,
    encoding: Annotated[str, typer.Option(help="The file's encoding.")] = "utf-8",
    zone: Annotated[str, typer.Option(help="The zone of a register's times that have none, such as Z or +01:00.")] = "",
    requests: Annotated[
        Path | None,
        typer.Option(help="Where requests go that no concept holds; default: requests/<name of the list>.yaml."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the report to this file, and only its counts to stderr.")
    ] = None,
    verbose: Annotated[bool, typer.Option(help="Report every changed row.")] = False,
    force: Annotated[bool, typer.Option(help="Replace existing files.")] = False,
) -> None:
    """Turn a file into a concept list, and report what was kept, merged, trimmed, dropped or refused.

    What the file says to keep becomes `keep:` of the list. Rows that it says to reject or to wait with, and rows with
    a decision that is not known, are refused. Requests that no concept of the list holds, such as those, go into a
    register, where `expunge requests` finds them.
    """
    from expunge.concepts.importing.importer import Options, import_file
    from expunge.concepts.importing.notes import summary
    from expunge.concepts.register import register_text
    from expunge.core.times import is_zone
    from expunge.plan.validate_lists import base_words

    words, notes, problems = base_words(base, bases) if base else (None, [], [])
    if problems:
        raise InputError(problems)
    chosen = {
        "name": name_column, "aliases": alias_column, "probes": probe_column, "neighbours": neighbour_column,
        "anchor": anchor_column, "prompts": prompt_column,
    }  # fmt: skip
    columns = {role: column for role, column in chosen.items() if column is not None}
    options = Options(
        title, owner, columns, tuple(ignore_column or ()), not no_header, sheet, format_.value if format_ else None,
        parentheses.value, comma.value if comma else None, order.value if order else None, prompts_of, as_names, split,
        words, encoding, zone,
    )  # fmt: skip
    if zone and not is_zone(zone):
        raise InputError([Problem("--zone", f"{zone!r} is no zone", "write Z, or an offset such as +01:00")])
    require_new([report] if report is not None else [], force, "--report")
    imported = import_file(file, kind.value, options)
    files = _files(len(imported.texts), file, out)
    register = requests or REQUESTS / files[0].name
    emptied = imported.asks and force and register.is_file()  # all its requests are on the list now
    others = [register] if imported.requests or emptied else []
    _apart(file, [*files, *others], report)
    require_new(others, force, "--requests")
    written = _write_lists(imported.texts, files, force)
    for each in others:
        lists = {id_: list_file.stem for list_file, ids in zip(files, imported.ids, strict=True) for id_ in ids}
        write_asked(
            each, register_text(imported.requests, lists, "stdin" if file == Path("-") else file.name), "--requests"
        )
    lines, remarks = [str(note) for note in imported.notes], [f"note: {note}" for note in [*notes, *imported.remarks]]
    if report is not None:
        write_asked(report, "".join(f"{line}\n" for line in [*remarks, *lines]), "--report")
    listed = [] if report is not None else lines if verbose else summary(imported.notes, imported.names)
    for line in [*remarks, *listed]:
        typer.echo(line, err=True)
    counts = ", ".join(f"{sum(note.what == action for note in imported.notes)} {action}" for action in ACTIONS)
    where = f"{written[0]}" if len(written) == 1 else f"{written[0]} to {written[-1].name}"
    for each in others:
        typer.echo(f"{each}: {count(len(imported.requests), 'request')} that no concept of the list holds", err=True)
    typer.echo(f"{where}: {count(imported.concepts, 'concept')} of {count(imported.rows, 'row')}; {counts}", err=True)


@app.command("hide")
@errors_in_lines
def hide_(
    list_: Annotated[str, typer.Argument(metavar="LIST", help="A list's id, or its file.")],
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The concepts to make confidential.")],
    with_request: Annotated[bool, typer.Option("--with-request", help="Move their requests, too.")] = False,
    keep_id: Annotated[bool, typer.Option("--keep-id", help="Keep their ids, if they do not tell the name.")] = False,
    lists: Annotated[Path, typer.Option(help="The folder of concept lists.")] = Path("concepts"),
) -> None:
    """Make concepts confidential: move their words into concepts/private/words.yaml, which git ignores.

    They get new ids, in params.yaml and requests/ as well, and their prompts leave attacks/found.csv. Keep the private
    file, and hand it on apart from git: without it the lists cannot be run. docs/lists.md tells more.
    """
    from expunge.attacks.keeping import take_out
    from expunge.attacks.replayed import read_kept
    from expunge.concepts.hiding import hide
    from expunge.concepts.private import private_file
    from expunge.concepts.renaming import renamed as rename
    from expunge.core.unit_names import Name

    file = Path(list_) if list_.endswith(".yaml") else lists / f"{list_}.yaml"
    read_kept(FOUND)  # which tells what is wrong with it before anything is written
    renamed = hide(file, ids, with_request, keep_id)
    names = {str(Name(file.stem, old)): str(Name(file.stem, new)) for old, new in renamed.items()}
    changed = rename(
        [Path("params.yaml"), *sorted(REQUESTS.glob("*.yaml"))], {o: n for o, n in names.items() if o != n}
    )
    gone = take_out(FOUND, names)
    typer.echo(f"{private_file(file.parent).as_posix()} holds the words of {', '.join(renamed.values())}")
    for each, numbers in changed.items():
        where = ", ".join(f"{each.as_posix()}:{number}" for number in numbers)
        typer.echo(f"note: wrote the new ids at {where}", err=True)
    if gone:
        typer.echo(f"note: took {count(gone, 'prompt')} out of {FOUND.as_posix()}", err=True)
    typer.echo("note: earlier commits, DVC's cache and remotes still hold the words, and lines of audit/log.jsonl the "
               "old ids. Run `expunge keep-attacks` and `dvc repro`, and commit", err=True)  # fmt: skip


def _files(number: int, file: Path, out: Path | None) -> list[Path]:
    """Where the lists go; several get numbers: artists-1.yaml, artists-2.yaml."""
    from expunge.core.names import slug

    out = out or Path("concepts") / f"{'stdin' if file == Path('-') else slug(file.stem)}.yaml"
    return [out] if number == 1 else [out.with_stem(f"{out.stem}-{i}") for i in range(1, number + 1)]


def _apart(file: Path, files: Sequence[Path], report: Path | None) -> None:
    """:raises InputError: the file that is read, the lists and the report are not files of their own."""
    lists = {each.absolute() for each in files}
    if report is not None and report.absolute() in lists:
        raise InputError([Problem(f"{report}", "is both the list and the report", "write another --report")])
    for what, each in (("--out", each) for each in (*files, *([report] if report is not None else []))):
        if file != Path("-") and each.absolute() == file.absolute():
            raise InputError(
                [Problem(f"{each}", "is the file that is read, and would be replaced", f"write another {what}")]
            )


def _write_lists(texts: Sequence[str], files: list[Path], force: bool) -> list[Path]:
    from expunge.concepts.listfile import write_list

    require_new(files, force, "--out")
    for each, text in zip(files, texts, strict=True):
        write_list(text, each, force)
    return files
