"""What went wrong with a unit, in one line on stderr and in full in a file."""

import errno
import traceback
from contextlib import suppress
from pathlib import Path

FAILED = Path(".expunge/failed")


def is_disk_full(error: BaseException) -> bool:
    """Is the disk full (or the quota used up)? Libraries wrap the error in their own."""
    number = error.errno if isinstance(error, OSError) else None
    return number in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error)


def failure_line(stage: str, unit: str, error: BaseException) -> str:
    """One line for stderr; the traceback goes into a file that the line names."""
    file = FAILED / stage / f"{unit.replace('/', '--')}.txt"
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(traceback.format_exception(error)), "utf-8")
    return f"{unit}: {in_a_line(error)}; see {file.as_posix()}"


def in_a_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
