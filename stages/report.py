"""report: write a static site that opens from disk (build/report/index.html) and contact sheets, anew each time."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from expunge.bases.spec import load_spec
from expunge.core.accounts import read_seconds
from expunge.core.index import read_index, require_unchanged
from expunge.core.unit_names import RELEASES, Name
from expunge.plan.params import read_params
from expunge.records.keys import read_trusted
from expunge.records.signing import state_of
from expunge.report import Run, open_verdicts, write_sheets, write_site
from expunge.verdicts.frame_curves import read_curves
from expunge.verdicts.rates import read_rates
from expunge.verdicts.verdict_file import read_verdicts, write_verdicts
from stages.runtime.planned import read_plan_here
from stages.runtime.process import main

BUILD, OUT, METRICS = Path("build"), Path("build/report"), Path("metrics")
SCORES = BUILD / "scores/scores.parquet"
AUDIT = Path("audit")
TABLES = {  # copied, so that build/ is whole by itself
    "rates.csv": "rates with intervals (CSV)",
    "frames.csv": "target videos frame by frame (CSV)",
    "summary.json": "rates by encoder (JSON)",
    "base.json": "rates of the original encoder (JSON)",
    "scores.csv": "one row an encoder (CSV)",
}


def run() -> None:
    settings, plan = read_params().report, read_plan_here()
    spec = load_spec(plan.base.name)
    read = {stage: read_index(BUILD / stage).units for stage in ("fewshot", "renders", "attacks")}
    require_unchanged([SCORES, *(BUILD / stage / name for stage, units in read.items() for name in units)])
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    links = {"every measurement (Parquet)": SCORES}
    for name, label in TABLES.items():
        if (METRICS / name).is_file():
            shutil.copyfile(METRICS / name, OUT / name)
            links[label] = OUT / name
    summary = read_json(METRICS / "summary.json")
    released = {str(Name(RELEASES, name)): entry for name, entry in summary.get("releases", {}).items()}
    encoders = {**summary.get("encoders", {}), **released}
    finished = Run(
        plan=plan,
        rates=read_rates(METRICS / "rates.csv") if (METRICS / "rates.csv").is_file() else [],
        verdicts=read_verdicts(METRICS / "verdicts.json") if (METRICS / "verdicts.json").is_file() else {},
        rows=read_seen(SCORES),
        renders=BUILD / "renders",
        fewshot=BUILD / "fewshot",
        attacks=BUILD / "attacks",
        changed_parameters={n: e["changed_parameters"] for n, e in encoders.items() if "changed_parameters" in e},
        seconds=read_seconds("unlearn"),
        links={**links, "verdicts with their reasons (JSON)": OUT / "verdicts.json"},
        fps=spec.fps,
        frames=spec.frames,
        curves=read_curves(METRICS / "frames.csv") if (METRICS / "frames.csv").is_file() else [],
        records=copied_records(plan.encoders),
        signed=signed_by(plan.encoders),
        **settings,
    )
    write_verdicts(OUT / "verdicts.json", open_verdicts(finished))
    write_sheets(OUT / "sheets", finished)
    print(f"open {write_site(OUT, finished)}")


def copied_records(encoders: Iterable[str]) -> dict[str, Path]:
    """{"list/encoder": a copy of its record}, so that build/ is whole by itself."""
    copies = {}
    for name in encoders:
        file, copy = AUDIT / f"{name}.json", OUT / "records" / f"{Name.parse(name).stem}.json"
        if file.is_file():
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, copy)
            copies[name] = copy
    return copies


def signed_by(encoders: Iterable[str]) -> dict[str, str]:
    """{"list/encoder": "signed by the team", or why not}, by the keys that the repository trusts."""
    trusted = read_trusted(AUDIT / "trusted.yaml") if (AUDIT / "trusted.yaml").is_file() else []
    return {name: state_of(AUDIT / f"{name}.json", trusted) for name in encoders}


def read_json(file: Path) -> dict[str, Any]:
    """The file's table; {} if no stage has written it. The report then says "not measured"."""
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}


def read_seen(file: Path) -> list[dict[str, Any]]:
    """What the judge saw in each sample, and which targets in company; the report shows no other metric sample by
    sample."""
    import pyarrow.parquet as pq

    columns = ["list", "encoder", "concept", "modality", "group", "prompt", "seed", "metric", "value"]
    return pq.read_table(file, columns=columns, filters=[("metric", "in", ["seen", "target_seen"])]).to_pylist()


if __name__ == "__main__":
    main(run)
