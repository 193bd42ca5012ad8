"""drift: measure how far each unlearned encoder's embeddings have moved, without drawing anything.

build/plan, build/encoders -> build/drift/<list>/<encoder>/drift.json; numbers: expunge.judging.drift.measure_drift
"""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from expunge.bases.families import modules_of
from expunge.bases.spec import load_spec
from expunge.concepts.prompt_file import read_prompts
from expunge.core.files import write_json
from expunge.core.index import read_index
from expunge.judging.drift_texts import Texts, texts_of
from expunge.judging.vocabulary import Label, read_vocabulary
from expunge.plan.contract import Plan
from stages.runtime.models import loaded_base, loaded_edit
from stages.runtime.planned import planned_workers, read_opened_here
from stages.runtime.process import main
from stages.runtime.reuse import run_units
from stages.runtime.units import Task, Unit

OUT, ENCODERS = Path("build/drift"), Path("build/encoders")


def run() -> None:
    plan, veil = read_opened_here()
    encoders = read_index(ENCODERS).keys
    run_units(
        "drift", OUT, units_of(plan, encoders), partial(measure, plan.base.name),
        modules=["stages.drift", *modules_of(plan.base.models.parts)], base=plan.base.models,
        workers=planned_workers(plan), veil=veil,
    )  # fmt: skip


def units_of(plan: Plan, encoders: Mapping[str, str]) -> dict[str, Unit]:
    """:param encoders: the keys of the encoders."""
    return {
        name: Unit(texts, upstream={name: encoders[name]}, reads={"encoder": ENCODERS / name})
        for name, texts in texts_by_encoder(plan).items()
    }


def measure(base_name: str, task: Task, folder: Path) -> None:
    from expunge.judging.drift import measure_drift

    edit = loaded_edit(base_name, False, task.reads["encoder"])
    write_json(folder / "drift.json", measure_drift(loaded_base(base_name), edit, task.inputs, originals()))


@cache
def originals() -> dict[str, Any]:
    """A cache of the original encoder's embeddings, one per process: most texts are the same for every encoder."""
    return {}


def texts_by_encoder(plan: Plan) -> dict[str, Texts]:
    """The texts to encode for each encoder; the words come from the judge's vocabulary."""
    spec = load_spec(plan.base.name)
    prompts = read_prompts(spec.prompts, {concept.kind for concept in plan.concepts.values()})
    labels: Mapping[str, Sequence[Label]] = {}
    if spec.judge.vocabulary is not None:
        labels = read_vocabulary(spec.judge.vocabulary)[1]
    names = {concept: training.names for concept, training in plan.training.items()}
    return {
        name: texts_of(job.concepts, plan.concepts, names, prompts, labels, plan.keep)
        for name, job in plan.encoders.items()
    }


if __name__ == "__main__":
    main(run)
