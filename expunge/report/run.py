"""What a report tells about, and what of it may be shown.

A confidential concept shows its id and its rates: no name, no prompt, no picture, no attack. Its name and aliases are
withheld on every other page, too. Every text and every file that reaches a page passes through this module.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from expunge.concepts.confidential import confidential_words, is_withheld, names_confidential
from expunge.concepts.lists import Concept
from expunge.concepts.samples import FORGET, GROUPS
from expunge.core.unit_names import ORIGINAL
from expunge.judging.table import Row, pair_of
from expunge.verdicts.gate import UNMEASURED
from expunge.verdicts.rates import Rate


@dataclass(frozen=True)
class Run:
    """A finished run; paths as the caller sees them."""

    plan: Mapping[str, Any]  # build/plan/index.json
    rates: Sequence[Rate]  # metrics/rates.csv
    verdicts: Mapping[str, Mapping[str, Any]]  # metrics/verdicts.json
    costs: Mapping[str, Mapping[str, Any]]  # "list/encoder" -> seconds, changed_parameters: metrics/summary.json
    rows: Sequence[Row]  # of build/scores/scores.parquet, of the metric `seen`
    renders: Path
    fewshot: Path
    attacks: Path
    links: Mapping[str, Path] = field(default_factory=dict)  # label -> file
    title: str = "What the models forgot"
    samples: int = 4  # shown for each concept, group and modality
    fps: int = 8
    frames: int | None = None  # of a video's strip; None: its frames are square

    @cached_property
    def concepts(self) -> dict[str, Concept]:
        return msgspec.convert(self.plan["concepts"], dict[str, Concept])

    @cached_property
    def words(self) -> tuple[str, ...]:
        return confidential_words(self.concepts.values())

    @cached_property
    def by_unit(self) -> dict[tuple[str, str], dict[tuple[str, str], Rate]]:
        """(list/encoder, concept's id or "") -> {(modality, metric): rate}."""
        found: dict[tuple[str, str], dict[tuple[str, str], Rate]] = {}
        for rate in self.rates:
            unit = f"{rate.list}/{rate.encoder}", rate.concept.rsplit("/", 1)[-1]
            found.setdefault(unit, {})[rate.modality, rate.metric] = rate
        return found

    @cached_property
    def seen(self) -> dict[tuple[str, str, str], dict[tuple[Any, ...], float]]:
        """(list, encoder, concept) -> {(modality, group, prompt, seed): seen}."""
        found: dict[tuple[str, str, str], dict[tuple[Any, ...], float]] = {}
        for row in self.rows:
            if row["metric"] == "seen":
                found.setdefault((row["list"], row["encoder"], row["concept"]), {})[pair_of(row)] = row["value"]
        return found

    def rates_of(self, encoder: str, concept: str = "") -> dict[tuple[str, str], Rate]:
        """{(modality, metric): rate} of an encoder, or of one of its concepts (its id)."""
        return self.by_unit.get((encoder, concept), {})

    def verdict_of(self, encoder: str) -> Mapping[str, Any]:
        return self.verdicts.get(encoder) or {"verdict": UNMEASURED, "required": False, "reasons": []}

    def is_open(self, *texts: str) -> bool:
        """Do the texts name no confidential concept?"""
        return not names_confidential(texts, self.words)

    def open(self, texts: Iterable[str]) -> list[str]:
        return [text for text in texts if self.is_open(text)]


@dataclass(frozen=True)
class Pair:
    """One prompt and seed with both encoders. Files are PNGs; a video is a strip with an .mp4 beside it."""

    group: str
    modality: str
    prompt: str
    seed: int
    before: Path | None
    after: Path | None
    saw_before: float | None  # 1: the judge saw what was asked for
    saw_after: float | None

    @property
    def forget(self) -> bool:
        return self.group in FORGET


def pairs_of(run: Run, encoder: str, name: str) -> list[Pair]:
    """The pairs of a concept under an encoder that may be shown, in the order of its prompts.

    :param encoder: "list/encoder". :param name: "list/concept".
    """
    concept = run.concepts[name]
    if concept.confidential:
        return []
    list_, id_ = name.split("/", 1)
    old, new = run.renders / ORIGINAL / list_ / id_, unit_folder(run, encoder, name)
    files = {pair_of(row): row["file"] for row in read_list(old / "prompts.json")}
    before = run.seen.get((list_, ORIGINAL, id_), {})
    after = run.seen.get((list_, encoder.split("/", 1)[1], id_), {})
    pairs = []
    for row in read_list(new / "prompts.json"):
        key, texts = pair_of(row), (row["prompt"], row["asks"]["name"])
        if key in files and row["group"] in GROUPS and not is_withheld(concept, row["group"], texts, run.words):
            pairs.append(Pair(
                row["group"], row["modality"], row["prompt"], row["seed"], old / files[key], new / row["file"],
                before.get(key), after.get(key),
            ))  # fmt: skip
    return pairs


def telling(pairs: Iterable[Pair]) -> list[Pair]:
    """Pairs with those first in which the original encoder drew what was asked, or else the unlearned one; among them
    each prompt once before any comes again, as a video or a picture."""
    turns: Counter[tuple[Any, ...]] = Counter()
    ranked = []
    for pair in sorted(pairs, key=lambda pair: pair.modality != "video"):
        silent = 0 if pair.saw_before else 1 if pair.saw_after else 2
        place = pair.group, pair.prompt, silent
        ranked.append((silent, turns[place], pair))
        turns[place] += 1
    return [pair for _, _, pair in sorted(ranked, key=lambda one: one[:2])]


def unit_folder(run: Run, encoder: str, concept: str) -> Path:
    """build/renders/<list>/<encoder>/<list>--<concept>, or .../<concept> where the concept's list is left out."""
    folder = run.renders / encoder
    long = folder / concept.replace("/", "--")
    return long if long.is_dir() else folder / concept.split("/", 1)[1]


def fewshot_of(run: Run, name: str) -> list[Path]:
    """The images that a method learned a concept from; none where they may not be shown."""
    if run.plan["concepts"][name].get("confidential"):
        return []
    return sorted((run.fewshot / name).glob("image-*.png"))


def open_verdicts(run: Run) -> dict[str, Any]:
    """The verdicts without any sentence that names a confidential concept."""

    def shown(reason: Mapping[str, Any]) -> dict[str, Any]:
        return {**reason, "text": reason.get("text", "") if run.is_open(str(reason.get("text", ""))) else ""}

    return {name: {**entry, "reasons": [shown(reason) for reason in entry.get("reasons", ())]}
            for name, entry in run.verdicts.items()}  # fmt: skip


def read_list(file: Path) -> list[dict[str, Any]]:
    return json.loads(file.read_text("utf-8")) if file.is_file() else []


def url(page: Path, path: Path) -> str:
    """A link from a page (a file) to a path, relative, so that build/ can be moved or sent as a whole."""
    return quote(Path(os.path.relpath(path, page.parent)).as_posix())
