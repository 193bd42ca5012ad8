"""Is a file in git that a run writes, such as the tables in metrics/, still what the last run wrote?

problems = changed_files(Path("dvc.lock"), Path("metrics"))

DVC writes the md5 of every out of a stage into dvc.lock. Whoever edits a table by hand leaves it as it is.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from expunge.core.errors import InputError, Problem
from expunge.core.yamlfile import load

FIX = "take it from git, or run `dvc repro`"


def changed_files(lock: Path, folder: Path) -> list[Problem]:
    """A problem for each file of the folder that is missing, or is not what dvc.lock says.

    :param lock: dvc.lock; its folder is the one that its paths begin in.
    :raises InputError: dvc.lock cannot be read, or names no file of the folder.
    """
    inside = folder.resolve()
    known = {
        path: out["md5"]
        for out in _outs(load(lock).value)
        if (path := (lock.resolve().parent / out["path"]).resolve()).parent == inside
    }
    if not known:
        what = f"names no file of {folder.as_posix()}"
        raise InputError([Problem(lock.as_posix(), what, "run `dvc repro`, and commit dvc.lock with metrics/")])
    problems = []
    for path, md5 in sorted(known.items()):
        if not path.is_file():
            problems.append(Problem((folder / path.name).as_posix(), "is missing", FIX))
        elif hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != md5:
            what = f"is not what the last run wrote ({lock.as_posix()})"
            problems.append(Problem((folder / path.name).as_posix(), what, FIX))
    return problems


def _outs(lock: Any) -> Iterator[dict[str, Any]]:
    """The outs of all stages of a dvc.lock that are files; what has another form is left out."""
    stages = lock.get("stages") if isinstance(lock, dict) else None
    for stage in stages.values() if isinstance(stages, dict) else ():
        outs = stage.get("outs") if isinstance(stage, dict) else None
        for out in outs if isinstance(outs, list) else ():
            if isinstance(out, dict) and isinstance(out.get("md5"), str) and isinstance(out.get("path"), str):
                yield out
