"""The process that imports libraries once and forks workers: it learns what they need, and ends with its run."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from expunge.core.errors import InputError
from stages.runtime import warm
from stages.runtime.hired import WorkerDied, hired
from stages.runtime.process import run_owner
from tests.support.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")


def knows(name: str, learn: bool) -> tuple[bool, str, str | None]:
    """What a worker of these tests does."""
    known = name in sys.modules
    if learn:
        __import__(name)
    return known, os.getcwd(), os.environ.get("WORD")


def end(name: str, job: Any) -> None:
    os._exit(3)


def test_what_one_stage_had_to_import_the_next_one_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for known, folder in ((False, tmp_path / "a"), (True, tmp_path / "b")):
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setenv("WORD", folder.name)
        with hired(knows, 1) as ask:
            assert ask("turtledemo", True) == (known, str(folder), folder.name)


def test_a_worker_that_dies_is_told() -> None:
    with pytest.raises(WorkerDied, match="a"), hired(end, 1) as ask:
        ask("a", None)


def test_nothing_outlives_the_run(tmp_path: Path) -> None:
    """Here the stage is the run, since no dvc runs it; its process is killed in the middle."""
    code = """if __name__ == "__main__":
        import sys, time
        from stages.runtime.hired import hired
        from tests.stages.test_warm import knows
        with hired(knows, 2) as ask:
            ask("os", False)
            print("ready", flush=True)
            time.sleep(60)
    """
    (tmp_path / "stage.py").write_text(code)
    command, environment = [sys.executable, "stage.py"], {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as stage:
        assert stage.stdout is not None and stage.stdout.readline() == b"ready\n"
        family = psutil.Process(stage.pid).children(recursive=True)
        assert len(family) == 3
        stage.kill()
    gone, left = psutil.wait_procs(family, 10)
    assert len(gone) == 3 and not left


def test_another_users_process_is_not_spoken_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "is_ours", lambda connection: False)
    with pytest.raises(InputError, match="another user's"):
        warm.connect()


def test_the_run_is_this_process_where_no_dvc_runs_it() -> None:
    assert run_owner() == psutil.Process()
