"""The store of finished units, `.expunge/store/<stage>/<key>/`, which git and dvc ignore: a killed run resumes there.

A unit is computed in a work folder, `.work-<machine>-<process>-<start>-<random>/`, whose name says whose it is. When it
is finished, its files are recorded and made read-only, and the folder is renamed to its key. Files are compared with
their digests before they are used; a unit with a damaged or changed file is computed again. So a kill loses nothing;
if the power fails, the last seconds of short units may be: a unit that took longer than a second is made durable.
"""

import errno
import json
import os
import platform
import re
import shutil
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from expunge.core.digest import digest, file_digest

STORE = Path(".expunge/store")
RECORD = "unit.json"  # written last in a unit's folder
ABANDONED = 7 * 24 * 3600  # seconds after which a work folder of another machine counts as abandoned


@dataclass(frozen=True)
class Stored:
    """What the store knows of a finished unit."""

    key: str
    files: dict[str, str]  # path below its folder: sha256
    facts: dict[str, Any]


@contextmanager
def work_folder(store: Path) -> Iterator[Path]:
    """An empty folder to compute a unit in. It is removed at the end, unless `commit` has moved it to its place."""
    folder = store / f".work-{_machine()}-{os.getpid()}-{_started(psutil.Process())}-{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def commit(store: Path, key: str, files: Path, facts: Mapping[str, Any], durable: bool = False) -> Stored:
    """Record a work folder's files, make them read-only, and rename the folder to its key.

    :param durable: let the disk write them first, which takes milliseconds for each file.
    :raises TypeError, ValueError: the facts are no plain JSON.
    """
    digests = {}
    for path in sorted(path for path in files.rglob("*") if path.is_file()):
        if durable:
            with open(path, "rb") as file:
                os.fsync(file.fileno())
        path.chmod(0o444)
        digests[path.relative_to(files).as_posix()] = file_digest(path)
    record = {"key": key, "files": digests, "facts": json.loads(json.dumps(facts, allow_nan=False))}
    with open(files / RECORD, "w", encoding="utf-8") as file:
        json.dump({**record, "sha256": digest(record)}, file)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    shutil.rmtree(store / key, ignore_errors=True)
    os.rename(files, store / key)
    return Stored(**record)


def take(store: Path, key: str) -> Stored | None:
    """A unit of the store if its files match its record. Otherwise a message says so and its folder is removed."""
    folder = store / key
    if not folder.is_dir():
        return None
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
        intact = record.pop("sha256") == digest(record) and record["key"] == key
        if intact and all(file_digest(folder / path) == sha for path, sha in record["files"].items()):
            return Stored(**record)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    print(f"{folder} is damaged; it is not used", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    return None


def place(store: Path, stored: Stored, folder: Path) -> None:
    """Link a unit's files into a folder of the stage's out."""
    for path in stored.files:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        link(store / stored.key / path, target)


def link(source: Path, target: Path) -> None:
    """Make a hard link, or a copy if the file system allows no (more) hard links."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES):
            raise
        shutil.copyfile(source, target)


def sweep(store: Path) -> None:
    """Remove the work folders of processes that are gone."""
    for folder in store.glob(".work-*"):
        if not _has_owner(folder):
            shutil.rmtree(folder, ignore_errors=True)


def prune(store: Path, keys: set[str]) -> None:
    """Remove all units except those with these keys, after a run that succeeded; dvc's cache has older versions."""
    for folder in store.iterdir() if store.is_dir() else ():
        if folder.name not in keys and not folder.name.startswith(".work-"):
            shutil.rmtree(folder, ignore_errors=True)


def _has_owner(folder: Path) -> bool:
    """Is the process that owns the folder alive? Its start time counts, because process ids are used again.

    A process of another machine cannot be seen, so there the folder's age decides.
    """
    machine, pid, started = (*folder.name.removeprefix(".work-").split("-"), "", "")[:3]
    if machine == _machine() and pid.isdecimal() and started.isdecimal():
        with suppress(psutil.NoSuchProcess):
            return abs(_started(psutil.Process(int(pid))) - int(started)) < 100
        return False
    with suppress(OSError):  # it was just removed
        return time.time() - folder.stat().st_mtime < ABANDONED
    return False


def _machine() -> str:
    """This machine's name, in letters that a folder's name can hold."""
    return re.sub("[^A-Za-z0-9.]", "_", platform.node())


def _started(process: psutil.Process) -> int:
    """When a process began, in hundredths of a second."""
    return round(process.create_time() * 100)
