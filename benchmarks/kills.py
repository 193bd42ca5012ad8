"""Ten kills in one run: does it resume, with no orphan, no unit done twice, and the same bytes at the end?

    uv run python -m benchmarks.kills [--list objects] [--kills 10] [--seed 0]

Clones the committed state twice into a temporary folder, keeps one concept list, and runs the pipeline undisturbed in
one clone. In the other, `kill -9` hits dvc, the stage, or both, ten times at random; the last run is left alone.
Exits 1 where an orphan lives on after two seconds, where a finished unit is computed again, or where a byte differs.
"""

import random
import shutil
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

from expunge.core.digest import file_digest

ROOT = Path(__file__).resolve().parents[1]
DVC = [sys.executable, "-m", "dvc", "repro"]


def clone(folder: Path, keep: str) -> Path:
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    for file in (folder / "concepts").glob("*.yaml"):
        if file.stem != keep:
            file.unlink()
    return folder


def run(folder: Path) -> subprocess.Popen[bytes]:
    with open(folder.with_suffix(".log"), "wb") as log:
        return subprocess.Popen(DVC, cwd=folder, stdout=log, stderr=log)


def said(folder: Path) -> str:
    """The last lines of the last run."""
    return folder.with_suffix(".log").read_text("utf-8", errors="replace")[-2000:]


def living(folder: Path) -> list[psutil.Process]:
    """The processes that work in a clone, oldest first."""
    alive = []
    for process in psutil.process_iter():
        try:
            inside = Path(process.cwd()).is_relative_to(folder)
            if inside and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
        except (psutil.Error, OSError):
            continue
    return sorted(alive, key=lambda process: process.create_time())


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
    kills: int = 10,
    seed: int = 0,
) -> None:
    """Kill a run again and again; exit 1 where it does not resume as it should."""
    rng, console, faults = random.Random(seed), Console(), []
    table = Table("kill", "of", "after, s", "stage", "units done", "gone after, s")
    scratch = Path(tempfile.mkdtemp(prefix="expunge-kills-"))
    try:
        calm, disturbed = clone(scratch / "calm", keep), clone(scratch / "disturbed", keep)
        began = time.monotonic()
        if run(calm).wait():
            raise SystemExit("the undisturbed run failed")
        whole = time.monotonic() - began
        done: dict[str, float] = {}
        for number in range(1, kills + 1):
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
            stage = next((p for p in processes if "stages." in " ".join(p.cmdline())), None)
            name = stage.cmdline()[-1] if stage else "-"
            of = rng.choice(("dvc", "stage", "both"))
            victims = [psutil.Process(dvc.pid)] if of != "stage" or stage is None else []
            victims += [stage] if stage is not None and of != "dvc" else []
            at = time.monotonic()
            for victim in victims:
                victim.kill()
            while living(disturbed) and time.monotonic() - at < 30:
                dvc.poll()
                time.sleep(0.05)
            took = time.monotonic() - at
            dvc.wait()  # as a shell does: dvc believes that a zombie still holds its lock
            if took > (2 if of != "stage" else 30):  # a dvc whose stage was killed ends in its own time
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
