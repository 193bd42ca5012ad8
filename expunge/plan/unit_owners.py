"""Which encoders a unit of a stage is for: why it was made anew, and whose verdict it costs if it fails."""

from collections.abc import Mapping
from pathlib import Path

from expunge.core.index import Index, read_index
from expunge.core.unit_names import Name, UnitName
from expunge.methods import METHODS
from expunge.plan.contract import Plan, pictures_unit

OUTS = {
    "fewshot": "fewshot", "unlearn": "encoders", "render": "renders", "score": "scores", "drift": "drift",
    "attack": "attacks",
}  # fmt: skip


def is_for(plan: Plan, stage: str, unit: str, encoder: str) -> bool:
    """Is it a unit of the encoder, or one of its concepts that the encoder's verdict needs?

    :param stage: a stage of OUTS, or another one that names its units as they do.
    """
    name, job = Name.parse(encoder), plan.encoders[encoder]
    concepts = [Name.parse(each) for each in plan.sets_of(encoder)]
    if stage == "fewshot":
        shown = METHODS[job.method].images
        return bool(shown) and unit in {pictures_unit(concept, shown) for concept in job.concepts}
    if stage in ("unlearn", "drift"):
        return unit == encoder
    if unit == encoder or UnitName.attack_of(unit, name) is not None:
        return True
    drawn = {str(UnitName(name, concept)) for concept in concepts}
    return unit in drawn | {str(UnitName(concept=concept, original=True)) for concept in concepts}


def indexes_here(build: Path) -> dict[str, Index]:
    """{stage: its index} of those of OUTS. :raises InputError: one is missing or broken."""
    return {stage: read_index(build / out) for stage, out in OUTS.items()}


def what_failed(plan: Plan, indexes: Mapping[str, Index]) -> dict[str, str]:
    """{encoder: which of its units failed, and why}. Units that were not begun for want of these are passed over."""
    told: dict[str, list[str]] = {}
    for stage, index in indexes.items():
        for unit, failure in index.failed.items():
            if failure.error:
                for encoder in plan.encoders:
                    if is_for(plan, stage, unit, encoder):
                        told.setdefault(encoder, []).append(f"{stage} of {unit} failed ({failure.error})")
    return {encoder: "; ".join(lines) for encoder, lines in told.items()}
