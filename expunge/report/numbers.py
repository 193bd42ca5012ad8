"""Tables from rates: the cells of the overview's rows, and the rows of a unit's own table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from expunge.concepts.samples import FORGET, GROUPS, MODALITIES
from expunge.report.definitions import DEFINITIONS, THEMES, WORDS, definition, never_seen, order, shown
from expunge.report.run import Run
from expunge.verdicts.rates import Rate, wilson

Found = Mapping[tuple[str, str], Rate]
LEARNT = "asr:inversion"  # stands apart: it brings a new token, not a prompt
POOLED = "asr:all"


@dataclass(frozen=True)
class Cell:
    """One number of a table. `good` in [0, 1], or None where neither way is better: how green it is."""

    metric: str
    modality: str
    value: float
    before: float | None
    good: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0

    @property
    def never(self) -> bool:
        """0 before and after: shown grey, since nothing was there to forget."""
        return never_seen(self.metric, self.value, self.before)

    @property
    def note(self) -> str:
        """What a reader asks of a number: of how many, and how sure."""
        if self.low is None or self.high is None:
            return f"n = {self.n}"
        return f"n = {self.n}, 95 % interval {between(self.metric, self.low, self.high)}"


def between(metric: str, low: float, high: float) -> str:
    """An interval as people read it; the sign of percent once."""
    return f"{shown(metric, low).removesuffix(' %')}–{shown(metric, high)}"


def cell(rate: Rate) -> Cell:
    good, better = None, definition(rate.metric).better
    if never_seen(rate.metric, rate.value, rate.before):
        pass
    elif definition(rate.metric).share and better == "lower":
        good = 1 - rate.value
    elif definition(rate.metric).share and better:
        good = min(1.0, rate.value / rate.before) if rate.before else rate.value
    return Cell(rate.metric, rate.modality, rate.value, rate.before, good, rate.low, rate.high, rate.n)


def columns_of(run: Run) -> list[tuple[str, str]]:
    """(modality, metric) of the overview's columns: the groups that some encoder has."""
    have = {(rate.modality, rate.metric) for rate in run.rates if not rate.concept}
    return [(m, g) for m in MODALITIES for g in GROUPS if (m, g) in have]


def has_attacks(run: Run) -> bool:
    return any(rate.metric.startswith("asr:") for rate in run.rates)


def row_of(found: Found, columns: Sequence[tuple[str, str]]) -> list[Cell | None]:
    return [cell(found[key]) if key in found else None for key in columns]


def attacks_pooled(found: Found, learnt: bool) -> Cell | None:
    """The share of goals that fall, of a learnt token's or of all other attacks', pictures and videos together."""
    rates = [r for (_, metric), r in found.items() if metric.startswith("asr:") and (metric == LEARNT) is learnt]
    return _pool(rates, LEARNT if learnt else POOLED)


def shortfall(found: Found) -> Cell | None:
    """The number that is furthest from good among the groups; None where nothing is missing."""
    cells = [cell(rate) for (_, metric), rate in found.items() if metric in GROUPS]
    worst = min((c for c in cells if c.good is not None), key=lambda c: c.good or 0, default=None)
    return worst if worst and (worst.good or 0) < 1 else None


def position(found: Found, modality: str) -> tuple[float, float] | None:
    """(forgotten, kept) of an encoder: 1 - target, and the mean of near, far and sense."""
    target = found.get((modality, "target"))
    keep = [found[modality, g].value for g in GROUPS if g not in FORGET and (modality, g) in found]
    return (1 - target.value, fmean(keep)) if target and keep else None


def overall(run: Run, columns: Sequence[tuple[str, str]], encoders: Iterable[str]) -> list[Cell | None]:
    """The mean over encoders; each counts once."""
    names = list(encoders)
    return [_mean([run.rates_of(name)[key] for name in names if key in run.rates_of(name)]) for key in columns]


def attacks_overall(run: Run) -> list[Cell]:
    """One cell for each attack and modality: the goals of all encoders, pooled."""
    found: dict[tuple[str, str], list[Rate]] = {}
    for rate in run.rates:
        if rate.metric.startswith("asr:") and not rate.concept:
            found.setdefault((rate.metric, rate.modality), []).append(rate)
    keys = sorted(found, key=lambda key: (order(key[0]), key[1]))
    return [pooled for key in keys if (pooled := _pool(found[key], key[0]))]


def _pool(rates: Sequence[Rate], metric: str) -> Cell | None:
    """The rates of disjoint goals as one, with Wilson's interval; before is over the goals that have one."""
    n, old = sum(rate.n for rate in rates), sum(rate.n for rate in rates if rate.before is not None)
    if not n:
        return None
    value = min(1.0, sum(rate.value * rate.n for rate in rates) / n)
    before = sum(rate.before * rate.n for rate in rates if rate.before is not None) / old if old else None
    return cell(Rate(rates[0].list, "", "", rates[0].modality, metric, value, *wilson(value * n, n), n, before))


def _mean(rates: Sequence[Rate]) -> Cell | None:
    if not rates:
        return None
    before = [rate.before for rate in rates if rate.before is not None]
    first = rates[0]
    joined = Rate(first.list, "", "", first.modality, first.metric, fmean(rate.value for rate in rates), None, None,
                  sum(rate.n for rate in rates), fmean(before) if before else None)  # fmt: skip
    return cell(joined)


def full_table(found: Found) -> list[dict[str, Any]]:
    """Every number of a unit, theme by theme, as the page writes it."""
    rows = []
    for (modality, metric), rate in sorted(found.items(), key=lambda item: (_theme(item[0][1]), order(item[0][1]))):
        what = definition(metric)
        one = cell(rate)
        rows.append({
            "metric": metric, "modality": WORDS.get(modality, modality), "theme": THEMES[what.theme],
            "what": what, "cell": one, "share": what.share,
            "value": shown(metric, rate.value), "before": shown(metric, rate.before),
            "interval": "" if rate.low is None or rate.high is None else between(metric, rate.low, rate.high),
        })  # fmt: skip
    return rows


def _theme(metric: str) -> int:
    return list(THEMES).index(definition(metric).theme)


def glossary(run: Run) -> list[dict[str, Any]]:
    """Definitions of every number that this run has, and of its costs, theme by theme."""
    have = {rate.metric for rate in run.rates} | {"seconds", "changed_parameters"}
    have |= {POOLED} if has_attacks(run) else set()
    metrics = sorted(have & set(DEFINITIONS), key=order)
    themes = [(name, title, [m for m in metrics if DEFINITIONS[m].theme == name]) for name, title in THEMES.items()]
    return [
        {"title": title, "metrics": [{"id": metric, "what": DEFINITIONS[metric]} for metric in some]}
        for _, title, some in themes
        if some
    ]
