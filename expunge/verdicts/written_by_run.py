"""Is a file in git that a run writes, such as the tables in metrics/, still what the last run wrote?

problems = changed_files(Path("dvc.lock"), Path("metrics"))

DVC writes the md5 of every out of a stage into dvc.lock. Whoever edits a table by hand leaves it as it is.
"""

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from expunge.core.errors import InputError, Problem
from expunge.core.yamlfile import load

FIX = "take it from git, or run `dvc repro`"


def changed_files(lock: Path, folder: Path, needed: Collection[str] = ()) -> list[Problem]:
    """A problem for each file of the folder that is missing, or is not what dvc.lock says.

    :param lock: dvc.lock; its folder is the one that its paths begin in. :param needed: names of files of the folder
        that dvc.lock must name.
    :raises InputError: dvc.lock cannot be read, or names no file of the folder.
    """
    inside, known, problems = folder.resolve(), dict[Path, set[str]](), list[Problem]()
    for out in _outs(load(lock).value):
        try:
            path = (lock.resolve().parent / out["path"]).resolve()
        except (OSError, ValueError, RuntimeError):
            problems.append(Problem(lock.as_posix(), f"names {out['path'][:60]!r}, which is no path", FIX))
            continue
        if path.parent == inside:
            known.setdefault(path, set()).add(out["md5"])
    absent = [name for name in needed if inside / name not in known]
    if absent or not known:
        names = " and no ".join((folder / name).as_posix() for name in absent) or f"file of {folder.as_posix()}"
        fix = "run `dvc repro`, and commit dvc.lock with metrics/"
        raise InputError([Problem(lock.as_posix(), f"names no {names}", fix)])
    for path, digests in sorted(known.items()):
        where = (folder / path.name).as_posix()
        if not path.is_file():
            problems.append(Problem(where, "is missing", FIX))
        elif {hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()} != digests:
            problems.append(Problem(where, f"is not what the last run wrote ({lock.as_posix()})", FIX))
    return problems


def _outs(lock: Any) -> Iterator[dict[str, Any]]:
    """The outs of all stages of a dvc.lock that are files; what has another form is left out."""
    stages = lock.get("stages") if isinstance(lock, dict) else None
    for stage in stages.values() if isinstance(stages, dict) else ():
        outs = stage.get("outs") if isinstance(stage, dict) else None
        for out in outs if isinstance(outs, list) else ():
            if isinstance(out, dict) and isinstance(out.get("md5"), str) and isinstance(out.get("path"), str):
                yield out
