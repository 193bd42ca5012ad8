"""What a user has to fix: one line each, where it is, what is wrong, and what to write instead."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One mistake. `where` is "file:line" or the name of a thing, `what` is wrong with it, `fix` is what to write."""

    where: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.fix}"


class InputError(Exception):
    """What was given cannot be used. The command line and the stages print it to stderr and exit with code 2."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))
