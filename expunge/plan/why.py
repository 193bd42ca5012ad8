"""Why a unit was made anew in the last run on this machine, stage by stage, for one encoder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from expunge.core.accounts import read_account
from expunge.core.errors import InputError, Problem
from expunge.core.index import Index, read_index
from expunge.core.schema import did_you_mean
from expunge.plan.contract import Plan
from expunge.plan.unit_owners import is_for

PLAN = "plan"  # its out holds the plan, and no units
ORDER = ("fewshot", "unlearn", "render", "score", "drift", "attack")  # the order of the stages; others come last


@dataclass(frozen=True)
class Told:
    """One unit of a stage, and what the last run did with it."""

    stage: str
    unit: str
    verdict: str  # "reused", "made anew", "not known", "failed"
    reasons: tuple[str, ...]


def why(plan: Plan, encoder: str, stage: str | None = None, build: Path = Path("build")) -> list[Told]:
    """What the last run did with the units of an encoder.

    :raises InputError: there is no such encoder, or no such stage has run.
    """
    if encoder not in plan.encoders:
        own = [name for name in plan.encoders if name.startswith(f"{encoder.split('/')[0]}/")]
        whole_list = encoder.rstrip("/") + "/" in {f"{name.split('/')[0]}/" for name in own}
        fix = f"write one of {', '.join(own)}" if whole_list else did_you_mean(encoder, own or list(plan.encoders))
        raise InputError([Problem(encoder, "is no encoder of the plan", fix)])
    indexes = indexes_of(build)
    if stage is not None and stage not in indexes:
        if stage in ORDER:
            raise InputError([Problem(stage, "has not run", "run `dvc repro`, or `dvc pull`")])
        raise InputError(
            [Problem(stage, "is no stage with units", did_you_mean(stage, list(dict.fromkeys((*ORDER, *indexes)))))]
        )
    return [told for each in indexes if stage in (None, each) for told in _stage(plan, encoder, indexes[each])]


def indexes_of(build: Path) -> dict[str, Index]:
    """{stage: the index of its out}, of every stage with units that has run."""
    outs = [file.parent for file in build.glob("*/index.json") if file.parent.name != PLAN]
    indexes = {index.stage: index for index in map(read_index, outs)}
    return dict(sorted(indexes.items(), key=lambda item: (_place(item[0]), item[0])))


def _stage(plan: Plan, encoder: str, index: Index) -> Iterator[Told]:
    stage, account = index.stage, read_account(index.stage)
    for name, record in index.units.items():
        if not is_for(plan, stage, name, encoder):
            continue
        entry = account.get(name)
        if entry is None or entry.key != record.key:
            reason = "this version was not made by the last run on this machine: it was pulled or checked out"
            yield Told(stage, name, "not known", (reason,))
        else:
            yield Told(stage, name, "made anew" if entry.made else "reused", entry.reasons)
    for name, failure in index.failed.items():
        if is_for(plan, stage, name, encoder):
            yield Told(stage, name, "failed", (failure.error or f"it needs {', '.join(failure.needs)}",))


def _place(stage: str) -> int:
    return ORDER.index(stage) if stage in ORDER else len(ORDER)
