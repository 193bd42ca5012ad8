"""The main rates in few words, for `dvc metrics diff` and `dvc plots`.

summary = summarise(rates, plan.encoders, changed)              metrics/summary.json
base = summarise(rates, plan.encoders, original=True)           metrics/base.json
rows = plot_rows(summary)                                       metrics/scores.csv
bars = bar_rows(rates, plan)                                    metrics/bars.csv

None of them holds seconds, so that every run on one machine writes the same tables.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from expunge.concepts.samples import GENERAL, GROUPS, KEPT, MODALITIES
from expunge.core.unit_names import RELEASES, Name
from expunge.plan.contract import Plan
from expunge.verdicts.rates import Rate

MAIN = (*GROUPS, "beside_target")  # a rate for each group; of the group beside two
SHOWN = (*MAIN, GENERAL, "general_kept", "general_worst")
PLOTTED = tuple(group for group in GROUPS if group != "probes")  # few concepts have probes
PLOT_COLUMNS = ("name", "list", "encoder", "modality", *PLOTTED, "forgotten", "kept")
BAR_COLUMNS = ("name", "modality", "group", "rate")

Shares = dict[str, dict[str, float]]  # {"image": {group: rate}, "video": ...}


def summarise(
    rates: Iterable[Rate],
    encoders: Iterable[str],
    changed_parameters: Mapping[str, int] | None = None,
    original: bool = False,
) -> dict[str, Any]:
    """{"overall": {...}, "releases": {name: {...}}, "lists": {list: {...}}, "encoders": {"list/encoder": {...}}}, rates
    with four digits.

    An encoder, and a release, has its rates of SHOWN by modality. A list, and overall, has the mean of its encoders'
    rates (each encoder counts once, and releases do not) and the number of encoders. A group without samples is absent.

    :param changed_parameters: of each "list/encoder", how many of its numbers differ from the original's.
    :param original: the same samples, drawn with the base's own text encoder.
    """
    shares: dict[str, Shares] = {name: {} for name in sorted(encoders)}
    for rate in rates:
        value = rate.before if original else rate.value
        if not rate.concept and rate.metric in SHOWN and rate.modality in MODALITIES and value is not None:
            shares[rate.name].setdefault(rate.modality, {})[rate.metric] = value
    changed = {name: {"changed_parameters": count} for name, count in (changed_parameters or {}).items()}
    entries = {name: {**_rounded(own), **changed.get(name, {})} for name, own in shares.items()}
    released = {Name.parse(name).id: entries.pop(name) for name in shares if Name.parse(name).is_release}
    by_list: dict[str, list[Shares]] = {}
    for name in entries:
        by_list.setdefault(Name.parse(name).list, []).append(shares[name])
    return {
        "overall": _mean([shares[name] for name in entries]),
        "releases": released,
        "lists": {list_: _mean(by_list[list_]) for list_ in sorted(by_list)},
        "encoders": entries,
    }


def plot_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of PLOT_COLUMNS, one for each encoder and modality, then for each release:

    name (list/encoder), list, encoder, modality, the rates target, aliases, near, far, sense, beside (empty: no
    samples), forgotten = 1 - target, kept = mean of near, far and sense.
    """
    rows = []
    released = {str(Name(RELEASES, name)): entry for name, entry in summary["releases"].items()}
    for name, entry in {**summary["encoders"], **released}.items():
        for modality in MODALITIES:
            if modality not in entry:
                continue
            shares, encoder = entry[modality], Name.parse(name)
            kept = [shares[g] for g in KEPT if g in shares]
            rows.append(
                {"name": name, "list": encoder.list, "encoder": encoder.id, "modality": modality}
                | {group: shares.get(group, "") for group in PLOTTED}
                | {"forgotten": round(1 - shares["target"], 4) if "target" in shares else "",
                   "kept": round(sum(kept) / len(kept), 4) if kept else ""}
            )  # fmt: skip
    return rows


def bar_rows(rates: Iterable[Rate], plan: Plan) -> list[dict[str, Any]]:
    """Rows of BAR_COLUMNS, one for each concept of each encoder, group and attack: "list/encoder", or for a joint
    encoder "list/encoder/concept"."""
    rows = []
    for rate in rates:
        group = rate.metric.removeprefix("asr:")
        alone = len(plan.encoders[rate.name].concepts) == 1
        if (group in (*MAIN, GENERAL) or group != rate.metric) and (alone or group == GENERAL) != bool(rate.concept):
            label = f"{rate.name}/{rate.concept}" if rate.concept else rate.name
            rows.append({"name": label, "modality": rate.modality, "group": group, "rate": round(rate.value, 4)})
    return rows


def _rounded(shares: Shares) -> Shares:
    ordered = {m: {g: round(shares[m][g], 4) for g in SHOWN if g in shares[m]} for m in MODALITIES if m in shares}
    return {modality: own for modality, own in ordered.items() if own}


def _mean(encoders: list[Shares]) -> dict[str, Any]:
    shares: Shares = {}
    for modality in MODALITIES:
        for group in MAIN:
            each = [own[modality][group] for own in encoders if group in own.get(modality, {})]
            if each:
                shares.setdefault(modality, {})[group] = sum(each) / len(each)
    return {**_rounded(shares), "encoders": len(encoders)}
