"""Reads the text of a file that is imported: a regular file of a sane size, in a known encoding, or stdin."""

import stat
import sys
from pathlib import Path

from expunge.core.errors import InputError, Problem

LARGEST_FILE = 64 * 2**20  # bytes
STDIN = Path("-")


def read_bytes(path: Path) -> bytes:
    """The content of a regular file, or of stdin for "-".

    :raises InputError: it cannot be read, is too large, or is no regular file: a pipe or a device may never end.
    """
    try:
        if path == STDIN:
            raw = sys.stdin.buffer.read(LARGEST_FILE + 1)
        else:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                what = "is a folder" if stat.S_ISDIR(status.st_mode) else "is not a regular file"
                raise InputError([Problem(f"{path}", what, "name a file, or write - to read stdin")])
            raw = path.read_bytes() if status.st_size <= LARGEST_FILE else b" " * (LARGEST_FILE + 1)
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise InputError([Problem(f"{path}", what, "name a file that is there and that you may read")]) from None
    if len(raw) > LARGEST_FILE:
        raise InputError([Problem(f"{path}", f"is over {LARGEST_FILE // 2**20} MiB", "split it")])
    return raw


def decode(path: Path, raw: bytes, encoding: str) -> str:
    """The text, without a byte order mark. A UTF-16 mark overrules the encoding.

    :raises InputError: the text is not in this encoding, or there is no such encoding.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    try:
        return raw.decode(encoding).lstrip("\ufeff")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        fix = "say what it is, for example --encoding cp1252"
        raise InputError([Problem(f"{path}:{line}", f"is not {encoding.removesuffix('-sig')}", fix)]) from None
    except LookupError:
        raise InputError([Problem("--encoding", f"there is no {encoding!r}", "write utf-8, cp1252, ...")]) from None
