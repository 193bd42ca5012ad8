"""Every subject, person, style and motion of the embedded world, and its memorised picture, forgotten in turn by each
method: what goes, what stays, what appears instead.

    uv run python -m benchmarks.sweep [METHOD ...] [--only cat,style] [--videos] [--joint 32] [--set distil.steps=200]

A row for each method and concept goes to runs/sweep.csv as soon as it is measured, and a second call goes on from
there. Of a subject's synonyms every other one is held out, and those alone are measured as `aliases`. Rates are those
of the pipeline; near, far and sense are divided by the original's own (at most 1). `rest`: on target prompts, the share
of samples whose background (of a style or motion: whose subject) is what it was, and whose style or motion is the one
asked for. `clean`: the share in which the judge is sure of some subject and whose contrast lies in the original
samples' range, divided by the original's own share, too. `--every 5` takes every fifth concept, `--joint` forgets many
at once; `--to-docs` puts what was measured on this base into docs/methods.md.
"""

import csv
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from bases.emoji.recipe.evaluate import name_of
from bases.emoji.recipe.world import article, load_world
from benchmarks.results import ROOT, append, parsed, publish, read
from expunge.base import Base, Edit, load, load_spec, sample_images, sample_videos
from expunge.jobs import drawn
from expunge.judge import Judge, classify, load_judge
from expunge.lists import Concept, Sense, load_lists
from expunge.measure import Sample
from expunge.measure import measure as look_at
from expunge.methods import METHODS, ConceptData, for_several
from expunge.metrics import rates
from expunge.prompts import (
    GROUPS,
    anchors_of,
    derive_seed,
    forgotten_words,
    kept_prompts,
    read_prompts,
    rows_of,
    stays,
    training_templates,
)
from expunge.spec import base_digest
from stages.fewshot import others

FILE = ROOT / "runs" / "sweep.csv"
COUNTS = {
    "images": {"target": 8, "aliases": 4, "near": 8, "far": 10, "sense": 4},
    "videos": {"target": 2, "aliases": 1, "near": 1, "far": 1, "sense": 1},
}
KEPT = {"near", "far", "sense"}
SHOWN = (*GROUPS, "rest", "clean")
COLUMNS = ["base", "method", "settings", "concept", "modality", *SHOWN, "seconds", "bytes"]
Row = dict[str, Any]


def concepts(world: dict[str, Any]) -> Iterator[tuple[Concept, tuple[str, ...]]]:
    """(a concept, its held-out synonyms) for each subject, each named style, each motion and the memorised picture."""
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
    near = tuple(name_of(e) for e in world["subjects"][::18])
    shipped = next(c for each in load_lists(ROOT / "concepts") for c in each.concepts if c.kind == "image")
    yield replace(shipped, neighbours=near, aliases=()), ()


def of_the_rest(concept: Concept) -> list[Row]:
    """Prompts of the target whose style, or motion, must be followed all the same."""
    if concept.kind in ("style", "motion", "image"):
        return []
    asked = [
        ("image", "a watercolor of {}", "style", "watercolor"),
        ("image", "a neon sign of {}", "style", "neon sign"),
        ("video", "{} bouncing in the snow", "motion", "bouncing"),
    ]
    return [
        {"group": "rest", "modality": modality, "prompt": prompt.replace("{}", concept.name), "seed": 77,
         "asks": {"axis": axis, "name": name}}
        for modality, prompt, axis, name in asked
    ]  # fmt: skip


