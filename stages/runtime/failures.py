"""What went wrong with a unit, in one line on stderr and in full in a file."""

import errno
import traceback
from contextlib import suppress
from pathlib import Path

from expunge.concepts.confidential import OPEN, Veil

FAILED = Path(".expunge/failed")


def is_disk_full(error: BaseException) -> bool:
    """Is the disk full (or the quota used up)? Libraries wrap the error in their own."""
    number = error.errno if isinstance(error, OSError) else None
    return number in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error)


def failure_line(stage: str, unit: str, error: BaseException, veil: Veil = OPEN) -> str:
    """One line for stderr; the traceback goes into a file that the line names. Neither names what is confidential."""
    file = FAILED / stage / f"{unit.replace('/', '--')}.txt"
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(map(veil.masked, traceback.format_exception(error))), "utf-8")
    return f"{unit}: {veil.masked(in_a_line(error))}; see {file.as_posix()}"


def in_a_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
