"""Units in several processes at once: the same index and files as one by one, and nothing outlives the stage."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from expunge.bases.spec import load_spec
from expunge.core.digest import folder_digest
from expunge.core.errors import InputError
from expunge.core.index import read_index
from stages.runtime import executors, models
from stages.runtime.executors import EXECUTORS, Workers, workers_for
from tests.support.fake_units import run
from tests.support.paths import ROOT

TWO = Workers("processes", 2)


@pytest.fixture(autouse=True, params=["forked", "fresh"])
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setitem(EXECUTORS, "processes", getattr(executors, request.param))
    monkeypatch.chdir(tmp_path)


def workers() -> list[psutil.Process]:
    """Living workers; what starts the forked ones is none, nor is loky's own helper that tracks its resources."""
    children = psutil.Process().children(recursive=True)
    forked = [
        each for each in children if "stages.runtime.warm" in each.cmdline() and each.parent() != psutil.Process()
    ]
    return forked + [each for each in children if "popen_loky_posix" in " ".join(each.cmdline())]


def ledger() -> list[list[str]]:
    return [line.split() for line in Path("ledger.txt").read_text().splitlines()]


def test_as_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"d": "quatre", "b": "deux", "c": "trois", "a": "un"}
    run(TWO, words, a="d", c="b")
    assert {name for name, _ in ledger()} == set(words) and str(os.getpid()) not in {pid for _, pid in ledger()}
    assert Path("build/fake/a/word.txt").read_text() == "quatre un"
    (tmp_path / "alone").mkdir()
    monkeypatch.chdir(tmp_path / "alone")
    run(Workers(), words, a="d", c="b")
    assert folder_digest(tmp_path / "build") == folder_digest("build")


def test_equal_units_are_computed_once() -> None:
    run(TWO, {"a": "un", "b": "un", "c": "un"})
    assert [name for name, _ in ledger()] == ["a"] and set(read_index(Path("build/fake")).units) == {"a", "b", "c"}


def test_a_failed_unit_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    run(TWO, {"a": "fail", "b": "deux", "c": "trois", "d": "quatre"}, d="a")
    index = read_index(Path("build/fake"))
    assert list(index.units) == ["b", "c"] and index.failed["d"].needs == ("a",)
    assert index.failed["a"].error == "RuntimeError: it broke"
    assert "1 of 4 units failed" in capsys.readouterr().err and {name for name, _ in ledger()} == {"b", "c"}
    assert "it broke" in Path(".expunge/failed/fake/a.txt").read_text()
    run(TWO, {"a": "un", "b": "deux", "c": "trois"})
    assert len(ledger()) == 3


@pytest.mark.parametrize(("word", "error"), [("wrong", "has no weights"), ("killed", "workers: 1")])
def test_what_cannot_go_on_ends_all(word: str, error: str) -> None:
    began = time.monotonic()
    with pytest.raises(InputError, match=error):
        run(TWO, {"a": word, "b": "slow", "c": "trois"})
    assert time.monotonic() - began < 30 and not workers()


def test_workers_die_with_their_stage(tmp_path: Path) -> None:
    """kill -9 of the stage, in the middle of two units."""
    code = """if __name__ == "__main__":
        from stages.runtime.executors import Workers
        from tests.support.fake_units import run
        run(Workers("processes", 2), dict(a="slow", b="slower"))
    """
    (tmp_path / "stage.py").write_text(code)
    stage = subprocess.Popen([sys.executable, "stage.py"], env={**os.environ, "PYTHONPATH": str(ROOT)})
    until(lambda: Path("a.pid").is_file() and Path("b.pid").is_file(), 60)
    pids = [int(Path(f"{name}.pid").read_text() or 0) for name in "ab"]
    assert len({*pids, stage.pid}) == 3 and all(map(psutil.pid_exists, pids))
    stage.kill()
    stage.wait()
    until(lambda: not any(map(psutil.pid_exists, pids)), 10)


def until(true: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = psutil.virtual_memory()
    monkeypatch.setattr(executors, "cores", lambda: 4)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=64 * 2**30))

    def count(threads: int | None, wanted: int | None = None, executor: str = "processes", device: str = "cpu") -> int:
        return workers_for(executor, wanted, threads, device).count

    assert [count(1), count(2), count(None), count(8)] == [4, 2, 1, 1]
    assert [count(1, 2), count(1, 1), count(1, 99)] == [2, 1, 4]
    assert [count(1, executor="inline"), count(1, device="cuda")] == [1, 1]
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=2**30))
    assert count(1) == 1


def test_a_process_has_the_threads_of_its_base(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        monkeypatch.chdir(ROOT)
        torch.set_num_threads(2)
        models._with_threads(replace(load_spec("emoji"), threads=None))
        assert torch.get_num_threads() == 2
        models._with_threads(replace(load_spec("emoji"), threads=1))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
