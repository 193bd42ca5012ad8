"""How every stage runs its units: a unit that was computed once is not computed again.

A unit comes from the first of these:

1. the store, `.expunge/store/<stage>/<key>/`: units are kept there one by one, so a killed run resumes;
2. a version of the stage's out that dvc.lock names, in the working folder or in the last commit, from dvc's cache or
   a remote;
3. a new computation.

    build/<stage>/index.json   expunge.core.index.Index
    build/<stage>/<name>/...   hard links, read-only: never write through one
"""

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from expunge.concepts.confidential import OPEN, Veil
from expunge.core.accounts import UnitAccount, write_account, write_seconds
from expunge.core.digest import Fingerprint
from expunge.core.errors import InputError, Problem
from expunge.core.index import Failure, Index, UnitRecord, require_unchanged, write_index
from stages.runtime.earlier_versions import Previous
from stages.runtime.executors import Job, Workers, computing, execute
from stages.runtime.failures import Failed, failed, is_disk_full
from stages.runtime.forecast import forecast
from stages.runtime.going import out_of_reach, tell
from stages.runtime.key_parts import code_differences, differences, flat
from stages.runtime.published import clean
from stages.runtime.store import STORE, Stored, commit, place, prune, sweep, take, work_folder
from stages.runtime.units import Compute, Keyed, Task, Unit, keyed

NO_BASE = Fingerprint()
DURABLE = 1.0  # seconds; what took longer is written to the disk at once
NEVER_SEEN = "no version of it was found in the store, in dvc's cache or in a remote"


def run_units(
    stage: str,
    out: Path | str,
    units: Mapping[str, Unit],
    compute: Compute,
    *,
    modules: Iterable[str] = (),
    base: Fingerprint = NO_BASE,
    workers: Workers | None = None,
    veil: Veil = OPEN,
) -> None:
    """Fill `out` with `out/<name>/` for every unit that can be made and with `out/index.json`; other units are removed.

    `compute(task, folder)` writes files into the empty `folder` and returns facts for the index (plain data, the same
    whenever the unit is computed). It is called for the missing units only, in order. A unit that fails does not stop
    the others: if it would fail again, the index says why, and what reads it is not made either. The stage `outcome`,
    which comes last, ends the run with 1.

    :param modules: the modules that compute the units; their code is part of the keys.
    :param base: the fingerprint of all that decides the base's results.
    :param workers: where the units are computed; None: one by one in this process. With several processes `compute`
        must be a module-level function, or a partial of one.
    :param veil: over the plan: what units write goes through it.
    :raises SystemExit: 1, if units failed that may not fail again, such as for want of memory, once all others are
        done; stderr names each with its error.
    :raises InputError: a file of an earlier stage that would be read is not the one that it wrote; `compute` raised one
        (weights are missing, say); or the disk is full. Finished units are kept.
    """
    out, store = Path(out), STORE / stage
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    sweep(store)
    lost = out_of_reach(units)
    named = keyed(stage, {n: u for n, u in units.items() if n not in lost}, base.digest, *modules, veil=veil)
    stored, previous = _reuse(stage, out, store, named, veil)
    missing = {name: entry for name, entry in named.items() if name not in stored}
    require_unchanged(path for entry in missing.values() for path in entry.unit.reads.values())
    made, broken, unread = _compute(stage, store, named, missing, compute, workers or Workers(), veil)
    tell(stage, len(units), broken, lost | unread)
    stored |= {name: unit for name, (unit, _) in made.items()}
    failures = lost | unread | {name: Failure(each.error) for name, each in broken.items()}
    records = {}
    for name, entry in named.items():
        if name in failures:
            continue
        place(store, stored[name], out / name)
        records[name] = UnitRecord(entry.key, entry.flat_parts, stored[name].files, stored[name].facts)
    code = {entry.parts["code"]: entry.code for entry in named.values()}
    failures = {name: failures[name] for name in units if name in failures}  # in order, whichever failed first
    index = Index(stage, records, flat(base.parts), code, failed=failures)
    write_account(stage, {name: _account(name, index, previous, name in missing) for name in records})
    write_seconds(stage, {name: seconds for name, (_, seconds) in made.items()}, named)
    write_index(out, index)
    prune(store, {entry.key for entry in named.values()})


def _reuse(
    stage: str, out: Path, store: Path, named: Mapping[str, Keyed], veil: Veil
) -> tuple[dict[str, Stored], Previous | None]:
    """The units that exist already, and the previous versions if any unit had to be looked up there.

    One that names what became confidential since it was made, such as a prompt that an attack found, is cleaned.
    """
    previous: Previous | None = None
    stored: dict[str, Stored] = {}
    for name, entry in progress(named.items(), len(named), f"{stage}: reuse", delay=2):
        unit = take(store, entry.key)
        if unit is None:
            previous = previous or Previous(out)
            unit = previous.take(entry.key, store)
        if unit is not None:
            stored[name] = _cleaned(name, unit, store, veil)
    return stored, previous


