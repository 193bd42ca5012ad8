"""Kills and Ctrl-C in one run: does it resume, with no orphan, no unit done twice, and the same bytes at the end?

    uv run python -m benchmarks.kills [--list objects] [--kills 10] [--interrupts 10] [--seed 0]
    uv run python -m benchmarks.kills --planted ../shared/lists/speed_style.csv --names 200 --executor ray

Clones the committed state twice into a temporary folder, keeps one concept list, and runs the pipeline undisturbed and
one unit after the other in one clone. In the other, `kill -9` hits dvc, the stage, or both, and Ctrl-C all of them, at
random moments; the last run is left alone. With --planted the list has many names, and no model is asked (planted.py).
Exits 1 where an orphan lives on after two seconds (of a cluster's: thirty), where a finished unit is computed again, or
where a byte differs.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table
from ruamel.yaml import YAML

from benchmarks.bulk import names_of, set_up
from benchmarks.processes import living
from expunge.core.digest import file_digest

ROOT = Path(__file__).resolve().parents[1]
DVC = [sys.executable, "-m", "dvc", "repro"]
STAGE = re.compile(r"-m stages\.(?!runtime)(\w+)|benchmarks\.planted import run; run\('(\w+)'\)")


def clone(folder: Path, keep: str) -> Path:
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    for file in (folder / "concepts").glob("*.yaml"):
        if file.stem != keep:
            file.unlink()
    return folder


def execute_by(folder: Path, executor: str) -> None:
    """Write it into params.yaml, as something that changes no result."""
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    params["run"] = {"executor": executor}
    yaml.dump(params, folder / "params.yaml")


def run(folder: Path) -> subprocess.Popen[bytes]:
    with open(folder.with_suffix(".log"), "wb") as log:
        return subprocess.Popen(DVC, cwd=folder, stdout=log, stderr=log, start_new_session=True)


def strike(dvc: subprocess.Popen[bytes], stage: psutil.Process | None, of: str) -> None:
    """Kill dvc, the stage or both, or press Ctrl-C, which a terminal sends to all processes in the foreground."""
    if of == "Ctrl-C":
        os.killpg(dvc.pid, signal.SIGINT)
        return
    if of != "stage" or stage is None:
        dvc.kill()
    if of != "dvc" and stage is not None:
        stage.kill()


def said(folder: Path) -> str:
    """The last lines of the last run."""
    return folder.with_suffix(".log").read_text("utf-8", errors="replace")[-2000:]


def finished(folder: Path) -> dict[str, float]:
    """The units in the store, and when each was written."""
    records = (folder / ".expunge" / "store").glob("*/*/unit.json")
    return {file.parent.relative_to(folder).as_posix(): file.stat().st_mtime for file in records}


def results(folder: Path) -> dict[str, str]:
    """{file: digest} of all that the run wrote, except the report, whose pages show how long training took."""
    tops = [each for each in (folder / "build").iterdir() if each.name != "report"] + [folder / "metrics"]
    files = sorted(file for top in tops for file in top.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file_digest(file) for file in files}


def main(
    keep: Annotated[str, typer.Option("--list", help="the concept list to run on")] = "objects",
    planted: Annotated[
        Path | None, typer.Option(help="a CSV file of names in place of a list; no model is asked")
    ] = None,
    names: Annotated[int, typer.Option(help="how many of them")] = 200,
    executor: Annotated[str, typer.Option(help="of the disturbed runs: inline, processes or ray")] = "processes",
    kills: int = 10,
    interrupts: int = 0,
    seed: int = 0,
) -> None:
    """Kill a run again and again; exit 1 where it does not resume as it should."""
    rng, console, faults = random.Random(seed), Console(), []
    table = Table("kill", "of", "after, s", "stage", "units done", "gone after, s")
    strikes = ["kill"] * kills + ["Ctrl-C"] * interrupts
    rng.shuffle(strikes)
    patience = 30 if executor == "ray" else 2
    scratch = Path(tempfile.mkdtemp(prefix="expunge-kills-"))
    try:
        calm, disturbed = scratch / "calm", scratch / "disturbed"
        for folder, how in ((calm, "inline"), (disturbed, executor)):
            if planted is not None:
                set_up(folder, names_of(planted, names), False, True)
            else:
                clone(folder, keep)
            execute_by(folder, how)
        began = time.monotonic()
        if run(calm).wait():
            raise SystemExit("the undisturbed run failed")
        whole = time.monotonic() - began
        done: dict[str, float] = {}
        for number, kind in enumerate(strikes, 1):
            dvc = run(disturbed)
            wait = rng.uniform(1, whole / 5)
            try:
                code = dvc.wait(timeout=wait)
            except subprocess.TimeoutExpired:
                code = None
            if code is not None:
                console.print(f"the run was over before kill {number}, with exit code {code}")
                faults += [f"kill {number}: the run before it ended with exit code {code}"] if code else []
                if code == 0:
                    break
                console.print(said(disturbed))
                continue
            processes = living(disturbed)
            stage = next((process for process in processes if STAGE.search(" ".join(process.cmdline()))), None)
            found = STAGE.search(" ".join(stage.cmdline())) if stage else None
            name = next(filter(None, found.groups())) if found else "-"
            of = kind if kind == "Ctrl-C" else rng.choice(("dvc", "stage", "both"))
            at = time.monotonic()
            strike(dvc, stage, of)
            while living(disturbed) and time.monotonic() - at < 30:
                dvc.poll()
                time.sleep(0.05)
            took = time.monotonic() - at
            dvc.wait()  # as a shell does: dvc believes that a zombie still holds its lock
            if took > (patience if of in ("dvc", "both") else 30):  # a dvc that is not killed ends in its own time
                faults.append(f"kill {number}: alive after {took:.1f} s")
            now = finished(disturbed)
            again = [unit for unit, when in done.items() if unit in now and now[unit] != when]
            faults += [f"kill {number}: {unit} was computed again" for unit in again]
            done |= now
            table.add_row(str(number), of, f"{wait:.1f}", name, str(len(done)), f"{took:.2f}")
        if run(disturbed).wait():
            console.print(table, said(disturbed))
            raise SystemExit("the last run failed")
        now = finished(disturbed)
        faults += [f"at the end {u} was computed again" for u, when in done.items() if u in now and now[u] != when]
        want, have = results(calm), results(disturbed)
        faults += [f"{name} differs" for name in want.keys() | have.keys() if want.get(name) != have.get(name)]
        console.print(table)
        console.print(f"undisturbed run: {whole:.0f} s; {len(want)} files compared; {len(faults)} faults")
        for fault in faults:
            console.print(fault)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    typer.run(main)
