"""What each step costs at a family's real sizes: seconds, peak memory, arithmetic, and the share of the device's rate.

    uv run python -m benchmarks.real_size sd
    uv run python -m benchmarks.real_size pixart --depth encoder=1,denoiser=1,rows=4096,words=40 --steps 0

The architectures are the published ones (benchmarks/sizes) with random weights, loaded as a base is, so nothing that is
drawn or forgotten means anything. With `--depth`, sizes are smaller, and what is found is scaled: all is measured with
the smaller sizes, and again with twice each of them; work and memory grow linearly in each (the vocabulary's words cost
as much again in each layer), and seconds are taken to grow as the work does. `solve` is measured at the smaller number
of layers alone: its pass and its sums are taken as often, and its memory is not scaled. Rows say which they are.

Every row is a process of its own that begins with the loaded base. The rates of the device's matrix products are
measured beside each. Rows are appended to benchmarks/real_size.csv; docs/real-sizes.md gets a table of the last ones.
"""

import csv
import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import diffusers
import torch
import transformers
import typer
from rich import print

from benchmarks.random_base import families, full_sizes, read_config, with_sizes, write_base
from benchmarks.real_parts import IMAGES, PARTS, TIMED, USUAL
from benchmarks.results import ROOT, append, publish
from benchmarks.work import apart, bound, peak, rates, seconds
from expunge.bases.base import Base, load
from expunge.bases.spec import load_spec
from expunge.methods import METHODS

FILE, PAGE = ROOT / "benchmarks" / "real_size.csv", ROOT / "docs" / "real-sizes.md"
COLUMNS = ["family", "part", "device", "dtype", "threads", "encoder", "denoiser", "rows", "words", "scaled", "seconds",
           "peak_bytes", "flops", "bound_seconds", "share"]  # fmt: skip
SUMMED = ("seconds", "flops", "bound_seconds")
SIZES = ("encoder", "denoiser", "rows", "words")  # layers of the encoder, of the denoiser, tokens, kept words
WORDS = METHODS["solve"].defaults["others"]
WITH_WORDS = ("solve", "distil", "uce")
PER_LAYER = ("solve, once", "solve, layers")  # rows whose work is as much in each layer of the encoder


@dataclass(frozen=True)
class Point:
    """One size of the models: what a process is told."""

    family: str
    sizes: dict[str, int]
    parts: tuple[str, ...]
    steps: int
    config: dict[str, Any]


