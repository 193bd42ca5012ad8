"""The command line: one function for each command. Exit code 2 means that the input is wrong."""

import sys
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from expunge.concepts.kinds import KINDS
from expunge.core.errors import InputError, Problem

app = typer.Typer(
    help="Make text-to-video diffusion models forget concepts, and check that they did.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip
Kind = StrEnum("Kind", list(KINDS))  # type: ignore[misc]  # mypy wants the names written out
Parentheses = StrEnum("Parentheses", ["cut", "alias", "keep"])
Comma = StrEnum("Comma", ["cut", "keep"])


def _errors_in_lines(command: Callable[..., None]) -> Callable[..., None]:
    """Print an InputError as its lines, to stderr, and exit with code 2."""

    @wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except InputError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(2) from None

    return run


@app.command()
@_errors_in_lines
def validate(
    lists: Annotated[Path, typer.Argument(help="A folder of concept lists, or one list.")] = Path("concepts"),
    base: Annotated[
        str | None, typer.Option(help="The base to check against; default: the one in params.yaml.")
    ] = None,
    bases: Annotated[Path, typer.Option(help="The folder of bases.")] = Path("bases"),
) -> None:
    """Check concept lists and params.yaml in full, without loading a model.

    For a single list, it shows that list's mistakes and its contradictions with other lists in the folder.
    Without a params.yaml and a folder of bases, lists are checked without a base.

    Exit code 0: no mistakes. 2: there are mistakes; each is printed with its place and a fix.
    """
    from expunge.plan.validate_lists import validate as check

    parameters, problems = _parameters(), _parameter_problems()
    default = parameters["base"] if Path("params.yaml").is_file() or bases.is_dir() else None
    try:
        checked, notes = check(lists, base or default, bases, parameters["method"])
    except InputError as error:
        raise InputError([*problems, *error.problems]) from None
    if problems:
        raise InputError(problems)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    for each in checked:
        typer.echo(f"{each.id}: {_count(len(each.concepts), 'concept')}, {_count(len(each.members()), 'encoder')}")


@app.command("import")
@_errors_in_lines
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
    typer.echo(f"{out}: {_count(imported.concepts, 'concept')} of {_count(imported.rows, 'row')}; {counts}", err=True)


@app.command()
@_errors_in_lines
def gate(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="LIST/ENCODER", help="Encoders, or lists to take all their encoders; default: every encoder."
        ),
    ] = None,
    metrics: Annotated[Path, typer.Option(help="The verdicts that a run wrote.")] = Path("metrics/verdicts.json"),
    concepts: Annotated[Path, typer.Option(help="The folder of concept lists.")] = Path("concepts"),
    every: Annotated[bool, typer.Option("--all", help="Show every gate on one line.")] = False,
    why: Annotated[bool, typer.Option("--why", help="Show every gate in full sentences.")] = False,
) -> None:
    """Show which encoders pass their gates, and why the others do not; for CI.

    Reads the verdicts of the last run and measures nothing: run `dvc repro` first.
    The thresholds are in params.yaml (section gate), in a list's `gate:` and in a concept's.
    docs/evaluation.md explains each number.

    Exit code 0: every required encoder passes. 1: one fails, was not measured, or has not run yet. 2: bad input, or
    the gates have changed since the run.
    """
    from expunge.verdicts.print_verdicts import print_verdicts
    from expunge.verdicts.up_to_date import encoders_now, never_ran, require_same_gates
    from expunge.verdicts.verdict_file import PASS, chosen, read_verdicts

    now = encoders_now(concepts, _table())
    verdicts = chosen({**never_ran(now), **read_verdicts(metrics)}, names or (), metrics)
    require_same_gates(verdicts, now, metrics)
    print_verdicts(verdicts, every, why)
    if any(verdict.required and verdict.verdict != PASS for verdict in verdicts.values()):
        raise typer.Exit(1)


