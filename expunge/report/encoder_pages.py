"""What the pages of encoders and of their concepts say, as plain tables for the templates."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from expunge.concepts.samples import FORGET, GROUPS, MODALITIES
from expunge.core.unit_names import Name
from expunge.report import numbers
from expunge.report.attempts import ShownAttempt, strongest
from expunge.report.definitions import WORDS, definition, shown
from expunge.report.frame_chart import frame_chart
from expunge.report.gate_rows import gate_counts, reason_groups, reason_row
from expunge.report.layout import GALLERY, Site, encoder_row, first_pair, pair_view
from expunge.report.pairs import drawn_first, fewshot_of, pairs_of
from expunge.report.run import Rates, url
from expunge.verdicts.verdict_file import PASS

BEST = 10  # attempts shown large
TABLE = 500  # attempts in a page's table
KEPT = 20  # phrases of a list's `keep` that a page names
GROUP_WORDS = {
    "target": "the concept itself: must be gone",
    "aliases": "other words for it: must be gone",
    "probes": "words that were never trained on: must be gone",
    "near": "kept neighbours: must stay",
    "far": "unrelated prompts: must stay",
    "sense": "the other sense of the word: must stay",
    "beside": "the concept and something else: the companion must stay, the concept must be gone",
}


def encoder_page(site: Site, name: str, attempts: Mapping[str, list[ShownAttempt]]) -> dict[str, Any]:
    """The page of an encoder: all about its concept, or for a joint encoder links to the pages of its concepts."""
    run, page, concepts = site.run, site.encoder_page(name), site.run.plan.encoders[name].concepts
    joint = len(concepts) > 1
    part = None if joint else concept_part(site, page, name, concepts[0], attempts.get(concepts[0], []))
    return {
        **common(site, page, name), "joint": joint,
        "numbers": numbers.full_table(run.rates_of(name)),
        "sheets": sheets_of(site, page, name),
        "part": part, "curve": frame_chart(run.curves_by_unit.get((name, ""), [])),
        "parts": [part_row(site, page, name, concept) for concept in concepts] if joint else [],
        "cards": [part_card(site, page, name, concept) for concept in concepts[:GALLERY]] if joint else [],
        "siblings": _siblings(page, site.order[Name.parse(name).list], site.encoder_page, name),
    }  # fmt: skip


def sheets_of(site: Site, page: Path, name: str) -> list[dict[str, str]]:
    """The contact sheets of an encoder."""
    files = [f"{Name.parse(name).stem}.{kind}" for kind in ("png", "gif")]
    return [
        {"kind": Path(file).suffix[1:], "url": url(page, site.folder / "sheets" / file)}
        for file in files
        if file in site.sheets
    ]


def part_page(site: Site, encoder: str, concept: str, attempts: list[ShownAttempt]) -> dict[str, Any]:
    """One concept under a joint encoder."""
    page, concepts = site.part_page(encoder, concept), site.run.plan.encoders[encoder].concepts
    id_ = Name.parse(concept).id
    return {
        **common(site, page, encoder, id_), "joint": False, "of": url(page, site.encoder_page(encoder)),
        "numbers": numbers.full_table(site.run.rates_of(encoder, id_)), "sheets": [],
        "part": concept_part(site, page, encoder, concept, attempts), "parts": [], "cards": [],
        "curve": frame_chart(site.run.curves_by_unit.get((encoder, id_), [])),
        "siblings": _siblings(page, concepts, partial(site.part_page, encoder), concept),
    }  # fmt: skip


def part_row(site: Site, page: Path, encoder: str, concept: str) -> dict[str, Any]:
    """A concept's row of a joint encoder's table."""
    entry, id_ = site.run.plan.concepts[concept], Name.parse(concept).id
    name = "" if entry.confidential else " ".join(site.run.open([entry.name]))
    rates = site.run.rates_of(encoder, id_)
    return {"id": id_, "url": url(page, site.part_page(encoder, concept)), "search": name,
            "cells": numbers.row_of(rates, site.columns), "attack": numbers.attacks_pooled(rates, False),
            "learnt": numbers.attacks_pooled(rates, True)}  # fmt: skip


def concept_part(site: Site, page: Path, encoder: str, name: str, attempts: list[ShownAttempt]) -> dict[str, Any]:
    """What a concept is, its few-shot images, its pairs group by group, and its attacks."""
    run, concept, id_ = site.run, site.run.plan.concepts[name], Name.parse(name).id
    alone = len(run.plan.encoders[encoder].concepts) == 1
    rates = run.rates_of(encoder, id_) or (run.rates_of(encoder) if alone else {})
    asr = [row for row in numbers.full_table(rates) if row["what"].theme == "attack"]
    if concept.confidential:
        return {"id": id_, "confidential": True, "asr": asr}
    names = run.open([concept.name])
    return {
        "id": id_, "confidential": False, "name": names[0] if names else id_, "kind": concept.kind,
        "aliases": run.open(concept.aliases), "neighbours": run.open(concept.neighbours),
        "members": run.open(concept.members), "judge": concept.judge, "probes": run.open(concept.probes),
        "keep": run.open(run.plan.lists[Name.parse(name).list].keep[:KEPT]),
        "more_kept": len(run.plan.lists[Name.parse(name).list].keep[KEPT:]),
        "anchor": (run.open([concept.anchor or ""]) or [""])[0],
        "fewshot": [url(page, file) for file in fewshot_of(run, name)],
        "groups": _groups(site, page, encoder, name, rates), "asr": asr,
        "best": [attempt_view(page, a, f"attack-{i}") for i, a in enumerate(strongest(attempts, BEST), 1)],
        "tries": [attempt_view(page, a, "") for a in attempts[:TABLE]], "tried": len(attempts),
        "fell": sum(a.succeeded for a in attempts),
    }  # fmt: skip


def group_rates(rates: Rates, group: str) -> str:
    """What the judge saw in all samples of a group; the page shows only a few of them."""
    two = {"beside": "the companion: ", "beside_target": "the concept: "}
    said = []
    for metric, what in (two if group == "beside" else {group: ""}).items():
        own = [(m, rates[m, metric]) for m in MODALITIES if (m, metric) in rates]
        before = {m: f"{shown(metric, r.before)} → " if r.before is not None else "" for m, r in own}
        words = ", ".join(f"{WORDS[m]} {before[m]}{shown(metric, r.value)} (n = {r.n})" for m, r in own)
        said += [f"{what}{words}"] if words else []
    return "; ".join(said)


def attempt_view(page: Path, attempt: ShownAttempt, anchor: str) -> dict[str, Any]:
    return {**pair_view(page, attempt.pair, anchor), "forget": True, "goal": attempt.goal,
            "attack": definition(f"asr:{attempt.attack}").title.removeprefix("asr:"),
            "confidence_before": attempt.confidence_before, "confidence_after": attempt.confidence_after}  # fmt: skip


def common(site: Site, page: Path, name: str, concept: str = "") -> dict[str, Any]:
    """What every page of an encoder says; the page of a joint encoder's concept has only the reasons about it."""
    row = encoder_row(site, page, name)
    verdict = site.run.verdict_of(name)
    reasons = [reason for reason in verdict.reasons if not concept or reason.concept == concept]
    rows = [reason_row(site.run, reason, bool(concept)) for reason in reasons]
    record = site.run.records.get(name)
    told = {"url": url(page, record), "signed": site.run.signed.get(name, "not signed")} if record else None
    missed = [row["text"] for row in rows if row["verdict"] != PASS and row["required"]]
    return {"page": page, "row": row, "of": None, "record": told,
            "columns": site.columns, "gates": gate_counts(reasons),
            "few": sum(r["few"] for r in rows), "reasons": reason_groups(rows, row["joint"] > 0 and not concept),
            "why": [verdict.note, *missed] if verdict.note else missed}  # fmt: skip


