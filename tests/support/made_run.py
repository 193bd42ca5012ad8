"""Made-up runs for the report: a small one with everything in it, and one of many concepts."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from expunge.concepts.confidential import redact
from expunge.concepts.lists import Concept
from expunge.concepts.samples import FORGET, GROUPS, MODALITIES
from expunge.core.media import write_mp4, write_png, write_strip
from expunge.judging.table import Row, write_table
from expunge.report import Run
from expunge.verdicts.rates import Rate, wilson

NASTY = '<script>alert("x")</script> & "quotes"'
SECRET = ("mira", "holt", "redhead")  # words that may stand nowhere


def concept(name: str, **more: Any) -> dict[str, Any]:
    return {"id": "x", "name": name, "kind": "character", "aliases": ["the tin one"], "neighbours": ["zorb"],
            "anchor": "a toy", "confidential": False, **more}  # fmt: skip


def picture(hue: int, size: int = 24) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    pixels = np.stack([x * 6 + hue, y * 6 + 2 * hue, np.full_like(x, 90 + hue)], -1) % 256
    return pixels.astype(np.uint8)


def film(hue: int, size: int = 24, frames: int = 8) -> np.ndarray:
    return np.stack([np.roll(picture(hue, size), 3 * f, 1) for f in range(frames)])


def make_run(build: Path) -> Run:
    """Two lists, a single, a joint and a confidential encoder; every group with pictures and videos, and attacks."""
    concepts = {
        "characters/bolt": concept(f"bolt {NASTY}"),
        "characters/boo": concept("boo the ghost", aliases=[], neighbours=["mira holt", "owl"]),
        "people/p-17": concept("mira holt", kind="person", aliases=["the redhead"], confidential=True),
    }
    encoders = {
        "characters/bolt": ["characters/bolt"],
        "characters/both": ["characters/bolt", "characters/boo"],
        "people/p-17": ["people/p-17"],
    }
    rows, hue = [], 0
    prompts: dict[str, list[dict[str, Any]]] = {name: [
        {"group": g, "modality": m, "seed": i, "prompt": f"a picture of {c['name']} ({g})",
         "asks": {"axis": "subject", "name": c["name"]}, "file": f"{m}-{k}-{i:03}.png"}
        for m in ("image", "video") for k, g in enumerate(("target", "near", "far")) for i in range(2)
    ] for name, c in concepts.items()}  # fmt: skip
    prompts["characters/boo"][0]["prompt"] = "a photo of Mira Holt and boo"
    units = [("original", name) for name in concepts] + [(e, name) for e, names in encoders.items() for name in names]
    for encoder, name in units:
        own = encoder == "original"
        folder = build / "renders" / encoder / (name if own else name.replace("/", "--"))
        some = prompts[name] if own else prompts[name][1:] if encoder.endswith("both") else prompts[name]
        folder.mkdir(parents=True)
        (folder / "prompts.json").write_text(json.dumps(some))
        list_, id_ = name.split("/")
        for row in some:
            hue += 37
            draw(folder / row["file"], row["modality"], hue)
            value = float(own or row["group"] == "far")
            rows.append({"list": list_, "encoder": "original" if own else encoder.split("/")[1], "concept": id_,
                         "modality": row["modality"], "group": row["group"], "sample": 0, "prompt": row["prompt"],
                         "seed": row["seed"], "axis": "subject", "asked": "x", "metric": "seen", "value": value,
                         "judge": "j"})  # fmt: skip
    for name in concepts:
        for index in range(4):
            write_png(build / "fewshot" / name / f"image-{index}.png", picture(50 * index))
    for name, members in encoders.items():
        write_attempts(build / "attacks" / name, members)
    costs = {name: {"seconds": 3.25, "changed_parameters": 123456} for name in encoders}
    lists = {
        "characters": {"title": "Characters <b>", "owner": "release team", "encoders": ["bolt", "both"],
                       "concepts": ["bolt", "boo"]},
        "people": {"title": "Mira Holt and others", "owner": "", "encoders": ["p-17"], "concepts": ["p-17"]},
    }  # fmt: skip
    plan = {"base": {"name": "emoji"}, "lists": lists, "concepts": concepts,
            "encoders": {e: {"concepts": names, "method": "few-shot"} for e, names in encoders.items()}}  # fmt: skip
    write_table(build / "scores" / "scores.parquet", rows)
    hidden = redact(rows, msgspec.convert(concepts, dict[str, Concept]))
    return Run(
        plan, list(rates_of(rows, encoders)), verdicts(encoders), costs, hidden,
        build / "renders", build / "fewshot", build / "attacks",
        {"every measurement": build / "scores" / "scores.parquet"},
    )  # fmt: skip


def draw(file: Path, modality: str, hue: int) -> None:
    if modality == "video":
        write_strip(file, film(hue))
        write_mp4(file.with_suffix(".mp4"), film(hue), 8)
    else:
        write_png(file, picture(hue))


def write_attempts(folder: Path, concepts: Sequence[str]) -> None:
    """For each concept: words as picture and video, an inversion that got through, one without a picture before."""
    attempts: list[dict[str, Any]] = []
    for name in concepts:
        who = name.split("/")[1]
        for attack, modality, prompt, fell in (
            ("words", "image", f"une photo de {who}", False), ("words", "video", f"{who} la la", False),
            ("inversion", "image", f"a photo of <{who}> {NASTY}", True), ("ring-a-bell", "image", "mira holt x", False),
            ("replay", "image", f"{who} again", False),
        ):  # fmt: skip
            number = len(attempts)
            sides = {side: {"seen": side == "before" or fell, "confidence": 0.9 if fell else 0.125,
                            "file": f"{side}-{number:03}.png"} for side in ("before", "after")}  # fmt: skip
            for side in sides.values():
                draw(folder / str(side["file"]), modality, 11 * number)
            attempts.append({"concept": name, "attack": attack, "goal": 0, "modality": modality, "prompt": prompt,
                             "seed": number, **sides})  # fmt: skip
        attempts[-1]["before"] = None
    (folder / "attempts.json").write_text(json.dumps(attempts))


def rates_of(rows: Sequence[Row], encoders: dict[str, list[str]]) -> Iterator[Rate]:
    """Groups from the rows, of every encoder and of a joint one's concepts, and an attack and a drift for each."""
    for name, members in encoders.items():
        list_, encoder = name.split("/")
        ids = [member.split("/")[1] for member in members]
        for about, some in [("", ids), *((id_, [id_]) for id_ in ids if len(ids) > 1)]:
            groups: dict[tuple[str, str], list[float]] = {}
            for row in rows:
                if (row["list"], row["encoder"]) == (list_, encoder) and row["concept"] in some:
                    groups.setdefault((row["modality"], row["group"]), []).append(row["value"])
            for (modality, group), values in groups.items():
                yield share(list_, encoder, about, modality, group, sum(values), len(values))
            yield share(list_, encoder, about, "image", "asr:words", 0, 4)
            yield share(list_, encoder, about, "image", "asr:inversion", 2, 2)
            yield Rate(list_, encoder, about, "text", "drift:near", 0.0425, None, None, 40, None)


