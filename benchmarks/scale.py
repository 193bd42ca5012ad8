"""What a run of many concepts takes on many workers, simulated from the seconds that a run on this machine measured.

    uv run python -m benchmarks.scale ../run --concepts 10000 --workers 1,10,100,1000

`../run` is a repository after a `dvc repro`: its `.expunge/seconds/` say what each unit took; units of more concepts
are drawn from these. A stage ends before the next one begins, as in DVC. Workers fail at random, and their unit begins
anew on the next free one; some units are stragglers. The driver takes each result in, one after the other: it hashes,
writes and renames it. `--fast` divides the seconds, as a GPU would. Nothing is computed but the clock. `--to-docs`
writes the table into docs/scale.md.
"""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich import print
from rich.table import Table

from benchmarks.results import ROOT, publish

PAGE = ROOT / "docs" / "scale.md"
STAGES = ("fewshot", "unlearn", "render", "score", "drift", "attack")  # those with units, in their order
HEAD = ["workers", "hours", "of the workers' time that is work", "lost to failures", "what bounds it"]


@dataclass(frozen=True)
class World:
    """What the simulation assumes. Seconds, but for shares."""

    start: float  # until a worker has imported everything and loaded the base
    driver: float  # of the driver, for each unit
    between_failures: float  # mean, of one worker
    stragglers: float  # share of the units
    slower: float  # how many times as long such a unit takes
    fast: float  # how many times as fast as this machine the workers are


@dataclass(frozen=True)
class Outcome:
    seconds: float
    work: float  # seconds of all workers in units that ended
    lost: float  # in units that did not
    driver: float  # in which the driver was busy


def measured(run: Path) -> dict[str, list[float]]:
    """{stage: seconds of its units} of a run on this machine. :raises BadParameter: there was none."""
    found = {}
    for stage in STAGES:
        file = run / ".expunge" / "seconds" / f"{stage}.json"
        if file.is_file():
            found[stage] = sorted(msgspec.json.decode(file.read_bytes(), type=dict[str, float]).values())
    if not found:
        raise typer.BadParameter(f"{run} has no .expunge/seconds: run `dvc repro` there first")
    return found


def simulated(units: Sequence[float], workers: int, world: World, draw: random.Random) -> Outcome:
    """One stage."""
    free = [(world.start, worker) for worker in range(min(workers, len(units)))]
    left, ends = list(reversed(units)), list[float]()
    work = lost = 0.0
    while left:
        at, worker = heapq.heappop(free)
        takes = left[-1] / world.fast * (world.slower if draw.random() < world.stragglers else 1)
        fails = draw.expovariate(1 / world.between_failures)
        if fails < takes:
            lost += fails
            heapq.heappush(free, (at + fails + world.start, worker))
            continue
        left.pop()
        work += takes
        ends.append(at + takes)
        heapq.heappush(free, (at + takes, worker))
    clock = 0.0
    for end in sorted(ends):  # the driver takes one result in after the other
        clock = max(clock, end) + world.driver
    return Outcome(clock, work, lost, len(ends) * world.driver)


def all_stages(
    seconds: dict[str, list[float]], here: int, concepts: int, workers: int, world: World, seed: int = 0
) -> Outcome:
    """:param here: concepts of the measured run."""
    draw, total = random.Random(seed), Outcome(0, 0, 0, 0)
    for own in seconds.values():
        units = draw.choices(own, k=max(1, round(len(own) / here * concepts)))
        one = simulated(units, workers, world, draw)
        total = Outcome(*(a + b for a, b in zip(vars(total).values(), vars(one).values(), strict=True)))
    return total


def row(workers: int, one: Outcome) -> list[str]:
    busy = one.work / (one.seconds * workers)
    bound = "the driver" if one.driver > 0.5 * one.seconds else "the work" if busy > 0.5 else "the longest units"
    share = one.lost / (one.work + one.lost)
    return [f"{workers:,}", f"{one.seconds / 3600:.2f}", f"{busy:.0%}", f"{share:.2%}", bound]


def main(
    run: Annotated[Path, typer.Argument(help="a repository after `dvc repro`")],
    concepts: Annotated[int, typer.Option(help="how many to simulate")] = 10_000,
    here: Annotated[int, typer.Option(help="concepts of the measured run")] = 25,
    workers: Annotated[str, typer.Option(help="with commas")] = "1,10,100,1000",
    start: Annotated[float, typer.Option(help="seconds until a worker has loaded the base")] = 10.0,
    driver: Annotated[float, typer.Option(help="seconds of the driver for each unit")] = 0.05,
    hours: Annotated[float, typer.Option(help="mean hours between two failures of a worker")] = 1000.0,
    stragglers: Annotated[float, typer.Option(help="share of units that take --slower times as long")] = 0.02,
    slower: Annotated[float, typer.Option(help="how many times as long")] = 5.0,
    fast: Annotated[float, typer.Option(help="how many times as fast as here the workers are")] = 1.0,
    to_docs: Annotated[bool, typer.Option("--to-docs", help="write the table into docs/scale.md")] = False,
) -> None:
    """Simulate a run of many concepts on many workers."""
    seconds, world = measured(run), World(start, driver, hours * 3600, stragglers, slower, fast)
    rows = [HEAD]
    for count in map(int, workers.split(",")):
        rows.append(row(count, all_stages(seconds, here, concepts, count, world)))
    table = Table(*HEAD, title=f"{concepts:,} concepts")
    for cells in rows[1:]:
        table.add_row(*cells)
    print(table)
    if to_docs:
        publish("table of many workers", rows, PAGE)


if __name__ == "__main__":
    typer.run(main)
