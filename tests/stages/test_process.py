"""The frame of a stage: exit codes, and whose death it notices."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from expunge.core.rwlock import remove_empty_rwlock
from stages.runtime import process
from tests.support.paths import ROOT

START = """
import os, sys
from expunge.core.errors import InputError, Problem
from stages.runtime.process import main
def run():
"""


def stage(body: str) -> subprocess.CompletedProcess[str]:
    code = START + "".join(f"    {line}\n" for line in body.splitlines()) + "main(run)\n"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    ("body", "code", "error"),
    [
        ("pass", 0, ""),
        ("raise InputError([Problem('a.yaml:1', 'is odd', 'even it'), Problem('b', 'c', 'd')])", 2,
         "a.yaml:1: is odd; even it\nb: c; d\n"),
        ("raise SystemExit(1)", 1, ""),
        ("raise KeyboardInterrupt", 130, ""),
        ("raise OSError(28, 'No space left on device')", 2,
         "the disk is full; make room and run again, finished units are kept\n"),
        ("assert os.environ['CUBLAS_WORKSPACE_CONFIG'] == ':4096:8' and 'torch' not in sys.modules", 0, ""),
    ],
)  # fmt: skip
def test_exit_codes(body: str, code: int, error: str) -> None:
    result = stage(body)
    assert (result.returncode, result.stderr) == (code, error)


def test_children_die_with_the_stage(tmp_path: Path) -> None:
    """parent -> shell -> stage -> child; the parent is killed."""
    pids = tmp_path / "pids"
    body = "import subprocess, time\nchild = subprocess.Popen(['sleep', '60'])\n"
    body += f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}\\n')\ntime.sleep(60)"
    script = tmp_path / "stage.py"
    script.write_text(START + "".join(f"    {line}\n" for line in body.splitlines()) + "main(run)\n")
    dvc = tmp_path / "dvc"  # a python script of that name is what the stage takes for dvc
    dvc.write_text(f"import os; os.system('{sys.executable} {script}; true')")
    parent = subprocess.Popen(
        [sys.executable, str(dvc), "repro"], cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": "/bin:/usr/bin"}
    )
    while not (pids.exists() and pids.read_text().endswith("\n")):
        time.sleep(0.02)
    parent.kill()
    start = time.monotonic()
    numbers = list(map(int, pids.read_text().split()))
    while any(alive(pid) for pid in numbers) and time.monotonic() - start < 10:
        time.sleep(0.02)
    assert not any(alive(pid) for pid in numbers)
    parent.wait(5)  # until here it is a zombie, as a dead dvc may be for long
    assert time.monotonic() - start < 3


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Fake:
    def __init__(self, *words: str) -> None:
        self.words = words

    def cmdline(self) -> list[str]:
        return list(self.words)


@pytest.mark.parametrize(
    ("words", "is_dvc"),
    [
        (("/venv/bin/python", "/venv/bin/dvc", "repro"), True),
        (("/venv/bin/python3.11", "-m", "dvc", "repro"), True),
        (("C:/x/dvc.exe", "repro"), True),
        (("uv", "run", "dvc", "repro"), False),
        (("/bin/bash", "-c", "dvc repro"), False),
        (("vim", "dvc"), False),
        ((), False),
    ],
)
def test_what_counts_as_dvc(words: tuple[str, ...], is_dvc: bool) -> None:
    assert process._is_dvc(Fake(*words)) is is_dvc  # type: ignore[arg-type]


def test_only_an_empty_rwlock_is_removed(tmp_path: Path) -> None:
    lock = tmp_path / ".dvc" / "tmp" / "rwlock"
    lock.parent.mkdir(parents=True)
    assert not remove_empty_rwlock(tmp_path)
    lock.write_text("{}")
    assert not remove_empty_rwlock(tmp_path) and lock.exists()
    lock.write_text("")
    assert remove_empty_rwlock(tmp_path) and not lock.exists()
