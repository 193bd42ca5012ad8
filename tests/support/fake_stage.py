"""A stage of three units for tests/faults/test_faults.py: `python fake_stage.py`, run by dvc in a project of its own.

units.json: {name: [word, seconds]}. Each computation leaves a line in ledger.txt, which dvc does not know.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.runtime.process import main
from stages.runtime.reuse import run_units
from stages.runtime.units import Task, Unit


def run() -> None:
    wanted: Mapping[str, Any] = json.loads(Path("units.json").read_text())
    with open("ledger.txt", "a") as ledger:
        ledger.write(f"stage {os.getpid()}\n")
    units = {name: Unit(word) for name, (word, _) in wanted.items()}

    def compute(task: Task, folder: Path) -> dict[str, Any]:
        with open("ledger.txt", "a") as ledger:
            ledger.write(f"unit {task.name}\n")
        word, seconds = wanted[task.name]
        (folder / "a.txt").write_text(word)
        time.sleep(seconds)
        (folder / "deep").mkdir()
        (folder / "deep" / "b.txt").write_text(word * 1000)
        return {"length": len(word)}

    run_units("fake", Path("out"), units, compute)


if __name__ == "__main__":
    main(run)
