"""Checks the tar of a release as it came: `expunge release --tar` makes it, and nobody need unpack it first.

    findings = verify_tar(Path("production.tar"), trust)

It is unpacked into a folder aside, which goes again. What no release holds (a link, a device, a name that leads out of
the folder, a name twice, more than the tar's own size) is named, and then nothing is unpacked.
"""

import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from expunge.core.errors import InputError, Problem
from expunge.records.findings import Finding, Trust
from expunge.records.release_folder import verify_release

FIX = "get the release again, whole"
MOST = 100_000  # members


def verify_tar(file: Path, trust: Trust) -> list[Finding]:
    """Is a tar the release that somebody signed? As `verify_release` of the folder in it.

    :raises InputError: it is no tar, or holds no release.
    """
    try:
        with tarfile.open(file, "r:") as tar:
            members = list(_first(tar, MOST + 1))
            if wrong := [*_wrong(members, file.stat().st_size), *_behind(file, tar.offset)]:
                return [Finding("digest", file.as_posix(), what, FIX) for what in wrong]
            with tempfile.TemporaryDirectory() as aside:
                tar.extractall(aside, members, filter="data")
                (folder,) = Path(aside).iterdir()
                return verify_release(folder, trust)
    except (OSError, tarfile.TarError, ValueError, EOFError) as error:
        fix = "name the .tar of a release, as `expunge release --tar` makes it"
        raise InputError([Problem(file.as_posix(), f"cannot be read as a tar ({error})", fix)]) from None


def _first(tar: tarfile.TarFile, count: int) -> Iterator[tarfile.TarInfo]:
    for _ in range(count):
        if (member := tar.next()) is None:
            return
        yield member


def _behind(file: Path, end: int) -> Iterator[str]:
    """Behind the end of a tar stands nothing: some programs would unpack it, too."""
    with open(file, "rb") as text:
        text.seek(end)
        while block := text.read(2**20):
            if block.strip(b"\0"):
                yield "holds more behind its end"
                return


def _wrong(members: list[tarfile.TarInfo], size: int) -> Iterator[str]:
    """What of the members no release holds."""
    if not members:
        yield "is empty"
    if len(members) > MOST:
        yield f"holds more than {MOST:,} files"
    if sum(member.size for member in members) > size or any(member.issparse() for member in members):
        yield "claims to hold more than its own size"
    seen, tops = set[PurePosixPath](), set[str]()
    for member in members:
        path = PurePosixPath(member.name)
        tops.add(path.parts[0] if path.parts else "")
        if path.is_absolute() or ".." in path.parts or not path.parts:
            yield f"holds {member.name!r}, which leads out of its folder"
        elif not (member.isreg() or member.isdir()):
            yield f"holds {member.name!r}, which is neither a file nor a folder"
        elif path in seen:
            yield f"holds {member.name!r} twice"
        seen.add(path)
    if len(tops) > 1:
        yield "holds more than one folder"
