"""Units in several processes at once: the same index and files as one by one, and nothing outlives the stage."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from expunge.bases.spec import Spec, load_spec
from expunge.core.digest import folder_digest
from expunge.core.errors import InputError, Problem
from stages.runtime import executors as executor
from stages.runtime import models as loaded
from stages.runtime.reuse import Unit, read_index, run_units
from tests.support.paths import ROOT


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spec:
    """The embedded base, on a CPU, as for two processes, in an empty folder."""
    monkeypatch.chdir(ROOT)
    found = replace(load_spec("emoji"), device="cpu", threads=1)
    monkeypatch.setattr(executor, "cores", lambda: 2)
    monkeypatch.chdir(tmp_path)
    return found


def write(words: dict[str, str], name: str, unit: Unit, folder: Path) -> dict[str, Any]:
    """What a unit of these tests does: a module's function, since it is sent to other processes."""
    word = words[name]
    if word == "fail":
        raise RuntimeError("it broke")
    if word == "wrong":
        raise InputError([Problem("bases/x.yaml:1", "has no weights", "put them there")])
    if word == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if word.startswith("slow"):
        Path(f"{name}.pid").write_text(str(os.getpid()))
        time.sleep(60)
    before = [Path("build/fake", each, "word.txt").read_text() for each in unit.facts.get("reads", ())]
    (folder / "word.txt").write_text(" ".join([*before, word]))
    with open("ledger.txt", "a") as ledger:
        ledger.write(f"{name} {os.getpid()}\n")
    return {"length": len(word)}


def run(spec: Spec | None, words: dict[str, str], **after: str) -> None:
    units = {
        name: Unit(f"{word}-{after.get(name)}", facts={"reads": [after[name]]} if name in after else {})
        for name, word in words.items()
    }
    units |= {name: replace(units[name], after=(first,)) for name, first in after.items()}
    run_units("fake", "build/fake", units, partial(write, words), spec)


def ledger() -> list[list[str]]:
    return [line.split() for line in Path("ledger.txt").read_text().splitlines()]


def test_as_one_by_one(spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"d": "quatre", "b": "deux", "c": "trois", "a": "un"}
    run(spec, words, a="d", c="b")
    assert {name for name, _ in ledger()} == set(words) and str(os.getpid()) not in {pid for _, pid in ledger()}
    assert Path("build/fake/a/word.txt").read_text() == "quatre un"
    (tmp_path / "alone").mkdir()
    monkeypatch.chdir(tmp_path / "alone")
    run(None, words, a="d", c="b")
    assert folder_digest(tmp_path / "build") == folder_digest("build")


def test_equal_units_are_computed_once(spec: Spec) -> None:
    run(spec, {"a": "un", "b": "un", "c": "un"})
    assert [name for name, _ in ledger()] == ["a"] and set(read_index("build/fake")["units"]) == {"a", "b", "c"}


def test_a_failed_unit_stops_no_other(spec: Spec, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(spec, {"a": "fail", "b": "deux", "c": "trois"})
    assert "1 of 3 units failed" in capsys.readouterr().err and {name for name, _ in ledger()} == {"b", "c"}
    assert "it broke" in Path(".expunge/failed/fake/a.txt").read_text()
    run(spec, {"a": "un", "b": "deux", "c": "trois"})
    assert len(ledger()) == 3


@pytest.mark.parametrize(("word", "error"), [("wrong", "has no weights"), ("killed", "raise `threads`")])
def test_what_cannot_go_on_ends_all(spec: Spec, word: str, error: str) -> None:
    began = time.monotonic()
    with pytest.raises(InputError, match=error):
        run(spec, {"a": word, "b": "slow", "c": "trois"})
    assert time.monotonic() - began < 30 and not multiprocessing.active_children()


def test_workers_die_with_their_stage(spec: Spec, tmp_path: Path) -> None:
    """kill -9 of the stage, in the middle of two units."""
    code = """if __name__ == "__main__":
        from dataclasses import replace
        from expunge.bases.spec import load_spec
        from stages.runtime import executors as executor
        from tests.stages.test_executors import run
        spec = replace(load_spec("emoji", {bases!r}), device="cpu", threads=1)
        executor.cores = lambda: 2
        run(spec, dict(a="slow", b="slower"))
    """
    (tmp_path / "stage.py").write_text(code.replace("{bases!r}", repr(str(ROOT / "bases"))))
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


def test_how_many(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, count = psutil.virtual_memory(), executor.workers_of
    monkeypatch.setattr(executor, "cores", lambda: 4)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=64 * 2**30))
    one, two, all_ = (replace(spec, threads=threads) for threads in (1, 2, None))
    assert [count(one, units) for units in (0, 1, 2, 9)] == [1, 1, 2, 4]
    assert [count(two, 9), count(all_, 9), count(replace(spec, threads=8), 9)] == [2, 1, 1]
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=2**30))
    assert count(one, 9) == 1
    monkeypatch.undo()
    monkeypatch.setattr("expunge.bases.arithmetic.choose_device", lambda spec: type("Cuda", (), {"type": "cuda"}))
    assert count(one, 9) == 1


def test_a_process_has_the_threads_of_its_base(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        monkeypatch.chdir(ROOT)
        torch.set_num_threads(2)
        loaded._with_threads(replace(load_spec("emoji"), threads=None))
        assert torch.get_num_threads() == 2
        loaded._with_threads(replace(load_spec("emoji"), threads=1))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
