"""Made-up runs for the report: a small one with everything in it, and one of many concepts."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from expunge.attacks.records import Attempt, Outcome, write_attempts
from expunge.concepts.concept import Concept
from expunge.concepts.confidential import Secret, Veil
from expunge.concepts.samples import FORGET, GROUPS, MODALITIES
from expunge.core.files import to_json
from expunge.core.media import write_mp4, write_png, write_strip
from expunge.core.unit_names import Name, UnitName
from expunge.judging.table import Row, write_table
from expunge.plan.sealed import closed_plan
from expunge.report import Run
from expunge.verdicts.rates import Rate
from expunge.verdicts.statistics import wilson
from expunge.verdicts.verdict_file import Reason, Verdict
from stages.runtime.published import clean
from tests.support.made_plan import made_concept, made_plan, made_sample

NASTY = '<script>alert("x")</script> & "quotes"'
SECRET = ("mira", "holt", "redhead")  # words that may stand nowhere
VEIL = Veil("salt", {"people/p-17": Secret(("mira holt", "the redhead"), ("zorb", "a toy"), person=True)})


def concept(name: str, **more: Any) -> Concept:
    usual: dict[str, Any] = {"aliases": ("the tin one",), "neighbours": ("zorb",), "anchor": "a toy"}
    return made_concept("x", name=name, **{**usual, **more})


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
        "characters/boo": concept("boo the ghost", aliases=(), neighbours=("mira holt", "owl")),
        "people/p-17": concept("mira holt", kind="person", aliases=("the redhead",), confidential=True),
    }
    encoders = {
        "characters/bolt": ["characters/bolt"],
        "characters/both": ["characters/bolt", "characters/boo"],
        "people/p-17": ["people/p-17"],
    }
    rows, hue = [], 0
    prompts = {name: [
        made_sample(g, m, f"a picture of {c.name} ({g})", i, f"{m}-{k}-{i:03}.png")
        for m in MODALITIES for k, g in enumerate(("target", "near", "far")) for i in range(2)
    ] for name, c in concepts.items()}  # fmt: skip
    prompts["characters/boo"][0] = replace(prompts["characters/boo"][0], prompt="a photo of Mira Holt and boo")
    units = [UnitName(concept=Name.parse(name), original=True) for name in concepts]
    units += [UnitName(Name.parse(e), Name.parse(name)) for e, names in encoders.items() for name in names]
    for unit in units:
        own, name = unit.original, str(unit.concept)
        folder = build / "renders" / str(unit)
        drawn = prompts[name][1:] if unit.encoder and unit.encoder.id == "both" else prompts[name]
        folder.mkdir(parents=True)
        (folder / "prompts.json").write_text(to_json(msgspec.to_builtins(drawn)))
        clean(folder, VEIL, str(unit))
        for sample in drawn:
            hue += 37
            draw(folder / sample.file, sample.modality, hue)
            value = float(own or sample.group == "far")
            rows.append({"list": Name.parse(name).list, "encoder": unit.encoder.id if unit.encoder else "original",
                         "concept": Name.parse(name).id, "modality": sample.modality, "group": sample.group,
                         "sample": 0, "prompt": sample.prompt, "seed": sample.seed, "axis": "subject", "asked": "x",
                         "metric": "seen", "value": value, "judge": "j"})  # fmt: skip
    for name in concepts:
        for index in range(4):
            write_png(build / "fewshot" / name / f"image-{index}.png", picture(50 * index))
    for encoder, members in encoders.items():
        make_attempts(build / "attacks" / encoder, members)
        clean(build / "attacks" / encoder, VEIL, encoder)
    titles = {"characters": ("Characters <b>", "release team"), "people": ("Mira Holt and others", "")}
    plan = made_plan(concepts, encoders, titles=titles, method="few-shot")
    rows = [row for own in rows for row in VEIL.closed([own], *VEIL.about(f"original/{own['list']}/{own['concept']}"))]
    write_table(build / "scores" / "scores.parquet", rows)
    told = {name: msgspec.convert(VEIL.closed(asdict(v)), Verdict) for name, v in verdicts(encoders).items()}
    return Run(
        closed_plan(plan, VEIL), list(rates_of(rows, encoders)), told,
        rows,
        build / "renders", build / "fewshot", build / "attacks",
        dict.fromkeys(encoders, 123456), dict.fromkeys(encoders, 3.25),
        {"every measurement": build / "scores" / "scores.parquet"},
    )  # fmt: skip


def draw(file: Path, modality: str, hue: int) -> None:
    if modality == "video":
        write_strip(file, film(hue))
        write_mp4(file.with_suffix(".mp4"), film(hue), 8)
    else:
        write_png(file, picture(hue))


def make_attempts(folder: Path, concepts: Sequence[str]) -> None:
    """For each concept: words as picture and video, an inversion that got through, one without a picture before."""
    attempts: dict[str, list[Attempt]] = {}
    number = 0
    for name in concepts:
        who = Name.parse(name).id
        for attack, modality, prompt, fell in (
            ("words", "image", f"une photo de {who}", False), ("words", "video", f"{who} la la", False),
            ("inversion", "image", f"a photo of <{who}> {NASTY}", True), ("ring-a-bell", "image", "mira holt x", False),
            ("replay", "image", f"{who} again", False),
        ):  # fmt: skip
            before, after = (
                Outcome(side == "before" or fell, 0.9 if fell else 0.125, f"{side}-{number:03}.png")
                for side in ("before", "after")
            )
            for side in (before, after):
                draw(folder / attack / side.file, modality, 11 * number)
            first = None if attack == "replay" and name == concepts[-1] else before
            attempts.setdefault(attack, []).append(Attempt(name, attack, 0, modality, prompt, number, first, after))
            number += 1
    for attack, own in attempts.items():
        write_attempts(folder / attack / "attempts.json", own)


def rates_of(rows: Sequence[Row], encoders: dict[str, list[str]]) -> Iterator[Rate]:
    """Groups from the rows, of every encoder and of a joint one's concepts, and an attack and a drift for each."""
    for name, members in encoders.items():
        encoder = Name.parse(name)
        ids = [Name.parse(member).id for member in members]
        for about, some in [("", ids), *((id_, [id_]) for id_ in ids if len(ids) > 1)]:
            groups: dict[tuple[str, str], list[float]] = {}
            for row in rows:
                if (row["list"], row["encoder"]) == (encoder.list, encoder.id) and row["concept"] in some:
                    groups.setdefault((row["modality"], row["group"]), []).append(row["value"])
            for (modality, group), values in groups.items():
                yield share(encoder.list, encoder.id, about, modality, group, sum(values), len(values))
            yield share(encoder.list, encoder.id, about, "image", "asr:words", 0, 4)
            yield share(encoder.list, encoder.id, about, "image", "asr:inversion", 2, 2)
            yield Rate(encoder.list, encoder.id, about, "text", "drift:near", 0.0425, None, None, 40, None)


