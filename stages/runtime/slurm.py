"""Units as jobs of a SLURM cluster, through submitit: `run: {executor: slurm}`. It is an extra: `expunge[slurm]`.

    run: {executor: slurm, workers: 100, slurm: {folder: /shared/jobs, slurm_partition: gpu, gpus_per_node: 1}}

Each unit is a job that loads the base first, so this is for units that take minutes; for short ones, Ray on SLURM
(docs/scale.md) loads it once a worker. `folder` is one that all nodes see: jobs and their results pass through it. A
job that is lost (its node failed, or it was preempted) is submitted again.
"""

import importlib.util
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from expunge.core.errors import InputError, Problem
from stages.runtime.failures import FarError
from stages.runtime.far import (
    Parcel,
    Result,
    bytes_of,
    carried_out,
    files_of_bases,
    node_folder,
    packed,
    unpacked,
)
from stages.runtime.units import Compute, Task

TRIES = 4  # submissions of one unit whose job was lost
AT_ONCE = 100  # jobs, where `workers` does not say


@contextmanager
def elsewhere(
    compute: Compute, settings: dict[str, Any], count: int, check: Callable[[], None] | None
) -> Iterator[tuple[Compute, int]]:
    """(what computes a unit as a job, how many jobs at once).

    :param settings: "folder", "cluster" (slurm, or local: this machine), and parameters of submitit.
    :raises InputError: submitit is not installed, or does not know a parameter.
    """
    if importlib.util.find_spec("submitit") is None:
        fix = 'run `uv pip install "expunge[slurm]"`'
        raise InputError([Problem("params.yaml: run", "submitit is not installed", fix)])
    import submitit

    more = {key: value for key, value in settings.items() if key not in ("folder", "cluster")}
    try:
        executor = submitit.AutoExecutor(settings.get("folder", ".expunge/jobs"), cluster=settings.get("cluster"))
        executor.update_parameters(**{"timeout_min": 60, **more})
    except (RuntimeError, NameError, TypeError, ValueError) as error:
        what = f"submitit refuses it ({' '.join(str(error).split())[:200]})"
        raise InputError([Problem("params.yaml: run.slurm", what, "see submitit's parameters")]) from None
    lock, bases, here = threading.Lock(), files_of_bases(), Path.cwd()

    def far(task: Task, folder: Path) -> dict[str, Any]:
        parcel = packed(task, lambda digest, path: bytes_of(path))
        for _ in range(TRIES):
            with lock:
                job = executor.submit(_job, compute, parcel, bases, here, check)
            try:
                return unpacked(task.name, job.result(), folder)
            except submitit.core.utils.FailedJobError as error:  # it would fail again
                raise FarError(f"job {job.job_id} failed before its unit began; see {job.paths.stderr}") from error
            except submitit.core.utils.UncompletedJobError:
                continue
        what = f"{TRIES} jobs were lost, the last is {job.job_id}"
        raise InputError([Problem(task.name, what, f"see {job.paths.stderr}; finished units are kept")])

    yield far, count or AT_ONCE


def _job(
    compute: Compute, parcel: Parcel, bases: dict[str, str], shared: Path, check: Callable[[], None] | None
) -> Result:
    """:param shared: the repository, which all nodes see: bases/ is read there."""
    os.chdir(node_folder(bases, lambda path: (shared / path).read_bytes()))
    return carried_out(compute, parcel, dict, check)
