"""The frame of every stage: the stage ends when its `dvc` ends, and prints each problem as one line.

A stage module ends with `if __name__ == "__main__": main(run)`.
"""

import contextlib
import ctypes
import errno
import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import psutil

from expunge.core.errors import InputError
from expunge.core.rwlock import remove_empty_rwlock

POLL = 0.2  # seconds between two looks at the ancestors
PR_SET_PDEATHSIG = 1  # linux/prctl.h
# A worker keeps the memory of its tensors. By default glibc gives back each large one and asks for fresh, zeroed pages
# for the next: a tenth of the time that a video takes.
MALLOC = "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=1099511627776"
SETTINGS = {
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # cuBLAS gives the same bytes twice only with a fixed workspace
    "GLIBC_TUNABLES": MALLOC,  # read by processes that are started from here on
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def main(stage: Callable[[], None]) -> NoReturn:
    """Run a stage and exit: 0, 1 (units failed), 2 (what was given cannot be used: one line per problem), 130."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)  # before torch is imported
    die_with_parents()
    code = 0
    try:
        _under_its_own_name(stage)()
    except InputError as error:
        print(error, file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        code = 130
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print("the disk is full; make room and run again, finished units are kept", file=sys.stderr)
        code = 2
    sys.exit(code)


def _under_its_own_name(stage: Callable[[], None]) -> Callable[[], None]:
    """The same function from the imported module, since functions of `__main__` cannot be sent to other processes."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if stage.__module__ != "__main__" or spec is None:
        return stage
    return getattr(importlib.import_module(spec.name), stage.__name__)


def die_with_parents() -> threading.Thread | None:
    """Watch the ancestors up to the nearest dvc (without one: the parent) and end this process when one is gone.

    `kill -9` of dvc leaves its child computing. A thread looks every 0.2 s; on Linux the kernel also wakes it at once
    when the parent dies. Returns the thread, or None if this process has no parent to watch.
    """
    chain = ancestors()
    under_dvc = bool(chain) and _is_dvc(chain[-1])
    if os.environ.get("DVC_STAGE") and not chain:
        _end(under_dvc=True)  # dvc was killed before we could look
    if not chain:
        return None
    return die_with(chain, under_dvc)


def die_with(chain: list[psutil.Process], under_dvc: bool = False) -> threading.Thread:
    """End this process once one of these is gone, of which the first is its parent."""
    wake = _wake_signal()
    watcher = threading.Thread(target=_watch, args=(chain, under_dvc, wake), daemon=True, name="die-with-parents")
    watcher.start()
    return watcher


def ancestors() -> list[psutil.Process]:
    """The parents of this process up to the nearest dvc, nearest first; without a dvc, the direct parent alone."""
    chain = []
    with contextlib.suppress(psutil.Error):
        process = psutil.Process().parent()
        while process is not None and process.pid > 1:
            chain.append(process)
            if _is_dvc(process):
                return chain
            process = process.parent()
    return chain[:1]


def run_owner() -> psutil.Process:
    """The process whose end is the end of the run: dvc, or this one if no dvc runs it."""
    chain = ancestors()
    return chain[-1] if chain and _is_dvc(chain[-1]) else psutil.Process()


def _is_dvc(process: psutil.Process) -> bool:
    """Is it dvc itself, or python that runs it: `python .../bin/dvc repro`, `python -m dvc repro`?"""
    try:
        words = process.cmdline()[:4]
    except psutil.Error:
        return False
    names = [Path(word).name.removesuffix(".exe") for word in words]
    if names[:1] == ["dvc"]:
        return True
    return bool(names) and names[0].lower().startswith("python") and "dvc" in names[1:]


def _watch(chain: list[psutil.Process], under_dvc: bool, wake: int | None) -> None:
    parent = chain[0].pid
    while os.getppid() == parent and all(lives(process) for process in chain):
        if wake is None:
            time.sleep(POLL)
        else:
            signal.sigtimedwait([wake], POLL)
    _end(under_dvc)


def lives(process: psutil.Process) -> bool:
    """Is the process alive? A zombie counts as dead, since its parent may collect it much later."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _wake_signal() -> int | None:
    """Ask the kernel for a signal at the parent's death. It is blocked in every thread and only ever waited for."""
    if not sys.platform.startswith("linux"):
        return None
    wake = signal.SIGRTMIN + 3
    signal.pthread_sigmask(signal.SIG_BLOCK, [wake])  # threads started from here on inherit it
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(wake), 0, 0, 0)
    return wake


def _end(under_dvc: bool) -> NoReturn:
    """End this process and its children at once, without running anyone's clean-up."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
    if under_dvc:
        remove_empty_rwlock(Path(os.environ.get("DVC_ROOT", ".")))
    os._exit(1)
