"""What a long list costs around the work itself: first run, no-op, one name more, one less, and the commands.

    uv run python -m benchmarks.bulk ../shared/lists/speed_style.csv --names 100,400 [--planted] [--release]

For each length, the committed state is cloned into a temporary folder, whose only list is the file's first names as
styles on the embedded base, with budgets of next to nothing: a picture for each concept, no video, no attack, `solve`.
With --planted no model is asked at all (planted.py); a file that has fewer names is gone through again, numbered.
`--to-docs` writes the tables of planted lists into docs/performance.md.
What units took themselves (`.expunge/seconds`) counts as work, all other CPU as cost around it. The processor's time
and the memory are those of all processes that run in the clone, looked at five times a second; memory that forked
processes share counts once.
"""

import contextlib
import csv
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from itertools import count as count_from
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich import print
from rich.table import Table
from ruamel.yaml import YAML

from benchmarks.planted import prepare
from benchmarks.processes import living
from benchmarks.results import ROOT, publish
from expunge.core.accounts import WHY, read_account, read_seconds

PAGE = ROOT / "docs" / "performance.md"
STAGES = ("fewshot", "unlearn", "render", "score", "drift", "attack")
HEAD = ["names", "what", "seconds", "CPU s", "of it units' own work", "around it, s a concept", "memory, MB"]
PARAMS = {
    "base": "emoji", "seed": 0, "fewshot": {"images": 1, "anchor_images": 1},
    "unlearn": {"method": "solve", "stored": "change"},
    "render": {"images": {"target": 1}, "videos": {}}, "attack": {}, "report": {},
    "gate": {"image": {"target": "<= 0.5"}},
}  # fmt: skip
RELEASE = {"everything": {"lists": "all", "attacked": 1, "attack": {}, "general": {"images": 8, "videos": 0}}}


@dataclass
class Watch:
    """The processes that work in a folder while a command runs."""

    folder: Path
    seconds: dict[tuple[int, float], float] = field(default_factory=dict)  # of processor, by process
    peak: int = 0  # bytes of all at once

    def look(self) -> None:
        total = 0
        for process in living(self.folder):
            try:
                times = process.cpu_times()
                self.seconds[process.pid, process.create_time()] = times.user + times.system
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        self.peak = max(self.peak, total)


@dataclass(frozen=True)
class Cost:
    """Of one command."""

    wall: float
    cpu: float
    peak: int
    work: Mapping[str, float]  # seconds of the units that it made, by stage


def timed(folder: Path, *words: str, fine: Sequence[int] = (0,)) -> Cost:
    """:raises SystemExit: the command ends with another code than the `fine` ones."""
    watch, done = Watch(folder), threading.Event()

    def looking() -> None:
        while not done.wait(0.2):
            watch.look()

    began, since = time.perf_counter(), time.time()
    with open(folder.with_suffix(".log"), "a") as log:
        process = subprocess.Popen([sys.executable, "-m", *words], cwd=folder, stdout=log, stderr=log)
        looker = threading.Thread(target=looking)
        looker.start()
        code = process.wait()
        wall = time.perf_counter() - began
        done.set()
        looker.join()
    if code not in fine:
        raise SystemExit(f"{' '.join(words)} ended with {code}:\n{folder.with_suffix('.log').read_text()[-2000:]}")
    return Cost(wall, sum(watch.seconds.values()), watch.peak, work_done(folder, since))


def work_done(folder: Path, since: float) -> dict[str, float]:
    """{stage: seconds that its units took}, of those made anew since a time."""
    done = {}
    with contextlib.chdir(folder):
        for stage in STAGES:
            if (file := WHY / f"{stage}.json").is_file() and file.stat().st_mtime >= since:
                account = read_account(stage)
                done[stage] = sum(took for unit, took in read_seconds(stage).items() if account[unit].made)
    return done


