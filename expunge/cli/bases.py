"""Commands for bases: is one complete, and do its parts fit together?"""

from pathlib import Path
from typing import Annotated

import typer

from expunge.cli.app import app, default_base_and_method, errors_in_lines
from expunge.core.errors import InputError


@app.command("check-base")
@errors_in_lines
def check_base(
    name: Annotated[str | None, typer.Argument(help="The base's name; default: the one in params.yaml.")] = None,
    bases: Annotated[Path, typer.Option(help="The folder of bases.")] = Path("bases"),
    quick: Annotated[bool, typer.Option("--quick", help="Look at the files only, as the stage plan does.")] = False,
) -> None:
    """Load all of a base, the judge included, and show everything that is wrong with it.

    A model whose tensors do not all find their place, or that lacks some, is refused, with their names: it would be
    filled with random numbers. Of a base that passes, what its file does not pin is recorded in its lock.
    docs/your-own-base.md explains what a base needs.

    Exit code 0: the base can be used. 2: it cannot; each problem is printed with its place and a fix.
    """
    from expunge.bases.spec import load_spec
    from expunge.plan.check_base import base_file_problems, repositories_not_here
    from expunge.plan.check_base import check_base as problems_of

    spec = load_spec(name or default_base_and_method()["base"], bases)
    before = _content(spec.lock)
    problems = base_file_problems(spec) if quick else problems_of(spec)
    if problems:
        raise InputError(problems)
    if not quick:
        wrote = f"; wrote {spec.lock.as_posix()}, commit it" if _content(spec.lock) != before else ""
        typer.echo(f"{spec.name}: all of it loads{wrote}")
    elif missing := repositories_not_here(spec):
        what = f"not in the hub's cache, and nothing of them was looked at: {', '.join(missing)}"
        typer.echo(f"{spec.name}: these repositories are {what}; the rest shows no mistake")
    else:
        typer.echo(f"{spec.name}: its files fit together")


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None
