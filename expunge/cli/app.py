"""What every command shares: the app, errors as lines, and params.yaml."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import typer

from expunge.core.errors import InputError

app = typer.Typer(
    help="Make text-to-video diffusion models forget concepts, and check that they did.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip


def errors_in_lines(command: Callable[..., None]) -> Callable[..., None]:
    """Print an InputError as its lines, to stderr, and exit with code 2."""

    @wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except InputError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(2) from None

    return run


def parameters_file() -> dict[str, Any]:
    """params.yaml, {} where it is not there."""
    from expunge.core.yamlfile import load

    file = Path("params.yaml")
    raw = load(file).value if file.is_file() else {}
    return raw if isinstance(raw, dict) else {}


def default_base_and_method() -> dict[str, Any]:
    """The base and the default method from params.yaml, where it is there and says so."""
    raw = parameters_file()
    unlearn = raw.get("unlearn")
    base, method = raw.get("base"), unlearn.get("method") if isinstance(unlearn, dict) else None
    return {"base": base if isinstance(base, str) else "emoji", "method": method if isinstance(method, str) else None}


def count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
