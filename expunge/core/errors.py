"""Problems that a user has to fix. Each is one line: where it is, what is wrong, and what to write instead."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """One mistake. `where` is "file:line" or the name of a thing, `what` is wrong with it, `fix` is what to write.

    `also` holds the other places of a contradiction, as "file:line": the mistake can be fixed there, too.
    """

    where: str
    what: str
    fix: str
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.fix}"

    @property
    def line(self) -> int:
        """The line in its file, from 1; 0 where the problem is about the file as a whole."""
        return _split(self.where)[1]

    @property
    def files(self) -> tuple[str, ...]:
        """The file of `where`, then those of `also`."""
        return tuple(dict.fromkeys(_split(place)[0] for place in (self.where, *self.also)))


class InputError(Exception):
    """The input cannot be used. The command line and the stages print it to stderr and exit with code 2."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """By file, then by line; each problem once."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.files[0], problem.line))


def shown(path: Path | str) -> str:
    """A path as problems show it: relative to the working folder where it lies inside, with forward slashes."""
    path = Path(path)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    text = path.as_posix()
    return text if text.isprintable() else ascii(text)[1:-1]


def _split(place: str) -> tuple[str, int]:
    """ "lists/a.yaml:12" -> ("lists/a.yaml", 12); without a line the number is 0."""
    file, _, line = place.rpartition(":")
    return (file, int(line)) if line.isdigit() else (place, 0)