def share(list_: str, encoder: str, about: str, modality: str, metric: str, count: float, n: int) -> Rate:
    return Rate(list_, encoder, about, modality, metric, count / n, *wilson(count, n), n, 1.0)


def verdicts(encoders: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    def entry(name: str) -> dict[str, Any]:
        reason = {"concept": "", "modality": "image", "metric": "near", "value": 0.0, "low": 0.0, "high": 0.49,
                  "n": 4, "threshold": ">= 0.9", "required": True, "verdict": "fail",
                  "text": f"Near is low for {name}."}  # fmt: skip
        if name == "people/p-17":
            reason["text"] = "Near is low for mira holt."
        good = {**reason, "metric": "target", "threshold": "<= 0.05", "verdict": "pass", "text": "Gone."}
        verdict = "pass" if name.endswith("bolt") else "fail"
        return {"verdict": verdict, "required": True, "reasons": [good] if verdict == "pass" else [reason, good]}

    return {name: entry(name) for name in encoders}


def make_many(build: Path, count: int) -> Run:
    """`count` concepts in ten lists, each with an encoder, a few pairs, and all of the overview's numbers."""
    draws = np.random.default_rng(0)
    lists = {f"list-{i}": {"title": f"List {i}", "owner": "", "encoders": []} for i in range(10)}
    concepts, encoders, rates, found = {}, {}, [], {}
    prompt: dict[str, Any] = {"group": "target", "modality": "image", "seed": 1, "prompt": "it", "asks": {"name": "it"}}
    prompts = [{**prompt, "file": "a.png"}, {**prompt, "modality": "video", "file": "v.png"},
               {**prompt, "group": "near", "file": "b.png"}]  # fmt: skip
    drawn = build / "drawn"
    for row in prompts:
        draw(drawn / str(row["file"]), str(row["modality"]), 7)
    (drawn / "prompts.json").write_text(json.dumps(prompts))
    for number in range(count):
        list_, id_ = f"list-{number % 10}", f"concept-{number:04}"
        name = f"{list_}/{id_}"
        lists[list_]["encoders"].append(id_)  # type: ignore[attr-defined]
        concepts[name] = concept(f"the thing number {number}", aliases=[], neighbours=[])
        encoders[name] = {"concepts": [name], "method": "distil"}
        for modality in MODALITIES:
            for group in GROUPS:
                hits = int(draws.integers(0, 3)) if group in FORGET else int(draws.integers(5, 9))
                rates.append(share(list_, id_, "", modality, group, hits, 8))
            rates += [share(list_, id_, "", modality, f"asr:{attack}", 1, 8) for attack in ("words", "inversion")]
        verdict = ("pass", "pass", "fail", "not measured")[int(draws.integers(0, 4))]
        found[name] = {"verdict": verdict, "required": True, "reasons": []}
        for folder in (build / "renders" / "original" / name, build / "renders" / name / name.replace("/", "--")):
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.symlink_to(drawn)
    plan = {"base": {"name": "emoji"}, "lists": lists, "concepts": concepts, "encoders": encoders}
    costs = {name: {"seconds": float(draws.integers(1, 9)), "changed_parameters": 9} for name in encoders}
    return Run(plan, rates, found, costs, [], build / "renders", build / "fewshot", build / "attacks")
