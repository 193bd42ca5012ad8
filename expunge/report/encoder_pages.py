"""What the pages of encoders and of their concepts say, as plain tables for the templates."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from expunge.concepts.samples import FORGET, GROUPS, MODALITIES
from expunge.metrics.thresholds import parse
from expunge.report import attempts as attacks
from expunge.report import numbers
from expunge.report.definitions import WORDS, definition, shown
from expunge.report.pages import GALLERY, Site, first_pair, gate_counts, pair_view, table_row
from expunge.report.run import Run, fewshot_of, pairs_of, telling, url
from expunge.verdicts.gate import FEW, UNMEASURED, bound_of, certainty

BEST = 10  # attempts shown large
TABLE = 500  # attempts in a page's table
GROUP_WORDS = {
    "target": "the concept itself: must be gone",
    "aliases": "other words for it: must be gone",
    "near": "kept neighbours: must stay",
    "far": "unrelated prompts: must stay",
    "sense": "the other sense of the word: must stay",
}


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
        **_common(site, page, encoder, concept.split("/", 1)[1]), "joint": False,
        "of": url(page, site.encoder_page(encoder)),
        "numbers": numbers.full_table(site.run.rates_of(encoder, concept.split("/", 1)[1])), "sheets": [],
        "part": concept_part(site, page, encoder, concept, tries), "parts": [], "cards": [],
        "siblings": [{"id": concepts[i].split("/", 1)[1], "url": url(page, site.part_page(encoder, concepts[i]))}
                     if 0 <= i < len(concepts) else None for i in (here - 1, here + 1)],
    }  # fmt: skip


def _common(site: Site, page: Path, name: str, concept: str = "") -> dict[str, Any]:
    """What every page of an encoder says; of a joint encoder's concept, the reasons that are about it."""
    row = table_row(site, page, name)
    reasons = [r for r in site.run.verdict_of(name).get("reasons", ()) if not concept or r.get("concept") == concept]
    rows = [reason_row(site.run, r, bool(concept)) for r in reasons]
    return {"page": page, "row": row, "of": None, "columns": site.columns, "gates": gate_counts(reasons),
            "few": sum(r["few"] for r in rows), "reasons": reason_groups(rows, row["joint"] > 0 and not concept),
            "why": [r["text"] for r in rows if r["verdict"] != "pass" and r["required"]]}  # fmt: skip


def reason_groups(rows: Sequence[dict[str, Any]], joint: bool) -> list[dict[str, Any]]:
    """Gates in tables: of a joint encoder one for each concept, with its passes folded away."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["concept"] if joint else "", []).append(row)
    return [
        {"concept": concept, "rows": [r for r in some if not joint or r["verdict"] != "pass"],
         "passes": [r for r in some if joint and r["verdict"] == "pass"]}
        for concept, some in found.items()
    ]  # fmt: skip


def wanted(metric: str, threshold: str, before: float | None) -> str:
    """A threshold in the metric's own unit, and what "of before" comes to."""
    try:
        gate = parse(threshold)
    except ValueError:
        gate = None
    if gate is None:
        return threshold
    sign = {"<=": "≤", ">=": "≥"}[gate.sign]
    if not gate.of_before:
        return f"{sign} {shown(metric, gate.number)}"
    if before is None:
        return f"{sign} {gate.number:g} of before"
    bound, nothing = bound_of(gate, metric, before)
    return f"{sign} {shown(metric, bound)} ({'nothing to lose' if nothing else f'{gate.number:g} of before'})"


def reason_row(run: Run, reason: Mapping[str, Any], alone: bool) -> dict[str, Any]:
    """One gate as a page shows it. :param alone: on the page of its concept, where no sentence need name that."""
    metric, low, high = reason["metric"], reason.get("low"), reason.get("high")
    modality, value = WORDS.get(reason["modality"], reason["modality"]), shown(metric, reason.get("value"))
    text, threshold = str(reason.get("text", "")), reason.get("threshold", "")
    text = text.removeprefix(f"{reason.get('concept')}: ") if alone else text
    sure, n = certainty(reason), reason.get("n")
    plain = f"{definition(metric).title} in {modality}: {value or UNMEASURED}, should be {threshold}"
    return {
        "what": definition(metric), "metric": metric, "modality": modality, "value": value, "n": n,
        "before": shown(metric, reason.get("before")), "few": n is not None and 0 < n < FEW,
        "certainty": "" if sure == UNMEASURED else sure, "wanted": wanted(metric, threshold, reason.get("before")),
        "interval": "" if low is None or high is None else numbers.between(metric, low, high),
        "concept": reason.get("concept", ""), "required": reason.get("required", True), "verdict": reason["verdict"],
        "text": text if text and run.is_open(text) else plain,
    }  # fmt: skip


def part_row(site: Site, page: Path, encoder: str, concept: str) -> dict[str, Any]:
    entry = site.run.plan["concepts"][concept]
    name = "" if entry.get("confidential") else " ".join(site.run.open([entry["name"]]))
    found = site.run.rates_of(encoder, concept.split("/", 1)[1])
    return {"id": concept.split("/", 1)[1], "url": url(page, site.part_page(encoder, concept)), "search": name,
            "cells": numbers.row_of(found, site.columns), "attack": numbers.attacks_pooled(found, False),
            "learnt": numbers.attacks_pooled(found, True)}  # fmt: skip


def concept_part(site: Site, page: Path, encoder: str, name: str, tries: list[attacks.Attempt]) -> dict[str, Any]:
    """Who a concept is, its few-shot images, its pairs group by group, and its attacks."""
    run, concept = site.run, site.run.plan["concepts"][name]
    id_ = name.split("/", 1)[1]
    alone = len(run.plan["encoders"][encoder]["concepts"]) == 1
    found = run.rates_of(encoder, id_) or (run.rates_of(encoder) if alone else {})
    asr = [row for row in numbers.full_table(found) if row["metric"].startswith("asr:")]
    if concept.get("confidential"):
        return {"id": id_, "confidential": True, "asr": asr}
    by_group: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for pair in telling(pairs_of(run, encoder, name)):
        some = by_group.setdefault((pair.group, pair.modality), [])
        if len(some) < run.samples:
            some.append(pair_view(page, pair, f"{pair.group}-{pair.modality}-{len(some) + 1}"))
    groups = [
        {"group": g, "title": definition(g).title, "words": GROUP_WORDS[g], "forget": g in FORGET,
         "rates": group_rates(found, g),
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


def group_rates(found: numbers.Found, group: str) -> str:
    """What the judge saw in all of a group's samples: the page shows but a few."""
    some = [(m, found[m, group]) for m in MODALITIES if (m, group) in found]
    before = {m: f"{shown(group, r.before)} → " if r.before is not None else "" for m, r in some}
    return ", ".join(f"{WORDS[m]} {before[m]}{shown(group, r.value)} (n = {r.n})" for m, r in some)


def attempt_view(page: Path, attempt: attacks.Attempt, anchor: str) -> dict[str, Any]:
    return {**pair_view(page, attempt.pair, anchor), "forget": True, "goal": attempt.goal,
            "attack": definition(f"asr:{attempt.attack}").title.removeprefix("asr:"),
            "confidence_before": attempt.confidence_before, "confidence_after": attempt.confidence_after}  # fmt: skip


def _part_card(site: Site, page: Path, encoder: str, concept: str) -> dict[str, Any]:
    row = part_row(site, page, encoder, concept)
    return {**row, "verdict": None, "pair": first_pair(site, page, encoder, [concept])}
