"""What every stage after `plan` asks first: the plan, and how many processes this machine gives it."""

from pathlib import Path

from expunge.plan.contract import Plan, read_plan
from expunge.plan.params import read_run_params
from stages.runtime.executors import Workers, workers_for

PLAN = Path("build/plan/index.json")


def read_plan_here() -> Plan:
    """:raises InputError: the plan is missing or broken."""
    return read_plan(PLAN)


def planned_workers(plan: Plan) -> Workers:
    """Where units that need the base's models are computed. `run:` in params.yaml says how; it changes no result."""
    run = read_run_params(Path("params.yaml"))
    return workers_for(run.executor, run.workers, plan.base.threads, plan.base.device)
