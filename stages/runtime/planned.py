"""What every stage after `plan` asks first: the plan, and what else params.yaml decides for it.

A unit's key holds the values that are read here, so that the code that reads them is no part of any unit's version.
"""

from pathlib import Path
from typing import Any

from expunge.plan.contract import Plan, read_plan
from expunge.plan.params import read_params, read_run_params
from stages.runtime.executors import Workers, workers_for

PLAN, PARAMS = Path("build/plan/index.json"), Path("params.yaml")


def read_plan_here() -> Plan:
    """:raises InputError: the plan is missing or broken."""
    return read_plan(PLAN)


def attack_budgets() -> dict[str, Any]:
    """{attack: its knobs} of the section `attack` of params.yaml. :raises InputError: the file is wrong."""
    return read_params(PARAMS).attack


def planned_workers(plan: Plan) -> Workers:
    """Where units that need the base's models are computed. `run:` in params.yaml says how; it changes no result."""
    run = read_run_params(PARAMS)
    return workers_for(run.executor, run.workers, plan.base.threads, plan.base.device)