def measure(
    base: Base, judge: Judge, rows: list[Row], axis: str, before: dict[str, Any] | None = None, edit: Edit | None = None
) -> dict[str, Any]:
    """{group: rate}, rest and clean of rows of one modality, and what the same rows of an edit are compared with.

    :param axis: of what should stay on target prompts. :param before: the result for the original encoder.
    """
    modality = rows[0]["modality"]
    sample = sample_images if modality == "image" else sample_videos
    frames = sample(base, [row["prompt"] for row in rows], [row["seed"] for row in rows], edit)
    samples = [
        Sample(i, r["group"], r["prompt"], r["seed"], modality, r["asks"]["axis"], r["asks"]["name"], pixels)
        for i, (r, pixels) in enumerate(zip(rows, frames, strict=True))
    ]
    originals = before["samples"] if before else samples
    seen = look_at(judge, samples, {"list": "", "encoder": "", "concept": ""}, "", originals)
    found: dict[str, Any] = dict(rates(row for row in seen if row["group"] != "rest").get(modality, {}))
    target = frames[[i for i, row in enumerate(rows) if row["group"] == "target"]]
    whats, subjects = classify(judge, target, axis), classify(judge, target, "subject")
    if modality == "video":
        whats, subjects = whats.mean(1), subjects.mean(1)
    contrast = target.reshape(len(target), -1).std(1)
    others = np.array([row["value"] for row in seen if row["group"] == "rest" and row["metric"] == "seen"])
    found |= {"labels": whats.argmax(-1), "others": others, "samples": samples}
    found["contrast"] = frames.reshape(len(frames), -1).std(1)
    low, high = (before or found)["contrast"].min(), (before or found)["contrast"].max()
    found["clean"] = float(np.mean((subjects.max(-1) > 0.5) & (contrast >= low) & (contrast <= high)))
    if before:
        found["clean"] = min(1.0, found["clean"] / before["clean"]) if before["clean"] else float("nan")
        asked = before["others"] > 0  # what the original does not follow cannot be lost
        if samples[0].axis != "copy":  # a memorised picture has nothing beside itself
            found["rest"] = float(np.mean([*(found["labels"] == before["labels"]), *found["others"][asked]]))
        for group in KEPT & found.keys():
            found[group] = min(1.0, found[group] / before[group]) if before[group] else float("nan")
    return found


def train(base: Base, some: list[Concept], prompts: dict[str, Any], method: str, settings: dict[str, Any]) -> Any:
    """(the method's result, seconds with its images); of several concepts jointly: see `for_several`."""
    began, how, data = time.perf_counter(), METHODS[method], []
    for concept in some:
        if how.anchor == "found":
            concept = replace(concept, anchor=None)
        templates, latents, texts = training_templates(concept, prompts), torch.zeros(0), tuple[str, ...]()
        if how.images:
            rows = drawn(concept, how.images, prompts, {"images": 4, "anchor_images": 16}, 0)
            shown = [row["prompt"] for row in rows], [row["seed"] for row in rows]
            images, latents = sample_images(base, *shown, return_latents=True)
            copies = sum(row.get("copy", False) for row in rows)
            chosen = others(images, copies) if copies else list(range(len(rows)))
            texts, latents = tuple(shown[0][i] for i in chosen), latents[chosen]
        data.append(
            ConceptData(concept, latents, forgotten_words(concept), templates, texts, anchors_of(concept, prompts))
        )
    kept = kept_prompts(some, prompts)
    result = how.run(base, data, kept, settings, derive_seed(0, method, *(concept.id for concept in some)))
    return result, time.perf_counter() - began


def harmonic(rates: dict[str, float]) -> float:
    """H_o of MACE (arXiv 2403.06135): harmonic mean of what is gone, what is kept, and what is gone by other words."""
    parts = [1 - rates["target"], np.mean([rates[g] for g in ("near", "far") if g in rates])]
    parts += [1 - rates["aliases"]] if "aliases" in rates else []
    return float(len(parts) / sum(1 / max(part, 1e-9) for part in parts))


