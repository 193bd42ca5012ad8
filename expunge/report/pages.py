"""What the overview and the lists' pages say, as plain tables for the templates. Links are relative to the page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from expunge.concepts.samples import MODALITIES
from expunge.core.codes import is_open
from expunge.core.unit_names import Name
from expunge.metrics.sample_choices import shows_in
from expunge.report import chart, numbers
from expunge.report.definitions import VERDICTS
from expunge.report.gate_rows import gate_counts
from expunge.report.layout import GALLERY, Site, encoder_row, first_pair, list_title
from expunge.report.release_pages import release_row
from expunge.report.run import Run, url
from expunge.verdicts.verdict_file import FAIL, PASS, UNMEASURED

WORST_FIRST = (FAIL, UNMEASURED, PASS)
SHOWN = 6  # of the worst, and of the slowest


def overview(site: Site) -> dict[str, Any]:
    run, page, plan = site.run, site.index, site.run.plan
    names = [name for list_ in sorted(plan.lists) for name in plan.encoders_of(list_)]
    points = {modality: _points(run, names, modality) for modality in MODALITIES}
    panels = [chart.panel(modality, own) for modality, own in points.items() if own]
    reasons = [reason for name in names for reason in run.verdict_of(name).reasons]
    rows = [encoder_row(site, page, name) for name in names]
    lists = [list_card(site, page, name, rows) for name in sorted(plan.lists)]
    for row in rows:
        row["spots"] = " ".join(panel.places[row["name"]] for panel in panels if row["name"] in panel.places)
    verdicts = Counter(row["verdict"] for row in rows)
    return {
        "page": page, "releases": [release_row(site, page, name) for name in plan.encoders if plan.release_of(name)],
        "rows": rows, "hrefs": {row["name"]: row["url"] for row in rows},
        "panels": panels, "missing": {p.modality: _missing(run, names, p) for p in panels}, "columns": site.columns,
        "verdicts": [(word, verdicts.get(word, 0)) for word in (PASS, FAIL, UNMEASURED)],
        "gates": gate_counts(reasons),
        "required": {word: sum(row["required"] and row["verdict"] == word for row in rows) for word in VERDICTS},
        "lists": lists, "list_options": [(one["id"], one["title"]) for one in lists],
        "overall": numbers.overall(run, site.columns, names), "slowest": slowest(rows), "worst": worst(run, rows),
        "attacks": numbers.attacks_overall(run), "glossary": numbers.glossary(run),
        "seconds": sum(row["seconds"] or 0 for row in rows),
        "counts": {"lists": len(plan.lists), "concepts": len(plan.concepts), "encoders": len(rows)},
        "links": [{"label": label, "url": url(page, path)} for label, path in run.links.items()],
    }  # fmt: skip


def slowest(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The encoders that took longest to train, among those whose time this machine knows."""
    return sorted((row for row in rows if row["seconds"] is not None), key=lambda row: -row["seconds"])[:SHOWN]


def worst(run: Run, rows: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], numbers.Cell | None]]:
    """Encoders that fail, and those with a number that is not good, each with its weakest number."""
    weak = [(row, cell) for row in rows if (cell := weakest(run, row["name"])) or row["verdict"] == FAIL]
    weak.sort(key=lambda pair: (WORST_FIRST.index(pair[0]["verdict"]), pair[1].good or 0 if pair[1] else 1))
    return weak[:SHOWN]


def weakest(run: Run, name: str) -> numbers.Cell | None:
    """The weakest number among those that fail; if none fails, the one that is furthest from good, if any."""
    reasons = [reason for reason in run.verdict_of(name).reasons if reason.verdict == FAIL]
    rates = [run.rates_of(name, reason.concept).get((reason.modality, reason.metric)) for reason in reasons]
    failed = [numbers.cell(rate) for rate in rates if rate is not None]
    if failed:
        return min(failed, key=lambda c: 1 if c.good is None else c.good)
    return numbers.shortfall(run.rates_of(name))


def list_card(site: Site, page: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    own = [row for row in rows if row["list"] == name]
    verdicts = Counter(row["verdict"] for row in own)
    return {"id": name, "title": list_title(site.run, name), "url": url(page, site.list_page(name)),
            "concepts": len(site.run.plan.lists[name].concepts), "encoders": len(own),
            "verdicts": [(v, verdicts[v]) for v in (PASS, FAIL, UNMEASURED) if verdicts[v]]}  # fmt: skip


def list_page(site: Site, name: str) -> dict[str, Any]:
    run, page = site.run, site.list_page(name)
    rows = [encoder_row(site, page, encoder) for encoder in run.plan.encoders_of(name)]
    shown_first = sorted(rows, key=lambda row: WORST_FIRST.index(row["verdict"]))[:GALLERY]
    cards = [{**row, "pair": first_pair(site, page, row["name"])} for row in shown_first]
    owner = run.plan.lists[name].owner
    return {"page": page, "list": list_card(site, page, name, rows), "rows": rows, "cards": cards,
            "columns": site.columns, "owner": owner if is_open(owner) else "",
            "overall": numbers.overall(run, site.columns, [row["name"] for row in rows])}  # fmt: skip


def _points(run: Run, names: Sequence[str], modality: str) -> list[chart.Point]:
    places = {name: numbers.position(run.rates_of(name), modality) for name in names}
    return [chart.Point(n, *place, run.verdict_of(n).verdict) for n, place in places.items() if place]


def _missing(run: Run, names: Sequence[str], panel: chart.Panel) -> str:
    """Which encoders a plot lacks, and why; "" where it has all."""
    out = [name for name in names if name not in panel.places]
    if not out:
        return ""
    kinds = {run.plan.concepts[concept].kind for name in out for concept in run.plan.encoders[name].concepts}
    unseen = not any(shows_in(kind, panel.modality) for kind in kinds)
    why = "a motion cannot be seen in a picture" if unseen else "they have no target or nothing kept there"
    ids = ", ".join(Name.parse(name).id for name in out[:4]) + (" …" if len(out) > 4 else "")
    return f"{len(panel.places)} of {len(names)} encoders; not {ids}: {why}"
