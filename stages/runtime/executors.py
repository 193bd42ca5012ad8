"""Where units are computed: one by one in this process or, on a CPU, several at once in processes of their own.

The operations of a small model are too short to be shared out among cores: two processes with a thread each draw 1.2
times as much as one with two threads. A base says how many threads a process has (`threads`), and has as many however
many units there are: sums come out the same to the last digit only with the same number of threads.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import psutil

from expunge.bases.spec import Spec
from expunge.core.errors import InputError, Problem
from stages.runtime.process import die_with_parents

MEMORY = 1.5 * 2**30  # bytes that a process takes with the models of a small base, and a batch
Work = Callable[[str, Any], Any]


def workers_of(spec: Spec, units: int) -> int:
    """How many processes shall compute `units` units on this machine; one, where it has a GPU."""
    if units < 2 or spec.threads is None:
        return 1
    from expunge.bases.arithmetic import choose_device

    if choose_device(spec).type != "cpu":
        return 1
    fit = int(psutil.virtual_memory().available // MEMORY)
    return max(1, min(units, cores() // spec.threads, fit))


def cores() -> int:
    """Cores that this process may use: less than the machine's in a container with a quota."""
    import loky

    return loky.cpu_count()


def execute(work: Work, units: Mapping[str, Any], workers: int) -> Generator[tuple[str, Any]]:
    """(name, work(name, unit)) of each unit as it ends; a unit is begun when those that it names in `after` have ended.

    :param work: with more than one worker a function of a module, or a partial of one; it returns what it wants to
    report and raises nothing.
    :raises InputError: a process was killed.
    """
    if workers < 2:
        for name, unit in units.items():
            yield name, work(name, unit)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin, (work,))
    waiting, running = dict(units), dict[Future[Any], str]()
    try:
        while waiting or running:
            open_ = {*waiting, *running.values()}
            for name in [name for name, unit in waiting.items() if not open_ & ({*unit.after} - {name})]:
                running[pool.submit(_work, name, waiting.pop(name))] = name
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(done), done.result()
    except BrokenProcessPool:
        fix = "run again, finished units are kept; if memory was short, raise `threads` in the base's file"
        raise InputError([Problem("workers", "one of the processes was killed", fix)]) from None
    finally:
        if running:  # what runs is not waited for
            for process in multiprocessing.active_children():
                process.kill()
        pool.shutdown(cancel_futures=True)


_WORK: list[Work] = []  # of a worker: what it was started for


def _begin(work: Work) -> None:
    os.environ["TQDM_DISABLE"] = "1"  # the parent shows its own
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    die_with_parents()
    _WORK[:] = [work]


def _work(name: str, unit: Any) -> Any:
    return _WORK[0](name, unit)