def set_up(folder: Path, names: Sequence[str], release: bool, planted: bool) -> None:
    """A clone with one list of these names, committed."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    for old in ("metrics", "audit", "concepts", "dvc.lock"):
        path = folder / old
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    (folder / "attacks/found.csv").write_text("concept,attack,modality,prompt,seed\n")
    params: Mapping[str, Any] = PARAMS | {"releases": RELEASE if release else {}}
    YAML().dump(params, folder / "params.yaml")
    if planted:
        prepare(folder)
        (folder / ".gitignore").write_text((folder / ".gitignore").read_text() + "/planted/\n")
        wiring = YAML()
        stages = wiring.load(folder / "dvc.yaml")
        for stage in stages["stages"]:
            stages["stages"][stage]["cmd"] = f"python -c \"from benchmarks.planted import run; run('{stage}')\""
        wiring.dump(stages, folder / "dvc.yaml")
    write_names(folder, names)
    commit(folder, "a long list")


def names_of(file: Path, count: int) -> list[str]:
    """The first names of a CSV file with a column `concept`; where it has fewer, it is gone through again, numbered."""
    with open(file, newline="") as lines:
        own = [line["concept"] for line in csv.DictReader(lines)]
    again = (f"{name} the {turn}." for turn in count_from(2) for name in own)
    return [*islice(chain(own, again), count)]


def write_names(folder: Path, names: Sequence[str]) -> None:
    """concepts/styles.yaml, by `expunge import`."""
    file = folder / "styles.csv"
    with open(file, "w", newline="") as lines:
        csv.writer(lines).writerows([["name"], *([name] for name in names)])
    (folder / "concepts").mkdir(exist_ok=True)
    (folder / "concepts/styles.yaml").unlink(missing_ok=True)
    timed(
        folder,
        "expunge",
        "import",
        "styles.csv",
        "--kind",
        "style",
        "--base",
        "emoji",
        "--out",
        "concepts/styles.yaml",
        fine=(0, 1),
    )


def commit(folder: Path, message: str) -> None:
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    words = ["git", "-c", "user.name=b", "-c", "user.email=b@example.invalid", "commit", "-qm", message]
    subprocess.run(words, cwd=folder, check=True)


def changed_lines(folder: Path) -> int:
    """Lines that git shows as changed in metrics/ and audit/."""
    told = subprocess.run(
        ["git", "diff", "HEAD", "--numstat", "metrics", "audit"], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    return sum(int(n) for line in told.splitlines() for n in line.split()[:2] if n.isdigit())


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def measure(folder: Path, names: Sequence[str], release: bool, planted: bool) -> tuple[dict[str, Cost], dict[str, str]]:
    """({what: its cost}, {what: a figure})."""
    set_up(folder, names[:-1], release, planted)
    repro, costs = ("dvc", "repro"), dict[str, Cost]()
    costs["first run"] = first = timed(folder, *repro)
    verdicts = json.loads((folder / "metrics/verdicts.json").read_text())
    encoders = [name for name in verdicts if not name.startswith("releases/")]
    stored = sum(size(folder / "build/encoders" / name) for name in encoders)
    figures = {
        "concepts": f"{len(encoders):,}",
        "an encoder on disk": f"{stored / len(encoders) / 1e3:.0f} kB",
        "verdicts.json, a concept": f"{(folder / 'metrics/verdicts.json').stat().st_size / len(encoders):.0f} bytes",
        "the report's first page": f"{(folder / 'build/report/index.html').stat().st_size / 1e3:.0f} kB",
        "own work of the first run, a concept": ", ".join(
            f"{stage} {seconds / len(encoders):.2f} s" for stage, seconds in first.work.items() if seconds
        ),
    }
    commit(folder, "a run")
    costs["no-op"] = timed(folder, *repro)
    costs["expunge gate"] = timed(folder, "expunge", "gate", fine=(0, 1))
    costs["dvc metrics diff"] = timed(folder, "dvc", "metrics", "diff")
    costs["expunge verify"] = timed(folder, "expunge", "verify", fine=range(10))
    for what, chosen in (("one name added", names), ("one name withdrawn", names[1:])):
        write_names(folder, chosen)
        costs[what] = timed(folder, *repro)
        figures[f"{what}: lines of git's diff"] = f"{changed_lines(folder):,}"
        commit(folder, what)
    return costs, figures


def row(count: int, what: str, cost: Cost) -> list[str]:
    work = sum(cost.work.values())
    around = f"{(cost.cpu - work) / count:.3f}" if what == "first run" else ""
    own = f"{work:.1f}" if work else ""
    return [f"{count:,}", what, f"{cost.wall:.1f}", f"{cost.cpu:.1f}", own, around, f"{cost.peak / 1e6:.0f}"]


def main(
    file: Annotated[Path, typer.Argument(help="a CSV file with a column `concept` of names")],
    names: Annotated[str, typer.Option(help="how many of them, such as 100,1000")] = "100",
    release: Annotated[bool, typer.Option(help="one encoder of all names, too")] = False,
    planted: Annotated[bool, typer.Option(help="no model: units write what was prepared")] = False,
    to_docs: bool = False,
) -> None:
    """Print, and publish, what lists of some lengths cost."""
    counts = [int(count) for count in names.split(",")]
    every = names_of(file, max(counts))
    rows, told = list[list[str]](), list[list[str]]()
    for count in counts:
        scratch = Path(tempfile.mkdtemp(prefix="expunge-bulk-"))
        try:
            costs, figures = measure(scratch / "clone", every[:count], release, planted)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        rows += [row(count, what, cost) for what, cost in costs.items()]
        told += [[f"{count:,}", what, figure] for what, figure in figures.items()]
    for head, table in ((HEAD, rows), (["names", "what", "figure"], told)):
        shown = Table(*head)
        for each in table:
            shown.add_row(*each)
        print(shown)
    if to_docs and planted:
        publish("table of planted lists", [HEAD, *rows], PAGE)
        publish("figures of planted lists", [["names", "what", "figure"], *told], PAGE)


if __name__ == "__main__":
    typer.run(main)
