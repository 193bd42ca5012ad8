"""What each page says, as plain tables for the templates. Links are relative to the page's file."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from expunge.concepts.samples import MODALITIES
from expunge.report import chart, numbers
from expunge.report.definitions import VERDICTS
from expunge.report.run import Pair, Run, pairs_of, telling, url
from expunge.verdicts.gate import UNMEASURED, certainty

ORDER = ("fail", "not measured", "pass")  # worst first
GALLERY = 24  # encoders, or concepts, shown with a pair


@dataclass(frozen=True)
class Site:
    """A run and the folder its report goes into."""

    run: Run
    folder: Path
    sheets: frozenset[str] = frozenset()  # files in the folder sheets/

    @cached_property
    def columns(self) -> list[tuple[str, str]]:
        return numbers.columns_of(self.run)

    @cached_property
    def attacked(self) -> bool:
        return numbers.has_attacks(self.run)

    @property
    def index(self) -> Path:
        return self.folder / "index.html"

    def list_page(self, name: str) -> Path:
        return self.folder / "lists" / f"{name}.html"

    def encoder_page(self, name: str) -> Path:
        return self.folder / "concepts" / f"{name.replace('/', '--')}.html"

    def part_page(self, encoder: str, concept: str) -> Path:
        """Of one concept of a joint encoder."""
        return self.folder / "concepts" / f"{encoder.replace('/', '--')}--{concept.split('/', 1)[1]}.html"


def list_title(run: Run, name: str) -> str:
    title = run.plan["lists"][name].get("title") or name
    return title if run.is_open(title) else name


def table_row(site: Site, page: Path, name: str) -> dict[str, Any]:
    """An encoder's row of the overview's and the lists' tables."""
    run, entry = site.run, site.run.plan["encoders"][name]
    found, list_ = run.rates_of(name), name.split("/", 1)[0]
    cost, verdict = run.costs.get(name, {}), run.verdict_of(name)
    return {
        "name": name, "id": name.split("/", 1)[1], "url": url(page, site.encoder_page(name)),
        "spots": "", "list": list_, "list_url": url(page, site.list_page(list_)), "list_title": list_title(run, list_),
        "joint": len(entry["concepts"]) if len(entry["concepts"]) > 1 else 0,
        "verdict": verdict["verdict"], "required": bool(verdict.get("required")),
        "search": " ".join(dict.fromkeys(search_words(run, name))),
        "cells": numbers.row_of(found, site.columns),
        "attack": numbers.attacks_pooled(found, False), "learnt": numbers.attacks_pooled(found, True),
        "seconds": cost.get("seconds"), "changed": cost.get("changed_parameters"), "method": entry.get("method"),
    }  # fmt: skip


def search_words(run: Run, encoder: str) -> list[str]:
    """What a search finds an encoder by, beside what its row shows: its concepts' names and kinds, and the method."""
    entry = run.plan["encoders"][encoder]
    concepts = [run.plan["concepts"][name] for name in entry["concepts"][:GALLERY]]
    words = [text for c in concepts if not c.get("confidential") for text in (c["name"], c["kind"])]
    return [*run.open(words), entry.get("method") or ""]


def overview(site: Site) -> dict[str, Any]:
    run, page = site.run, site.index
    names = [f"{name}/{one}" for name in sorted(run.plan["lists"]) for one in run.plan["lists"][name]["encoders"]]
    points = {modality: _points(run, names, modality) for modality in MODALITIES}
    panels = [chart.panel(modality, some) for modality, some in points.items() if some]
    reasons = [reason for name in names for reason in run.verdict_of(name).get("reasons", ())]
    rows = [table_row(site, page, name) for name in names]
    lists = [list_card(site, page, name, rows) for name in sorted(run.plan["lists"])]
    for row in rows:
        row["spots"] = " ".join(panel.places[row["name"]] for panel in panels if row["name"] in panel.places)
    verdicts = Counter(row["verdict"] for row in rows)
    slow = sorted((row for row in rows if row["seconds"] is not None), key=lambda row: -row["seconds"])[:6]
    found = [(row, cell) for row in rows if (cell := weakest(run, row["name"])) or row["verdict"] == "fail"]
    found.sort(key=lambda pair: (ORDER.index(_known(pair[0]["verdict"])), pair[1].good or 0 if pair[1] else 1))
    return {
        "page": page, "rows": rows, "hrefs": {row["name"]: row["url"] for row in rows},
        "panels": panels, "missing": {p.modality: _missing(run, names, p) for p in panels}, "columns": site.columns,
        "verdicts": [(name, verdicts.get(name, 0)) for name in ("pass", "fail", "not measured")],
        "gates": gate_counts(reasons),
        "required": {name: sum(row["required"] and row["verdict"] == name for row in rows) for name in VERDICTS},
        "lists": lists, "list_options": [(one["id"], one["title"]) for one in lists],
        "overall": numbers.overall(run, site.columns, names), "slowest": slow, "worst": found[:6],
        "attacks": numbers.attacks_overall(run), "glossary": numbers.glossary(run),
        "seconds": sum(row["seconds"] or 0 for row in rows),
        "counts": {"lists": len(run.plan["lists"]), "concepts": len(run.plan["concepts"]), "encoders": len(rows)},
        "links": [{"label": label, "url": url(page, path)} for label, path in run.links.items()],
    }  # fmt: skip