def measure(point: Point, file: Path) -> list[dict[str, Any]]:
    """Rows of one size of the models, in a process that made nothing before: the base is written, loaded, measured.

    They are appended to the file as they come.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a process with threads of its own cannot be continued in others
    sizes = {name: value for name, value in point.sizes.items() if name in point.config["sizes"]}
    rows = list[dict[str, Any]]()

    def add(name: str, cost: TIMED, most: int, can: Mapping[str, float]) -> None:
        rows.append(row(point, base, threads, name, cost, most, can))
        append(file, COLUMNS, csv_row(rows[-1], scaled=False))
        tera = sum(cost[1].values()) / 1e12
        print(f"{point.family} {name}: {cost[0]:.1f} s, {tera:.2f} TFLOP, {most / 2**30:.1f} GiB", flush=True)

    with TemporaryDirectory() as folder:
        with get_context("spawn").Pool(1) as writer:  # what it takes to make the models is not measured
            writer.apply(write_base, (Path(folder), point.family, with_sizes(point.config, sizes)))
        video = "video" in point.parts
        spec = load_spec(point.family, folder)
        spec = replace(spec, raw={**spec.raw, "latents": point.config["latents"]})
        base: Any = None
        for part in point.config["t2i"]["parts"].values():  # both libraries import a class when it is asked for
            getattr(diffusers, part["class"], None) or getattr(transformers, part["class"])
        getattr(diffusers, spec.t2i.pipeline), getattr(diffusers, spec.t2v.pipeline)

        def load_it() -> None:
            nonlocal base
            base = load(spec, t2v=video)

        took = seconds(load_it)
        loaded = "load, with T2V" if video else "load"
        add(loaded, (took, {}), peak(base.device), {})

        def part_of(part: str) -> dict[str, TIMED]:
            torch.set_num_threads(threads)
            torch.manual_seed(0)
            return PARTS[part](base, point.steps, point.sizes["words"])

        for part in point.parts:
            if part == "uce" and not base.spec.family.CROSS_ATTENTION:
                continue
            try:
                found, most = apart(base.device, partial(part_of, part))
            except RuntimeError as error:
                print(f"{point.family} {part}: {error}")
                continue
            can, _ = apart(base.device, partial(_rates, base.device, threads, found))
            for name, cost in found.items():
                add(name, cost, most, can)
    return rows


def _rates(device: torch.device, threads: int, found: Mapping[str, TIMED]) -> dict[str, float]:
    torch.set_num_threads(threads)
    return rates(device, sorted({kind for _, flops in found.values() for kind in flops}))


def row(
    point: Point, base: Base, threads: int, name: str, cost: TIMED, most: int, can: Mapping[str, float]
) -> dict[str, Any]:
    device = torch.cuda.get_device_name(base.device) if base.device.type == "cuda" else base.device.type
    return {
        "family": point.family, "part": name, "device": device, "dtype": str(base.dtype).removeprefix("torch."),
        "threads": threads, **{size: point.sizes.get(size, "") for size in SIZES}, "seconds": cost[0],
        "peak_bytes": most, "work": cost[1], "can": can,
    }  # fmt: skip


def points_of(small: Collection[str], part: str) -> list[frozenset[str]]:
    """Which sizes are doubled in each of the measurements from which a part is scaled.

    The pass of `solve` through the layers costs the same in each, but for its start (`PER_LAYER`), and a second layer
    of the largest encoders would not fit where sizes are made smaller.
    """
    words = part.startswith(WITH_WORDS)
    left_out = {"encoder", "rows"} if part.startswith("solve") else set[str]()
    single = [size for size in SIZES if size in small and size not in left_out and (size != "words" or words)]
    pairs = [{"encoder", "words"}] if words and not left_out and {"encoder", "words"} <= set(small) else []
    return [frozenset(), *(frozenset({size}) for size in single), *map(frozenset, pairs)]


def scaled(measured: Mapping[frozenset[str], float], growth: Mapping[str, float]) -> float:
    """What is measured with some sizes doubled, at `growth` + 1 times each size: linear in each.

    :param measured: {the sizes that are doubled: the figure}, with the figure for none, and each subset's.
    """
    effects: dict[frozenset[str], float] = {}
    for doubled in sorted(measured, key=lambda sizes: (len(sizes), sorted(sizes))):
        effects[doubled] = measured[doubled] - sum(effect for other, effect in effects.items() if other < doubled)
    return sum(effect * prod(growth[size] for size in doubled) for doubled, effect in effects.items())


def scaled_row(rows: Mapping[frozenset[str], dict[str, Any]], full: Mapping[str, int]) -> dict[str, Any]:
    """A row at full size from those with some sizes doubled; `rows` as `measured` of `scaled`."""
    small = rows[frozenset()]
    growth = {size: value / small[size] - 1 for size, value in full.items()}
    work = {
        kind: max(scaled({point: row["work"].get(kind, 0.0) for point, row in rows.items()}, growth), 0.0)
        for kind in small["work"]
    }
    if small["part"].startswith("solve"):
        most: Any = ""
        if small["part"] in PER_LAYER:
            work = {kind: done * (growth.get("encoder", 0.0) + 1) for kind, done in work.items()}
    else:
        most = int(scaled({point: row["peak_bytes"] for point, row in rows.items()}, growth))
    ratio = bound(work, small["can"]) / bound(small["work"], small["can"]) if work else most / small["peak_bytes"]
    return {**small, **full, "work": work, "peak_bytes": most, "seconds": small["seconds"] * ratio}


def csv_row(row: Mapping[str, Any], scaled: bool) -> dict[str, Any]:
    least = bound(row["work"], row["can"])
    figures = {
        "scaled": "yes" if scaled else "no", "seconds": f"{row['seconds']:.4g}",
        "flops": f"{sum(row['work'].values()):.4g}", "bound_seconds": f"{least:.4g}",
        "share": f"{least / row['seconds']:.2f}" if least else "",
    }  # fmt: skip
    return {column: figures.get(column, row.get(column, "")) for column in COLUMNS}


def run(
    family: str, config: dict[str, Any], parts: Sequence[str], small: Mapping[str, int], steps: int, file: Path = FILE
) -> None:
    """Measure, scale, and append the rows to a file.

    :param small: {size: the value that is measured in place of the full one}.
    """
    full = {**full_sizes(config), "words": WORDS}
    sizes = {**full, **small}
    found: dict[str, dict[frozenset[str], dict[str, Any]]] = {}
    groups = [[part for part in parts if part != "video"], [part for part in parts if part == "video"]]
    for group in filter(None, groups):
        wanted = {part: points_of(small, part) for part in group}
        for doubled in dict.fromkeys(point for points in wanted.values() for point in points):
            some = tuple(part for part in group if doubled in wanted[part])
            here = {size: value * 2 if size in doubled else value for size, value in sizes.items()}
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                rows = pool.submit(measure, Point(family, here, some, steps, config), file).result()
            for each in rows:
                found.setdefault(each["part"], {})[doubled] = each
    for part, rows_of in found.items() if small else ():
        points = points_of(small, part)
        if part.startswith("solve") and part not in PER_LAYER and not part.endswith("rest"):
            continue  # the sum of its pass and the rest
        if set(points) <= rows_of.keys():
            whole = scaled_row({point: rows_of[point] for point in points}, {size: full[size] for size in small})
            append(file, COLUMNS, csv_row(whole, scaled=True))


def at_full_size(file: Path) -> dict[tuple[str, str], dict[str, str]]:
    """{(family, part): the last row of a file that was measured at full size, or scaled to it}."""
    full = {name: {**full_sizes(read_config(name)), "words": WORDS} for name in families()}
    with open(file, newline="") as lines:
        return {
            (row["family"], row["part"]): row
            for row in csv.DictReader(lines)
            if all(row[size] in ("", str(value)) for size, value in full[row["family"]].items())
        }


def for_a_concept(family: str, rows: Mapping[tuple[str, str], Mapping[str, str]]) -> dict[str, dict[str, float]]:
    """{what one concept takes: seconds and flops} once the base is loaded, by the rows of its parts."""
    solver = read_config(family)["base"]["steps"]
    made = {
        "a concept by solve": {"solve, layers": 1, "solve, rest": 1},
        "a concept by distil": {"distil, once": 1, "distil step": METHODS["distil"].defaults["steps"]},
        "a concept by few-shot": {
            "picture": 2 * IMAGES * solver,
            "few-shot step": METHODS["few-shot"].defaults["steps"],
        },
    }
    return {
        name: {key: sum(times * float(rows[family, part][key]) for part, times in parts.items()) for key in SUMMED}
        for name, parts in made.items()
        if all((family, part) in rows for part in parts)
    }


def table(rows: Mapping[tuple[str, str], Mapping[str, str]]) -> list[list[str]]:
    """The rows of all families at full size, for the docs."""
    lines = [["family", "step", "seconds", "TFLOP", "bound, s", "share", "most GiB", "device"]]
    for family in families():
        own = [row for (name, _), row in rows.items() if name == family]
        for row in own:
            most = f"{int(row['peak_bytes']) / 2**30:.1f}" if row["peak_bytes"] else ""
            lines.append([family, row["part"], *_figures(row, row["scaled"] == "yes"), most, row["device"]])
        about = any(row["scaled"] == "yes" for row in own)
        for name, sums in for_a_concept(family, rows).items():
            lines.append([family, name, *_figures(sums, about), "", ""])
    return lines


def _figures(row: Mapping[str, Any], about: bool) -> list[str]:
    took, work, least = (float(row[key]) for key in SUMMED)
    seconds = f"{took:,.0f}" if took >= 10 else f"{took:.2g}"
    work_and_bound = [f"{work / 1e12:.3g}", f"{least:,.1f}", f"{least / took:.2f}"] if work else [""] * 3
    return [("≈ " if about else "") + seconds, *work_and_bound]


def main(
    family: Annotated[str, typer.Argument(help="a file of benchmarks/sizes: sd, pixart, cogvideox, wan, ...")],
    depth: Annotated[
        str, typer.Option(help="smaller sizes, scaled afterwards: encoder=1,denoiser=1,rows=4096,words=40")
    ] = "",
    steps: Annotated[int, typer.Option(min=0, help="calls that are timed after the first; 0: the first itself")] = 3,
    parts: Annotated[str, typer.Option(help="which of the parts")] = ",".join(USUAL),
) -> None:
    """Seconds, peak memory and arithmetic of each step at a family's real sizes, with random weights."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    small = {name: int(value) for name, _, value in (each.partition("=") for each in depth.split(",") if each)}
    config = read_config(family)
    if unknown := [*(small.keys() - {*config["sizes"], "words"}), *(set(parts.split(",")) - PARTS.keys())]:
        known = f"{', '.join([*config['sizes'], 'words'])}; {', '.join(PARTS)}"
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: write some of {known}")
    run(family, config, parts.split(","), small, steps)
    publish("table", table(at_full_size(FILE)), PAGE)


if __name__ == "__main__":
    typer.run(main)
