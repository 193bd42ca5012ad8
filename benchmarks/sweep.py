"""Every subject, style and motion of the embedded world forgotten in turn, by each method: what goes, what stays.

    uv run python -m benchmarks.sweep [METHOD ...] [--every 5] [--videos] [--joint 32] [--set distil.steps=200]

A row for each method and concept goes to runs/sweep.csv as soon as it is measured, and a second call goes on from
there. Of a subject's synonyms every other one is held out, and those alone are measured as `aliases`. Rates are the
share of samples in which the judge sees what was asked (videos: in any frame for target and aliases, in most frames
for the others); near, far and sense are divided by the original's own rates. `--joint` forgets many at once.
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
from expunge.base import Base, Edit, load, load_spec, sample_images, sample_videos
from expunge.judge import Judge, load_judge, sees
from expunge.lists import Concept, Sense
from expunge.methods import METHODS, ConceptData
from expunge.prompts import (
    AXES,
    anchors_of,
    derive_seed,
    forgotten_words,
    kept_prompts,
    read_prompts,
    spread,
    stays,
    training_templates,
)

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "runs" / "sweep.csv"
COUNTS = {
    "image": {"target": 8, "aliases": 4, "near": 8, "far": 10, "sense": 4},
    "video": {"target": 2, "aliases": 1, "near": 2, "far": 2, "sense": 1},
}
GROUPS = tuple(COUNTS["image"])
COLUMNS = ["method", "settings", "concept", "modality", *GROUPS, "seconds", "changed_parameters"]
Row = tuple[str, str, int, str, str]  # group, prompt, seed, axis, asked


def concepts(world: dict[str, Any]) -> Iterator[tuple[Concept, tuple[str, ...]]]:
    """(a concept, its held-out synonyms) for each subject, each named style and each motion."""
    for entry in world["subjects"]:
        kind = entry["kind"] if entry["kind"] in ("character", "person") else "object"
        phrases = [name if kind != "object" else article(name) for name in entry["names"]]
        others = [e for e in world["subjects"] if e is not entry]
        near = tuple(name_of(other) for other in others if other["family"] == entry["family"])[:6]
        word = entry.get("word")
        keep = tuple(name_of(other) for other in others if word and other.get("word") == word)
        phrases = [phrase for phrase in phrases if phrase not in (word, f"a {word}", f"an {word}")]  # says either sense
        sense = Sense((phrases[0],), keep) if keep else None
        known, held_out = tuple(phrases[2::2]), tuple(phrases[1::2])
        yield Concept(entry["id"], phrases[0], kind, known, article(entry["family"]), near, sense), held_out
    for entry in world["styles"]:
        if entry["names"]:
            near = tuple(e["names"][0] for e in world["styles"] if e["names"] and e is not entry)
            yield Concept(entry["id"], entry["names"][0], "style", anchor="plain", neighbours=near), ()
    for entry in world["motions"]:
        if entry["names"]:
            near = tuple(e["names"][0] for e in world["motions"] if e["names"] and e is not entry)
            held_out = tuple(entry["names"][1:])
            yield Concept(entry["id"], entry["names"][0], "motion", anchor="still", neighbours=near), held_out


def rows_of(concept: Concept, held_out: tuple[str, ...], prompts: dict[str, Any], modality: str) -> list[Row]:
    axis, templates = AXES.get(concept.kind, "subject"), prompts["eval"][concept.kind]
    keep = concept.sense.keep if concept.sense else ()
    words = {"target": (concept.name,), "aliases": held_out, "near": concept.neighbours, "sense": keep}
    rows: list[Row] = []
    for group, count in COUNTS[modality].items():
        if group == "far":
            far = {e["prompt"]: e["asks"] for e in prompts["far"]}
            asked = [(far[p]["name"], p, again) for p, _, again in spread(list(far), ["{}"], count)]
            rows += [("far", p, derive_seed(0, p, n), "subject", name) for name, p, n in asked if name != concept.name]
            continue
        for word, prompt, again in spread(words[group], templates, count):
            name = concept.name if group == "aliases" else word
            rows.append((group, prompt, derive_seed(0, prompt, again), axis, name))
    return rows


def measure(base: Base, judge: Judge, rows: list[Row], modality: str, edit: Edit | None = None) -> dict[str, float]:
    """{group: rate}"""
    sample = sample_images if modality == "image" else sample_videos
    frames = sample(base, [row[1] for row in rows], [row[2] for row in rows], edit)
    seen = np.zeros(len(rows), bool)
    for axis in {row[3] for row in rows}:
        some = [i for i, row in enumerate(rows) if row[3] == axis]
        hits = sees(judge, frames[some], axis, [rows[i][4] for i in some]).top1
        gone = np.array([rows[i][0] in ("target", "aliases") for i in some])
        seen[some] = hits if hits.ndim == 1 else np.where(gone, hits.any(1), hits.mean(1) > 0.5)
    return {group: float(np.mean(hits)) for group in GROUPS if len(hits := seen[[row[0] == group for row in rows]])}


def train(base: Base, some: list[Concept], prompts: dict[str, Any], method: str, settings: dict[str, Any]) -> Any:
    """(the method's result, seconds with its images); of several concepts jointly, with as many steps for each."""
    began, how, data = time.perf_counter(), METHODS[method], []
    for concept in some:
        templates, latents, drawn = training_templates(concept, prompts), torch.zeros(0), tuple[str, ...]()
        if how.images:
            word, count = (concept.name, 4) if how.images == "target" else (str(concept.anchor), 16)
            rows = spread([word], templates, count)
            drawn, seeds = tuple(p for _, p, _ in rows), [derive_seed(0, "few", p, n) for _, p, n in rows]
            _, latents = sample_images(base, drawn, seeds, return_latents=True)
        data.append(
            ConceptData(concept, latents, forgotten_words(concept), templates, drawn, anchors_of(concept, prompts))
        )
    kept = kept_prompts(some, prompts)
    result = how.run(base, data, kept, settings, derive_seed(0, method, *(concept.id for concept in some)))
    return result, time.perf_counter() - began


def read() -> list[dict[str, Any]]:
    if not FILE.is_file():
        return []
    with open(FILE, newline="") as file:
        return list(csv.DictReader(file))


def harmonic(rates: dict[str, float]) -> float:
    """H_o of MACE (arXiv 2403.06135): harmonic mean of what is gone, what is kept, and what is gone by other words."""
    parts = [1 - rates["target"], np.mean([rates[g] for g in ("near", "far") if g in rates])]
    parts += [1 - rates["aliases"]] if "aliases" in rates else []
    return float(len(parts) / sum(1 / max(part, 1e-9) for part in parts))


def summary(rows: list[dict[str, Any]]) -> Table:
    """Means, and the worst concept of each column, for each method, its settings and each modality."""
    table = Table("method", "settings", "modality", "n", *GROUPS, "H_o", "worst target", "worst near", "s")
    for key in dict.fromkeys((row["method"], row["settings"], row["modality"]) for row in rows):
        some = [row for row in rows if (row["method"], row["settings"], row["modality"]) == key]
        values = {group: [float(row[group]) for row in some if row[group] not in ("", "nan")] for group in GROUPS}
        means = {group: float(np.mean(found)) for group, found in values.items() if found}
        seconds = f"{np.mean([float(row['seconds']) for row in some]):.1f}"
        worst = [f"{max(values['target']):.2f}", f"{min(values['near'] or [1.0]):.2f}"]
        rates = [f"{means[group]:.3f}" if group in means else "-" for group in GROUPS]
        table.add_row(*key, str(len(some)), *rates, f"{harmonic(means):.3f}", *worst, seconds)
    return table


def main(
    methods: Annotated[list[str] | None, typer.Argument(help=f"some of {', '.join(METHODS)}; all by default")] = None,
    every: Annotated[int, typer.Option(help="take every n-th concept")] = 1,
    videos: Annotated[bool, typer.Option(help="measure videos as well")] = False,
    joint: Annotated[int, typer.Option(help="forget this many at once, spread over the world")] = 0,
    kinds: Annotated[str, typer.Option(help="kinds of concepts, with commas")] = "",
    set_: Annotated[list[str] | None, typer.Option("--set", help="METHOD.PARAMETER=VALUE in JSON")] = None,
) -> None:
    settings: dict[str, dict[str, Any]] = {name: {} for name in METHODS}
    for word in set_ or []:
        where, _, value = word.partition("=")
        method, _, parameter = where.partition(".")
        settings[method][parameter] = json.loads(value)
    spec, world = load_spec("emoji"), load_world()
    base, judge, prompts = load(spec, t2v=True), load_judge(spec), read_prompts(spec.prompts)
    FILE.parent.mkdir(parents=True, exist_ok=True)
    done = {(row["method"], row["settings"], row["concept"], row["modality"]) for row in read()}
    known = [each for each in concepts(world) if not kinds or each[0].kind in kinds.split(",")]
    chosen = [[each] for each in known[::every]]
    if joint:
        single = [each for each in known if each[0].kind != "motion" and not each[0].sense]
        chosen = [single[:: len(single) // joint][:joint]]
    before: dict[tuple[str, str], dict[str, float]] = {}
    for method, group in tqdm([(method, group) for group in chosen for method in methods or METHODS], desc="sweep"):
        some = [concept for concept, _ in group]
        name = some[0].id if len(some) == 1 else f"{len(some)} jointly"
        text = json.dumps(settings[method], sort_keys=True)
        modalities = [m for m in COUNTS if (videos or m == "image") and (m == "video" or some[0].kind != "motion")]
        modalities = [m for m in modalities if (method, text, name, m) not in done]
        if not modalities:
            continue
        own = dict(settings[method])
        if len(some) > 1 and "steps" in METHODS[method].parameters:
            own["steps"] = own.get("steps", METHODS[method].defaults["steps"]) * len(some)
        result, seconds = train(base, some, prompts, method, own)
        for modality in modalities:
            rows = [row for each in group for row in rows_of(*each, prompts, modality)]
            rows = [row for row in rows if stays_kept(row, some)]
            if (name, modality) not in before:
                before[name, modality] = measure(base, judge, rows, modality)
            rates = measure(base, judge, rows, modality, result.edit)
            for kept in {"near", "far", "sense"} & rates.keys():
                original = before[name, modality][kept]
                rates[kept] = rates[kept] / original if original else float("nan")
            costs = {"seconds": round(seconds, 2), "changed_parameters": result.changed_parameters}
            write({"method": method, "settings": text, "concept": name, "modality": modality, **rates, **costs})
    Console().print(summary(read()))


def stays_kept(row: Row, some: list[Concept]) -> bool:
    """A row of what is kept makes sense unless it asks for another concept that is forgotten with it."""
    entry = {"group": row[0], "prompt": row[1], "asks": {"axis": row[3], "name": row[4]}}
    return stays(entry, some)


def write(row: dict[str, Any]) -> None:
    first = not FILE.is_file()
    with open(FILE, "a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if first:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    typer.run(main)
