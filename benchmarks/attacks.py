"""Every attack against every method: how many goals fall, on concepts of the embedded world taken in turn.

    uv run python -m benchmarks.attacks [METHOD ...] [--every 8] [--only cat,style] [--set distil.steps=200]
                                        [--budget inversion.steps=200] [--to-docs]

`none` as a method attacks the original encoder: what an attack finds where nothing was unlearned. A row for each
method, concept and attack goes to benchmarks/attacks.csv as soon as it is measured, and a second call goes on from
there. Only pictures are attacked, except for motions, which need videos. `--to-docs` puts the table into
docs/methods.md. Budgets are the defaults of expunge/attacks/, changed by `--budget`; synonyms that training did not see
are among the other words.
"""

import json
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from bases.emoji.recipe.world import load_world
from benchmarks.results import ROOT, append, parsed, publish, read
from benchmarks.world import anchored, concepts, train
from expunge.attacks import ATTACKS, Victim
from expunge.attacks.attempts import attack as carry_out
from expunge.bases.base import Base, load
from expunge.bases.base_digest import base_digest
from expunge.bases.edits import Edit
from expunge.bases.latents import encode_images
from expunge.bases.sampling import sample_images, sample_videos
from expunge.bases.spec import load_spec
from expunge.concepts.concept import Concept
from expunge.concepts.kinds import KINDS
from expunge.concepts.prompt_file import Prompts, read_prompts
from expunge.concepts.prompts import anchors_of, samples_of, target_words
from expunge.judging.judges import load_judge
from expunge.methods import METHODS
from expunge.verdicts.tally import fallen

FILE = ROOT / "benchmarks" / "attacks.csv"
COLUMNS = ["base", "method", "settings", "concept", "attack", "budget", "before", "after", "goals"]
COUNTS = {"images": {"target": 8}, "videos": {"target": 2}}


def victim_of(base: Base, prompts: Prompts, edit: Edit, concept: Concept, trained: Concept) -> tuple[Victim, Any]:
    """(who is attacked, {modality: what the original draws for the target}).

    :param trained: the concept as training saw it, whose anchors it has.
    """
    modality = KINDS[concept.kind].modalities[0]
    rows = [sample for sample in samples_of(concept, prompts, COUNTS, 0) if sample.modality == modality]
    sample = sample_images if modality == "image" else sample_videos
    pixels = sample(base, [row.prompt for row in rows], [row.seed for row in rows])
    latents = encode_images(base, pixels.reshape(-1, *pixels.shape[-3:])).unflatten(0, pixels.shape[:-3])
    latents = latents.transpose(1, 2) if modality == "video" else latents
    templates, anchors = prompts.eval[concept.kind], anchors_of(trained, prompts)
    return Victim(base, edit, concept, target_words(concept), templates, anchors, latents), {modality: pixels}


def table_of(rows: list[dict[str, str]]) -> list[list[str]]:
    """A row for each method and its settings: how many concepts, and for each attack "before → after" in percent."""
    shown = [attack for attack in ATTACKS if any(row["attack"] == attack for row in rows)]
    table = [["method", "settings", "n", *shown]]
    for method, settings in dict.fromkeys((row["method"], row["settings"]) for row in rows):
        own = [row for row in rows if (row["method"], row["settings"]) == (method, settings)]
        cells = []
        for attack in shown:
            some = [row for row in own if row["attack"] == attack]
            goals = sum(int(row["goals"]) for row in some)
            sums = [sum(int(row[side]) for row in some) for side in ("before", "after")]
            cells.append(f"{100 * sums[0] / goals:.0f} → {100 * sums[1] / goals:.0f}" if goals else "")
        table.append([method, settings, str(len({row["concept"] for row in own})), *cells])
    return table


def main(
    methods: Annotated[list[str] | None, typer.Argument(help=f"some of none, {', '.join(METHODS)}")] = None,
    every: Annotated[int, typer.Option(help="take every n-th concept")] = 1,
    only: Annotated[str, typer.Option(help="ids or kinds of concepts, with commas")] = "",
    attacks: Annotated[str, typer.Option(help="some of the attacks, with commas")] = "",
    to_docs: Annotated[bool, typer.Option(help="write the table in docs/methods.md")] = False,
    set_: Annotated[list[str] | None, typer.Option("--set", help="METHOD.PARAMETER=VALUE in JSON")] = None,
    budget: Annotated[list[str] | None, typer.Option(help="ATTACK.PARAMETER=VALUE in JSON")] = None,
) -> None:
    """Attack each concept after each method, and show how many goals fall."""
    settings, budgets = parsed(set_, METHODS), parsed(budget, ATTACKS)
    spec = load_spec("emoji")
    base, judge, prompts = load(spec, t2v=True), load_judge(spec), read_prompts(spec.prompts)
    digest, wanted = base_digest(spec)[:8], {word for word in only.split(",") if word}
    rows = read(FILE, COLUMNS, digest)
    done = {(row["method"], row["settings"], row["concept"], row["attack"], row["budget"]) for row in rows}
    chosen = [each for each in concepts(load_world()) if not wanted or wanted & {each[0].id, each[0].kind}]
    names = [name for name in ATTACKS if not attacks or name in attacks.split(",")]
    for (concept, held), method in tqdm([(c, m) for c in chosen[::every] for m in methods or ["none", *METHODS]]):
        text = json.dumps(settings.get(method, {}), sort_keys=True)
        todo = {}
        for name in names:
            knobs = {**ATTACKS[name].defaults, **budgets.get(name, {})}
            knobs["videos"] = min(knobs["videos"], int(concept.kind == "motion"))
            if knobs["videos" if concept.kind == "motion" else "images"]:
                todo[name] = knobs
        todo = {n: b for n, b in todo.items() if (method, text, concept.id, n, json.dumps(b)) not in done}
        if not todo:
            continue
        edit = Edit(base.encoder)
        if method != "none":
            edit = train(base, [concept], prompts, method, settings.get(method, {}))[0].edit
        whole = replace(concept, aliases=(*concept.aliases, *held))
        (trained,) = anchored(base, [concept], prompts)
        victim, originals = victim_of(base, prompts, edit, whole, trained)
        for name, knobs in todo.items():
            carried = carry_out(name, victim, judge, knobs, 0, originals)
            for before, after in fallen([one.record(concept.id, 0) for one in carried]).values():
                sums = {"before": int(sum(before)), "after": int(sum(after))}
                row = {"base": digest, "method": method, "settings": text, "concept": concept.id, "attack": name,
                       "budget": json.dumps(knobs), **sums, "goals": len(after)}  # fmt: skip
                append(FILE, COLUMNS, row)
    table = table_of(read(FILE, COLUMNS, digest))
    shown = Table(*table[0])
    for cells in table[1:]:
        shown.add_row(*cells)
    Console(width=160).print(shown)
    if to_docs:
        publish("attacks", table)


if __name__ == "__main__":
    typer.run(main)
