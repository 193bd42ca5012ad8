"""What the page of a release says: may this go out, and why; what it forgets; what it leaves of everything else."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from expunge.attacks import ATTACKS
from expunge.concepts.samples import GENERAL
from expunge.core.codes import is_open
from expunge.core.unit_names import GENERAL_SET, Name
from expunge.metrics.catalogue import METRICS
from expunge.plan.contract import Plan, PlannedRelease
from expunge.report import numbers
from expunge.report.definitions import WORDS, shown
from expunge.report.encoder_pages import common, part_card, part_row, sheets_of
from expunge.report.gate_rows import reason_row
from expunge.report.layout import GALLERY, Site, encoder_row, pair_view
from expunge.report.pairs import pairs_of
from expunge.report.run import Run, url
from expunge.verdicts.verdict_file import ANSWERS, FAIL, PASS, UNMEASURED, Reason

LOST = 24  # pairs of lost things


def release_row(site: Site, page: Path, name: str) -> dict[str, Any]:
    """A release on the overview."""
    verdict, job = site.run.verdict_of(name), site.run.plan.encoders[name]
    return {
        **encoder_row(site, page, name), "answer": ANSWERS[verdict.verdict], "concepts": len(job.concepts),
        "failed": sum(reason.verdict != PASS for reason in verdict.reasons), "gated": len(verdict.reasons),
    }  # fmt: skip


def release_page(site: Site, name: str, release: PlannedRelease) -> dict[str, Any]:
    run, page, concepts = site.run, site.encoder_page(name), site.run.plan.encoders[name].concepts
    verdict = run.verdict_of(name)
    reasons = verdict.reasons
    failed = failures(site, page, name, reasons)
    return {
        **common(site, page, name), "release": Name.parse(name).id, "count": len(concepts),
        "answer": ANSWERS[verdict.verdict], "note": verdict.note, "failed": failed, "backed": _in_words(failed),
        "parts": [_part(site, page, name, concept, reasons) for concept in concepts],
        "cards": [part_card(site, page, name, concept) for concept in concepts[:GALLERY]],
        "general": _general(site, page, name), "not_asked": not_asked(run, release),
        "uncovered": list(uncovered(run.plan, name, release, run)), "lists": release.lists,
        "numbers": numbers.full_table(run.rates_of(name)), "sheets": sheets_of(site, page, name),
    }  # fmt: skip


def failures(site: Site, page: Path, name: str, reasons: Sequence[Reason]) -> list[dict[str, Any]]:
    """The gates that keep a release back, concept by concept: those of the whole encoder come first."""
    pages = {Name.parse(c).id: site.part_page(name, c) for c in site.run.plan.encoders[name].concepts}
    by_concept: dict[str, list[dict[str, Any]]] = {}
    deciding = [reason for reason in reasons if reason.required] or reasons
    for reason in sorted(deciding, key=lambda reason: reason.concept):
        if reason.verdict != PASS:
            by_concept.setdefault(reason.concept, []).append(reason_row(site.run, reason, True))
    return [
        {"concept": id_, "url": url(page, pages[id_]) if id_ in pages else "", "rows": rows}
        for id_, rows in by_concept.items()
    ]


def _in_words(failed: Sequence[Mapping[str, Any]]) -> str:
    """ "3 gates, of 2 concepts and of the release as a whole"; what is missing where there is no gate."""
    gates, concepts = sum(len(one["rows"]) for one in failed), sum(bool(one["concept"]) for one in failed)
    whole = ["the release as a whole"] if concepts < len(failed) else []
    parts = [*([f"{concepts} concept{'' if concepts == 1 else 's'}"] if concepts else []), *whole]
    return f"{gates} gate{'' if gates == 1 else 's'}, of {' and of '.join(parts)}" if gates else "no gate was measured"


def not_asked(run: Run, release: PlannedRelease) -> dict[str, Any]:
    """What one part of a release keeps and another forgets; `hidden` of them would name a confidential concept."""
    rows = [each for each in release.not_asked if is_open(each.words)]
    confidential = [name for name, concept in run.plan.concepts.items() if concept.confidential]
    rows = [each for each in rows if each.kept_by not in confidential and each.forgotten_by not in confidential]
    return {"rows": rows, "hidden": len(release.not_asked) - len(rows)}


def uncovered(plan: Plan, name: str, release: PlannedRelease, run: Run) -> Iterator[str]:
    """What a verdict on this release says nothing about, a sentence each."""
    job = plan.encoders[name]
    if release.without:
        yield f"It need not forget {', '.join(release.without)}, which its lists name."
    if others := [each for each in plan.lists if each not in release.lists]:
        yield f"It forgets nothing of the lists {', '.join(others)}."
    if len(release.attacked) < len(job.concepts):
        few = ", ".join(Name.parse(concept).id for concept in release.attacked)
        yield f"Attacks were made on {len(release.attacked)} of its {len(job.concepts)} concepts, drawn by lot: {few}."
    tried = {metric.removeprefix("asr:") for _, metric in run.rates_of(name)}
    if untried := [attack for attack in ATTACKS if attack not in tried]:
        yield f"These attacks were not made: {', '.join(untried)}."
    for modality, groups in _never_drawn(plan, name).items():
        yield f"No {WORDS[modality]} were drawn of {', '.join(groups)}."
    if not any(metric == GENERAL for _, metric in run.rates_of(name)):
        yield "No general set was drawn, so nobody knows what else it costs."
    yield "Whoever puts the original text encoder back, or feeds embeddings in place of a prompt, undoes it."


def _never_drawn(plan: Plan, name: str) -> dict[str, list[str]]:
    """By modality, the groups of which the encoder's own budget draws no sample, although others draw some."""
    drawn: dict[tuple[str, str], bool] = {}
    for concept in plan.encoders[name].concepts:
        over = set(plan.encoders[name].over_budget.get(concept, ()))
        for place, sample in enumerate(plan.samples[concept]):
            key = sample.modality, sample.group
            drawn[key] = drawn.get(key, False) or place not in over
    nothing = [key for key, some in drawn.items() if not some]
    return {each: [group for modality, group in nothing if modality == each] for each, _ in nothing}


def _part(site: Site, page: Path, name: str, concept: str, reasons: Sequence[Reason]) -> dict[str, Any]:
    """A concept's row, with the verdict of its own gates."""
    words = [reason.verdict for reason in reasons if reason.concept == Name.parse(concept).id]
    verdict = next((word for word in (FAIL, UNMEASURED, PASS) if word in words), "")
    return {**part_row(site, page, name, concept), "verdict": verdict, "list": Name.parse(concept).list}


def _general(site: Site, page: Path, name: str) -> dict[str, Any]:
    """The general set: its numbers, the worst thing of each modality, and the pairs of what was lost."""
    rates: Mapping[tuple[str, str], Any] = site.run.rates_of(name)
    own = {key: rate for key, rate in rates.items() if key[1] in METRICS and METRICS[key[1]].of_releases}
    pairs = pairs_of(site.run, name, GENERAL_SET)
    lost = [pair for pair in pairs if pair.saw_before and not pair.saw_after]
    worst = [
        {"what": WORDS[modality], "word": rate.word, "before": shown(metric, rate.before),
         "after": shown(metric, rate.value)}
        for (modality, metric), rate in own.items()
        if metric == "general_worst" and rate.word and is_open(rate.word)
    ]  # fmt: skip
    return {"numbers": numbers.full_table(own), "worst": worst, "lost": len(lost), "drawn": len(pairs),
            "pairs": [pair_view(page, pair, f"lost-{i}") for i, pair in enumerate(lost[:LOST], 1)]}  # fmt: skip
