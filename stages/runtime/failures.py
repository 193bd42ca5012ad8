"""What went wrong with a unit: a line on stderr, all of it in a file and, if it would go wrong again, in the index."""

import errno
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from expunge.concepts.confidential import OPEN, Veil

FAILED = Path(".expunge/failed")
PASSING = (OSError, MemoryError, EOFError, ImportError)  # of this machine, today
NO_MEMORY = ("out of memory", "allocate memory")  # what torch says in a RuntimeError


@dataclass(frozen=True)
class Failed:
    """A unit that failed."""

    line: str  # for stderr
    error: str  # for the index
    lasts: bool  # would it fail again, anywhere?


class FarError(Exception):
    """A unit failed on another machine."""

    def __init__(self, text: str, error: str = "", lasts: bool = False) -> None:
        super().__init__(text)
        self.error, self.lasts = error, lasts  # the unit's own error in a line; as of `Failed`


def is_disk_full(error: BaseException) -> bool:
    """Is the disk full (or the quota used up)? Libraries wrap the error in their own."""
    number = error.errno if isinstance(error, OSError) else None
    return number in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error)


def lasts(error: BaseException) -> bool:
    """Would the unit fail again, since its method raised this or diverged? No, if it is due to the machine."""
    if isinstance(error, FarError):
        return error.lasts
    return not isinstance(error, PASSING) and not any(words in str(error) for words in NO_MEMORY)


def failed(stage: str, unit: str, error: BaseException, veil: Veil = OPEN) -> Failed:
    """The traceback goes into a file that the line names. Nothing of it names what is confidential."""
    file = FAILED / stage / f"{unit.replace('/', '--')}.txt"
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(map(veil.masked, traceback.format_exception(error))), "utf-8")
    line = f"{unit}: {veil.masked(in_a_line(error))}; see {file.as_posix()}"
    own = error.error if isinstance(error, FarError) else in_a_line(error)
    return Failed(line, veil.masked(own), lasts(error))


def in_a_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
