"""report: write a static site that opens from disk (build/report/index.html) and contact sheets, anew each time.

A sheet that would come out the same is taken from `.expunge/sheets/`, where the last run kept it.
"""

import shutil
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from expunge.bases.spec import load_spec
from expunge.core.accounts import read_seconds
from expunge.core.index import read_index, require_unchanged
from expunge.core.unit_names import Name
from expunge.plan.params import read_params
from expunge.records.keys import read_trusted
from expunge.records.signing import state_of
from expunge.report import open_verdicts, write_sheets, write_site
from expunge.report.read_run import SCORES, read_run
from expunge.verdicts.verdict_file import write_verdicts
from stages.runtime.code import code_version
from stages.runtime.planned import read_plan_here
from stages.runtime.process import main

BUILD, OUT = Path("build"), Path("build/report")
METRICS, AUDIT, SHEETS = Path("metrics"), Path("audit"), Path(".expunge/sheets")
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
    require_unchanged([BUILD / SCORES, *(BUILD / stage / name for stage, units in read.items() for name in units)])
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    links = {"every measurement (Parquet)": BUILD / SCORES}
    for name, label in TABLES.items():
        if (METRICS / name).is_file():
            shutil.copyfile(METRICS / name, OUT / name)
            links[label] = OUT / name
    finished = read_run(
        plan,
        BUILD,
        METRICS,
        seconds=read_seconds("unlearn"),
        links={**links, "verdicts with their reasons (JSON)": OUT / "verdicts.json"},
        fps=spec.fps,
        frames=spec.frames,
        records=copied_records(plan.encoders),
        signed=signed_by(plan.encoders),
        **settings,
    )
    write_verdicts(OUT / "verdicts.json", open_verdicts(finished))
    drawing = f"{code_version('expunge.report.sheet_drawing')[0]} pillow {version('pillow')}"
    write_sheets(OUT / "sheets", finished, kept=SHEETS, version=drawing)
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


if __name__ == "__main__":
    main(run)
