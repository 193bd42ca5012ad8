"""unlearn: train an encoder that no longer knows its concepts, by the method that the plan names.

build/plan, build/fewshot -> build/encoders/<list>/<encoder>/  config.json, model.safetensors, training.json,
README.md (a model card) and what else the method changes: unconditional.safetensors, denoiser.safetensors,
adapter.safetensors (expunge/bases/edits.py); or the change alone (expunge/bases/change.py);
build/curves/<list>--<encoder>.tsv, the loss of each step, for `dvc plots`
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from expunge.bases.families import modules_of
from expunge.concepts.concept import Concept
from expunge.core.codes import opened
from expunge.core.digest import folder_files
from expunge.core.files import write_json, write_text
from expunge.core.index import read_index
from expunge.methods import METHODS, ConceptData, unlearn
from expunge.methods.encoder_card import Made, encoder_card
from expunge.plan.contract import EncoderJob, Plan, Training, pictures_unit, public
from stages.runtime.curves import collect_curves, progress_of
from stages.runtime.models import loaded_base
from stages.runtime.planned import planned_workers, read_opened_here
from stages.runtime.process import main
from stages.runtime.reuse import run_units
from stages.runtime.units import Task, Unit

OUT, FEWSHOT = Path("build/encoders"), Path("build/fewshot")


@dataclass(frozen=True)
class Target:
    """A concept that the encoder forgets."""

    concept: Concept
    training: Training
    pictures: str  # the unit of the stage fewshot that the method reads; "" where it reads none


@dataclass(frozen=True)
class Inputs:
    concepts: tuple[str, ...]  # in the order in which they take turns
    targets: dict[str, Target]  # by concept
    method: str
    parameters: dict[str, Any]
    seed: int
    kept: tuple[str, ...]
    keep: tuple[str, ...] = ()  # the lists' phrases, of which `kept` holds prompts: `expunge why` can say which is new
    stored: str = "whole"


def run() -> None:
    plan, veil = read_opened_here()
    fewshot = read_index(FEWSHOT).keys
    run_units(
        "unlearn", OUT, units_of(plan, fewshot), partial(train, plan.base.name),
        modules=["stages.unlearn", *modules_of(plan.base.models.parts)], base=plan.base.models,
        workers=planned_workers(plan), veil=veil,
    )  # fmt: skip
    collect_curves(OUT, plan.encoders)


def units_of(plan: Plan, fewshot: Mapping[str, str]) -> dict[str, Unit]:
    """One unit for each encoder. It depends on the code of its own method and on what all methods share.

    :param fewshot: the keys of the units of the stage fewshot.
    """
    units = {}
    for name, job in plan.encoders.items():
        shown = METHODS[job.method].images
        pictures = {concept: pictures_unit(concept, shown) if shown else "" for concept in job.concepts}
        targets = {
            concept: Target(public(plan.concepts[concept]), plan.training[concept], unit)
            for concept, unit in pictures.items()
        }
        read = [unit for unit in pictures.values() if unit]
        units[name] = Unit(
            Inputs(job.concepts, targets, job.method, job.parameters, job.seed, *plan.kept_by(name), job.stored),
            upstream={unit: fewshot[unit] for unit in read},
            reads={unit: FEWSHOT / unit for unit in read} | external_of(job),
            code=(METHODS[job.method].module,),
        )
    return units


def external_of(job: EncoderJob) -> dict[str, Path]:
    """The file that a method reads, in the parameter that its `METHOD` calls `file`."""
    knob = METHODS[job.method].file
    return {"external": Path(job.parameters[knob])} if knob else {}


def train(base_name: str, task: Task, folder: Path) -> dict[str, Any]:
    """Run the method; returns {"changed_parameters"} for the index."""
    from expunge.bases.base import store_edit

    base, inputs = loaded_base(base_name), task.inputs
    targets = [inputs.targets[concept] for concept in inputs.concepts]
    data = [concept_data(target, task.reads.get(target.pictures), task.codes) for target in targets]
    with progress_of(task.name, folder / "live", inputs.parameters.get("steps")) as log:
        result = unlearn(inputs.method, base, data, inputs.kept, inputs.parameters, inputs.seed, log)
    store_edit(base, folder, result.edit, inputs.stored)
    source, files = base.spec.t2i.source, sorted(folder_files(folder))
    made = Made(inputs.concepts, inputs.method, (source and source.repo) or "", files, base.spec.t2i.pipeline)
    write_text(folder / "README.md", encoder_card(made))
    about = {"method": inputs.method, "parameters": inputs.parameters, "seed": inputs.seed}
    facts = {"changed_parameters": result.changed_parameters}
    write_json(folder / "training.json", {**about, **facts, "notes": result.notes, "loss": result.losses})
    return facts


def concept_data(target: Target, pictures: Path | None, codes: Mapping[str, str]) -> ConceptData:
    """What a method sees of a concept, with the images if the method reads any. :param codes: as of `Task`."""
    import torch
    from safetensors.torch import load_file

    latents, prompts = torch.zeros(0), tuple[str, ...]()
    if pictures is not None:
        latents = load_file(pictures / "latents.safetensors")["latents"]
        prompts = tuple(opened(json.loads((pictures / "prompts.json").read_text("utf-8")), codes))
    words = target.training
    return ConceptData(target.concept, latents, words.names, words.templates, prompts, words.anchors)


if __name__ == "__main__":
    main(run)