def _cleaned(name: str, unit: Stored, store: Path, veil: Veil) -> Stored:
    if not veil:
        return unit
    with work_folder(store) as folder:
        for path in unit.files:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(store / unit.key / path, folder / path)
        if not (changed := clean(folder, veil, name)):
            return unit
        print(f"{name}: {', '.join(changed)} named what is confidential now, and no longer does", file=sys.stderr)
        return commit(store, unit.key, folder, veil.closed(unit.facts, *veil.about(name)))


def _compute(
    stage: str,
    store: Path,
    named: Mapping[str, Keyed],
    missing: Mapping[str, Keyed],
    compute: Compute,
    workers: Workers,
    veil: Veil,
) -> tuple[dict[str, tuple[Stored, float]], dict[str, Failed], dict[str, Failure]]:
    """({unit: (what was stored, seconds)}, the units that failed, those not begun since they read one of these)."""
    first = {entry.key: name for name, entry in reversed(list(missing.items()))}  # duplicates reuse its result
    jobs = {}
    for name, entry in missing.items():
        unit = entry.unit
        after = {*unit.reads_units.values(), first[entry.key]} - {name}
        own = {what: store / named[other].key for what, other in unit.reads_units.items()}  # the out is incomplete
        needs = {other: store / named[other].key for other in unit.reads_units.values()}
        jobs[name] = Job((entry.key, Task(name, unit.inputs, {**unit.reads, **own}, veil.codes), needs), tuple(after))
    made, broken, unread = dict[str, tuple[Stored, float]](), dict[str, Failed](), dict[str, Failure]()
    if not jobs:  # no cluster is asked for nothing
        return made, broken, unread
    bar = progress(None, len(missing), stage)
    with computing(compute, workers) as (how, hands):
        if expected := forecast(stage, missing, max(1, hands.count)):
            print(f"{stage}: {len(missing):,} to compute, {expected}", file=sys.stderr)
        do = partial(_do, stage, store, how, hands.check, veil)
        with contextlib.closing(execute(do, jobs, hands)) as results, bar:
            for name, result in results:
                if isinstance(result, InputError):
                    raise result
                if isinstance(result, Failed):
                    broken[name] = result
                elif isinstance(result, Failure):
                    unread[name] = result
                else:
                    made[name] = result
                bar.set_postfix_str(name, refresh=False)  # the unit that finished last
                bar.update()
    return made, broken, unread


def _do(
    stage: str,
    store: Path,
    compute: Compute,
    check: Callable[[], None] | None,
    veil: Veil,
    name: str,
    work: tuple[str, Task, Mapping[str, Path]],
) -> Any:
    """(what was stored, seconds); Failed; Failure, if a unit of this stage that it reads is not there; or an InputError
    for the user to fix."""
    key, task, needs = work
    if absent := tuple(other for other, folder in needs.items() if not folder.is_dir()):
        return Failure("", absent)
    start = time.perf_counter()
    try:
        stored = take(store, key)
        if stored is None:
            if check is not None:
                check()
            with work_folder(store) as folder:
                facts = dict(compute(task, folder) or {})
                clean(folder, veil, name)
                durable = time.perf_counter() - start > DURABLE
                stored = commit(store, key, folder, veil.closed(facts, *veil.about(name)), durable)
        return stored, round(time.perf_counter() - start, 2)
    except InputError as error:
        return InputError(map(veil.masked_problem, error.problems))
    except Exception as error:
        if is_disk_full(error):
            fix = "make room and run again; finished units are kept"
            return InputError([Problem(f"{stage} {name}", "the disk is full", fix)])
        return failed(stage, name, error, veil)


def _account(name: str, index: Index, previous: Previous | None, made: bool) -> UnitAccount:
    """Whether a unit was made anew in this run, and why."""
    record = index.units[name]
    if not made:
        return UnitAccount(record.key, False, ())
    earlier = previous.records(name) if previous is not None else []
    if not earlier:
        return UnitAccount(record.key, True, (NEVER_SEEN,))
    old_index, old = earlier[0]
    reasons = [f"base {text}" for text in differences(old_index.base, index.base)]
    versions = old.parts.get("code"), record.parts["code"]
    if versions[0] != versions[1]:
        changed = code_differences(old_index.code.get(str(versions[0]), {}), index.code[versions[1]])
        reasons += [f"code: {text}" for text in changed]
    rest = [{key: value for key, value in parts.items() if key != "code"} for parts in (old.parts, record.parts)]
    reasons += differences(*rest)
    return UnitAccount(record.key, True, tuple(reasons) or ("its files were lost or damaged",))


def progress(items: Any, total: int, what: str, delay: float = 0) -> Any:
    """A progress bar with the time left; in a log, a line every 10 s."""
    from tqdm import tqdm

    every = 0.2 if sys.stderr.isatty() else 10
    return tqdm(items, total=total, desc=what, unit="unit", delay=delay, disable=not total, mininterval=every)
