"""score: what the judge sees in every render, as tables.

build/renders -> build/scores/<unit>/scores.parquet   one unit of renders, reused by key
                 build/scores/scores.parquet          all of them; columns: expunge.metrics.COLUMNS
                 metrics/summary.json, base.json      rates, for `dvc metrics diff`
                 metrics/scores.csv                   for `dvc plots diff`
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from expunge.metrics import (
    measure,
    plot_rows,
    read_samples,
    read_table,
    redact,
    summarise,
    write_csv,
    write_json,
    write_table,
)
from expunge.spec import load_spec
from stages.process import main
from stages.reuse import Unit, code, read_index, run_units, unit_key
from stages.sources import CODE

OUT, RENDERS, METRICS = Path("build/scores"), Path("build/renders"), Path("metrics")


def run() -> None:
    plan = read_index("build/plan")
    renders = read_index(RENDERS)["units"]
    costs = read_index("build/encoders")["units"]
    spec = load_spec(plan["base"]["name"])
    judge_id, version = plan["base"]["judge"], code(*CODE["score"])

    units = {}
    for name in renders:
        facts = {"original": original_of(name, plan)}  # a copy is known by what the original encoder draws
        upstream = [renders[each]["key"] for each in (name, facts["original"]) if each]
        key = unit_key("score", version, judge_id, unit_of(name), {"frames": spec.frames}, upstream)
        units[name] = Unit(key, name, {**facts, "upstream": upstream})

    def compute(name: str, unit: Unit, folder: Path) -> dict[str, Any]:
        samples = read_samples(RENDERS / name, spec.frames)
        original = unit.facts["original"]
        originals = read_samples(RENDERS / original, spec.frames) if original else []
        rows = measure(loaded_judge(spec.name), samples, unit_of(name), judge_id, originals)
        write_table(folder / "scores.parquet", rows)
        return {"samples": len(samples)}

    run_units("score", OUT, units, compute)

    rows = [row for name in units for row in read_table(OUT / name / "scores.parquet")]
    encoders = {name: entry["concepts"] for name, entry in plan["encoders"].items()}
    summary = summarise(rows, encoders, costs)
    write_table(OUT / "scores.parquet", redact(rows, plan["concepts"]))
    write_json(METRICS / "summary.json", summary)
    write_json(METRICS / "base.json", summarise(rows, encoders, original=True))
    write_csv(METRICS / "scores.csv", plot_rows(summary))


def unit_of(name: str) -> dict[str, str]:
    """ "original/<list>/<concept>" or "<list>/<encoder>/<concept>" -> the columns list, encoder and concept."""
    first, second, concept = name.split("/")
    if first == "original":
        return {"list": second, "encoder": "original", "concept": concept}
    return {"list": first, "encoder": second, "concept": concept.removeprefix(f"{first}--")}


def original_of(name: str, plan: Mapping[str, Any]) -> str | None:
    """Of a memorised picture, the unit with what the original encoder draws for it."""
    first, second, rest = name.split("/")
    concept = f"{second}/{rest}" if first == "original" else rest.replace("--", "/", 1)
    return f"original/{concept}" if plan["concepts"][concept]["kind"] == "image" else None


@lru_cache(maxsize=1)
def loaded_judge(base: str) -> Any:
    from expunge.judge import load_judge

    return load_judge(load_spec(base))


if __name__ == "__main__":
    main(run)
