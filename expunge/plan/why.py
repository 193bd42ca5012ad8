"""Why a unit was made anew in the last run on this machine, stage by stage, for one encoder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from expunge.core.accounts import read_account
from expunge.core.errors import InputError, Problem
from expunge.core.index import read_index
from expunge.core.schema import did_you_mean
from expunge.core.unit_names import Name, UnitName
from expunge.plan.contract import Plan

OUTS = {  # stage: its out, below build/
    "fewshot": "fewshot", "unlearn": "encoders", "render": "renders", "score": "scores", "drift": "drift",
    "attack": "attacks",
}  # fmt: skip


@dataclass(frozen=True)
class Told:
    """One unit of a stage, and what became of it."""

    stage: str
    unit: str
    verdict: str  # "reused", "made anew", "not known"
    reasons: tuple[str, ...]


def why(plan: Plan, encoder: str, stage: str | None = None, build: Path = Path("build")) -> list[Told]:
    """What the last run did with the units of an encoder.

    :raises InputError: there is no such encoder or stage, or an index is missing.
    """
    if encoder not in plan.encoders:
        raise InputError([Problem(encoder, "is no encoder of the plan", did_you_mean(encoder, list(plan.encoders)))])
    if stage is not None and stage not in OUTS:
        raise InputError([Problem(stage, "is no stage with units", did_you_mean(stage, list(OUTS)))])
    return [told for each in OUTS if stage in (None, each) for told in _stage(plan, encoder, each, build / OUTS[each])]


def _stage(plan: Plan, encoder: str, stage: str, out: Path) -> Iterator[Told]:
    index, account = read_index(out), read_account(stage)
    for name, record in index.units.items():
        if not _belongs(name, plan, encoder):
            continue
        entry = account.get(name)
        if entry is None or entry.key != record.key:
            reason = "this version was not made by the last run on this machine: it was pulled or checked out"
            yield Told(stage, name, "not known", (reason,))
        else:
            yield Told(stage, name, "made anew" if entry.made else "reused", entry.reasons)


def _belongs(unit: str, plan: Plan, encoder: str) -> bool:
    """Is it a unit of the encoder, or of what is drawn of its concepts with the original one?"""
    name, concepts = Name.parse(encoder), [Name.parse(concept) for concept in plan.encoders[encoder].concepts]
    own = {str(UnitName(name, concept)) for concept in concepts} | {encoder}
    shared = {str(UnitName(concept=c, part=part)) for c in concepts for part in ("", "anchor")}
    shared |= {str(UnitName(concept=concept, original=True)) for concept in concepts}
    attacks = UnitName.attack_of(unit, name)
    return unit in own | shared or attacks is not None
