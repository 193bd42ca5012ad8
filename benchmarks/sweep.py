"""Every subject, person, style and motion of the embedded world, and its memorised picture, forgotten in turn by each
method: what goes, what stays, what appears instead.

    uv run python -m benchmarks.sweep [METHOD ...] [--only cat,style] [--videos] [--joint 32] [--set distil.steps=200]

A row for each method and concept goes to benchmarks/sweep.csv as soon as it is measured, and a second call goes on from
there. All methods get the same anchors and the same kept prompts (benchmarks/world.py). Every other synonym of a
subject is held out, and only those are measured as `aliases`. Rates are those of the pipeline; near, far, unseen, sense
and undeclared are divided by the original's own (at most 1). `far`: things that training can see among the vocabulary's
words; `unseen`: a few that no training sees. `undeclared`: what is left of a word's other sense if the concept is
forgotten without saying that it must stay. `rest`: of what the original draws
as a target prompt asks for it (the background, or a style's or motion's subject; besides the style and motion of two or
three more prompts), the share that is still there. `clean`: the share in which the judge is sure of some subject and
whose contrast lies in the range of what the base draws of its world, divided by the original's own share, too.
`--every 5` takes every fifth concept, `--joint` forgets many at once (with fewer samples of each), `--but 10` all but
ten that stand alone, which are kept: their own samples are then the `near` ones. `--base emoji-dit` takes the other
base of that world. `--to-docs` puts what was measured on the base into docs/methods.md. Without a METHOD all VARIANTS
run.
"""

import csv
import json
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from bases.emoji.recipe.world import load_world
from benchmarks.looking import Counts, Eyes, measure, of_the_rest, of_the_unseen, share_left, typical_range
from benchmarks.results import ROOT, append, parsed, publish, read
from benchmarks.world import UNSEEN, concepts, train
from expunge.bases.base import load
from expunge.bases.base_digest import base_digest
from expunge.bases.edits import Edit
from expunge.bases.spec import load_spec
from expunge.concepts.concept import Concept
from expunge.concepts.prompt_file import Prompts, read_prompts
from expunge.concepts.prompts import lost_words, samples_of, stays
from expunge.concepts.samples import PlannedSample
from expunge.core.words import Finder
from expunge.judging.judges import load_judge
from expunge.methods import METHODS

FILE = ROOT / "benchmarks" / "sweep.csv"
EMOJI = "emoji"
VARIANTS: list[tuple[str, dict[str, Any]]] = [  # those of the table in docs/methods.md, strong enough to forget here
    ("distil", {}),
    ("solve", {}),
    ("few-shot", {"learning_rate": 5e-5, "steps": 30}),
    ("few-shot", {"learning_rate": 1e-4, "steps": 30}),
    ("few-shot", {"learning_rate": 1e-4, "trained": "mlp-final-attn", "steps": 30}),
    ("few-shot", {"learning_rate": 2e-4, "trained": "mlp-final-attn", "steps": 30}),
    ("few-shot", {"learning_rate": 2e-4, "trained": "mlp", "steps": 30}),
    ("few-shot", {"learning_rate": 2e-4, "trained": "attn", "steps": 30}),
    ("ablate", {"learning_rate": 3e-5}),
    ("ablate", {"learning_rate": 3e-5, "regularise": 1.0}),
    ("ablate", {"learning_rate": 6e-5, "objective": "noise"}),
    ("ablate", {"learning_rate": 1e-2, "trained": "embedding"}),
    ("ablate", {"learning_rate": 3e-4, "trained": "cross-attention"}),
    ("ablate", {"learning_rate": 1e-5, "trained": "denoiser"}),
    ("esd", {"learning_rate": 3e-4, "steps": 60}),
    ("esd", {"learning_rate": 3e-5, "trained": "denoiser", "steps": 60}),
    ("esd", {"learning_rate": 3e-5, "trained": "full", "steps": 60}),
    ("uce", {"expand": False, "others": 0}),
    ("uce", {}),
    ("null-space", {}),
    ("refact", {"steps": 30}),
    ("emcid", {"keep": 100.0, "steps": 50}),
    ("negative", {}),
]
COUNTS = {
    "images": {"target": 8, "aliases": 4, "near": 8, "far": 10, "sense": 4},
    "videos": {"target": 4, "aliases": 1, "near": 1, "far": 1, "sense": 1},
}
MANY = {  # jointly, for more concepts than FEW; concepts share their far prompts
    "images": {"target": 3, "aliases": 2, "near": 2, "far": 10, "sense": 0},
    "videos": {"target": 1, "aliases": 0, "near": 0, "far": 10, "sense": 0},
}
JOINT = COUNTS | {"videos": MANY["videos"]}  # jointly, for at most
FEW = 32
SPARED = {"images": {"target": 8}, "videos": {"target": 2}}  # of each concept that is left out of all
TYPICAL = {"image": 64, "video": 32}  # pictures and videos of the world, for the range of its contrast
Group = list[tuple[Concept, tuple[str, ...]]]  # what is forgotten together, each with its held-out synonyms
SHOWN = ("target", "aliases", "near", "far", "unseen", "sense", "undeclared", "rest", "clean")
COLUMNS = ["base", "method", "settings", "concept", "modality", *SHOWN, "seconds", "bytes"]


