"""What was computed once is not computed again: the runtime of every stage.

A stage is a set of units (a concept, an encoder, a pair of both), each with a key. A unit is taken from

1. the store, `.expunge/store/<stage>/<key>/`: units are journalled there one by one, so a killed run resumes;
2. the version of the stage's out that dvc.lock names: dvc has deleted it from the working folder, but its cache, or
   the remote, still has it;
3. `compute`, otherwise.

    build/<stage>/index.json   {"stage", "units": {name: {"key", "files": {path: sha256}, ...facts}}}
    build/<stage>/<name>/...   hard links, read-only: never write through one

Files are compared with their digests before they are used; what is torn or was changed is computed again.
"""

import contextlib
import errno
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from expunge.bases.spec import Spec
from expunge.core.digest import digest, file_digest
from expunge.core.errors import InputError, Problem
from expunge.core.files import write_json
from stages.runtime.executors import execute, workers_of
from stages.runtime.files import read_index, read_params

__all__ = [
    "Unit", "code", "is_full", "read_index", "read_params", "run_units", "unit_key", "write_json",
]  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]
STORE = Path(".expunge/store")
RECORD = "unit.json"  # written last in a folder of the store
Facts = dict[str, Any]


@dataclass(frozen=True)
class Unit:
    """One piece of a stage's work."""

    key: str  # sha256 over all that the result depends on: see `unit_key`
    label: str = ""  # for the progress bar
    facts: Mapping[str, Any] = field(default_factory=dict)  # into the index, beside what `compute` returns
    after: tuple[str, ...] = ()  # names of earlier units that this one reads


Compute = Callable[[str, Unit, Path], Mapping[str, Any] | None]


def unit_key(stage: str, code: str, base: str, entry: Any, params: Any = None, upstream: Any = None) -> str:
    """sha256 over everything that a unit's files depend on: the base's and the code's digests, what the stage reads of
    the lists (`entry`) and of params.yaml, and the keys of the units upstream."""
    parts = {"stage": stage, "code": code, "base": base, "entry": entry, "params": params, "upstream": upstream}
    return digest(parts)


def code(*files: str) -> str:
    """sha256 over source files and folders of them (every file but bytecode), by their path in the repository."""
    found: dict[str, str] = {}
    for name in files:
        path = ROOT / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if path == file or (file.is_file() and file.suffix != ".pyc"):
                found[file.relative_to(ROOT).as_posix()] = file_digest(file)
    return digest(found)


def run_units(
    stage: str, out: Path | str, units: Mapping[str, Unit], compute: Compute, spec: Spec | None = None
) -> None:
    """Fill `out` with `out/<name>/` for every unit and `out/index.json`; units that are no longer named are gone.

    `compute(name, unit, folder)` writes files into the empty `folder` and returns facts for the index (plain data). It
    is called for the missing units only, in order. One that fails does not stop the others.

    :param spec: the base, where `compute` may run in several processes at once (executors.py): it is then a
    function of a module, or a partial of one.

    :raises SystemExit: 1, after all else was done, where units failed; each is named on stderr, with its error.
    :raises InputError: `compute` raised one (as where weights are missing), or the disk is full. What was done is kept.
    """
    out, store = Path(out), STORE / stage
    _clear(store, out)
    previous: Previous | None = None
    index: dict[str, Facts] = {}
    failed: list[str] = []
    missing: dict[str, Unit] = {}
    for name, unit in _progress(units.items(), len(units), f"{stage}: reuse", delay=2):
        record = _take(store / unit.key)
        if record is None:
            previous = previous or Previous(out)
            record = previous.take(unit.key, store)
        if record is None:
            missing[name] = unit
        else:
            index[name] = _place(store, out, name, unit, record)
    first = {unit.key: name for name, unit in reversed(missing.items())}  # is computed; a twin then finds it done
    missing = {name: replace(unit, after=(*unit.after, first[unit.key])) for name, unit in missing.items()}
    work, workers = partial(_do, stage, store, out, compute), workers_of(spec, len(missing)) if spec else 1
    bar = _progress(None, len(missing), stage)
    with contextlib.closing(execute(work, missing, workers)) as ended, bar:
        for name, done in ended:
            if isinstance(done, InputError):
                raise done
            if isinstance(done, str):
                failed.append(done)
            else:
                index[name] = done
            bar.set_postfix_str(units[name].label or name, refresh=False)  # what was done last
            bar.update()
    if failed:
        head = f"{stage}: {len(failed)} of {len(units)} units failed; the others are kept"
        print(head, *failed, sep="\n  ", file=sys.stderr)
        raise SystemExit(1)
    write_json(out / "index.json", {"stage": stage, "units": index})
    _prune(store, {unit.key for unit in units.values()})


def _do(stage: str, store: Path, out: Path, compute: Compute, name: str, unit: Unit) -> Facts | str | InputError:
    """A unit's entry in the index; or what to print of its failure; or what the user has to fix."""
    try:
        record = _take(store / unit.key) or _journal(store, name, unit, compute)
        return _place(store, out, name, unit, record)
    except InputError as error:
        return error
    except Exception as error:
        if is_full(error):
            fix = "make room and run again; finished units are kept"
            return InputError([Problem(f"{stage} {name}", "the disk is full", fix)])
        return _failure(stage, name, error)