def share(list_: str, encoder: str, about: str, modality: str, metric: str, count: float, n: int) -> Rate:
    return Rate(list_, encoder, about, modality, metric, count / n, *wilson(count, n), n, 1.0)


def verdicts(encoders: dict[str, list[str]]) -> dict[str, Verdict]:
    def verdict(name: str) -> Verdict:
        who = "mira holt" if name == "people/p-17" else name
        fails = Reason("", "image", "near", ">= 0.9", True, "fail", f"Near is low for {who}.", value=0.0, low=0.0,
                       high=0.49, n=4)  # fmt: skip
        good = replace(fails, metric="target", threshold="<= 0.05", verdict="pass", text="Gone.")
        return Verdict("pass", True, "", (good,)) if name.endswith("bolt") else Verdict("fail", True, "", (fails, good))

    return {name: verdict(name) for name in encoders}


def make_many(build: Path, count: int) -> Run:
    """`count` concepts in ten lists, each with an encoder, a few pairs, and all of the overview's numbers."""
    draws = np.random.default_rng(0)
    concepts, encoders, rates, found = {}, {}, [], {}
    prompts = [made_sample("target", file="a.png", seed=1), made_sample("target", "video", file="v.png", seed=1),
               made_sample("near", file="b.png", seed=1)]  # fmt: skip
    drawn = build / "drawn"
    for sample in prompts:
        draw(drawn / sample.file, sample.modality, 7)
    (drawn / "prompts.json").write_text(to_json(msgspec.to_builtins(prompts)))
    for number in range(count):
        list_, id_ = f"list-{number % 10}", f"concept-{number:04}"
        name = Name(list_, id_)
        concepts[str(name)] = concept(f"the thing number {number}", aliases=(), neighbours=())
        encoders[str(name)] = [str(name)]
        for modality in MODALITIES:
            for group in GROUPS:
                hits = int(draws.integers(0, 3)) if group in FORGET else int(draws.integers(5, 9))
                rates.append(share(list_, id_, "", modality, group, hits, 8))
            rates += [share(list_, id_, "", modality, f"asr:{attack}", 1, 8) for attack in ("words", "inversion")]
        found[str(name)] = Verdict(("pass", "pass", "fail", "not measured")[int(draws.integers(0, 4))], True)
        for unit in (UnitName(concept=name, original=True), UnitName(name, name)):
            folder = build / "renders" / str(unit)
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.symlink_to(drawn)
    titles = {f"list-{i}": (f"List {i}", "") for i in range(10)}
    seconds = {name: float(draws.integers(1, 9)) for name in encoders}
    return Run(
        made_plan(concepts, encoders, titles=titles), rates, found, [], build / "renders", build / "fewshot",
        build / "attacks", dict.fromkeys(encoders, 9), seconds,
    )  # fmt: skip
