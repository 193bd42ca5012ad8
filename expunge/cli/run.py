"""Commands for the run itself: why a unit was made anew, and what a killed run left behind."""

from pathlib import Path
from typing import Annotated

import typer

from expunge.cli.app import app, errors_in_lines


@app.command()
@errors_in_lines
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
@errors_in_lines
def doctor(fix: Annotated[bool, typer.Option("--fix", help="Fix what can be fixed safely.")] = False) -> None:
    """Look for a broken lock that a killed run left behind."""
    from expunge.core.rwlock import find_repository, repair_rwlock

    message = repair_rwlock(find_repository(Path.cwd()), fix)
    typer.echo(message)