class Previous:
    """The version of an out that dvc.lock names, read through dvc's cache and remotes. Importing dvc takes 1 s."""

    def __init__(self, out: Path) -> None:
        self.out = out.as_posix()
        self.fs: Any = None
        self.units: dict[str, tuple[str, Facts]] = {}  # key -> name, facts
        with contextlib.suppress(Exception):  # no dvc repository, nothing cached, a remote that is down: no version
            if not Path("dvc.lock").is_file():
                return
            from dvc.api import DVCFileSystem

            self.fs = DVCFileSystem(".")
            index = json.loads(self.fs.read_text(f"{self.out}/index.json"))
            self.units = {facts["key"]: (name, facts) for name, facts in index["units"].items()}

    def take(self, key: str, store: Path) -> Facts | None:
        """Bring a unit into the store and return its record; None where it is not there or not whole."""
        if key not in self.units:
            return None
        name, facts = self.units[key]
        aside = _aside(store, key)
        try:
            for path, sha in facts["files"].items():
                self._fetch(f"{self.out}/{name}/{path}", aside / path, sha)
            return _commit(store, key, aside, {k: v for k, v in facts.items() if k not in ("key", "files")})
        except Exception as error:
            print(f"{name}: the previous version cannot be used ({_line(error)}); computing it again", file=sys.stderr)
            return None
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _fetch(self, path: str, target: Path, sha: str) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        cache = self.fs.repo.cache.local
        cached = Path(cache.oid_to_path(self.fs.info(path)["md5"]))
        if cached.is_file():
            _link(cached, target)
            if file_digest(target) == sha:
                return
            target.unlink()
            cached.unlink()  # dvc would trust it, since it is read-only, and link it into the new out
        self.fs.get_file(path, str(target))
        if file_digest(target) != sha:
            raise ValueError(f"{path} is not what its index says")


def _journal(store: Path, name: str, unit: Unit, compute: Compute) -> Facts:
    aside = _aside(store, unit.key)
    try:
        facts = dict(compute(name, unit, aside) or {})
        return _commit(store, unit.key, aside, facts)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _aside(store: Path, key: str) -> Path:
    """An empty folder whose name no unit has."""
    folder = store / f".{key}.{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _commit(store: Path, key: str, aside: Path, facts: Facts) -> Facts:
    """Record the files of `aside`, make them read-only and durable, and rename the folder into the store."""
    files = {}
    for path in sorted(path for path in aside.rglob("*") if path.is_file()):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
        path.chmod(0o444)
        files[path.relative_to(aside).as_posix()] = file_digest(path)
    record = {"key": key, "files": files, "facts": json.loads(json.dumps(facts, allow_nan=False))}
    with open(aside / RECORD, "w", encoding="utf-8") as file:
        json.dump({**record, "sha256": digest(record)}, file)
        file.flush()
        os.fsync(file.fileno())
    shutil.rmtree(store / key, ignore_errors=True)
    os.rename(aside, store / key)
    return record


def _take(folder: Path) -> Facts | None:
    """The record of a unit in the store, if all its files are what it says; else the folder is removed."""
    if not folder.is_dir():
        return None
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
        good = record.pop("sha256") == digest(record) and record["key"] == folder.name
        if good and all(file_digest(folder / path) == sha for path, sha in record["files"].items()):
            return record
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    print(f"{folder} is broken; it is not used", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _place(store: Path, out: Path, name: str, unit: Unit, record: Facts) -> Facts:
    """Link a unit's files into the out; returns its entry in the index."""
    for path in record["files"]:
        target = out / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(store / unit.key / path, target)
    return {**record["facts"], **unit.facts, "key": unit.key, "files": record["files"]}


def _link(source: Path, target: Path) -> None:
    """A hard link, or a copy where the file system has none (or no more)."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES):
            raise
        shutil.copyfile(source, target)


def _clear(store: Path, out: Path) -> None:
    """An empty out, and no half-written units of runs that were killed."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for folder in store.glob(".*.*"):
        if not psutil.pid_exists(int(folder.suffix[1:])):
            shutil.rmtree(folder, ignore_errors=True)


def _prune(store: Path, keys: set[str]) -> None:
    """After a run that succeeded the store keeps that run's units alone; older versions are in dvc's cache."""
    for folder in store.iterdir() if store.is_dir() else ():
        if folder.name not in keys:
            shutil.rmtree(folder, ignore_errors=True)


def is_full(error: BaseException) -> bool:
    """Is the disk full (or the quota used up)? Libraries wrap the error in their own."""
    number = error.errno if isinstance(error, OSError) else None
    return number in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error)


def _failure(stage: str, name: str, error: BaseException) -> str:
    """One line for stderr; the traceback goes into a file."""
    file = STORE.parent / "failed" / stage / f"{name.replace('/', '--')}.txt"
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(traceback.format_exception(error)), "utf-8")
    return f"{name}: {_line(error)}; see {file.as_posix()}"


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def _progress(items: Any, total: int, what: str, delay: float = 0) -> Any:
    """A bar with time left; in a log, a line every 10 s."""
    from tqdm import tqdm

    every = 0.2 if sys.stderr.isatty() else 10
    return tqdm(items, total=total, desc=what, unit="unit", delay=delay, disable=not total, mininterval=every)
