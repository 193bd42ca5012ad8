"""The catalogue as tables for docs/: what stands there about a number is written in this folder alone.

<!-- table: forgotten -->
(rows)
<!-- end -->
"""

import re
from collections.abc import Mapping, Sequence

from expunge.judging.table import MEASURES
from expunge.metrics.catalogue import METRICS, measures
from expunge.metrics.metric import SEEN, THEMES, Metric

_MARKED = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
SHOWN = [theme for theme in THEMES if theme != "cost"]


def tables() -> dict[str, str]:
    """By the name in the marker: a table for each theme, and `measures`, what is measured of one sample."""
    return {**{theme: _of_theme(theme) for theme in SHOWN}, "measures": _of_measures()}


def filled(page: str) -> str:
    """A page with the tables between its markers. :raises KeyError: there is no table of that name."""
    made = tables()
    return _MARKED.sub(lambda match: f"{match[1]}{made[match[2]]}{match[3]}", page)


def _of_theme(theme: str) -> str:
    rows = [
        (
            f"`{name}`", _sentence(metric), f"{metric.range}; good: {metric.good}", _gate(metric),
            metric.limits,
        )
        for name, metric in METRICS.items()
        if metric.theme == theme
    ]  # fmt: skip
    return _table(("number", "what it is", "range", "in a gate", "limits"), rows)


def _of_measures() -> str:
    words: Mapping[str, str] = {**MEASURES, **measures()}
    return _table(("measure", "range: what it is of one sample"), [(f"`{name}`", text) for name, text in words.items()])


def _sentence(metric: Metric) -> str:
    return f"{metric.text} ({metric.source})" if metric.source else metric.text


def _gate(metric: Metric) -> str:
    """Where a gate may name it, and whether it must then have been measured."""
    if not metric.gateable:
        return "no"
    where = "" if metric.modalities == SEEN else f"{', '.join(metric.modalities)}: "
    where = f"of a release, {where}" if metric.of_releases else where
    return where + ("mandatory" if metric.always else "where measured")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
