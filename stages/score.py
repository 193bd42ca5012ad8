"""score: write tables of what the judge sees in every render, and of how good each render is.

build/renders -> build/scores/<unit>/scores.parquet   one unit of renders, reused by key
                 build/scores/scores.parquet          all of them; columns: expunge.judging.table.COLUMNS
                 build/scores/index.json              with each unit's KID, {"KID", "n"}, over its kept pictures

A unit of the original encoder also writes its features (features.safetensors); the other units' distances use them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from expunge.bases.spec import Spec, load_spec
from expunge.core.index import add_file, read_index
from expunge.core.unit_names import ORIGINAL, Name, UnitName
from expunge.judging.detectors import detector_modules, detector_parts
from expunge.judging.features import encode, read_features, write_features
from expunge.judging.judges import module_of
from expunge.judging.measure import kid_of, measure, versions
from expunge.judging.samples import read_samples
from expunge.judging.table import join_tables, write_table
from expunge.metrics.catalogue import formula_modules, formulas
from expunge.plan.contract import Plan
from stages.runtime.models import loaded_judge
from stages.runtime.planned import planned_workers, read_opened_here
from stages.runtime.process import main
from stages.runtime.reuse import run_units
from stages.runtime.units import Task, Unit

OUT, RENDERS, FEATURES = Path("build/scores"), Path("build/renders"), "features.safetensors"


@dataclass(frozen=True)
class Inputs:
    columns: dict[str, str]  # list, encoder and concept
    anchors: tuple[str, ...]  # what the target may have become
    frames: int
    drawn_with: dict[str, dict[str, Any]]  # {"image": {"solver", "steps", "guidance"}, "video": ...}
    detector: dict[str, str | None]  # {package: version} of the detector that judges the concept; {}: the judge does


def run() -> None:
    plan, veil = read_opened_here()
    renders = read_index(RENDERS).keys
    spec = load_spec(plan.base.name)
    units, judge = units_of(plan, renders, drawn_with(spec)), module_of(spec).__name__
    run_units(
        "score", OUT, units, partial(score, plan.base.name, plan.base.judge.digest),
        modules=["stages.score", judge, *formula_modules()], base=plan.base.judge,
        workers=planned_workers(plan), veil=veil,
    )  # fmt: skip
    join_tables(OUT / "scores.parquet", (OUT / name / "scores.parquet" for name in read_index(OUT).units))
    add_file(OUT, "scores.parquet")


def units_of(plan: Plan, renders: Mapping[str, str], drawn: dict[str, dict[str, Any]]) -> dict[str, Unit]:
    """One unit for each unit of renders. Those of the original encoder come first: the others are compared with them.

    :param renders: the keys of the units of the stage render.
    """
    units: dict[str, Unit] = {}

    judges = {concept: entry.judge for concept, entry in plan.concepts.items()}  # the general set has none

    def inputs_of(concept: str, encoder: str) -> Inputs:
        name, detector = Name.parse(concept), detector_parts(judges.get(concept))
        columns = {"list": name.list, "encoder": encoder, "concept": name.id}
        anchors = plan.training[concept].anchors if concept in plan.training else ()
        return Inputs(columns, anchors, plan.base.frames, drawn, detector)

    for concept in plan.samples:
        original = str(UnitName(concept=Name.parse(concept), original=True))
        units[original] = Unit(
            inputs_of(concept, ORIGINAL), {original: renders[original]}, {"renders": RENDERS / original},
            code=detector_modules(judges.get(concept)),
        )  # fmt: skip
    for encoder in plan.encoders:
        for concept in plan.sets_of(encoder):
            name = Name.parse(concept)
            unit, original = str(UnitName(Name.parse(encoder), name)), str(UnitName(concept=name, original=True))
            units[unit] = Unit(
                inputs_of(concept, Name.parse(encoder).column),
                upstream={each: renders[each] for each in (unit, original)},
                reads={"renders": RENDERS / unit, "originals": RENDERS / original},
                reads_units={"before": original},
                code=detector_modules(judges.get(concept)),
            )
    return units


def score(base_name: str, judge_id: str, task: Task, folder: Path) -> dict[str, Any]:
    """Measure a unit; returns {"samples", "KID"} for the index."""
    judge, inputs = loaded_judge(base_name), task.inputs
    samples = read_samples(task.reads["renders"], inputs.frames, task.codes)
    features = encode(judge, samples)
    originals, before, kid = samples, None, {}
    if "originals" not in task.reads:
        write_features(folder / FEATURES, features)
    else:
        originals = read_samples(task.reads["originals"], inputs.frames, task.codes)
        before = read_features(task.reads["before"] / FEATURES)
        kid = kid_of(samples, features, originals, before)
    rows = measure(
        judge, samples, inputs.columns, judge_id, originals, formulas=formulas(), features=features,
        original_features=before, anchors=inputs.anchors, drawn_with=inputs.drawn_with, versions=versions(),
    )  # fmt: skip
    write_table(folder / "scores.parquet", rows)
    return {"samples": len(samples), "KID": kid}


def drawn_with(spec: Spec) -> dict[str, dict[str, Any]]:
    """{"image": {"solver", "steps", "guidance"}, "video": {...}}"""
    return {
        modality: {"solver": pipe.scheduler or "the pipeline's own", "steps": pipe.steps, "guidance": pipe.guidance}
        for modality, pipe in (("image", spec.t2i), ("video", spec.t2v))
    }


if __name__ == "__main__":
    main(run)
