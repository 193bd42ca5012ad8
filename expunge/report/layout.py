"""Where each page of a site lies, and the pieces that several kinds of page show."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from expunge.core.codes import is_open
from expunge.core.unit_names import RELEASES, Name
from expunge.report import numbers
from expunge.report.pairs import Pair, drawn_first, pairs_of
from expunge.report.run import Run, url

GALLERY = 24  # encoders, or concepts, shown with a pair


@dataclass(frozen=True)
class Site:
    """A run and the folder its report goes into."""

    run: Run
    folder: Path
    sheets: frozenset[str] = frozenset()  # files in the folder sheets/
    alone: bool = False  # is it about a single release, whose page is then index.html?

    @cached_property
    def columns(self) -> list[tuple[str, str]]:
        return numbers.columns_of(self.run)

    @cached_property
    def order(self) -> dict[str, list[str]]:
        """{list: its encoders, in the list's order}"""
        return {name: self.run.plan.encoders_of(name) for name in self.run.plan.lists}

    @cached_property
    def attacked(self) -> bool:
        return numbers.has_attacks(self.run)

    @property
    def index(self) -> Path:
        return self.folder / "index.html"

    def list_page(self, name: str) -> Path:
        """The page of a list; the releases are on the overview."""
        return self.index if name == RELEASES else self.folder / "lists" / f"{name}.html"

    def encoder_page(self, name: str) -> Path:
        if self.alone:
            return self.index
        if Name.parse(name).is_release:
            return self.folder / RELEASES / f"{Name.parse(name).id}.html"
        return self.folder / "concepts" / f"{Name.parse(name).stem}.html"

    def part_page(self, encoder: str, concept: str) -> Path:
        """The page of one concept of a joint encoder."""
        return self.folder / "concepts" / f"{Name.parse(encoder).stem}--{Name.parse(concept).id}.html"


def list_title(run: Run, name: str) -> str:
    if name == RELEASES:
        return "Releases"
    title = run.plan.lists[name].title or name
    return title if is_open(title) else name


def encoder_row(site: Site, page: Path, name: str) -> dict[str, Any]:
    """An encoder's row of the overview's and the lists' tables; `seconds` is None where this machine does not
    know them."""
    run, job, encoder = site.run, site.run.plan.encoders[name], Name.parse(name)
    rates, verdict = run.rates_of(name), run.verdict_of(name)
    return {
        "name": name, "id": encoder.id, "url": url(page, site.encoder_page(name)), "spots": "", "list": encoder.list,
        "list_url": url(page, site.list_page(encoder.list)), "list_title": list_title(run, encoder.list),
        "joint": len(job.concepts) if len(job.concepts) > 1 else 0,
        "verdict": verdict.verdict, "required": verdict.required,
        "search": " ".join(dict.fromkeys(search_words(run, name))),
        "cells": numbers.row_of(rates, site.columns),
        "attack": numbers.attacks_pooled(rates, False), "learnt": numbers.attacks_pooled(rates, True),
        "seconds": run.seconds.get(name), "changed": run.changed_parameters.get(name), "method": job.method,
    }  # fmt: skip


def search_words(run: Run, encoder: str) -> list[str]:
    """What a search finds an encoder by, beside what its row shows: its concepts' names and kinds, and the method."""
    job = run.plan.encoders[encoder]
    concepts = [run.plan.concepts[name] for name in job.concepts[:GALLERY]]
    words = [text for c in concepts if not c.confidential for text in (c.name, c.kind)]
    return [*run.open(words), job.method]


def pair_view(page: Path, pair: Pair, anchor: str) -> dict[str, Any]:
    """A pair for a template. :param anchor: its id on the page; "" for none."""
    suffix = ".mp4" if pair.modality == "video" else ".png"
    sides = {"before": pair.before, "after": pair.after}
    return {
        "id": anchor, "prompt": pair.prompt, "seed": pair.seed, "modality": pair.modality, "forget": pair.forget,
        "saw_before": pair.saw_before, "saw_after": pair.saw_after,
        "target_before": pair.target_before, "target_after": pair.target_after,
        **{side: url(page, path.with_suffix(suffix)) if path else "" for side, path in sides.items()},
        **{f"{side}_strip": url(page, path) if path else "" for side, path in sides.items()},
    }  # fmt: skip


def first_pair(site: Site, page: Path, encoder: str, concepts: Sequence[str] | None = None) -> dict[str, Any] | None:
    """The first target pair of the first concept that may be shown; a video where there is one."""
    for name in concepts or site.run.plan.encoders[encoder].concepts:
        pairs = [pair for pair in drawn_first(pairs_of(site.run, encoder, name)) if pair.group == "target"]
        if pairs:
            return pair_view(page, next((p for p in pairs if p.modality == "video"), pairs[0]), "")
    return None