def harmonic(rates: dict[str, float]) -> float:
    """H_o of MACE (arXiv 2403.06135): harmonic mean of what is gone, what is kept, and what is gone by other words."""
    parts = [1 - rates["target"], float(np.mean([rates[g] for g in ("near", "far") if g in rates]))]
    parts += [1 - rates["aliases"]] if "aliases" in rates else []
    return float(len(parts) / sum(1 / max(part, 1e-9) for part in parts))


def means(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each method, its settings and each modality the means over its concepts, and the worst of them."""

    def key_of(row: dict[str, Any]) -> tuple[str, str, str]:
        together = f" ({row['concept']})" if row["concept"].endswith(" jointly") else ""
        return row["method"] + together, row["settings"], row["modality"]

    averages = []
    for key in dict.fromkeys(map(key_of, rows)):
        some = [row for row in rows if key_of(row) == key]
        values = {group: [float(row[group]) for row in some if row[group] not in ("", "nan")] for group in SHOWN}
        average: dict[str, Any] = {group: float(np.mean(seen)) for group, seen in values.items() if seen}
        averages.append(
            {"method": key[0], "settings": key[1], "modality": key[2], "n": len(some), **average,
             "H_o": harmonic(average), "worst target": max(values["target"]),
             "worst near": min(values["near"] or [1.0]),
             "seconds": float(np.mean([float(row["seconds"]) for row in some])),
             "kB": float(np.mean([float(row["bytes"]) for row in some])) / 1000}
        )  # fmt: skip
    return averages


TABLE = ("method", "settings", "modality", "n", *SHOWN, "H_o", "worst target", "worst near", "seconds", "kB")


def cells(entry: dict[str, Any]) -> list[str]:
    """One row of the table as text."""
    digits = {"seconds": 1, "kB": 0}
    return [
        f"{value:.{digits.get(key, 3)}f}" if isinstance(value := entry.get(key, ""), float) else str(value)
        for key in TABLE
    ]


def to_the_docs(rows: list[dict[str, Any]], base: str) -> None:
    """The base's table in docs/methods.md between its two marks; of emoji also docs/methods.csv, which `dvc plots`
    draws."""
    entries = means(rows)
    publish("table" if base == EMOJI else f"table of {base}", [list(TABLE), *map(cells, entries)])
    if base != EMOJI:
        return
    with open(ROOT / "docs" / "methods.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["method", "settings", "modality", "n", "forgotten", "kept"])
        writer.writeheader()
        for entry in entries:
            kept = [entry[group] for group in ("near", "far", "sense") if group in entry]
            shown = {key: entry[key] for key in ("method", "settings", "modality", "n")}
            writer.writerow({**shown, "forgotten": round(1 - entry["target"], 4), "kept": round(np.mean(kept), 4)})


def main(
    methods: Annotated[list[str] | None, typer.Argument(help=f"{', '.join(METHODS)}; default: VARIANTS")] = None,
    every: Annotated[int, typer.Option(help="take every n-th concept")] = 1,
    videos: Annotated[bool, typer.Option(help="measure videos as well")] = False,
    joint: Annotated[int, typer.Option(help="forget this many at once, spread over the world")] = 0,
    but: Annotated[int, typer.Option(help="forget all at once but this many, spread over the world")] = 0,
    only: Annotated[str, typer.Option(help="ids or kinds of concepts, with commas")] = "",
    to_docs: Annotated[bool, typer.Option(help="write docs/methods.csv and the table in docs/methods.md")] = False,
    base_name: Annotated[str, typer.Option("--base", help="emoji, or another base of its world")] = EMOJI,
    set_: Annotated[list[str] | None, typer.Option("--set", help="METHOD.PARAMETER=VALUE in JSON")] = None,
) -> None:
    """Forget each concept with each method, and show what goes, what stays and what it costs."""
    settings = parsed(set_, METHODS)
    if joint and but:
        raise typer.BadParameter("--joint and --but say how many are forgotten at once: give one of them")
    if settings.keys() - set(methods or []):
        raise typer.BadParameter("--set: name its METHOD as an argument, too")
    variants = [(method, settings.get(method, {})) for method in methods] if methods else VARIANTS
    spec, world = load_spec(base_name), load_world()
    base, judge, prompts = load(spec, t2v=True), load_judge(spec), read_prompts(spec.prompts)
    digest = base_digest(spec)[:8]
    rows = read(FILE, COLUMNS, digest)
    done = {(row["method"], row["settings"], row["concept"], row["modality"]) for row in rows}
    wanted = {word for word in only.split(",") if word}
    every_one = [each for each in concepts(world) if not wanted or wanted & {each[0].id, each[0].kind}]
    chosen = [[each] for each in every_one[::every]]
    single = [each for each in every_one if each[0].kind not in ("motion", "image") and not each[0].sense]
    spared = [concept for concept, _ in spread_out(single[2:], but)]  # of ten, so counted, none is one of UNSEEN
    if hidden := [concept.id for concept in spared if concept.id in UNSEEN]:
        raise typer.BadParameter(
            f"--but {but} would keep {', '.join(hidden)}, which no training may see: take another number"
        )
    if joint:
        chosen = [spread_out(single, joint)]
    elif but:
        chosen = [keeping(spared, [each for each in single if each[0] not in spared])]
    before, eyes = dict[tuple[str, str], dict[str, Any]](), Eyes(base, judge, {}, {})
    for group, (method, changed) in tqdm([(group, variant) for group in chosen for variant in variants], desc="sweep"):
        some = [concept for concept, _ in group]
        kind, name = some[0].kind, some[0].id if len(some) == 1 else f"{len(some)} jointly"
        text = json.dumps(changed, sort_keys=True)
        modalities = [m for m in ("image", "video") if (videos or m == "image") and (m == "video" or kind != "motion")]
        modalities = [m for m in modalities if (method, text, name, m) not in done]
        if not modalities:
            continue
        result, seconds = train(base, some, prompts, method, changed)
        blind = None
        if any(concept.sense for concept in some):
            blind, _ = train(base, [replace(concept, sense=None) for concept in some], prompts, method, changed)
        for modality in modalities:
            axis = "subject" if kind in ("style", "motion") else "background"
            if modality not in eyes.limits:
                eyes.limits[modality] = typical_range(base, world, prompts, modality, TYPICAL[modality])
            counts = COUNTS if len(group) == 1 else JOINT if len(group) <= FEW else MANY
            asked = [row for row in rows_about(group, spared, prompts, counts) if row.modality == modality]
            if (name, modality) not in before:
                before[name, modality] = measure(eyes, asked, axis)
            rates = measure(eyes, asked, axis, before[name, modality], result.edit)
            if blind is not None and (other := [row for row in asked if row.group == "sense"]):
                rates["undeclared"] = share_left(eyes, other, blind.edit)
            costs = {"seconds": round(seconds, 2), "bytes": size_of(result.edit, result.changed_parameters)}
            shown = {key: rates[key] for key in SHOWN if key in rates}
            where = {"base": digest, "method": method, "settings": text, "concept": name, "modality": modality}
            append(FILE, COLUMNS, where | shown | costs)
    rows = read(FILE, COLUMNS, digest)
    table = Table(*TABLE)
    for entry in means(rows):
        table.add_row(*cells(entry))
    Console(width=200).print(table)
    if to_docs:
        to_the_docs(rows, base_name)


def spread_out(some: Group, count: int) -> Group:
    """`count` of them at even distances."""
    return some[:: len(some) // count][:count] if count else []


def keeping(spared: list[Concept], group: Group) -> Group:
    """The group, of which the first concept is told to keep what is spared, as a list's `keep` would."""
    (first, held), *others = group
    return [(replace(first, neighbours=(*first.neighbours, *(each.name for each in spared))), held), *others]


def rows_about(group: Group, spared: list[Concept], prompts: Prompts, counts: Counts) -> list[PlannedSample]:
    """What is drawn of concepts, each with its held-out synonyms, and of the rest of their prompts."""
    some = [concept for concept, _ in group]
    rows = [row for concept, held in group for row in samples_of(replace(concept, aliases=held), prompts, counts, 0)]
    if spared:
        shown = [row for concept in spared for row in samples_of(concept, prompts, SPARED, 0)]
        rows = [row for row in rows if row.group != "near"] + [replace(row, group="near") for row in shown]
    rows += of_the_unseen(some, prompts, counts)
    lost = Finder(word for concept in some for word in lost_words(concept))
    rest = [row for concept in some if len(some) <= FEW for row in of_the_rest(concept)]  # these name the concept
    return [row for row in rows if stays(row, lost)] + rest


def size_of(edit: Edit, changed: int) -> int:
    """Bytes of what must be stored, in float16: the adapter where there is one, else what changed."""
    adapter = sum(tensor.numel() * 2 for tensor in edit.adapter.values())
    extra = edit.unconditional.numel() * 2 if edit.unconditional is not None else 0
    return (adapter or changed * 2) + extra


if __name__ == "__main__":
    typer.run(main)
