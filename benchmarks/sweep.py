"""Every subject and style of the embedded world forgotten in turn, by each method: what goes, what stays, how long.

    uv run python -m benchmarks.sweep [METHOD ...] [--every 5] [--set distil.steps=200]

A row for each method and concept goes to runs/sweep.csv as soon as it is measured, and a second call goes on from
there. Of a subject's synonyms some are known to the method, the others are held out and measured as `aliases`. Rates
are the share of images in which the judge sees what was asked; near and far are divided by the original's own rates.
"""

import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from bases.emoji.recipe.evaluate import name_of
from bases.emoji.recipe.world import article, load_world
from expunge.base import Base, Edit, load, load_spec, sample_images
from expunge.judge import Judge, load_judge, sees
from expunge.lists import Concept
from expunge.methods import METHODS, ConceptData
from expunge.prompts import AXES, derive_seed, forgotten_words, kept_prompts, read_prompts, spread, training_templates

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "runs" / "sweep.csv"
COUNTS = {"target": 8, "aliases": 4, "near": 8, "far": 10}
COLUMNS = ["method", "settings", "concept", *COUNTS, "seconds", "changed_parameters"]
Row = tuple[str, str, int, str, str]  # group, prompt, seed, axis, asked


def concepts(world: dict[str, Any]) -> Iterator[tuple[Concept, tuple[str, ...]]]:
    """(a concept, its held-out synonyms) for each subject and each named style."""
    for entry in world["subjects"]:
        kind = entry["kind"] if entry["kind"] in ("character", "person") else "object"
        phrases = [name if kind != "object" else article(name) for name in entry["names"]]
        family = [e for e in world["subjects"] if e["family"] == entry["family"] and e is not entry]
        near = tuple(name_of(other) for other in family[:6])
        anchor = article(entry["family"])
        yield (
            Concept(entry["id"], phrases[0], kind, tuple(phrases[2::2]), anchor, near),
            tuple(phrases[1::2]),
        )
    for entry in world["styles"]:
        if entry["names"]:
            near = tuple(e["names"][0] for e in world["styles"] if e["names"] and e is not entry)
            yield Concept(entry["id"], entry["names"][0], "style", anchor="plain", neighbours=near), ()


def rows_of(concept: Concept, held_out: tuple[str, ...], prompts: dict[str, Any]) -> list[Row]:
    axis, templates = AXES.get(concept.kind, "subject"), prompts["eval"][concept.kind]
    words = {"target": (concept.name,), "aliases": held_out, "near": concept.neighbours}
    rows: list[Row] = []
    for group, count in COUNTS.items():
        if group == "far":
            far = {e["prompt"]: e["asks"] for e in prompts["far"]}
            asked = [(far[p]["name"], p, again) for p, _, again in spread(list(far), ["{}"], count)]
            rows += [("far", p, derive_seed(0, p, n), "subject", name) for name, p, n in asked if name != concept.name]
            continue
        for word, prompt, again in spread(words[group], templates, count):
            name = concept.name if group == "aliases" else word
            rows.append((group, prompt, derive_seed(0, prompt, again), axis, name))
    return rows


def measure(base: Base, judge: Judge, rows: list[Row], edit: Edit | None = None) -> dict[str, float]:
    """{group: rate}"""
    images = sample_images(base, [row[1] for row in rows], [row[2] for row in rows], edit)
    seen = np.zeros(len(rows), bool)
    for axis in {row[3] for row in rows}:
        some = [i for i, row in enumerate(rows) if row[3] == axis]
        seen[some] = sees(judge, images[some], axis, [rows[i][4] for i in some]).top1
    return {group: float(np.mean(hits)) for group in COUNTS if len(hits := seen[[row[0] == group for row in rows]])}


def train(base: Base, concept: Concept, prompts: dict[str, Any], method: str, settings: dict[str, Any]) -> Any:
    """(the method's result, seconds with its images)."""
    began, templates, how = time.perf_counter(), training_templates(concept, prompts), METHODS[method]
    latents, drawn = torch.zeros(0), tuple[str, ...]()
    if how.images:
        word, count = (concept.name, 4) if how.images == "target" else (str(concept.anchor), 16)
        rows = spread([word], templates, count)
        drawn = tuple(prompt for _, prompt, _ in rows)
        _, latents = sample_images(base, drawn, [derive_seed(0, "few", p, n) for _, p, n in rows], return_latents=True)
    data = ConceptData(concept, latents, forgotten_words(concept), templates, drawn)
    result = how.run(base, [data], kept_prompts([concept], prompts), settings, derive_seed(0, method, concept.id))
    return result, time.perf_counter() - began


def read() -> list[dict[str, Any]]:
    if not FILE.is_file():
        return []
    with open(FILE, newline="") as file:
        return list(csv.DictReader(file))


def summary(rows: list[dict[str, Any]]) -> Table:
    """Means, and the worst concept of each column, for each method and its settings."""
    table = Table("method", "settings", "n", *(f"{group}" for group in COUNTS), "worst target", "worst near", "s")
    for key in dict.fromkeys((row["method"], row["settings"]) for row in rows):
        some = [row for row in rows if (row["method"], row["settings"]) == key]
        values = {group: [float(row[group]) for row in some if row[group] != ""] for group in COUNTS}
        means = [f"{np.mean(found):.3f}" if found else "-" for found in values.values()]
        seconds = f"{np.mean([float(row['seconds']) for row in some]):.1f}"
        worst = [f"{max(values['target']):.2f}", f"{min(values['near'] or [1.0]):.2f}"]
        table.add_row(key[0], key[1], str(len(some)), *means, *worst, seconds)
    return table


def main(
    methods: Annotated[list[str] | None, typer.Argument(help=f"some of {', '.join(METHODS)}; all by default")] = None,
    every: Annotated[int, typer.Option(help="take every n-th concept")] = 1,
    set_: Annotated[list[str] | None, typer.Option("--set", help="METHOD.PARAMETER=VALUE in JSON")] = None,
) -> None:
    settings: dict[str, dict[str, Any]] = {name: {} for name in METHODS}
    for word in set_ or []:
        where, _, value = word.partition("=")
        method, _, parameter = where.partition(".")
        settings[method][parameter] = json.loads(value)
    spec, world = load_spec("emoji"), load_world()
    base, judge, prompts = load(spec), load_judge(spec), read_prompts(spec.prompts)
    FILE.parent.mkdir(parents=True, exist_ok=True)
    done = {(row["method"], row["settings"], row["concept"]) for row in read()}
    chosen = list(concepts(world))[::every]
    todo = [(method, *each) for each in chosen for method in methods or METHODS]
    before: dict[str, dict[str, float]] = {}
    for method, concept, held_out in tqdm(todo, desc="sweep"):
        text = json.dumps(settings[method], sort_keys=True)
        if (method, text, concept.id) in done:
            continue
        rows = rows_of(concept, held_out, prompts)
        if concept.id not in before:
            before[concept.id] = measure(base, judge, rows)
        result, seconds = train(base, concept, prompts, method, settings[method])
        rates = measure(base, judge, rows, result.edit)
        for group in {"near", "far"} & rates.keys():
            original = before[concept.id][group]
            rates[group] = rates[group] / original if original else float("nan")
        first = not FILE.is_file()
        with open(FILE, "a", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            if first:
                writer.writeheader()
            costs = {"seconds": round(seconds, 2), "changed_parameters": result.changed_parameters}
            writer.writerow({"method": method, "settings": text, "concept": concept.id, **rates, **costs})
    Console().print(summary(read()))


if __name__ == "__main__":
    typer.run(main)
