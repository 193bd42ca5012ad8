"""Workers of a stage on this machine, forked from a process that has imported what they need (see warm.py)."""

import os
import queue
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

import psutil

from stages.runtime.warm import MODULES, Hello, connect

WAIT = 5.0  # seconds for a worker that has nothing to do any more


class WorkerDied(Exception):
    """A worker ended in the middle of its job."""


@contextmanager
def hired(do: Callable[[str, Any], Any], count: int) -> Iterator[Callable[[str, Any], Any]]:
    """A function that lets a free worker do `do(name, job)`; it may be called in as many threads as there are workers.

    All of them end with the context: at once, if it is left by an exception.

    :raises WorkerDied: (by the function) the worker was killed. :raises InputError: no worker can be started.
    """
    workers = [connect() for _ in range(count)]
    free, processes = queue.SimpleQueue[Connection](), list[psutil.Process]()
    for worker in workers:
        worker.send(Hello(os.getpid(), os.getcwd(), sys.path, dict(os.environ)))
        worker.send(do)
        free.put(worker)

    def ask(name: str, job: Any) -> Any:
        worker = free.get()
        try:
            worker.send((name, job))
            return worker.recv()
        except (EOFError, OSError):
            raise WorkerDied(name) from None
        finally:
            free.put(worker)

    try:
        with suppress(psutil.NoSuchProcess, EOFError, OSError):
            processes += [psutil.Process(worker.recv()) for worker in workers]
        yield ask
    except BaseException:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        raise
    else:
        _let_go(workers)
    finally:
        for worker in workers:
            worker.close()
        psutil.wait_procs(processes, WAIT)


def _let_go(workers: list[Connection]) -> None:
    """End them, and tell what the first had to import, for the next stage's."""
    with suppress(EOFError, OSError):
        for worker in workers:
            worker.send(None)
        modules, *_ = [worker.recv() for worker in workers]
        with connect(MODULES) as server:
            server.send(modules)
