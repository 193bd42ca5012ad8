"""Stages whose units write what was prepared, in place of training and drawing: what a run costs without any model.

    prepare(folder)                                                 one real encoder, stored as its change
    python -c "from benchmarks.planted import run; run('render')"   the stage, with all that is around its units

Everything but a unit's own work is the stage's: plan, keys, store, index, links, workers, verdicts, records, report. A
picture is 64 x 64 pixels; a target is gone, all else is kept.
"""

import importlib
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from expunge.concepts.samples import FORGET, read_planned, write_planned
from expunge.core.files import write_json
from expunge.judging.table import write_table
from stages.runtime.process import main
from stages.runtime.units import Task

ENCODER = Path("planted/encoder")
SHIFT = {"plain": 0.1, "seen": 0.1, "n": 4}


def prepare(folder: Path) -> None:
    """Forget one style of the embedded base for real, and store the change below a folder."""
    import expunge
    from expunge.bases.base import load, store_edit
    from expunge.bases.spec import load_spec
    from expunge.concepts.concept import Concept

    base = load(load_spec("emoji"))
    store_edit(base, folder / ENCODER, expunge.forget(base, [Concept("x", "mosaic", "style")]), "change")


def train(base: str, task: Task, folder: Path) -> dict[str, Any]:
    shutil.copytree(ENCODER, folder, dirs_exist_ok=True)
    write_json(folder / "training.json", {"method": "planted", "seed": task.inputs.seed, "loss": []})
    return {"changed_parameters": 1}


def draw(base: str, videos: bool, task: Task, folder: Path) -> None:
    for sample in task.inputs.samples:
        (folder / sample.file).write_bytes(picture())
    write_planned(folder / "prompts.json", task.inputs.samples)


@cache
def picture() -> bytes:
    """A PNG of noise."""
    import io

    import numpy as np
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(file, "png")
    return file.getvalue()


def score(base: str, judge: str, task: Task, folder: Path) -> dict[str, Any]:
    samples = read_planned(task.reads["renders"] / "prompts.json", task.codes)
    edited = "originals" in task.reads
    rows = [
        {**task.inputs.columns, "modality": each.modality, "group": each.group, "sample": place, "prompt": each.prompt,
         "seed": each.seed, "axis": each.asks.axis, "asked": each.asks.name, "metric": metric, "value": value,
         "judge": judge}
        for place, each in enumerate(samples)
        for metric, value in (("seen", float(not (edited and each.group in FORGET))), ("alignment", 0.8))
    ]  # fmt: skip
    write_table(folder / "scores.parquet", rows)
    return {"samples": len(samples), "KID": {}}


def measure(base: str, task: Task, folder: Path) -> None:
    concepts = {name: {"target": SHIFT} for name in task.inputs.target}
    write_json(folder / "drift.json", {"encoder": {"target": SHIFT, "general": SHIFT}, "concepts": concepts})


PLANTED: dict[str, tuple[str, Callable[..., Any]]] = {
    "unlearn": ("train", train), "render": ("draw", draw), "score": ("score", score), "drift": ("measure", measure),
}  # fmt: skip


def run(stage: str) -> None:
    """A stage, as `python -m stages.<stage>` runs it."""
    module = importlib.import_module(f"stages.{stage}")
    if stage in PLANTED:
        setattr(module, *PLANTED[stage])
    main(module.run)
