"""A process that imports torch and the like once, and forks a worker whenever a stage asks for one.

Each stage is a process of its own, and each would import the same libraries in each of its workers; with a small base
that takes longer than most units. The first stage of a run starts this process (`connect`). It ends when the run's
`dvc` ends, or the stage, where there is no dvc. It imports libraries alone, no code of this repository, starts no
thread and computes nothing, so what it forks is like a fresh process.

    a stage                            this process                        the worker
    connects to the socket      ->     forks                         ->    takes the connection over
    sends Hello                 ->     -                                   goes to the stage's folder and environment
    sends a function, then jobs ->     -                                   sends what each comes to
    sends names of modules      ->     imports them for the next worker

Who connects can run code here, so each end asks the kernel whether the other one is the same user's.
"""

import contextlib
import importlib
import os
import signal
import socket
import struct
import subprocess
import sys
import sysconfig
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

import psutil

from expunge.core.errors import InputError, Problem
from stages.runtime.process import POLL, die_with, lives, run_owner

ROOT = Path(__file__).resolve().parents[2]
FIRST = ("torch", "diffusers", "transformers")  # before a worker has told what else it takes
WORKER, MODULES = b"w", b"m"  # what a connection is for
START = 20.0  # seconds in which it must listen
OWN = ("expunge", "stages")


@dataclass(frozen=True)
class Hello:
    """What makes a worker like its stage."""

    stage: int  # process id
    folder: str
    path: list[str]  # sys.path
    environment: dict[str, str] = field(repr=False)


def connect(purpose: bytes = WORKER) -> Connection:
    """A connection to this run's process, or to the worker that it forks; it is started if there is none.

    :raises InputError: it does not start.
    """
    owner = run_owner()
    address = f"\0expunge {owner.pid} {owner.create_time():.2f}"  # a name that is no file (Linux)
    server: subprocess.Popen[bytes] | None = None
    end = time.monotonic() + START
    while time.monotonic() < end and (server is None or server.poll() is None):
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
            server = server or _start(address, owner.pid)
            time.sleep(0.02)
            continue
        if not is_ours(connection):
            break
        sys.stdout.flush()
        socket.send_fds(connection, [purpose], [1, 2])
        return Connection(connection.detach())
    what = "the process that starts them does not listen, or another user's does in its place"
    raise InputError([Problem("workers", what, "write `run: {executor: inline}` in params.yaml to do without")])


def is_ours(connection: socket.socket) -> bool:
    """Is the other end a process of the same user?"""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", told)
    return bool(user == os.getuid())


def _start(address: str, owner: int) -> "subprocess.Popen[bytes]":
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, "-m", "stages.runtime.warm", address[1:], str(owner)],
        env={**os.environ, "PYTHONPATH": path, "TQDM_DISABLE": "1"},  # the stage shows a progress bar of its own
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is the stage's to handle
    )  # fmt: skip


def libraries() -> list[str]:
    """The modules of Python and of installed packages that this process has imported."""
    places = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    specs = {name: getattr(module, "__spec__", None) for name, module in [*sys.modules.items()]}
    return sorted(name for name, spec in specs.items() if str(getattr(spec, "origin", "")).startswith(places))


def serve(address: str, owner: psutil.Process) -> NoReturn:
    """Listen, and fork workers until the owner is gone."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)  # a second process of the same run ends here
    listener.listen(1024)

    def look(*_: object) -> None:
        if not lives(owner):
            os._exit(0)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, POLL, POLL)  # not inherited by what is forked
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for workers
    learn(FIRST)
    while True:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError, EOFError):
            if not is_ours(connection):
                continue
            connection.settimeout(START)
            purpose, outputs, _, _ = socket.recv_fds(connection, 1, 2)
            connection.settimeout(None)
            if purpose == WORKER and os.fork() == 0:
                listener.close()
                work(Connection(connection.detach()), outputs)
            for output in outputs:
                os.close(output)
            if purpose == MODULES:
                learn(Connection(connection.detach()).recv())


def learn(modules: Iterable[str]) -> None:
    """Import libraries, so that no worker has to."""
    for name in modules:
        if name not in sys.modules:
            with contextlib.suppress(Exception):  # whoever needs it gets the error
                importlib.import_module(name)


def work(connection: Connection, outputs: list[int]) -> NoReturn:
    """Be a worker: until the stage closes the connection, or is gone."""
    code = 1
    try:
        for number, output in zip((1, 2), outputs, strict=True):
            os.dup2(output, number)
            os.close(output)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        hello: Hello = connection.recv()
        die_with([psutil.Process(os.getppid()), psutil.Process(hello.stage)])
        os.chdir(hello.folder)
        os.environ.clear()
        os.environ.update(hello.environment | {"TQDM_DISABLE": "1"})
        sys.path[:] = hello.path
        for name in [name for name in sys.modules if name.partition(".")[0] in OWN]:
            del sys.modules[name]  # the stage's may be another version
        connection.send(os.getpid())
        do = connection.recv()
        while (job := connection.recv()) is not None:
            connection.send(do(*job))
        connection.send(libraries())
        code = 0
    except (EOFError, ConnectionError):
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(f"\0{sys.argv[1]}", psutil.Process(int(sys.argv[2])))
