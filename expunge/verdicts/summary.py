"""The main rates in few words, for `dvc metrics diff` and `dvc plots`.

summary = summarise(rates, plan["encoders"], costs)              metrics/summary.json
base = summarise(rates, plan["encoders"], original=True)         metrics/base.json
rows = plot_rows(summary)                                        metrics/scores.csv
"""

from collections.abc import Iterable, Mapping
from typing import Any

from expunge.concepts.samples import FORGET, GROUPS, MODALITIES
from expunge.verdicts.rates import Rate

COSTS = ("seconds", "changed_parameters")
PLOT_COLUMNS = ("name", "list", "encoder", "modality", *GROUPS, "forgotten", "kept")

Shares = dict[str, dict[str, float]]  # {"image": {group: rate}, "video": ...}


def summarise(
    rates: Iterable[Rate],
    encoders: Iterable[str],
    costs: Mapping[str, Mapping[str, Any]] | None = None,
    original: bool = False,
) -> dict[str, Any]:
    """{"overall": {...}, "lists": {list: {...}}, "encoders": {"list/encoder": {...}}}, rates with four digits.

    An encoder has its rates of GROUPS by modality, and its costs. A list, and overall, has the mean of its encoders'
    rates (each encoder counts once), the number of encoders and the sum of their seconds. A group without samples is
    absent.

    :param costs: {"list/encoder": {"seconds", "changed_parameters"}}.
    :param original: the same samples, drawn with the base's own text encoder.
    """
    found: dict[str, Shares] = {name: {} for name in sorted(encoders)}
    for rate in rates:
        value = rate.before if original else rate.value
        if not rate.concept and rate.metric in GROUPS and rate.modality in MODALITIES and value is not None:
            found[f"{rate.list}/{rate.encoder}"].setdefault(rate.modality, {})[rate.metric] = value
    costs = costs or {}
    lists = sorted({name.split("/", 1)[0] for name in found})
    return {
        "overall": _mean(found, costs),
        "lists": {each: _mean({n: f for n, f in found.items() if n.startswith(f"{each}/")}, costs) for each in lists},
        "encoders": {
            name: {**_rounded(shares), **{k: _cost(costs[name][k]) for k in COSTS if k in costs.get(name, {})}}
            for name, shares in found.items()
        },
    }  # fmt: skip


def plot_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of PLOT_COLUMNS, one for each encoder and modality:

    name (list/encoder), list, encoder, modality, the rates target, aliases, near, far, sense (empty: no samples),
    forgotten = 1 - target, kept = mean of near, far and sense.
    """
    rows = []
    for name, entry in summary["encoders"].items():
        for modality in MODALITIES:
            if modality not in entry:
                continue
            found = entry[modality]
            keep = [found[g] for g in GROUPS if g not in FORGET and g in found]
            list_, encoder = name.split("/", 1)
            rows.append(
                {"name": name, "list": list_, "encoder": encoder, "modality": modality}
                | {group: found.get(group, "") for group in GROUPS}
                | {"forgotten": round(1 - found["target"], 4) if "target" in found else "",
                   "kept": round(sum(keep) / len(keep), 4) if keep else ""}
            )  # fmt: skip
    return rows


def _rounded(shares: Shares) -> Shares:
    ordered = {m: {g: round(shares[m][g], 4) for g in GROUPS if g in shares[m]} for m in MODALITIES if m in shares}
    return {modality: found for modality, found in ordered.items() if found}


def _mean(found: Mapping[str, Shares], costs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    shares: Shares = {}
    for modality in MODALITIES:
        for group in GROUPS:
            each = [entry[modality][group] for entry in found.values() if group in entry.get(modality, {})]
            if each:
                shares.setdefault(modality, {})[group] = sum(each) / len(each)
    seconds = [costs[name]["seconds"] for name in found if "seconds" in costs.get(name, {})]
    total = {"seconds": round(float(sum(seconds)), 2)} if seconds else {}
    return {**_rounded(shares), "encoders": len(found), **total}


def _cost(value: Any) -> Any:
    return round(value, 2) if isinstance(value, float) else value
