"""Commands for the results of a run: its verdicts, what became worse, and the attacks that succeeded."""

from pathlib import Path
from typing import Annotated

import typer

from expunge.cli.app import CONCEPTS, app, count, errors_in_lines, parameters_file


@app.command()
@errors_in_lines
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

    Every verdict is made anew from metrics/rates.csv and the lists, and compared.

    Exit code 0: every required encoder passes. 1: one fails, was not measured, or has not run yet. 2: bad input; or
    gates, concepts, methods, parameters or the base have changed since the run; or a file of metrics/ was edited by
    hand.
    """
    from expunge.verdicts.print_verdicts import print_verdicts
    from expunge.verdicts.recomputed import verdicts_now
    from expunge.verdicts.verdict_file import PASS

    verdicts, unseen = verdicts_now(metrics, names or (), concepts, parameters_file())
    for line in unseen:
        typer.echo(line, err=True)
    print_verdicts(verdicts, every, why)
    if any(verdict.required and verdict.verdict != PASS for verdict in verdicts.values()):
        raise typer.Exit(1)


@app.command()
@errors_in_lines
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

    Exit code 0: nothing became worse outside its interval, and no number was lost (or --no-fail). 1: else. 2: bad
    input.
    """
    from expunge.concepts.leaks import mask_of
    from expunge.verdicts.compare import compare as compared
    from expunge.verdicts.compare import rates_at
    from expunge.verdicts.print_comparison import print_comparison
    from expunge.verdicts.rates import read_rates
    from expunge.verdicts.up_to_date import encoders_now

    old = rates_at(rev, metrics)
    new = rates_at(rev2, metrics) if rev2 is not None else read_rates(metrics)
    asked = encoders_now(CONCEPTS, parameters_file()) if rev2 is None else {}
    comparison = compared(old, new, asked)
    if comparison.same:
        typer.echo(f"{metrics} is the same in {rev} and in {rev2 or 'the working tree'}: there is nothing to compare")
        return
    print_comparison(comparison, every, mask_of(CONCEPTS))
    if fail and comparison.failed:
        raise typer.Exit(1)


@app.command("keep-attacks")
@errors_in_lines
def keep_attacks(
    attacks: Annotated[Path, typer.Option(help="What the stage attack wrote.")] = Path("build/attacks"),
    file: Annotated[Path, typer.Option(help="The file of prompts to replay.")] = Path("attacks/found.csv"),
    concepts: Annotated[Path, typer.Option(help="The folder of concept lists.")] = CONCEPTS,
) -> None:
    """Keep the attack prompts that brought a concept back, so that every later run replays them.

    Adds to attacks/found.csv: review it and commit it.
    Prompts of confidential concepts, and those that name one, are left out and taken out, because many people read the
    file.
    """
    from expunge.attacks.keeping import with_new
    from expunge.attacks.records import read_attempts
    from expunge.attacks.replayed import read_kept, write_kept
    from expunge.concepts.confidential import veil_of
    from expunge.concepts.lists import load_lists

    kept = read_kept(file)
    attempts = [attempt for unit in sorted(attacks.rglob("attempts.json")) for attempt in read_attempts(unit)]
    rows = with_new(kept, attempts, veil_of(load_lists(concepts) if concepts.is_dir() else ()))
    write_kept(file, rows)
    new, gone = len(set(rows) - set(kept)), len(set(kept) - set(rows))
    typer.echo(
        f"{count(new, 'new prompt')} of {count(len(attempts), 'attempt')}; {file.as_posix()} holds {len(rows):,}"
    )
    if gone:
        what = "that name confidential concepts are taken out; git's history still holds them"
        typer.echo(f"{count(gone, 'prompt')} {what}", err=True)
