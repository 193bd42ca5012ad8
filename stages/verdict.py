"""verdict: from all that was measured to rates with intervals, and to pass or fail.

build/plan, build/encoders, build/scores, build/attacks, build/drift, params.yaml: gate ->
    metrics/rates.csv                   every number with its interval: expunge.verdicts.rates, for `expunge compare`
    metrics/verdicts.json               pass, fail, not measured, with reasons: verdicts.gate, for `expunge gate`
    metrics/summary.json, base.json     the main rates after and before, for `dvc metrics diff`
    metrics/scores.csv, bars.csv        for `dvc plots`

Nothing is drawn or trained, so a changed gate costs a second.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from expunge.concepts.samples import GROUPS
from expunge.core.files import write_csv, write_json
from expunge.judging.table import read_table
from expunge.metrics.thresholds import gate_of
from expunge.verdicts.gate import counts, verdicts, write_verdicts
from expunge.verdicts.rates import Rate, write_rates
from expunge.verdicts.summary import PLOT_COLUMNS, plot_rows, summarise
from expunge.verdicts.tally import rates_of
from stages.runtime.files import read_index, read_params
from stages.runtime.process import main

BUILD, METRICS = Path("build"), Path("metrics")
BARS = ("name", "modality", "group", "rate")


def run() -> None:
    gate = gate_of(read_params())
    plan, encoders, scores = (read_index(BUILD / stage) for stage in ("plan", "encoders", "scores"))
    rows = read_table(BUILD / "scores/scores.parquet")
    attempts, drift = each("attacks", "attempts.json"), each("drift", "drift.json")
    rates = rates_of(rows, plan, attempts, drift, {name: unit["KID"] for name, unit in scores["units"].items()})
    found = verdicts(plan, gate, rates)

    members = {name: entry["concepts"] for name, entry in plan["encoders"].items()}
    summary = summarise(rates, members, encoders["units"])
    summary["overall"]["verdicts"] = counts(found)
    write_rates(METRICS / "rates.csv", rates)
    write_verdicts(METRICS / "verdicts.json", found)
    write_json(METRICS / "summary.json", summary, indent=2)
    write_json(METRICS / "base.json", summarise(rates, members, original=True), indent=2)
    write_csv(METRICS / "scores.csv", plot_rows(summary), PLOT_COLUMNS)
    write_csv(METRICS / "bars.csv", bars(rates, members), BARS)
    print("verdicts:", ", ".join(f"{number} {verdict}" for verdict, number in counts(found).items()))


def each(stage: str, file: str) -> dict[str, Any]:
    """{"list/encoder": what the file of its unit holds}."""
    units = read_index(BUILD / stage)["units"]
    return {name: json.loads((BUILD / stage / name / file).read_text("utf-8")) for name in units}


def bars(rates: Iterable[Rate], members: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of `BARS`, one for each concept of each encoder, group and attack: "list/encoder", or of a joint encoder
    "list/encoder/concept"."""
    found = []
    for rate in rates:
        name, group = f"{rate.list}/{rate.encoder}", rate.metric.removeprefix("asr:")
        alone = len(members[name]) == 1
        if (group in GROUPS or group != rate.metric) and alone != bool(rate.concept):
            label = f"{name}/{rate.concept}" if rate.concept else name
            found.append({"name": label, "modality": rate.modality, "group": group, "rate": round(rate.value, 4)})
    return found


if __name__ == "__main__":
    main(run)
