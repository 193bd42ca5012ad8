"""verdict: turn all measurements into rates with intervals, and decide which encoders pass.

build/ (plan, indexes, scores, attacks, drift), params.yaml: gate ->
    metrics/rates.csv                   every number with its interval: expunge.verdicts.rates, for `expunge compare`
    metrics/frames.csv                  the share of target videos in which each frame shows the concept
    metrics/verdicts.json               pass, fail or not measured, with reasons: expunge.verdicts.gate, for `gate`
    metrics/summary.json, base.json     the main rates after and before, of releases, too, for `dvc metrics diff`
    metrics/scores.csv, bars.csv        for `dvc plots`

Nothing is drawn or trained, so a changed gate costs a second.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from expunge.attacks.records import read_attempts
from expunge.core.files import write_csv, write_json
from expunge.core.index import require_unchanged
from expunge.core.unit_names import Name, UnitName
from expunge.judging.table import read_table
from expunge.plan.asked_for import read_asked
from expunge.plan.params import read_params
from expunge.plan.unit_owners import indexes_here, what_failed
from expunge.verdicts.frame_curves import curves_of, write_curves
from expunge.verdicts.gate import verdicts
from expunge.verdicts.rates import read_rates, write_rates
from expunge.verdicts.summary import BAR_COLUMNS, PLOT_COLUMNS, bar_rows, plot_rows, summarise
from expunge.verdicts.tally import rates_of
from expunge.verdicts.verdict_file import ANSWERS, counts, write_verdicts
from stages.runtime.planned import read_plan_here
from stages.runtime.process import main

BUILD, METRICS = Path("build"), Path("metrics")


def run() -> None:
    plan, gate = read_plan_here(), read_params().gate
    indexes = indexes_here(BUILD)
    encoders, scores, drifts, attacks = (indexes[s].units for s in ("unlearn", "score", "drift", "attack"))
    read = (
        [("attacks", name) for name in attacks] + [("drift", name) for name in drifts] + [("scores", "scores.parquet")]
    )
    require_unchanged(BUILD / stage / name for stage, name in read)
    rows = read_table(BUILD / "scores/scores.parquet")
    attempts = {
        name: [
            a for unit in attacks_on(name, attacks) for a in read_attempts(BUILD / "attacks" / unit / "attempts.json")
        ]
        for name in plan.encoders
    }
    drift: dict[str, Any] = {
        name: json.loads((BUILD / "drift" / name / "drift.json").read_text("utf-8")) for name in drifts
    }
    rates = rates_of(rows, plan, attempts, drift, {name: unit.facts["KID"] for name, unit in scores.items()})
    write_rates(METRICS / "rates.csv", rates)
    decided = verdicts(plan, gate, read_rates(METRICS / "rates.csv"), read_asked(BUILD / "plan/asked.json"),
                       what_failed(plan, indexes))  # fmt: skip

    summary = summarise(
        rates, plan.encoders, {name: unit.facts["changed_parameters"] for name, unit in encoders.items()}
    )
    released = {name: verdict for name, verdict in decided.items() if Name.parse(name).is_release}
    summary["overall"]["verdicts"] = counts(v for name, v in decided.items() if name not in released)
    for name, verdict in released.items():
        passed = counts(verdict.reasons)
        summary["releases"][Name.parse(name).id] |= {"verdict": verdict.verdict, "gates": passed}
    write_curves(METRICS / "frames.csv", curves_of(rows, plan))
    write_verdicts(METRICS / "verdicts.json", decided)
    write_json(METRICS / "summary.json", summary, indent=2)
    write_json(METRICS / "base.json", summarise(rates, plan.encoders, original=True), indent=2)
    write_csv(METRICS / "scores.csv", plot_rows(summary), PLOT_COLUMNS)
    write_csv(METRICS / "bars.csv", bar_rows(rates, plan), BAR_COLUMNS)
    print("verdicts:", ", ".join(f"{number} {word}" for word, number in counts(decided.values()).items()))
    print(*(f"may {name} go out? {ANSWERS[verdict.verdict]}" for name, verdict in released.items()), sep="\n")


def attacks_on(encoder: str, units: Iterable[str]) -> list[str]:
    """The units of attacks on an encoder. A folder that is in no index counts for nothing."""
    return sorted(unit for unit in units if UnitName.attack_of(unit, Name.parse(encoder)) is not None)


if __name__ == "__main__":
    main(run)
