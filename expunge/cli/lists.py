"""Commands for concept lists: check them, and make them from the files that people bring."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from expunge.cli.app import app, count, default_base_and_method, errors_in_lines
from expunge.concepts.kinds import KINDS
from expunge.core.errors import InputError

Kind = StrEnum("Kind", list(KINDS))  # type: ignore[misc]  # mypy wants the names written out
Parentheses = StrEnum("Parentheses", ["cut", "alias", "keep"])
Comma = StrEnum("Comma", ["cut", "keep"])


@app.command()
@errors_in_lines
def validate(
    lists: Annotated[Path, typer.Argument(help="A folder of concept lists, or one list.")] = Path("concepts"),
    base: Annotated[
        str | None, typer.Option(help="The base to check against; default: the one in params.yaml.")
    ] = None,
    bases: Annotated[Path, typer.Option(help="The folder of bases.")] = Path("bases"),
) -> None:
    """Check concept lists in full, without loading a model.

    For a single list, it shows that list's mistakes and its contradictions with other lists in the folder.
    Without a params.yaml and a folder of bases, lists are checked without a base.

    Exit code 0: no mistakes. 2: there are mistakes; each is printed with its place and a fix.
    """
    from expunge.plan.validate_lists import validate as check

    parameters = default_base_and_method()
    default = parameters["base"] if Path("params.yaml").is_file() or bases.is_dir() else None
    checked, notes = check(lists, base or default, bases, parameters["method"])
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    for each in checked:
        typer.echo(f"{each.id}: {count(len(each.concepts), 'concept')}, {count(len(each.members()), 'encoder')}")


@app.command("import")
@errors_in_lines
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV, TSV, JSON or TXT file.")],
    kind: Annotated[Kind, typer.Option(help="What the names are.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; default: concepts/<name of the file>.yaml.")] = None,
    title: Annotated[str | None, typer.Option(help="The list's title; default: the file's name.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who is responsible for the list.")] = None,
    base: Annotated[
        str | None, typer.Option(help="Refuse names that this base cannot spell, or that are too long for it.")
    ] = None,
    bases: Annotated[Path, typer.Option(help="The folder of bases.")] = Path("bases"),
    name_column: Annotated[str | None, typer.Option(help="The column or key with the names.")] = None,
    alias_column: Annotated[str | None, typer.Option(help="The column with aliases, separated by ; or |.")] = None,
    neighbour_column: Annotated[
        str | None, typer.Option(help="The column with neighbours, separated by ; or |.")
    ] = None,
    anchor_column: Annotated[str | None, typer.Option(help="The column with the anchor.")] = None,
    prompt_column: Annotated[str | None, typer.Option(help="The column with the concept's own prompts.")] = None,
    parentheses: Annotated[Parentheses, typer.Option(help="What to do with (...) in names.")] = Parentheses.cut,
    comma: Annotated[
        Comma | None, typer.Option(help="What to do with text after a comma; default: cut in TXT, keep in others.")
    ] = None,
    prompts_of: Annotated[str | None, typer.Option(help="Read the rows as prompts of this one concept.")] = None,
    as_names: Annotated[bool, typer.Option(help="Read the rows as names even if they look like prompts.")] = False,
    encoding: Annotated[str, typer.Option(help="The file's encoding.")] = "utf-8-sig",
    report: Annotated[
        Path | None, typer.Option(help="Write the report to this file, and only its counts to stderr.")
    ] = None,
    verbose: Annotated[bool, typer.Option(help="Report every changed row.")] = False,
    force: Annotated[bool, typer.Option(help="Replace an existing list.")] = False,
) -> None:
    """Turn a file into a concept list, and report what was merged, trimmed, dropped or refused."""
    from expunge.concepts.import_notes import summary
    from expunge.concepts.importer import import_file
    from expunge.concepts.listfile import write_list
    from expunge.core.names import slug
    from expunge.plan.validate_lists import base_words

    words, notes, problems = base_words(base, bases) if base else (None, [], [])
    if problems:
        raise InputError(problems)
    chosen = {
        "name": name_column, "aliases": alias_column, "neighbours": neighbour_column, "anchor": anchor_column,
        "prompts": prompt_column,
    }  # fmt: skip
    columns = {role: column for role, column in chosen.items() if column is not None}
    out = out or Path("concepts") / f"{slug(file.stem)}.yaml"
    imported = import_file(
        file, kind.value, title, owner, columns, parentheses.value, comma.value if comma else None, prompts_of,
        as_names, words, encoding,
    )  # fmt: skip
    write_list(imported.text, out, force)
    lines = [str(note) for note in imported.notes]
    if report is not None:
        report.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    listed = [] if report is not None else lines if verbose else summary(imported.notes, imported.names)
    for line in [*(f"note: {note}" for note in [*notes, *imported.remarks]), *listed]:
        typer.echo(line, err=True)
    actions = ("merged", "trimmed", "dropped", "refused")
    counts = ", ".join(f"{sum(note.what == action for note in imported.notes)} {action}" for action in actions)
    typer.echo(f"{out}: {count(imported.concepts, 'concept')} of {count(imported.rows, 'row')}; {counts}", err=True)
