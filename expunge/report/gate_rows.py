"""Gates as a page shows them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from expunge.core.codes import is_open
from expunge.metrics.thresholds import parse
from expunge.report.definitions import WORDS, between, definition, shown
from expunge.report.run import Run
from expunge.verdicts.verdict_file import PASS, UNMEASURED, Reason, Verdict


def open_verdicts(run: Run) -> dict[str, Verdict]:
    """The verdicts without any sentence that names a confidential concept."""

    def open_(reason: Reason) -> Reason:
        return reason if is_open(reason.text) else replace(reason, text="")

    return {
        name: replace(verdict, reasons=tuple(map(open_, verdict.reasons))) for name, verdict in run.verdicts.items()
    }


def gate_counts(reasons: Sequence[Reason]) -> dict[str, int]:
    """How many gates are sure, not sure and empty; {} without gates."""
    words = Counter(reason.certainty for reason in reasons)
    return {word: words[word] for word in ("sure", "not sure", "empty", UNMEASURED)} if reasons else {}


def reason_row(run: Run, reason: Reason, alone: bool) -> dict[str, Any]:
    """One gate. :param alone: on the page of its concept, so that the sentence need not name it."""
    metric = reason.metric
    modality, value = WORDS.get(reason.modality, reason.modality), shown(metric, reason.value)
    text = reason.text.removeprefix(f"{reason.concept}: ") if alone else reason.text
    plain = f"{definition(metric).title} in {modality}: {value or UNMEASURED}, should be {reason.threshold}"
    return {
        "what": definition(metric), "metric": metric, "modality": modality, "value": value, "n": reason.n,
        "before": shown(metric, reason.before), "few": reason.few,
        "certainty": "" if reason.certainty == UNMEASURED else reason.certainty,
        "wanted": wanted(metric, reason.threshold, reason.before),
        "interval": between(metric, reason.low, reason.high),
        "concept": reason.concept, "required": reason.required, "verdict": reason.verdict,
        "text": text if text and is_open(text) else plain,
    }  # fmt: skip


def reason_groups(rows: Sequence[Mapping[str, Any]], joint: bool) -> list[dict[str, Any]]:
    """Gates in tables: one for all, or for a joint encoder one for each concept with its passes folded away."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["concept"] if joint else "", []).append(row)
    return [
        {"concept": concept, "rows": [r for r in own if not joint or r["verdict"] != PASS],
         "passes": [r for r in own if joint and r["verdict"] == PASS]}
        for concept, own in groups.items()
    ]  # fmt: skip


def wanted(metric: str, threshold: str, before: float | None) -> str:
    """A threshold in the metric's own unit; one "of before" as the number that follows from it."""
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
    bound, nothing = gate.bound(metric, before)
    return f"{sign} {shown(metric, bound)} ({'nothing to lose' if nothing else f'{gate.number:g} of before'})"