def weakest(run: Run, name: str) -> numbers.Cell | None:
    """Of an encoder that fails, the number that fails by most; else the one that is furthest from good, if any is."""
    reasons = [r for r in run.verdict_of(name).get("reasons", ()) if r["verdict"] == "fail"]
    found = [(run.rates_of(name, r.get("concept", "")), (r["modality"], r["metric"])) for r in reasons]
    failed = [numbers.cell(rates[key]) for rates, key in found if key in rates]
    if failed:
        return min(failed, key=lambda c: 1 if c.good is None else c.good)
    return numbers.shortfall(run.rates_of(name))


def gate_counts(reasons: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many gates are sure, not sure and empty; {} without gates."""
    found = Counter(certainty(reason) for reason in reasons)
    return {word: found[word] for word in ("sure", "not sure", "empty", UNMEASURED)} if reasons else {}


def list_card(site: Site, page: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    own = [row for row in rows if row["list"] == name]
    verdicts = Counter(row["verdict"] for row in own)
    return {"id": name, "title": list_title(site.run, name), "url": url(page, site.list_page(name)),
            "concepts": len(site.run.plan["lists"][name].get("concepts", own)), "encoders": len(own),
            "verdicts": [(v, verdicts[v]) for v in ("pass", "fail", "not measured") if verdicts[v]]}  # fmt: skip


def list_page(site: Site, name: str) -> dict[str, Any]:
    run, page, entry = site.run, site.list_page(name), site.run.plan["lists"][name]
    rows = [table_row(site, page, f"{name}/{encoder}") for encoder in entry["encoders"]]
    shown_first = sorted(rows, key=lambda row: ORDER.index(_known(row["verdict"])))[:GALLERY]
    cards = [{**row, "pair": first_pair(site, page, row["name"])} for row in shown_first]
    owner = entry.get("owner") or ""
    return {"page": page, "list": list_card(site, page, name, rows), "rows": rows, "cards": cards,
            "columns": site.columns, "owner": owner if run.is_open(owner) else "",
            "overall": numbers.overall(run, site.columns, [row["name"] for row in rows])}  # fmt: skip


def pair_view(page: Path, pair: Pair, anchor: str) -> dict[str, Any]:
    suffix = ".mp4" if pair.modality == "video" else ".png"
    sides = {"before": pair.before, "after": pair.after}
    return {
        "id": anchor, "prompt": pair.prompt, "seed": pair.seed, "modality": pair.modality, "forget": pair.forget,
        "saw_before": pair.saw_before, "saw_after": pair.saw_after,
        **{side: url(page, path.with_suffix(suffix)) if path else "" for side, path in sides.items()},
        **{f"{side}_strip": url(page, path) if path else "" for side, path in sides.items()},
    }  # fmt: skip


def first_pair(site: Site, page: Path, encoder: str, concepts: Sequence[str] | None = None) -> dict[str, Any] | None:
    """The first target pair of the first concept that may be shown; a video where there is one."""
    for name in concepts or site.run.plan["encoders"][encoder]["concepts"]:
        pairs = [pair for pair in telling(pairs_of(site.run, encoder, name)) if pair.group == "target"]
        if pairs:
            return pair_view(page, next((p for p in pairs if p.modality == "video"), pairs[0]), "")
    return None


def _points(run: Run, names: Sequence[str], modality: str) -> list[chart.Point]:
    places = {name: numbers.position(run.rates_of(name), modality) for name in names}
    return [chart.Point(n, *place, _known(run.verdict_of(n)["verdict"])) for n, place in places.items() if place]


def _missing(run: Run, names: Sequence[str], panel: chart.Panel) -> str:
    """Which encoders a plot lacks, and why; "" where it has all."""
    out = [name for name in names if name not in panel.places]
    if not out:
        return ""
    kinds = {
        run.plan["concepts"][concept]["kind"] for name in out for concept in run.plan["encoders"][name]["concepts"]
    }
    motion = kinds == {"motion"} and panel.modality == "image"
    why = "a motion cannot be seen in a picture" if motion else "they have no target or nothing kept there"
    some = ", ".join(name.split("/", 1)[1] for name in out[:4]) + (" …" if len(out) > 4 else "")
    return f"{len(panel.places)} of {len(names)} encoders; not {some}: {why}"


def _known(verdict: str) -> str:
    return verdict if verdict in ORDER else "not measured"
