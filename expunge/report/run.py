"""What a report is about, and what of it may be shown.

A confidential concept shows its id and its rates: no name, no prompt, no picture, no attack. The report does not know
its words, only codes in their place (`expunge.core.codes`), and leaves out what a code stands for on every other page.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from expunge.concepts.concept import Concept
from expunge.core.codes import is_open
from expunge.core.unit_names import Name
from expunge.judging.table import Row, pair_of
from expunge.plan.contract import Plan
from expunge.verdicts.frame_curves import FramePoint
from expunge.verdicts.rates import Rate
from expunge.verdicts.verdict_file import UNMEASURED, Verdict

Rates = Mapping[tuple[str, str], Rate]  # by modality and metric


@dataclass(frozen=True)
class Run:
    """A finished run; paths as the caller sees them."""

    plan: Plan
    rates: Sequence[Rate]  # metrics/rates.csv
    verdicts: Mapping[str, Verdict]  # metrics/verdicts.json
    rows: Sequence[Row]  # of build/scores/scores.parquet, of the measures `seen` and `target_seen`
    renders: Path
    fewshot: Path
    attacks: Path
    changed_parameters: Mapping[str, int] = field(default_factory=dict)  # by "list/encoder": metrics/summary.json
    seconds: Mapping[str, float] = field(default_factory=dict)  # by "list/encoder": of training, on this machine
    links: Mapping[str, Path] = field(default_factory=dict)  # label -> file
    title: str = "What the models forgot"
    samples: int = 4  # shown for each concept, group and modality
    fps: int = 8
    frames: int | None = None  # of a video's strip; None: its frames are square
    curves: Sequence[FramePoint] = ()  # metrics/frames.csv
    records: Mapping[str, Path] = field(default_factory=dict)  # by "list/encoder": its record
    signed: Mapping[str, str] = field(default_factory=dict)  # by "list/encoder": by whom, or why not, in words

    @cached_property
    def by_unit(self) -> dict[tuple[str, str], dict[tuple[str, str], Rate]]:
        """(list/encoder, concept's id or "") -> {(modality, metric): rate}."""
        units: dict[tuple[str, str], dict[tuple[str, str], Rate]] = {}
        for rate in self.rates:
            units.setdefault((rate.name, rate.concept), {})[rate.modality, rate.metric] = rate
        return units

    @cached_property
    def seen(self) -> dict[tuple[str, str, str], dict[tuple[Any, ...], float]]:
        """(list, encoder, concept) -> {(modality, group, prompt, seed): was what must stay, or go, seen?}."""
        return self._measured("seen")

    @cached_property
    def target_seen(self) -> dict[tuple[str, str, str], dict[tuple[Any, ...], float]]:
        """As `seen`, of the group beside: was the target seen beside its companion?"""
        return self._measured("target_seen")

    def _measured(self, measure: str) -> dict[tuple[str, str, str], dict[tuple[Any, ...], float]]:
        units: dict[tuple[str, str, str], dict[tuple[Any, ...], float]] = {}
        for row in self.rows:
            if row["metric"] == measure:
                units.setdefault((row["list"], row["encoder"], row["concept"]), {})[pair_of(row)] = row["value"]
        return units

    @cached_property
    def curves_by_unit(self) -> dict[tuple[str, str], list[FramePoint]]:
        """(list/encoder, concept's id or "") -> its points, frame by frame."""
        units: dict[tuple[str, str], list[FramePoint]] = {}
        for point in self.curves:
            units.setdefault((str(Name(point.list, point.encoder)), point.concept), []).append(point)
        return units

    def rates_of(self, encoder: str, concept: str = "") -> dict[tuple[str, str], Rate]:
        """{(modality, metric): rate} of an encoder, or of one of its concepts (its id)."""
        return self.by_unit.get((encoder, concept), {})

    def verdict_of(self, encoder: str) -> Verdict:
        return self.verdicts.get(encoder) or Verdict(UNMEASURED, required=False)

    def open(self, texts: Iterable[str]) -> list[str]:
        """Those of the texts that may be shown."""
        return [text for text in texts if is_open(text)]

    def is_withheld(self, concept: Concept | None, group: str, *texts: str) -> bool:
        """May a sample of a concept not be shown? Of a confidential one, only what the base asks of all may be."""
        return (concept is not None and concept.confidential and group != "far") or not is_open(*texts)


def url(page: Path, path: Path) -> str:
    """A link from a page (a file) to a path, relative, so that build/ can be moved or sent as a whole."""
    return quote(Path(os.path.relpath(path, page.parent)).as_posix())
