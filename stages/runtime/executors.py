"""The ways to compute units: `inline`, one by one in this process; `processes`, several at once on a CPU; `ray` and
`slurm`, on other machines, for each of which a thread of this process waits.

A small model's operations are too short to share among cores: two processes with one thread each draw 1.2 times as much
as one process with two threads. A base says how many threads each process has (`threads` in bases/<name>.yaml).
Results do not depend on the executor or on how many processes there are.
"""

import importlib
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import psutil

from expunge.core.errors import InputError, Problem
from stages.runtime.process import die_with_parents
from stages.runtime.units import Compute

FIX = "run again, finished units are kept; if memory was short, write `run: {workers: 1}` in params.yaml"
KILLED = Problem("workers", "one of the processes was killed", FIX)
MEMORY = 1.5 * 2**30  # bytes that one process needs for the models of a small base and a batch


@dataclass(frozen=True)
class Job:
    """A unit to compute. It starts once all units in `after` have finished."""

    work: Any
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Workers:
    """Which executor, and with how many processes."""

    executor: str = "inline"
    count: int = 1  # 0: as many as there is room for
    check: Callable[[], None] | None = None  # called before a unit is computed, in the process that computes it
    settings: dict[str, Any] = field(default_factory=dict)  # of `ray` or `slurm`, see there


Work = Callable[[str, Any], Any]
Results = Generator[tuple[str, Any]]


def execute(work: Work, jobs: Mapping[str, Job], workers: Workers) -> Results:
    """Yield (name, work(name, job.work)) for each job as it ends.

    :param work: must not raise: it returns its errors. With `processes` it is a module-level function, or a partial of
        one.
    :raises InputError: a process was killed.
    """
    return EXECUTORS[workers.executor](work, jobs, min(workers.count, len(jobs)))


def inline(work: Work, jobs: Mapping[str, Job], count: int) -> Results:
    """One by one in this process, in order."""
    for name, job in jobs.items():
        yield name, work(name, job.work)


def forked(work: Work, jobs: Mapping[str, Job], count: int) -> Results:
    """`count` at once, in processes that are forked from one which has imported what they need."""
    from stages.runtime.hired import WorkerDied, hired

    pool = ThreadPoolExecutor(count)
    try:
        with hired(work, count) as ask:
            yield from _in_order(pool, ask, jobs, {})
    except WorkerDied:
        raise InputError([KILLED]) from None
    finally:
        pool.shutdown(cancel_futures=True)


def fresh(work: Work, jobs: Mapping[str, Job], count: int) -> Results:
    """`count` at once, in fresh processes: elsewhere than on Linux, a fork of a process with libraries may not live."""
    import loky
    from loky.process_executor import BrokenProcessPool

    pool, running = loky.ProcessPoolExecutor(count, initializer=_start), dict[Future[Any], str]()
    try:
        yield from _in_order(pool, work, jobs, running)
    except BrokenProcessPool:
        raise InputError([KILLED]) from None
    finally:
        pool.shutdown(wait=True, kill_workers=bool(running))


def threads(work: Work, jobs: Mapping[str, Job], count: int) -> Results:
    """`count` at once, in threads of this process that wait for other machines."""
    pool = ThreadPoolExecutor(count)
    try:
        yield from _in_order(pool, work, jobs, {})
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _in_order(pool: Any, work: Work, jobs: Mapping[str, Job], running: dict[Future[Any], str]) -> Results:
    """Submit each job once those before it have finished; yield each as it ends. :param running: is kept up to date."""
    waiting = dict(jobs)
    while waiting or running:
        unfinished = {*waiting, *running.values()}
        for name in [name for name, job in waiting.items() if not unfinished & {*job.after}]:
            running[pool.submit(work, name, waiting.pop(name).work)] = name
        for done in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(done), done.result()


EXECUTORS: dict[str, Callable[[Work, Mapping[str, Job], int], Results]] = {
    "inline": inline, "processes": forked if sys.platform == "linux" else fresh, "ray": threads, "slurm": threads,
}  # fmt: skip
FAR = {"ray": "stages.runtime.ray_cluster", "slurm": "stages.runtime.slurm"}


@contextmanager
def computing(compute: Compute, workers: Workers) -> Iterator[tuple[Compute, Workers]]:
    """(what computes a unit, the workers): on other machines, if the executor is such, and then with their number."""
    if workers.executor not in FAR:
        yield compute, workers
        return
    module = importlib.import_module(FAR[workers.executor])
    with module.elsewhere(compute, workers.settings, workers.count, workers.check) as (far, count):
        yield far, replace(workers, count=count, check=None)


def workers_for(
    executor: str, count: int | None, threads: int | None, device: str, settings: Mapping[str, Any] | None = None
) -> Workers:
    """The workers of a run: with `processes`, at most as many as the machine has cores and memory for.

    :param executor: a name in EXECUTORS. :param count: processes that params.yaml asks for; None: as many as fit.
    :param threads: CPU threads per worker, from the base's file; None: one process that has all cores.
    :param device: kind of the device; several processes are faster only on a CPU.
    :param settings: of `ray` or `slurm`.
    """
    if executor in FAR:
        return Workers(executor, count or 0, settings=dict(settings or {}))
    if executor == "inline" or threads is None or device != "cpu":
        return Workers()
    fit = min(cores() // threads, int(psutil.virtual_memory().available // MEMORY))
    return Workers(executor, max(1, min(fit, count or fit)))


def cores() -> int:
    """Cores that this process may use: fewer than the machine's in a container with a quota."""
    import loky

    return loky.cpu_count()


def _start() -> None:
    os.environ["TQDM_DISABLE"] = "1"  # the parent shows its own progress bar
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    die_with_parents()