@app.command()
@_errors_in_lines
def compare(
    rev: Annotated[str, typer.Argument(help="The git revision to compare with, such as HEAD~1, main or a tag.")],
    rev2: Annotated[str | None, typer.Argument(help="The revision to judge; default: the working tree.")] = None,
    metrics: Annotated[Path, typer.Option(help="The table of rates that a run wrote.")] = Path("metrics/rates.csv"),
    every: Annotated[bool, typer.Option("--all", help="Show every change, even inside the intervals.")] = False,
    fail: Annotated[bool, typer.Option("--fail/--no-fail", help="Exit 1 if something became worse.")] = True,
) -> None:
    """Show what became worse or better since another commit: which concept, which metric, from what to what.

    A change is outside its interval if the two 95 % intervals do not overlap. Changes inside are only counted, and
    metrics without a better direction, such as the change of the weights, are hidden; --all shows both.
    Times are not compared.

    Exit code 0: nothing became worse outside its interval (or --no-fail). 1: something did. 2: bad input.
    """
    from expunge.verdicts.compare import compare as compared
    from expunge.verdicts.compare import rates_at
    from expunge.verdicts.print_comparison import print_comparison
    from expunge.verdicts.rates import read_rates

    old = rates_at(rev, metrics)
    new = rates_at(rev2, metrics) if rev2 is not None else read_rates(metrics)
    comparison = compared(old, new)
    if comparison.same:
        typer.echo(f"{rev} and {rev2 or 'the working tree'} have the same table: no run between them changed a number")
        return
    print_comparison(comparison, every)
    if fail and comparison.failed:
        raise typer.Exit(1)


@app.command("keep-attacks")
@_errors_in_lines
def keep_attacks(
    attacks: Annotated[Path, typer.Option(help="What the stage attack wrote.")] = Path("build/attacks"),
    file: Annotated[Path, typer.Option(help="The file of prompts to replay.")] = Path("attacks/found.csv"),
    plan: Annotated[Path, typer.Option(help="What the stage plan wrote.")] = Path("build/plan/index.json"),
) -> None:
    """Keep the attack prompts that brought a concept back, so that every later run replays them.

    Adds to attacks/found.csv: review it and commit it.
    Prompts of confidential concepts are left out, because many people read the file.
    """
    from expunge.attacks.records import read_attempts
    from expunge.attacks.replayed import read_kept, with_new, write_kept
    from expunge.plan.contract import read_plan

    kept, concepts = read_kept(file), read_plan(plan).concepts
    attempts = [attempt for unit in sorted(attacks.rglob("attempts.json")) for attempt in read_attempts(unit)]
    rows = with_new(kept, attempts, [name for name, concept in concepts.items() if concept.confidential])
    write_kept(file, rows)
    typer.echo(f"{_count(len(rows) - len(kept), 'new prompt')} of {_count(len(attempts), 'attempt')}; "
               f"{file.as_posix()} holds {len(rows):,}")  # fmt: skip


@app.command()
@_errors_in_lines
def why(
    encoder: Annotated[str, typer.Argument(metavar="LIST/ENCODER", help="An encoder of the last run.")],
    stage: Annotated[str | None, typer.Argument(help="One stage; default: every stage that has units.")] = None,
) -> None:
    """Show what the last run did for an encoder, stage by stage: what it reused, what it made anew, and why.

    A reason names what changed, with its old and new value: an entry of the list, a parameter, a file of code, the
    base, or the result of an earlier stage.
    """
    from expunge.plan.contract import read_plan
    from expunge.plan.why import why as tell

    for told in tell(read_plan(Path("build/plan/index.json")), encoder, stage):
        typer.echo(f"{told.stage} {told.unit}: {told.verdict}")
        for reason in told.reasons:
            typer.echo(f"  {reason}")


@app.command()
@_errors_in_lines
def doctor(fix: Annotated[bool, typer.Option("--fix", help="Fix what can be fixed safely.")] = False) -> None:
    """Look for a broken lock that a killed run left behind."""
    from expunge.core.rwlock import find_repository, repair_rwlock

    message = repair_rwlock(find_repository(Path.cwd()), fix)
    typer.echo(message)


def _table() -> dict[str, Any]:
    """params.yaml, {} where it is not there."""
    from expunge.core.yamlfile import load

    file = Path("params.yaml")
    raw = load(file).value if file.is_file() else {}
    return raw if isinstance(raw, dict) else {}


def _parameters() -> dict[str, Any]:
    """The base and the default method from params.yaml, where it is there and says so."""
    raw = _table()
    unlearn = raw.get("unlearn")
    base, method = raw.get("base"), unlearn.get("method") if isinstance(unlearn, dict) else None
    return {"base": base if isinstance(base, str) else "emoji", "method": method if isinstance(method, str) else None}


def _parameter_problems() -> list[Problem]:
    """Every mistake in params.yaml; [] where there is none."""
    from expunge.plan.params import FILE, read_params

    try:
        if FILE.is_file():
            read_params()
    except InputError as error:
        return error.problems
    return []


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def main() -> None:
    """The entry point; also `python -m expunge`."""
    sys.exit(app())
