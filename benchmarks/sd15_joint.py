"""What many concepts at once cost `solve` at Stable Diffusion 1.5's sizes: seconds, peak memory, arithmetic.

    uv run python -m benchmarks.sd15_joint 1 100 1000

The architecture is the real one and the weights are random, so what is forgotten means nothing. Each concept has one
name in eight templates and four kept prompts of its own; the rest is the default. Each number of concepts runs twice in
a process of its own: the second run finds the vocabulary's sums. The denoiser is loaded, for its projections decide
what is alike, but never runs. `work` counts the multiplications and additions of all matrix products (torch's counter)
and those of Cholesky's factorisations and triangular solutions; divided by a device's rate, it is the bound of its
time. This machine's own rates are measured beside it.
"""

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Annotated, Any
from unittest.mock import patch

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.sd15_speed import random_base, seconds
from expunge.concepts.prompt_file import read_prompts
from expunge.forgetting import train
from expunge.methods import ConceptData

WORDS = ("red", "old", "tiny", "royal", "iron", "paper", "north", "silver", "lazy", "green")
THINGS = ("cat", "boat", "tower", "engine", "bear", "lamp", "river", "garden", "horse", "clock")


def concepts(base: Any, count: int) -> tuple[list[ConceptData], list[str]]:
    """(as many concepts with names like "a red cat of the old boat", their kept prompts)."""
    templates, data, kept = read_prompts(base.spec.prompts).fewshot["object"], [], list[str]()
    for i in range(count):
        word, thing, other = WORDS[i % 10], THINGS[i // 10 % 10], THINGS[i // 100 % 10]
        name = f"a {word} {thing} of the {other}"
        concept: Any = SimpleNamespace(id=name, anchor=f"a {thing}", probes=(), neighbours=(), parts=(), members=())
        data.append(ConceptData(concept, torch.zeros(0), (name,), templates, (), (f"a {thing}",)))
        kept += [template.replace("{}", f"a {word} {other}") for template in templates[:4]]
    return data, list(dict.fromkeys(kept))


def factorisations(spent: list[float]) -> Any:
    """Counts what torch's own counter leaves out: of (n, n) with m right-hand sides n^3 / 3 + 2 n^2 m each."""
    cholesky, solve = torch.linalg.cholesky, torch.cholesky_solve

    def counted_cholesky(a: torch.Tensor) -> torch.Tensor:
        spent.append(len(a) ** 3 / 3)
        return cholesky(a)

    def counted_solve(b: torch.Tensor, lower: torch.Tensor) -> torch.Tensor:
        spent.append(2 * b.numel() * len(b))
        return solve(b, lower)

    return patch.multiple(torch, cholesky_solve=counted_solve), patch.object(torch.linalg, "cholesky", counted_cholesky)


def measure(count: int, folder: str, answers: Any) -> None:
    """In a process of its own: seconds of two runs, their arithmetic, and the greatest memory that the process held."""
    base = replace(random_base(), sums=Path(folder))
    data, kept = concepts(base, count)

    def run() -> None:
        train(base, data, kept, "solve", {}, 0)

    loaded, spent, times = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, list[float](), list[float]()
    times.append(seconds(run))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with FlopCounterMode(display=False) as counter, factorisations(spent)[0], factorisations(spent)[1]:
        times.append(seconds(run))
    answers.put((times, (counter.get_total_flops() + sum(spent)) / 1e12, most / 2**20, loaded / 2**20))


def rate(dtype: torch.dtype, size: int = 3072) -> float:
    """TFLOP/s of a matrix product on this machine."""
    one = torch.randn(size, size, dtype=dtype, device="cuda" if torch.cuda.is_available() else "cpu")
    once: Callable[[], Any] = lambda: one @ one  # noqa: E731
    once()
    return 2 * size**3 / min(seconds(once) for _ in range(3)) / 1e12


def main(counts: Annotated[list[int], typer.Argument(help="how many concepts at once")]) -> None:
    """Seconds, peak memory and arithmetic of `solve` for so many concepts at once."""
    table = Table("concepts", "seconds", "sums found", "each", "work of these, TFLOP", "most GiB", "loaded GiB")
    processes = multiprocessing.get_context("spawn")
    for count in counts:
        began, answers = time.perf_counter(), processes.Queue()
        with TemporaryDirectory() as folder:
            process = processes.Process(target=measure, args=(count, folder, answers))
            process.start()
            (first, second), work, most, loaded = answers.get()
            process.join()
        cells = (first, second, second / count, work, most, loaded)
        table.add_row(str(count), *(f"{cell:.2f}" for cell in cells))
        print(f"{count}: {[round(cell, 2) for cell in cells]} ({time.perf_counter() - began:.0f} s)", flush=True)
    Console(width=120).print(table)
    print(f"this machine: {rate(torch.float32):.3f} TFLOP/s in float32, {rate(torch.float64):.3f} in float64")


if __name__ == "__main__":
    typer.run(main)
