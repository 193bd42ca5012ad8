"""Units on a Ray cluster: `run: {executor: ray}`. DVC, the store and the keys are here; units run there.

    with elsewhere(compute, settings, count, check) as (far, hands):
        facts = far(task, folder)                          computed by a free worker of the cluster

A worker is an actor that keeps the base loaded. It stands in a folder of its node, into which the base's files come
through Ray's object store. If a worker or its node dies, the unit goes to another one, and a new worker is asked for.
Ray is an extra: `expunge[ray]`.
"""

import importlib.util
import logging
import os
import queue
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from expunge.core.errors import InputError, Problem
from stages.runtime.far import Parcel, Result, bytes_of, carried_out, files_of_bases, node_folder, packed, unpacked
from stages.runtime.process import SETTINGS
from stages.runtime.units import Compute, Task

TRIES = 4  # computations of one unit whose workers died, and starts of a worker, before the run ends
PATIENCE = 600  # seconds without any worker, before the run ends
HELD = 256  # folders that stay in the object store because the next units may read them
CODE = ("expunge", "stages")  # packages that a node gets from here; torch and the like must be there


@contextmanager
def elsewhere(
    compute: Compute, settings: dict[str, Any], count: int, check: Callable[[], None] | None
) -> Iterator[tuple[Compute, int]]:
    """(what computes a unit on the cluster, how many units at once).

    :param settings: "address" of a running cluster (none: one on this machine), "cpus" and "gpus" of each worker.
    :param count: workers; 0: as many as the cluster has room for now. :param check: called by each worker first.
    :raises InputError: Ray is not installed, there is no such cluster, or it has no room for a worker.
    """
    if importlib.util.find_spec("ray") is None:
        raise InputError([Problem("params.yaml: run", "Ray is not installed", 'run `uv pip install "expunge[ray]"`')])
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # else each worker would run `uv run`, for minutes
    import ray

    address = settings.get("address")
    if address and not _answers(address):
        fix = "start it (`ray start --head`), or take address out for one on this machine"
        raise InputError([Problem("params.yaml: run.ray.address", f"nothing answers at {address}", fix)])
    packages = [str(Path(importlib.import_module(name).__path__[0])) for name in CODE]
    environment = {"py_modules": packages, "env_vars": {**SETTINGS, "TQDM_DISABLE": "1"}}
    own: Any = {} if address else {"include_dashboard": False}
    try:
        ray.init(
            address=address or "local", runtime_env=environment, log_to_driver=False, logging_level=logging.ERROR, **own
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        what = f"there is no cluster at {address} ({' '.join(str(error).split())[:200]})"
        raise InputError([Problem("params.yaml: run.ray.address", what, "start it, or take address out")]) from None
    try:
        cpus, gpus = settings.get("cpus", 1), settings.get("gpus", 0)
        room = _room(ray.cluster_resources(), cpus, gpus)
        if not room:
            what = f"the cluster has no room for a worker with {cpus} CPUs and {gpus} GPUs"
            raise InputError([Problem("params.yaml: run.ray", what, "ask for less, or add nodes")])
        bases = files_of_bases()
        sent = {path: ray.put(Path(path).read_bytes()) for path in bases}
        hands = Hands(ray.remote(num_cpus=cpus, num_gpus=gpus)(Hand), min(room, count or room), (bases, sent, check))
        try:
            yield hands.computing(compute), hands.count
        finally:
            hands.close()
    finally:
        ray.shutdown()


def _answers(address: str) -> bool:
    """Does something listen at host:port? Ray itself would try for two minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return True  # "auto" and the like
    try:
        with closing(socket.create_connection((host.strip("[]"), int(port)), timeout=10)):
            return True
    except OSError:
        return False


def _room(resources: dict[str, float], cpus: float, gpus: float) -> int:
    fits = [resources.get(kind, 0) / each for kind, each in (("CPU", cpus), ("GPU", gpus)) if each]
    return int(min(fits, default=1))


class Hand:
    """A worker of the cluster."""

    def __init__(self, bases: dict[str, str], sent: dict[str, Any], check: Callable[[], None] | None) -> None:
        import ray

        os.chdir(node_folder(bases, lambda path: ray.get(sent[path])))
        self.check = check

    def ready(self) -> None:
        return None

    def carry_out(self, compute: Compute, parcel: Parcel) -> Result:
        import ray

        return carried_out(compute, parcel, ray.get, self.check)


class Hands:
    """The free workers, and what replaces those that died."""

    def __init__(self, kind: Any, count: int, given: tuple[Any, ...]) -> None:
        self.kind, self.count, self.given = kind, count, given
        self.free: queue.Queue[Any] = queue.Queue()
        self.all: list[Any] = []
        self.held: OrderedDict[str, Any] = OrderedDict()
        self.lock, self.closed = threading.Lock(), False
        self.waiting, self.none_waits = 0, threading.Condition()
        self.hiring = [threading.Thread(target=self._hire, daemon=True) for _ in range(count)]
        for thread in self.hiring:
            thread.start()

    def close(self) -> None:
        """End all workers. Threads that wait for one end before Ray does, which would not survive it."""
        import ray

        self.closed = True
        self.free.put(RuntimeError("the run has ended"))
        for hand in self.all:
            ray.kill(hand)
        for thread in self.hiring:
            thread.join(PATIENCE)
        with self.none_waits:
            self.none_waits.wait_for(lambda: not self.waiting, PATIENCE)

    def _hire(self) -> None:
        """Ask for a worker; it is free once it has the base's files. A node may die under one that starts."""
        import ray

        for left in reversed(range(TRIES)):
            hand = self.kind.remote(*self.given)
            self.all.append(hand)
            try:
                ray.get(hand.ready.remote())
                self.free.put(hand)
                return
            except ray.exceptions.RayError as error:
                if self.closed or not left:
                    self.free.put(error)
                    return

    def put(self, digest: str, path: Path) -> Any:
        """The bytes of a file or folder in the object store, once for all units that read it."""
        import ray

        with self.lock:
            if digest not in self.held:
                self.held[digest] = ray.put(bytes_of(path))
            self.held.move_to_end(digest)
            while len(self.held) > HELD:
                self.held.popitem(last=False)
            return self.held[digest]

    def computing(self, compute: Compute) -> Compute:
        """`compute` on the cluster; called by as many threads as there are workers."""

        def far(task: Task, folder: Path) -> dict[str, Any]:
            with self.none_waits:
                self.waiting += 1
            try:
                return self._computed(compute, task, folder)
            finally:
                with self.none_waits:
                    self.waiting -= 1
                    self.none_waits.notify_all()

        return far

    def _computed(self, compute: Compute, task: Task, folder: Path) -> dict[str, Any]:
        import ray

        parcel = packed(task, self.put)
        for _ in range(TRIES):
            hand = self._free(task.name)
            try:
                result = ray.get(hand.carry_out.remote(compute, parcel))
            except (ray.exceptions.RayActorError, ray.exceptions.OutOfMemoryError):
                if self.closed:
                    break
                self.hiring.append(threading.Thread(target=self._hire, daemon=True))
                self.hiring[-1].start()
                continue
            self.free.put(hand)
            return unpacked(task.name, result, folder)
        fix = "see the cluster's own logs; if memory was short, give a worker more `cpus`. Finished units are kept"
        raise InputError([Problem(task.name, f"{TRIES} workers died while they computed it", fix)])

    def _free(self, unit: str) -> Any:
        try:
            hand = self.free.get(timeout=PATIENCE)
        except queue.Empty:
            what = f"no worker of the cluster was free for {PATIENCE} s"
            raise InputError([Problem(unit, what, "see `ray status`; run again, finished units are kept")]) from None
        if isinstance(hand, Exception):
            self.free.put(hand)  # for the other threads
            what = f"a worker cannot start ({' '.join(str(hand).split())[:300]})"
            raise InputError([Problem("workers", what, "see the cluster's own logs")])
        return hand
