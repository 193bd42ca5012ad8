"""How pages name metrics, verdicts and modalities. The catalogue defines the metrics.

definition("near").title, .text, .better
shown("near", 0.875)                           "87.5 %"
"""

from expunge.metrics.catalogue import METRICS
from expunge.metrics.metric import Metric

WORDS = {"image": "pictures", "video": "videos", "text": "text"}  # a modality, as a heading says it

VERDICTS = {
    "pass": "Every threshold is met by these tests.",
    "fail": "At least one threshold is missed.",
    "not measured": "A number that a threshold asks for is missing, or nothing was judged yet.",
}

CERTAINTY = {  # of a gate: expunge.verdicts.verdict_file.Reason.certainty
    "empty": "There was nothing to forget, or nothing to lose, with the original encoder, so the pass says nothing.",
    "sure": "All of the 95 % interval is on one side of the threshold.",
    "not sure": "The 95 % interval reaches across the threshold, or there is none: n is too small to be sure.",
}


def definition(name: str) -> Metric:
    """A metric of the catalogue; an unknown one (from a table of another version) has only its name."""
    if name in METRICS:
        return METRICS[name]
    attack = name.startswith("asr:")
    theme = "attack" if attack else "text" if name.startswith("drift") else "quality"
    return Metric(title=name, text="", theme=theme, modalities=(), better="", share=attack)


def never_seen(name: str, value: float | None, before: float | None) -> bool:
    """Was the target absent both before and after? Then a rate of 0 says nothing about forgetting."""
    metric = definition(name)
    return metric.better == "lower" and metric.theme in ("forgotten", "attack") and value == 0 == before


def in_words(name: str) -> str:
    """What a reader hovers for: title, definition and which way is better."""
    metric = definition(name)
    better = f" {metric.better.capitalize()} is better." if metric.better else ""
    return f"{metric.title}. {metric.text}{better}"


def order(name: str) -> tuple[int, str]:
    """Metrics in the order of the catalogue, then all others by name."""
    names = list(METRICS)
    return (names.index(name), "") if name in METRICS else (len(names), name)


def shown(name: str, value: float | None) -> str:
    """A value as people read it: a share in percent, another number with three digits, "" where there is none."""
    if value is None:
        return ""
    if definition(name).share:
        return f"{_short(100 * value)} %"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def between(name: str, low: float | None, high: float | None) -> str:
    """An interval as people read it, with one percent sign at the end; "" where there is none."""
    if low is None or high is None:
        return ""
    return f"{shown(name, low).removesuffix(' %')}–{shown(name, high)}"


def _short(number: float) -> str:
    """With one decimal, unless that is 0."""
    return f"{number:.1f}".removesuffix(".0")
