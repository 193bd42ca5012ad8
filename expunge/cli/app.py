"""What every command shares: the app, errors as lines, and params.yaml."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from expunge.core.errors import InputError, Problem, shown

if TYPE_CHECKING:
    from expunge.concepts.concept import ConceptList

CONCEPTS, REQUESTS = Path("concepts"), Path("requests")

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
        except (OSError, RuntimeError) as error:  # unreadable, a loop of links, a directory in place of a file
            if isinstance(error, RuntimeError) and "ymlink loop" not in str(error):
                raise
            where = getattr(error, "filename", None) or "a file"
            reason = getattr(error, "strerror", None) or str(error)
            typer.echo(f"{where}: cannot be read or written ({reason}); mend it, or take it from git", err=True)
            raise typer.Exit(2) from None

    return run


def printable(text: str) -> str:
    """A text on one line, without characters that a terminal would obey: file names and commits are others' words."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


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


def parameter_problems(lists: Path = CONCEPTS) -> list[Problem]:
    """Every mistake in params.yaml; [] where there is none.

    :param lists: what is checked along with it; its releases are of the folder concepts/.
    """
    from expunge.plan.params import FILE, read_params
    from expunge.plan.release_params import problems_of_releases

    if not FILE.is_file():
        return []
    problems = list[Problem]()
    try:
        read_params()
    except InputError as error:
        problems = error.problems
    folder = lists if lists.is_dir() else lists.parent
    if folder.resolve() == CONCEPTS.resolve() and CONCEPTS.is_dir():
        with suppress(InputError):  # what is no YAML has been told
            problems += problems_of_releases(FILE, CONCEPTS)
    return problems


def released(lists: Sequence["ConceptList"]) -> dict[str, tuple[str, ...]]:
    """{"releases/name": its concepts} of params.yaml, which was checked; {} where it asks for none of these lists."""
    from expunge.core.unit_names import RELEASES, Name
    from expunge.plan.release_params import known_concepts, members_of, releases_of

    known, releases = known_concepts(lists), releases_of(parameters_file())
    return {str(Name(RELEASES, name)): own for name, each in releases.items() if (own := members_of(each, known))}


def count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def require_new(files: Iterable[Path], force: bool, option: str) -> None:
    """:raises InputError: some of the files that a command was asked to write exist already (without `force`), are no
    files, or have names that the file system refuses.
    """
    problems = list[Problem]()
    for file in files:
        try:
            there, regular = file.exists(), file.is_file()
        except OSError as error:
            what = f"cannot be written ({error.strerror})"
            problems.append(Problem(shown(file), what, f"write another {option}"))
            continue
        if there and not regular:
            problems.append(Problem(shown(file), "is there already, and is no file", f"write another {option}"))
        elif there and not force:
            fix = f"write --force to replace it, or another {option}"
            problems.append(Problem(shown(file), "is there already", fix))
    if problems:
        raise InputError(problems)


def write_asked(file: Path, text: str, option: str) -> None:
    """Write a file that a command was asked for. :raises InputError: it cannot be written."""
    from expunge.core.files import write_text

    try:
        write_text(file, text)
    except OSError as error:
        raise InputError(
            [Problem(f"{file}", f"cannot be written ({error.strerror})", f"write another {option}")]
        ) from None