def _siblings(
    page: Path, order: Sequence[str], page_of: Callable[[str], Path], name: str
) -> list[dict[str, str] | None]:
    """The pages before and after this one."""
    here = order.index(name)
    return [
        {"id": Name.parse(order[place]).id, "url": url(page, page_of(order[place]))}
        if 0 <= place < len(order)
        else None
        for place in (here - 1, here + 1)
    ]


def _groups(site: Site, page: Path, encoder: str, concept: str, rates: Rates) -> list[dict[str, Any]]:
    """The groups that have pairs to show, with the first few of each modality."""
    views: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for pair in drawn_first(pairs_of(site.run, encoder, concept)):
        own = views.setdefault((pair.group, pair.modality), [])
        if len(own) < site.run.samples:
            own.append(pair_view(page, pair, f"{pair.group}-{pair.modality}-{len(own) + 1}"))
    return [
        {"group": g, "title": definition(g).title, "words": GROUP_WORDS[g], "forget": g in FORGET,
         "rates": group_rates(rates, g), "pairs": [view for m in ("video", "image") for view in views.get((g, m), ())]}
        for g in GROUPS
        if any(views.get((g, m)) for m in MODALITIES)
    ]  # fmt: skip


def part_card(site: Site, page: Path, encoder: str, concept: str) -> dict[str, Any]:
    row = part_row(site, page, encoder, concept)
    return {**row, "verdict": None, "pair": first_pair(site, page, encoder, [concept])}
