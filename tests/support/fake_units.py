"""Units that write a word, or fail in a given way, for tests of executors. Other processes import this module."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from expunge.core.errors import InputError, Problem
from stages.runtime.executors import Workers
from stages.runtime.reuse import run_units
from stages.runtime.units import Task, Unit


def write(task: Task, folder: Path) -> dict[str, Any]:
    """What a unit of these tests does: a module's function, since it is sent to other processes."""
    name, word = task.name, task.inputs
    if word == "fail":
        raise RuntimeError("it broke")
    if word == "wrong":
        raise InputError([Problem("bases/x.yaml:1", "has no weights", "put them there")])
    if word == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if word.startswith("slow"):
        Path(f"{name}.pid").write_text(str(os.getpid()))
        time.sleep(60)
    if word.endswith("nap"):
        time.sleep(1)
    before = [(folder / "word.txt").read_text() for folder in task.reads.values()]
    (folder / "word.txt").write_text(" ".join([*before, word]))
    with open("ledger.txt", "a") as ledger:
        ledger.write(f"{name} {os.getpid()}\n")
    return {"length": len(word)}


def run(workers: Workers, words: dict[str, str], **after: str) -> None:
    """:param after: of a unit the one that it reads."""
    names = sorted(words, key=lambda name: name in after)
    units = {name: Unit(words[name], reads_units={"it": after[name]} if name in after else {}) for name in names}
    run_units("fake", "build/fake", units, write, workers=workers)
