"""What became better and what became worse between two tables of rates, such as those of two commits.

    old, new = rates_at("HEAD~1", Path("metrics/rates.csv")), read_rates(Path("metrics/rates.csv"))
    comparison = compare(old, new)

Two 95 % intervals that do not overlap are evidence enough to stop a release. The reverse does not hold: both runs share
prompts and seeds, so a real change can lie inside the intervals. Times differ from run to run and are not compared.
"""

import subprocess
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from expunge.core.errors import InputError, Problem
from expunge.metrics.catalogue import METRICS, direction
from expunge.verdicts.rates import Rate, read_rates

WORSE, BETTER, OTHER = "worse", "better", "other"
SMALLEST = 1e-5  # relative: what 6 significant digits can tell apart


@dataclass(frozen=True)
class Change:
    """One number that differs. `outside`: the intervals do not overlap; None where one of them has no interval."""

    old: Rate
    new: Rate
    kind: str  # worse, better, or other: neither way is better
    outside: bool | None

    @property
    def by(self) -> float:
        return self.new.value - self.old.value

    @property
    def inside(self) -> bool:
        """Do the intervals overlap?"""
        return self.outside is False


@dataclass(frozen=True)
class Comparison:
    """`changes`: worse before better before other, and in each those outside their intervals first, then by size."""

    changes: list[Change]
    new: list[str]  # encoders, as list/encoder
    gone: list[str]
    unmeasured: list[Rate]  # of encoders that are in both tables: what the new one lacks
    lost: list[str]  # of those that are gone: a list still asks for them

    def of(self, kind: str) -> list[Change]:
        return [change for change in self.changes if change.kind == kind]

    @property
    def failed(self) -> bool:
        """Is something worse, outside its interval, or no longer measured? What is not known is no better."""
        return bool(any(change.outside for change in self.of(WORSE)) or self.unmeasured or self.lost)

    @property
    def same(self) -> bool:
        """Is there nothing to tell?"""
        return not (self.changes or self.new or self.gone or self.unmeasured)


def compare(old: Iterable[Rate], new: Iterable[Rate], asked: Collection[str] = ()) -> Comparison:
    """Every number that is in both tables and differs, and what is in only one of them.

    :param asked: the encoders that the lists ask for, as list/encoder; (): nobody knows.
    """
    before, after = ({rate.key: rate for rate in rates if not _is_time(rate)} for rates in (old, new))
    changes = [_change(before[key], rate) for key, rate in after.items() if key in before]
    encoders = [{rate.name for rate in rates.values()} for rates in (before, after)]
    stay, gone = encoders[0] & encoders[1], sorted(encoders[0] - encoders[1])
    return Comparison(
        sorted((change for change in changes if change is not None), key=_order),
        sorted(encoders[1] - encoders[0]),
        gone,
        [rate for key, rate in sorted(before.items()) if key not in after and rate.name in stay],
        [name for name in gone if name in asked],
    )


def rates_at(revision: str, file: Path) -> list[Rate]:
    """The table of rates as a git revision has it; `file` as seen from the working folder.

    :raises InputError: there is no such revision, or the file is not in it or is no table of rates.
    """
    name = f"{revision}:{file.as_posix()}"
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        fix = "name a commit, branch or tag of this repository; `git log --oneline` lists them"
        raise InputError([Problem(revision, "is no revision that git knows here", fix)])
    text = None if file.is_absolute() else _git("show", f"{commit.decode().strip()}:./{file.as_posix()}")
    if text is None:
        raise InputError([Problem(name, "is not there", _first(file))])
    with tempfile.TemporaryDirectory() as folder:
        aside = Path(folder) / file.name
        aside.write_bytes(text)
        try:
            return read_rates(aside)
        except InputError as error:
            raise InputError([Problem(name, problem.what, problem.fix) for problem in error.problems]) from None


def _first(file: Path) -> str:
    """How to mend a revision that lacks the file: name the first commit that has it."""
    log = None if file.is_absolute() else _git("log", "--diff-filter=A", "--format=%h (%s)", "--", file.as_posix())
    commits = (log or b"").decode("utf-8", "replace").splitlines()
    if not commits:
        return "no commit up to HEAD has it; name the table of rates inside the repository, and commit a run first"
    return f"name {commits[-1]} or a later one: it is the first that has the file"


def _git(*words: str) -> bytes | None:
    """What a git command prints, None where it fails. :raises InputError: there is no git, or no repository."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, check=False)
    except OSError:
        raise InputError([Problem("git", "cannot be run", "install git, and run this in the repository")]) from None
    if b"not a git repository" in done.stderr:
        raise InputError([Problem("git", "this folder is in no git repository", "run this in the repository")])
    return done.stdout if done.returncode == 0 else None


def _is_time(rate: Rate) -> bool:
    return rate.metric in METRICS and METRICS[rate.metric].timing


def _change(old: Rate, new: Rate) -> Change | None:
    if abs(new.value - old.value) <= SMALLEST * max(abs(old.value), abs(new.value)):
        return None
    outside = None
    if None not in (old.low, old.high, new.low, new.high):
        outside = bool(new.low > old.high or new.high < old.low)  # type: ignore[operator]
    better = direction(new.metric)
    kind = OTHER if not better else BETTER if (new.value > old.value) == (better == "higher") else WORSE
    return Change(old, new, kind, outside)


def _order(change: Change) -> tuple[int, bool, float, tuple[str, ...]]:
    return (WORSE, BETTER, OTHER).index(change.kind), not change.outside, -abs(change.by), change.new.key
