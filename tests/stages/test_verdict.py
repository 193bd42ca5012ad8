"""The stage verdict on a made-up run: the files it writes, and what a changed gate changes."""

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from expunge.attacks.records import write_attempts
from expunge.cli import app
from expunge.core.errors import InputError
from expunge.judging.table import write_table
from expunge.plan.contract import write_plan
from expunge.verdicts.rates import read_rates
from stages import verdict
from tests.support.made_index import write_made_index
from tests.support.made_plan import made_concept, made_plan
from tests.support.paths import ROOT
from tests.support.planted import attempts, exact, good, original, rows

PLAN = made_plan(
    {f"l/{name}": made_concept(name) for name in ("bolt", "zorb")},
    {"l/bolt": ["l/bolt"], "l/both": ["l/bolt", "l/zorb"]},
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A single encoder that is good, and a joint one of which zorb is blocked by its exact name only."""
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(ROOT / "params.yaml", "params.yaml")
    table = [{**row, "concept": concept} for concept in ("bolt", "zorb") for row in rows("original", original)]
    table += rows("bolt", good) + rows("both", good) + [{**row, "concept": "zorb"} for row in rows("both", exact)]
    Path("build/scores").mkdir(parents=True)
    write_table(Path("build/scores/scores.parquet"), [{**row, "judge": "j"} for row in table])
    write_plan(Path("build/plan/index.json"), PLAN)
    write("plan/asked.json", {"encoders": {"l/bolt": "7" * 64}, "base": "b"})
    write_made_index(Path("build/encoders"), {name: {"changed_parameters": 7} for name in PLAN.encoders})
    kid = {"l/bolt/l--bolt": {"KID": 0.01, "n": 16}, "original/l/bolt": {}}
    write_made_index(Path("build/scores"), {name: {"KID": value} for name, value in kid.items()})
    shift = {"target": {"plain": 0.5, "seen": 0.9, "n": 4}, "near": {"plain": 0.1, "seen": 0.1, "n": 4}}
    units = dict[str, dict[str, Any]]()
    for name, job in PLAN.encoders.items():
        tried = [attempt for c in job.concepts for attempt in attempts({"words": c == "l/zorb"}, c)]
        for attack in {attempt.attack for attempt in tried}:
            own = [attempt for attempt in tried if attempt.attack == attack]
            units[f"{name}/{attack}"] = {}
            write_attempts(Path("build/attacks", name, attack, "attempts.json"), own)
        write(f"drift/{name}/drift.json", {"encoder": shift, "concepts": {c: shift for c in job.concepts}})
    for stage in ("fewshot", "renders"):
        write_made_index(Path("build", stage), {})
    write_made_index(Path("build/attacks"), units)
    write_made_index(Path("build/drift"), {name: {} for name in PLAN.encoders})
    return tmp_path


def write(file: str, data: Any) -> None:
    path = Path("build", file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), "utf-8")


def gate(*words: str) -> Any:
    return CliRunner().invoke(app, ["gate", *words])


def test_it_writes_rates_verdicts_and_plots(run: Path) -> None:
    verdict.run()
    names = {"frames.csv", "rates.csv", "verdicts.json", "summary.json", "base.json", "scores.csv", "bars.csv"}
    assert {file.name for file in Path("metrics").iterdir()} == names
    found = json.loads(Path("metrics/verdicts.json").read_text())
    assert {name: entry["verdict"] for name, entry in found.items()} == {"l/bolt": "pass", "l/both": "fail"}
    assert {name: (entry["about"], entry["base"]) for name, entry in found.items()} == {
        "l/bolt": ("7" * 64, "b"), "l/both": ("", "b"),
    }  # fmt: skip
    failed = {(r["concept"], r["metric"]) for r in found["l/both"]["reasons"] if r["verdict"] == "fail"}
    assert failed == {("zorb", "aliases"), ("zorb", "asr:words")}
    summary = json.loads(Path("metrics/summary.json").read_text())
    assert summary["overall"]["verdicts"] == {"pass": 1, "fail": 1, "not measured": 0}
    assert (
        summary["encoders"]["l/bolt"]["changed_parameters"] == 7
        and summary["encoders"]["l/bolt"]["image"]["target"] == 0
    )
    assert json.loads(Path("metrics/base.json").read_text())["encoders"]["l/bolt"]["image"]["target"] == 1
    rates = {(r.encoder, r.concept, r.modality, r.metric): r for r in read_rates(Path("metrics/rates.csv"))}
    assert (
        rates["both", "zorb", "image", "asr:words"].value == 1 and rates["both", "", "image", "asr:words"].value == 0.5
    )
    assert rates["bolt", "", "image", "KID"].value == 0.01 and rates["bolt", "", "text", "drift_seen:near"].value == 0.1
    tables = [Path("metrics/summary.json"), Path("metrics/base.json"), Path("metrics/rates.csv")]
    assert not any("seconds" in table.read_text() for table in tables)  # which differ from run to run
    assert gate().exit_code == 1 and gate("l/bolt").exit_code == 0


def test_bars_have_a_row_for_each_concept(run: Path) -> None:
    verdict.run()
    with open("metrics/bars.csv", newline="") as file:
        bars = {(row["name"], row["modality"], row["group"]): float(row["rate"]) for row in csv.DictReader(file)}
    assert {name for name, _, _ in bars} == {"l/bolt", "l/both/bolt", "l/both/zorb"}
    assert bars["l/both/zorb", "image", "aliases"] == bars["l/both/zorb", "image", "words"] == 1
    assert bars["l/bolt", "video", "near"] == 1 and bars["l/bolt", "image", "inversion"] == 0


def test_the_same_run_gives_the_same_files(run: Path) -> None:
    verdict.run()
    before = {file.name: file.read_bytes() for file in Path("metrics").iterdir()}
    verdict.run()
    assert {file.name: file.read_bytes() for file in Path("metrics").iterdir()} == before


def test_a_changed_gate_changes_verdicts_alone(run: Path) -> None:
    verdict.run()
    before = {file.name: file.read_bytes() for file in Path("metrics").iterdir()}
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(
        text.replace('aliases: "<= 0.05"', "aliases: none").replace('words: "<= 0.05"', "words: none")
    )
    verdict.run()
    changed = {file.name for file in Path("metrics").iterdir() if file.read_bytes() != before[file.name]}
    assert changed == {"verdicts.json", "summary.json"} and gate().exit_code == 0
    strict = replace(PLAN.concepts["l/zorb"], gate={"image": {"near": ">= 2 of before"}})
    write_plan(Path("build/plan/index.json"), replace(PLAN, concepts={**PLAN.concepts, "l/zorb": strict}))
    verdict.run()
    assert gate().exit_code == 1 and gate("l/bolt").exit_code == 0


def test_a_wrong_gate_stops_it(run: Path) -> None:
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace('near: ">= 0.85 of before"', 'naer: ">= 0.85"\n    far: "<= 0.85"', 1))
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace('    far: ">= 0.85 of before"\n', "", 1))
    with pytest.raises(InputError) as caught:
        verdict.run()
    lines = Path("params.yaml").read_text().splitlines()
    places = [next(i for i, line in enumerate(lines, 1) if text in line) for text in ("naer:", 'far: "<= 0.85"')]
    assert sorted(problem.where for problem in caught.value.problems) == [f"params.yaml:{line}" for line in places]
    assert not Path("metrics").exists()


def test_what_is_missing_is_named(run: Path) -> None:
    shutil.rmtree("build/attacks")
    with pytest.raises(InputError, match=r"build/attacks/index\.json"):
        verdict.run()


def test_it_loads_no_torch(run: Path) -> None:
    code = "import sys; from stages import verdict; verdict.run(); print('torch' in sys.modules)"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
