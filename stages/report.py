"""report: build/report/index.html, a page that opens from disk; it only links, so it is written anew each time."""

import json
import shutil
from pathlib import Path

from expunge.metrics import read_table
from expunge.report import Page, write_report
from stages.process import main
from stages.reuse import read_index, read_params

OUT = Path("build/report")
LINKS = {
    "every measurement (Parquet)": Path("build/scores/scores.parquet"),
    "rates (JSON)": Path("build/report/summary.json"),
    "rates of the original encoder (JSON)": Path("build/report/base.json"),
    "rates, one row an encoder (CSV)": Path("build/report/scores.csv"),
}


def run() -> None:
    settings = read_params().get("report") or {}
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    for name in ("summary.json", "base.json", "scores.csv"):  # copies, so that build/ is whole by itself
        shutil.copyfile(Path("metrics") / name, OUT / name)
    page = Page(
        plan=read_index("build/plan"),
        summary=json.loads((OUT / "summary.json").read_text("utf-8")),
        base=json.loads((OUT / "base.json").read_text("utf-8")),
        rows=read_table(Path("build/scores/scores.parquet")),
        renders=Path("build/renders"),
        fewshot=Path("build/fewshot"),
        links=LINKS,
        **settings,
    )
    print(f"open {write_report(OUT, page)}")


if __name__ == "__main__":
    main(run)
