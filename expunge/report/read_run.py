"""Reads a finished run from build/ and metrics/, as the stage report and `expunge release` show it."""

import json
from pathlib import Path
from typing import Any

from expunge.judging.table import Row, read_table
from expunge.plan.contract import Plan
from expunge.report.run import Run
from expunge.verdicts.frame_curves import read_curves
from expunge.verdicts.rates import read_rates
from expunge.verdicts.read_verdicts import read_verdicts

SCORES = Path("scores/scores.parquet")  # below build/


def read_run(plan: Plan, build: Path, metrics: Path, **more: Any) -> Run:
    """What the stages wrote; what none has written yet is "not measured".

    :param build: the folder build/. :param metrics: the folder metrics/. :param more: other fields of a Run.
    """
    summary = read_json(metrics / "summary.json")
    released = {f"releases/{name}": entry for name, entry in summary.get("releases", {}).items()}
    encoders = {**summary.get("encoders", {}), **released}
    return Run(
        plan=plan,
        rates=read_rates(metrics / "rates.csv") if (metrics / "rates.csv").is_file() else [],
        verdicts=read_verdicts(metrics / "verdicts.json") if (metrics / "verdicts.json").is_file() else {},
        rows=read_seen(build / SCORES),
        renders=build / "renders",
        fewshot=build / "fewshot",
        attacks=build / "attacks",
        changed_parameters={n: e["changed_parameters"] for n, e in encoders.items() if "changed_parameters" in e},
        curves=read_curves(metrics / "frames.csv") if (metrics / "frames.csv").is_file() else [],
        **more,
    )


def read_json(file: Path) -> dict[str, Any]:
    """The file's table; {} if no stage has written it. The report then says "not measured"."""
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}


def read_seen(file: Path) -> list[Row]:
    """What the judge saw in each sample, and which targets in company; the report shows no other metric sample by
    sample."""
    columns = ["list", "encoder", "concept", "modality", "group", "prompt", "seed", "metric", "value"]
    return read_table(file, columns, ("seen", "target_seen"))
