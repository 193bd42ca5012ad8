"""What each page says, as plain tables for the templates. Links are relative to the page's file."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from expunge.metrics import GROUPS, MODALITIES
from expunge.report import attempts as attacks
from expunge.report import chart, numbers
from expunge.report.definitions import VERDICTS, WORDS, definition, shown
from expunge.report.run import NOT_MEASURED, Pair, Run, fewshot_of, pairs_of, url

ORDER = ("fail", "not measured", "pass")  # worst first
BEST = 6  # attempts shown large
GALLERY = 24  # encoders, or concepts, shown with a pair
TABLE = 500  # attempts in a page's table
GROUP_WORDS = {
    "target": "the concept itself: must be gone",
    "aliases": "other words for it: must be gone",
    "near": "kept neighbours: must stay",
    "far": "unrelated prompts: must stay",
    "sense": "the other sense of the word: must stay",
}


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
        "attack": numbers.worst_attack(found, False), "learnt": numbers.worst_attack(found, True),
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
    names = [f"{name}/{encoder}" for name in sorted(run.plan["lists"]) for encoder in run.plan["lists"][name]["encoders"]]
    points = {modality: _points(run, names, modality) for modality in MODALITIES}
    panels = [chart.panel(modality, some) for modality, some in points.items() if some]
    rows = [table_row(site, page, name) for name in names]
    lists = [list_card(site, page, name, rows) for name in sorted(run.plan["lists"])]
    for row in rows:
        row["spots"] = " ".join(panel.places[row["name"]] for panel in panels if row["name"] in panel.places)
    verdicts = Counter(row["verdict"] for row in rows)
    slow = sorted((row for row in rows if row["seconds"] is not None), key=lambda row: -row["seconds"])[:6]
    worst = [(row, numbers.shortfall(run.rates_of(row["name"]))) for row in rows]
    found = [(row, cell) for row, cell in worst if cell or row["verdict"] == "fail"]
    found.sort(key=lambda pair: (ORDER.index(_known(pair[0]["verdict"])), pair[1].good or 0 if pair[1] else 1))
    return {
        "page": page, "rows": rows, "hrefs": {row["name"]: row["url"] for row in rows}, "panels": panels, "columns": site.columns,
        "verdicts": [(name, verdicts.get(name, 0)) for name in ("pass", "fail", "not measured")],
        "required": {name: sum(row["required"] and row["verdict"] == name for row in rows) for name in VERDICTS},
        "lists": lists, "list_options": [(one["id"], one["title"]) for one in lists],
        "overall": numbers.overall(run, site.columns, names), "slowest": slow, "worst": found[:6],
        "attacks": numbers.attacks_overall(run), "glossary": numbers.glossary(run),
        "seconds": sum(row["seconds"] or 0 for row in rows),
        "counts": {"lists": len(run.plan["lists"]), "concepts": len(run.plan["concepts"]), "encoders": len(rows)},
        "links": [{"label": label, "url": url(page, path)} for label, path in run.links.items()],
    }  # fmt: skip


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
    cards = [{**row, "pair": _first(site, page, row["name"])} for row in shown_first]
    owner = entry.get("owner") or ""
    return {"page": page, "list": list_card(site, page, name, rows), "rows": rows, "cards": cards,
            "columns": site.columns, "owner": owner if run.is_open(owner) else "",
            "overall": numbers.overall(run, site.columns, [row["name"] for row in rows])}  # fmt: skip


def encoder_page(site: Site, name: str, tries: Mapping[str, list[attacks.Attempt]]) -> dict[str, Any]:
    """A single encoder's page tells all about its concept; a joint one's leads to its concepts."""
    run, page, concepts = site.run, site.encoder_page(name), site.run.plan["encoders"][name]["concepts"]
    joint = len(concepts) > 1
    stem = name.replace("/", "--")
    order = [f"{name.split('/', 1)[0]}/{id_}" for id_ in run.plan["lists"][name.split("/", 1)[0]]["encoders"]]
    here = order.index(name)
    return {
        **_common(site, page, name), "joint": joint,
        "numbers": numbers.full_table(run.rates_of(name)),
        "sheets": [{"kind": file.rsplit(".", 1)[1], "url": url(page, site.folder / "sheets" / file)}
                   for file in (f"{stem}.png", f"{stem}.gif") if file in site.sheets],
        "part": None if joint else concept_part(site, page, name, concepts[0], tries.get(concepts[0], [])),
        "parts": [part_row(site, page, name, concept) for concept in concepts] if joint else [],
        "cards": [_part_card(site, page, name, concept) for concept in concepts[:GALLERY]] if joint else [],
        "siblings": [{"id": order[i].split("/", 1)[1], "url": url(page, site.encoder_page(order[i]))}
                     if 0 <= i < len(order) else None for i in (here - 1, here + 1)],
    }  # fmt: skip


def part_page(site: Site, encoder: str, concept: str, tries: list[attacks.Attempt]) -> dict[str, Any]:
    """One concept under a joint encoder."""
    page, concepts = site.part_page(encoder, concept), site.run.plan["encoders"][encoder]["concepts"]
    here = concepts.index(concept)
    return {
        **_common(site, page, encoder), "joint": False, "of": url(page, site.encoder_page(encoder)),
        "numbers": numbers.full_table(site.run.rates_of(encoder, concept.split("/", 1)[1])), "sheets": [],
        "part": concept_part(site, page, encoder, concept, tries), "parts": [], "cards": [],
        "siblings": [{"id": concepts[i].split("/", 1)[1], "url": url(page, site.part_page(encoder, concepts[i]))}
                     if 0 <= i < len(concepts) else None for i in (here - 1, here + 1)],
    }  # fmt: skip


def _common(site: Site, page: Path, name: str) -> dict[str, Any]:
    row = table_row(site, page, name)
    verdict = site.run.verdict_of(name)
    return {"page": page, "row": row, "of": None, "columns": site.columns, "reasons": [reason_row(site.run, r) for r in verdict.get("reasons", ())]}


def reason_row(run: Run, reason: Mapping[str, Any]) -> dict[str, Any]:
    metric, low, high = reason["metric"], reason.get("low"), reason.get("high")
    modality, value = WORDS.get(reason["modality"], reason["modality"]), shown(metric, reason.get("value"))
    text, threshold = str(reason.get("text", "")), reason.get("threshold", "")
    plain = f"{definition(metric).title} in {modality}: {value or NOT_MEASURED}, should be {threshold}"
    return {
        "what": definition(metric), "metric": metric, "modality": modality, "value": value, "n": reason.get("n"),
        "interval": "" if low is None or high is None else numbers.between(metric, low, high), "threshold": threshold,
        "verdict": reason["verdict"], "text": text if text and run.is_open(text) else plain,
    }  # fmt: skip


def part_row(site: Site, page: Path, encoder: str, concept: str) -> dict[str, Any]:
    entry = site.run.plan["concepts"][concept]
    name = "" if entry.get("confidential") else " ".join(site.run.open([entry["name"]]))
    found = site.run.rates_of(encoder, concept.split("/", 1)[1])
    return {"id": concept.split("/", 1)[1], "url": url(page, site.part_page(encoder, concept)), "search": name,
            "cells": numbers.row_of(found, site.columns), "attack": numbers.worst_attack(found, False),
            "learnt": numbers.worst_attack(found, True)}  # fmt: skip


def concept_part(site: Site, page: Path, encoder: str, name: str, tries: list[attacks.Attempt]) -> dict[str, Any]:
    """Who a concept is, its few-shot images, its pairs group by group, and its attacks."""
    run, concept = site.run, site.run.plan["concepts"][name]
    id_ = name.split("/", 1)[1]
    found = run.rates_of(encoder, id_) or (run.rates_of(encoder) if len(run.plan["encoders"][encoder]["concepts"]) == 1 else {})
    asr = [row for row in numbers.full_table(found) if row["metric"].startswith("asr:")]
    if concept.get("confidential"):
        return {"id": id_, "confidential": True, "asr": asr}
    by_group: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for pair in pairs_of(run, encoder, name):
        some = by_group.setdefault((pair.group, pair.modality), [])
        if len(some) < run.samples:
            some.append(pair_view(page, pair, f"{pair.group}-{pair.modality}-{len(some) + 1}"))
    groups = [
        {"group": g, "title": definition(g).title, "words": GROUP_WORDS[g], "forget": g in ("target", "aliases"),
         "pairs": [view for m in ("video", "image") for view in by_group.get((g, m), ())]}
        for g in GROUPS
    ]  # fmt: skip
    names = run.open([concept["name"]])
    return {
        "id": id_, "confidential": False, "name": names[0] if names else id_, "kind": concept["kind"],
        "aliases": run.open(concept.get("aliases", ())), "neighbours": run.open(concept.get("neighbours", ())),
        "anchor": (run.open([concept.get("anchor") or ""]) or [""])[0],
        "fewshot": [url(page, file) for file in fewshot_of(run, name)],
        "groups": [group for group in groups if group["pairs"]], "asr": asr,
        "best": [attempt_view(page, a, f"attack-{i}") for i, a in enumerate(attacks.telling(tries, BEST), 1)],
        "tries": [attempt_view(page, a, "") for a in tries[:TABLE]], "tried": len(tries),
        "fell": sum(a.fell for a in tries),
    }  # fmt: skip


def pair_view(page: Path, pair: Pair, anchor: str) -> dict[str, Any]:
    suffix = ".mp4" if pair.modality == "video" else ".png"
    sides = {"before": pair.before, "after": pair.after}
    return {
        "id": anchor, "prompt": pair.prompt, "seed": pair.seed, "modality": pair.modality, "forget": pair.forget,
        "saw_before": pair.saw_before, "saw_after": pair.saw_after,
        **{side: url(page, path.with_suffix(suffix)) if path else "" for side, path in sides.items()},
        **{f"{side}_strip": url(page, path) if path else "" for side, path in sides.items()},
    }  # fmt: skip


def attempt_view(page: Path, attempt: attacks.Attempt, anchor: str) -> dict[str, Any]:
    return {**pair_view(page, attempt.pair, anchor), "forget": True, "goal": attempt.goal,
            "attack": definition(f"asr:{attempt.attack}").title.removeprefix("asr:"),
            "confidence_before": attempt.confidence_before, "confidence_after": attempt.confidence_after}  # fmt: skip


def _first(site: Site, page: Path, encoder: str, concepts: Sequence[str] | None = None) -> dict[str, Any] | None:
    """The first target pair of the first concept that may be shown; a video where there is one."""
    for name in concepts or site.run.plan["encoders"][encoder]["concepts"]:
        pairs = [pair for pair in pairs_of(site.run, encoder, name) if pair.group == "target"]
        if pairs:
            return pair_view(page, next((p for p in pairs if p.modality == "video"), pairs[0]), "")
    return None


def _part_card(site: Site, page: Path, encoder: str, concept: str) -> dict[str, Any]:
    row = part_row(site, page, encoder, concept)
    return {**row, "verdict": None, "pair": _first(site, page, encoder, [concept])}


def _points(run: Run, names: Sequence[str], modality: str) -> list[chart.Point]:
    places = {name: numbers.position(run.rates_of(name), modality) for name in names}
    return [chart.Point(n, *place, _known(run.verdict_of(n)["verdict"])) for n, place in places.items() if place]


def _known(verdict: str) -> str:
    return verdict if verdict in ORDER else "not measured"
