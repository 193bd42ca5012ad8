"""Finds and removes an empty or broken `.dvc/tmp/rwlock`: a killed dvc can leave one, and every DVC command fails."""

import json
import os
import time
from pathlib import Path

from expunge.core.errors import InputError, Problem

_WHERE = ".dvc/tmp/rwlock"


def find_repository(start: Path) -> Path:
    """The nearest folder, from `start` upwards, in which DVC is initialised.

    :raises InputError: there is none.
    """
    for folder in (start, *start.parents):
        if (folder / ".dvc").is_dir():
            return folder
    raise InputError([Problem("doctor", "no .dvc folder here or above", "run it in the repository")])


def broken_rwlock(root: Path) -> str | None:
    """Why DVC could not read its lock ("is empty", ...), or None if it can read it or there is none."""
    file = root / _WHERE
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        return "cannot be read"
    if not text.strip():
        return "is empty"
    try:
        held = json.loads(text)
    except ValueError:
        return "is not JSON"
    shaped = isinstance(held, dict) and all(isinstance(held.get(k, {}), dict) for k in ("read", "write"))
    return None if shaped and set(held) <= {"read", "write"} else "is not what DVC writes"


def running_dvc(root: Path) -> list[int]:
    """Process ids of the dvc commands and stages that run in this repository."""
    import psutil

    pids = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        words = process.info["cmdline"] or []
        dvc = any(Path(word).name in ("dvc", "dvc.exe") for word in words[:3]) or words[1:3] == ["-m", "dvc"]
        stage = any(word.startswith("stages.") or "stages/" in word for word in words[1:4])
        if not (dvc or stage) or process.pid == os.getpid():
            continue
        try:
            if Path(process.cwd()).is_relative_to(root):
                pids.append(process.pid)
        except (psutil.Error, OSError):
            pids.append(process.pid)  # it belongs to another user: wait for it rather than take its lock
    return sorted(pids)


def remove_empty_rwlock(root: Path, wait: float = 0.2) -> bool:
    """Remove an empty `.dvc/tmp/rwlock`, which a killed dvc leaves behind; True where there was one.

    DVC empties the file before it writes it, so a lock that stays empty for `wait` seconds belongs to no one.
    """
    lock = root / _WHERE
    try:
        if lock.stat().st_size:
            return False
        time.sleep(wait)
        if lock.stat().st_size:
            return False
        lock.unlink()
    except OSError:
        return False
    return True


def repair_rwlock(root: Path, fix: bool) -> str:
    """A line that says that all is well, or what was removed.

    :raises InputError: the lock is broken and `fix` is not set, or a dvc process runs.
    """
    why = broken_rwlock(root)
    if why is None:
        return f"{_WHERE}: nothing to fix"
    pids = running_dvc(root)
    if pids:
        who = ", ".join(map(str, pids))
        advice = "wait until it has ended, then run `expunge doctor --fix`"
        raise InputError([Problem(_WHERE, f"{why}, and dvc runs here (process {who})", advice)])
    if not fix:
        advice = "run `expunge doctor --fix`, or delete the file"
        raise InputError([Problem(_WHERE, f"{why}: left by a run that was killed; dvc fails until it is gone", advice)])
    (root / _WHERE).unlink(missing_ok=True)
    return f"{_WHERE}: {why}; removed"
