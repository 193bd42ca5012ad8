"""A unit that is computed on another machine: what it reads goes there, what it writes comes back.

    here    parcel = packed(task, put)                     what the unit reads, each file or folder once for all units
    there   result = carried_out(compute, parcel, base)    computed in a folder that looks like this repository
    here    facts = unpacked(result, folder)               the files in their place, or the error with the node's name

No file system is shared. The keys, the store and the veil stay here: a node receives one unit with the words that it
needs, and sends back files and facts. A node's folder holds the base's files by their digests, so they travel once.
"""

import os
import platform
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from expunge.core.digest import digest, file_digest, folder_files
from expunge.core.errors import InputError, Problem
from stages.runtime.failures import FarError, in_a_line, is_disk_full, lasts
from stages.runtime.units import Compute, Task

BASES, LOCAL = Path("bases"), "local.yaml"
NODE = "EXPUNGE_NODE"  # the folder of a node; without it one below the folder for temporary files
OLD = 24 * 3600  # seconds after which what a unit read is removed
Bytes = dict[str, bytes]  # by path below a folder; of a single file ""


@dataclass(frozen=True)
class Parcel:
    """A task whose files are not here: each is a digest and what `put` made of its bytes."""

    task: Task
    reads: Mapping[str, tuple[str, str, Any]]  # {what: (digest, name of the file or folder, its bytes)}


@dataclass(frozen=True)
class Result:
    """What comes back."""

    node: str
    files: Bytes
    facts: dict[str, Any]
    problems: tuple[Problem, ...] = ()  # an InputError
    failure: str = ""  # the traceback of any other error
    said: str = ""  # this error in a line
    lasts: bool = False  # would it come again on any machine?
    disk_full: bool = False


def bytes_of(path: Path) -> Bytes:
    if path.is_file():
        return {"": path.read_bytes()}
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def packed(task: Task, put: Callable[[str, Path], Any]) -> Parcel:
    """:param put: (digest, path) -> what stands for its bytes; called for everything that the task reads."""
    reads = {}
    for what, path in task.reads.items():
        files = {"": file_digest(path)} if path.is_file() else folder_files(path)
        reads[what] = digest(files), path.name, put(digest(files), path)
    return Parcel(replace(task, reads={}), reads)


def files_of_bases(folder: Path = BASES) -> dict[str, str]:
    """{path: sha256} of the bases' files, as a node needs them; recipes and what only this machine has stay here."""
    every = (file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != LOCAL)
    return {file.as_posix(): file_digest(file) for file in every if not {"recipe", "__pycache__"} & {*file.parts}}


def carried_out(
    compute: Compute, parcel: Parcel, open_: Callable[[Any], Bytes], check: Callable[[], None] | None = None
) -> Result:
    """Compute a unit in this process, which stands in a node's folder. Never raises.

    :param open_: what `put` made. :param check: as of `Workers`.
    """
    node = platform.node()
    try:
        if check is not None:
            check()
        reads = {what: _placed(*entry, open_) for what, entry in parcel.reads.items()}
        with tempfile.TemporaryDirectory(prefix="unit-", dir=Path.cwd()) as made:
            facts = dict(compute(replace(parcel.task, reads=reads), Path(made)) or {})
            return Result(node, bytes_of(Path(made)), facts)
    except InputError as error:
        return Result(node, {}, {}, tuple(error.problems))
    except Exception as error:
        text, said = traceback.format_exc(), in_a_line(error)
        return Result(node, {}, {}, (), text, said, lasts(error), is_disk_full(error))


def unpacked(name: str, result: Result, folder: Path) -> dict[str, Any]:
    """Write a unit's files into its folder; returns its facts.

    :raises InputError: as the unit did, or the node's disk is full. :raises FarError: the unit failed otherwise.
    """
    if result.problems:
        raise InputError([replace(each, where=f"{result.node}: {each.where}") for each in result.problems])
    if result.disk_full:
        fix = "make room there and run again; finished units are kept"
        raise InputError([Problem(name, f"the disk of {result.node} is full", fix)])
    if result.failure:
        error = FarError(f"on {result.node}: {result.said}", result.said, result.lasts)
        raise error from FarError(result.failure)
    for path, data in result.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return result.facts


def node_folder(bases: Mapping[str, str], fetch: Callable[[str], bytes]) -> Path:
    """A folder of this node in which bases/ has these files.

    A file that lies there with its digest is not fetched again: a node can have the weights beforehand. What units of
    earlier days read is removed.

    :param bases: of `files_of_bases`. :param fetch: path -> its bytes.
    :raises InputError: what was fetched is not the file, or the folder is somebody else's.
    """
    root = Path(os.environ.get(NODE) or Path(tempfile.gettempdir()) / f"expunge-{os.getuid()}")
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    if root.stat().st_uid != os.getuid():  # who owns it can change what is computed
        fix = f"name another folder in {NODE}"
        raise InputError([Problem(f"{platform.node()}: {root}", "belongs to somebody else", fix)])
    folder, held = root / digest(dict(bases))[:16], root / "files"
    for each in (folder, held):
        each.mkdir(exist_ok=True)
    for path, sha256 in bases.items():
        kept, target = held / sha256, folder / path
        if _is(target, sha256):
            continue
        if not _is(kept, sha256):
            _write(kept, fetch(path))
            if not _is(kept, sha256):
                kept.unlink()
                raise InputError([Problem(f"{platform.node()}: {path}", "did not arrive whole", "run again")])
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(kept, target)
    for old in [*folder.glob("reads/*"), *folder.glob("unit-*"), *folder.glob("read-*")]:
        with suppress(OSError):  # another worker has just removed it
            if time.time() - old.stat().st_mtime > OLD:
                shutil.rmtree(old, ignore_errors=True)
    return folder


def _placed(sha256: str, name: str, sent: Any, open_: Callable[[Any], Bytes]) -> Path:
    """Where a file or folder lies on this node, written there if it was not; its path holds its digest, so what was
    loaded from it can be used again."""
    place = Path("reads") / sha256 / name
    if place.exists():
        os.utime(place.parent)
        return place
    aside = Path(tempfile.mkdtemp(prefix="read-", dir=Path.cwd()))
    for path, data in open_(sent).items():
        target = aside / name / path if path else aside / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    if not (aside / name).exists():
        (aside / name).mkdir()  # an empty folder
    place.parent.parent.mkdir(exist_ok=True)
    try:
        os.rename(aside, place.parent)
    except OSError:  # another worker of the node was faster
        shutil.rmtree(aside, ignore_errors=True)
    return place


def _write(file: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as part:
        part.write(data)
    os.replace(part.name, file)


def _is(file: Path, sha256: str) -> bool:
    return file.is_file() and file_digest(file) == sha256


def _link(source: Path, target: Path) -> None:
    """A hard link, or a copy; in one step, since other workers of the node may read the target."""
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.link(source, aside)
    except OSError:
        shutil.copyfile(source, aside)
    os.replace(aside, target)
    aside.unlink(missing_ok=True)  # a link onto the same file leaves it there
