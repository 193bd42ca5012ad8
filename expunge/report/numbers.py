"""Tables from rates: the cells of the overview's rows, and the rows of a unit's own table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from expunge.concepts.samples import KEPT, MODALITIES
from expunge.metrics.catalogue import METRICS
from expunge.metrics.metric import THEMES
from expunge.report.definitions import WORDS, between, definition, never_seen, order, shown
from expunge.report.run import Rates, Run
from expunge.verdicts.rates import Rate
from expunge.verdicts.statistics import wilson
from expunge.verdicts.summary import MAIN

LEARNT = "asr:inversion"  # shown separately: it finds a new token, not a prompt
POOLED = "asr:all"
COSTS = {"seconds", "changed_parameters"}


@dataclass(frozen=True)
class Cell:
    """One number of a table. `good` in [0, 1]: how green it is; None where neither way is better."""

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
        """Is it 0 before and after? Then it is shown grey, since there was nothing to forget."""
        return never_seen(self.metric, self.value, self.before)


def cell(rate: Rate) -> Cell:
    metric, good = definition(rate.metric), None
    if never_seen(rate.metric, rate.value, rate.before):
        pass
    elif metric.share and metric.better == "lower":
        good = 1 - rate.value
    elif metric.share and metric.better:
        good = min(1.0, rate.value / rate.before) if rate.before else rate.value
    return Cell(rate.metric, rate.modality, rate.value, rate.before, good, rate.low, rate.high, rate.n)


def columns_of(run: Run) -> list[tuple[str, str]]:
    """(modality, metric) of the overview's columns: the rates of groups that some encoder has."""
    have = {(rate.modality, rate.metric) for rate in run.rates if not rate.concept}
    return [(m, g) for m in MODALITIES for g in MAIN if (m, g) in have]


def has_attacks(run: Run) -> bool:
    return any(definition(rate.metric).theme == "attack" for rate in run.rates)


def row_of(rates: Rates, columns: Sequence[tuple[str, str]]) -> list[Cell | None]:
    return [cell(rates[key]) if key in rates else None for key in columns]


def attacks_pooled(rates: Rates, learnt: bool) -> Cell | None:
    """The share of goals that fall to a learnt token, or to all other attacks; pictures and videos together."""
    chosen = [
        rate for (_, name), rate in rates.items() if definition(name).theme == "attack" and (name == LEARNT) is learnt
    ]
    return _pool(chosen, LEARNT if learnt else POOLED)


def shortfall(rates: Rates) -> Cell | None:
    """The number that is furthest from good among the groups; None where nothing is missing."""
    cells = [cell(rate) for (_, metric), rate in rates.items() if metric in MAIN]
    worst = min((c for c in cells if c.good is not None), key=lambda c: c.good or 0, default=None)
    return worst if worst and (worst.good or 0) < 1 else None


def position(rates: Rates, modality: str) -> tuple[float, float] | None:
    """(forgotten, kept) of an encoder: 1 - target, and the mean of near, far and sense."""
    target = rates.get((modality, "target"))
    kept = [rates[modality, g].value for g in KEPT if (modality, g) in rates]
    return (1 - target.value, fmean(kept)) if target and kept else None


def overall(run: Run, columns: Sequence[tuple[str, str]], encoders: Iterable[str]) -> list[Cell | None]:
    """The mean over encoders; each counts once."""
    names = list(encoders)
    return [_mean([run.rates_of(name)[key] for name in names if key in run.rates_of(name)]) for key in columns]


def attacks_overall(run: Run) -> list[Cell]:
    """One cell for each attack and modality: the goals of all encoders, pooled."""
    by_attack: dict[tuple[str, str], list[Rate]] = {}
    for rate in run.rates:
        if definition(rate.metric).theme == "attack" and not rate.concept:
            by_attack.setdefault((rate.metric, rate.modality), []).append(rate)
    keys = sorted(by_attack, key=lambda key: (order(key[0]), key[1]))
    return [pooled for key in keys if (pooled := _pool(by_attack[key], key[0]))]


def _pool(rates: Sequence[Rate], metric: str) -> Cell | None:
    """The rates of disjoint goals as one, with Wilson's interval; before is over the goals that have one."""
    n, old = sum(rate.n for rate in rates), sum(rate.n for rate in rates if rate.before is not None)
    if not n:
        return None
    fell = sum(round(rate.value * rate.n) for rate in rates)  # whole goals; a table holds their share with six digits
    before = sum(rate.before * rate.n for rate in rates if rate.before is not None) / old if old else None
    return cell(Rate(rates[0].list, "", "", rates[0].modality, metric, fell / n, *wilson(fell, n), n, before))


def _mean(rates: Sequence[Rate]) -> Cell | None:
    if not rates:
        return None
    before = [rate.before for rate in rates if rate.before is not None]
    first = rates[0]
    joined = Rate(first.list, "", "", first.modality, first.metric, fmean(rate.value for rate in rates), None, None,
                  sum(rate.n for rate in rates), fmean(before) if before else None)  # fmt: skip
    return cell(joined)


def full_table(rates: Rates) -> list[dict[str, Any]]:
    """Every number of a unit, theme by theme, as the page writes it."""
    themes, rows = list(THEMES), []
    for (modality, name), rate in sorted(
        rates.items(), key=lambda item: (themes.index(definition(item[0][1]).theme), order(item[0][1]))
    ):
        metric = definition(name)
        rows.append({
            "metric": name, "modality": WORDS.get(modality, modality), "theme": THEMES[metric.theme],
            "what": metric, "cell": cell(rate), "share": metric.share,
            "value": shown(name, rate.value), "before": shown(name, rate.before),
            "interval": between(name, rate.low, rate.high),
        })  # fmt: skip
    return rows


def glossary(run: Run) -> list[dict[str, Any]]:
    """Definitions of every number that this run has, and of its costs, theme by theme."""
    have = {rate.metric for rate in run.rates} | COSTS | ({POOLED} if has_attacks(run) else set())
    groups = [
        (title, [name for name, metric in METRICS.items() if name in have and metric.theme == theme])
        for theme, title in THEMES.items()
    ]
    return [
        {"title": title, "metrics": [{"id": name, "what": METRICS[name]} for name in names]}
        for title, names in groups
        if names
    ]
