"""What every stage after `plan` reads first: the plan, and the settings in params.yaml that concern the stage.

What draws, trains or measures reads the opened plan; verdicts, records and the report read it without the words of
confidential concepts.

The values read here enter the keys of units, so the code that reads them is not part of any unit's code version.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from expunge.bases.arithmetic import Arithmetic, arithmetic_of
from expunge.bases.base_digest import base_parts
from expunge.bases.spec import load_spec
from expunge.concepts.confidential import Veil
from expunge.core.errors import InputError, Problem
from expunge.plan.contract import Plan, read_plan
from expunge.plan.params import read_params, read_run_params
from expunge.plan.sealed import read_opened
from stages.runtime.executors import FAR, Workers, workers_for
from stages.runtime.key_parts import differences, flat
from stages.runtime.remembered_arithmetic import forget

PLAN, PARAMS, CONCEPTS = Path("build/plan/index.json"), Path("params.yaml"), Path("concepts")


def read_plan_here() -> Plan:
    """:raises InputError: the plan is missing or broken."""
    return read_plan(PLAN)


def read_opened_here() -> tuple[Plan, Veil]:
    """The plan with all words, and what hides them again. :raises InputError: `expunge.plan.sealed.read_opened`."""
    return read_opened(PLAN, CONCEPTS)


def attack_budgets() -> dict[str, Any]:
    """{attack: its knobs} of the section `attack` of params.yaml. :raises InputError: the file is wrong."""
    return read_params(PARAMS).attack


def planned_workers(plan: Plan) -> Workers:
    """The workers for units that need the base's models. `run:` in params.yaml sets them; they change no result."""
    run = read_run_params(PARAMS)
    settings = {"ray": run.ray, "slurm": run.slurm}.get(run.executor)
    workers = workers_for(run.executor, run.workers, plan.base.threads, plan.base.device, settings)
    check: Any = partial(require_arithmetic, plan.base.name, plan.base.device, plan.base.dtype)
    if workers.executor in FAR:
        check = partial(require_base, check, plan.base.name, plan.base.models.parts)
    return replace(workers, check=check)


def require_base(arithmetic: Callable[[], None], base_name: str, planned: Mapping[str, Any]) -> None:
    """`require_arithmetic` on another machine, where the base's files and the libraries' versions must be the plan's,
    too: a unit's key says that it was computed with these.

    :raises InputError: they are others.
    """
    arithmetic()
    here, there = flat(parts_here(base_name)), flat(planned)
    if other := differences(there, here):
        what = f"the base is another one here than in the plan ({len(other)} parts differ: {other[0]})"
        raise InputError([Problem(base_name, what, "bring the plan's files and versions to this machine")])


@cache
def parts_here(base_name: str) -> dict[str, Any]:
    """All that decides a base's results on this machine."""
    return base_parts(load_spec(base_name))


@cache
def require_arithmetic(base_name: str, device: str, dtype: str) -> None:
    """Check that this machine computes as the plan says: a plan that was pulled may come from another machine.

    :raises InputError: this machine would compute on another kind of device, or in another dtype.
    """
    spec = load_spec(base_name)
    here, planned = arithmetic_of(spec), Arithmetic(device, dtype)
    if here != planned:
        forget()
        what = f"the plan is for {planned.device} in {planned.dtype}, and here is {here.device} in {here.dtype}"
        fix = "run `dvc repro --force plan` to plan for this machine, or fix `device:` and `dtype:` in the base's file"
        raise InputError([Problem(spec.file.as_posix(), what, fix)])