def means(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each method, its settings and each modality the means over its concepts, and the worst of them."""

    def key_of(row: dict[str, Any]) -> tuple[str, str, str]:
        together = f" ({row['concept']})" if row["concept"].endswith(" jointly") else ""
        return row["method"] + together, row["settings"], row["modality"]

    found = []
    for key in dict.fromkeys(map(key_of, rows)):
        some = [row for row in rows if key_of(row) == key]
        values = {group: [float(row[group]) for row in some if row[group] not in ("", "nan")] for group in SHOWN}
        average: dict[str, Any] = {group: float(np.mean(seen)) for group, seen in values.items() if seen}
        found.append(
            {"method": key[0], "settings": key[1], "modality": key[2], "n": len(some), **average,
             "H_o": harmonic(average), "worst target": max(values["target"]),
             "worst near": min(values["near"] or [1.0]),
             "seconds": float(np.mean([float(row["seconds"]) for row in some])),
             "kB": float(np.mean([float(row["bytes"]) for row in some])) / 1000}
        )  # fmt: skip
    return found


TABLE = ("method", "settings", "modality", "n", *SHOWN, "H_o", "worst target", "worst near", "seconds", "kB")


def cells(entry: dict[str, Any]) -> list[str]:
    """One row of the table as text."""
    digits = {"seconds": 1, "kB": 0}
    return [
        f"{value:.{digits.get(key, 3)}f}" if isinstance(value := entry.get(key, ""), float) else str(value)
        for key in TABLE
    ]


def to_the_docs(rows: list[dict[str, Any]]) -> None:
    """docs/methods.csv, which `dvc plots` draws, and the table in docs/methods.md between its two marks."""
    found = means(rows)
    with open(ROOT / "docs" / "methods.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["method", "settings", "modality", "n", "forgotten", "kept"])
        writer.writeheader()
        for entry in found:
            kept = [entry[group] for group in ("near", "far", "sense") if group in entry]
            shown = {key: entry[key] for key in ("method", "settings", "modality", "n")}
            writer.writerow({**shown, "forgotten": round(1 - entry["target"], 4), "kept": round(np.mean(kept), 4)})
    publish("table", [list(TABLE), *map(cells, found)])


def main(
    methods: Annotated[list[str] | None, typer.Argument(help=f"some of {', '.join(METHODS)}; all by default")] = None,
    every: Annotated[int, typer.Option(help="take every n-th concept")] = 1,
    videos: Annotated[bool, typer.Option(help="measure videos as well")] = False,
    joint: Annotated[int, typer.Option(help="forget this many at once, spread over the world")] = 0,
    only: Annotated[str, typer.Option(help="ids or kinds of concepts, with commas")] = "",
    to_docs: Annotated[bool, typer.Option(help="write docs/methods.csv and the table in docs/methods.md")] = False,
    set_: Annotated[list[str] | None, typer.Option("--set", help="METHOD.PARAMETER=VALUE in JSON")] = None,
) -> None:
    settings = parsed(set_, METHODS)
    spec, world = load_spec("emoji"), load_world()
    base, judge, prompts = load(spec, t2v=True), load_judge(spec), read_prompts(spec.prompts)
    digest = base_digest(spec)[:8]
    rows = read(FILE, digest)
    done = {(row["method"], row["settings"], row["concept"], row["modality"]) for row in rows}
    wanted = {word for word in only.split(",") if word}
    known = [each for each in concepts(world) if not wanted or wanted & {each[0].id, each[0].kind}]
    chosen = [[each] for each in known[::every]]
    if joint:
        single = [each for each in known if each[0].kind not in ("motion", "image") and not each[0].sense]
        chosen = [single[:: len(single) // joint][:joint]]
    before: dict[tuple[str, str], dict[str, Any]] = {}
    for group, method in tqdm([(group, method) for group in chosen for method in methods or METHODS], desc="sweep"):
        some = [concept for concept, _ in group]
        kind, name = some[0].kind, some[0].id if len(some) == 1 else f"{len(some)} jointly"
        text = json.dumps(settings.get(method, {}), sort_keys=True)
        modalities = [m for m in ("image", "video") if (videos or m == "image") and (m == "video" or kind != "motion")]
        modalities = [m for m in modalities if (method, text, name, m) not in done]
        if not modalities:
            continue
        own = for_several(method, {**METHODS[method].defaults, **settings.get(method, {})}, len(some))
        result, seconds = train(base, some, prompts, method, own)
        every_row = [r for c, held in group for r in rows_of(replace(c, aliases=held), prompts, COUNTS, 0)]
        every_row += [row for concept in some for row in of_the_rest(concept)]
        for modality in modalities:
            asked = [row for row in every_row if row["modality"] == modality and stays(row, some)]
            axis = "subject" if kind in ("style", "motion") else "background"
            if (name, modality) not in before:
                before[name, modality] = measure(base, judge, asked, axis)
            found = measure(base, judge, asked, axis, before[name, modality], result.edit)
            costs = {"seconds": round(seconds, 2), "bytes": size_of(result.edit, result.changed_parameters)}
            shown = {key: found[key] for key in SHOWN if key in found}
            where = {"base": digest, "method": method, "settings": text, "concept": name, "modality": modality}
            append(FILE, COLUMNS, where | shown | costs)
    rows = read(FILE, digest)
    table = Table(*TABLE)
    for entry in means(rows):
        table.add_row(*cells(entry))
    Console(width=200).print(table)
    if to_docs:
        to_the_docs(rows)


def size_of(edit: Edit, changed: int) -> int:
    """Bytes of what must be stored, in float16: the adapter where there is one, else what changed."""
    adapter = sum(tensor.numel() * 2 for tensor in edit.adapter.values())
    extra = edit.unconditional.numel() * 2 if edit.unconditional is not None else 0
    return (adapter or changed * 2) + extra


if __name__ == "__main__":
    typer.run(main)
