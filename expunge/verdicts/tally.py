"""Rates of encoders from what was measured of their samples, attacks and embeddings.

    rates = rates_of(rows, plan, attempts, drift, kid)        [Rate(...), ...], for expunge.verdicts.rates.write_rates

They are about an encoder as a whole (concept "") and, where it forgets several jointly, about each of its concepts. A
release as a whole has some about its general set. Every rate is over distinct samples: one that two concepts of a joint
encoder share, such as most far prompts, counts once. `before` is the original encoder's rate over the same prompts and
seeds. A rate without samples is absent.

Which samples a metric is over, and how they are aggregated, is in the catalogue (expunge/metrics). The intervals of
harmonic means go from their parts' low ends to their high ends.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from expunge.attacks.records import Attempt
from expunge.concepts.samples import MODALITIES
from expunge.core.unit_names import GENERAL_SET, ORIGINAL, Name, UnitName
from expunge.judging.table import Row, pair_of
from expunge.metrics.catalogue import METRICS
from expunge.metrics.metric import Metric
from expunge.metrics.sample_choices import OVER, Drawn, axis_of
from expunge.plan.contract import Plan
from expunge.verdicts.rates import Rate
from expunge.verdicts.statistics import bootstrap, harmonic, wilson

Place = tuple[Any, ...]  # of a sample: `pair_of` one of its rows
Samples = Mapping[Place, Drawn]
Key = tuple[str, str, str]  # list, encoder, concept
DRIFT = {"drift": "plain", "drift_seen": "seen"}  # metric: what drift.json calls it
TURNED = "1 - "  # before a part of a harmonic mean: the share that is left


class Share(NamedTuple):
    """A rate without its key."""

    value: float
    low: float | None
    high: float | None
    n: int
    before: float | None
    word: str = ""

    def turned(self) -> "Share":
        """1 - it."""
        low, high, before = (None if end is None else 1 - end for end in (self.high, self.low, self.before))
        return Share(1 - self.value, low, high, self.n, before)

    def rate(self, about: Key, modality: str, metric: str) -> Rate:
        return Rate(
            *about, modality, metric, self.value, self.low, self.high, self.n, self.before, self.word
        )  # fmt: skip


def rates_of(
    rows: Iterable[Row],
    plan: Plan,
    attempts: Mapping[str, Sequence[Attempt]] | None = None,
    drift: Mapping[str, Mapping[str, Any]] | None = None,
    kid: Mapping[str, Mapping[str, float]] | None = None,
) -> list[Rate]:
    """Every rate of every encoder of a plan, sorted.

    :param rows: with `judging.table.COLUMNS`; they may hold codes in place of texts.
    :param attempts: by "list/encoder", of all its attacks. :param drift: by "list/encoder", drift.json.
    :param kid: by unit of build/scores,
        "list/encoder/list--concept": KID of its index, {"KID", "n"} or {}.
    """
    units = samples_of(rows, {name: concept.kind for name, concept in plan.concepts.items()})
    rates: list[Rate] = []
    for name, job in plan.encoders.items():
        encoder = Name.parse(name)
        scopes: list[tuple[str, Sequence[str]]] = [("", job.concepts)]
        if len(job.concepts) > 1:
            scopes += [(Name.parse(concept).id, [concept]) for concept in job.concepts]
        for scope, concepts in scopes:
            about = encoder.list, encoder.id, scope
            general = [GENERAL_SET] if encoder.is_release and not scope else []
            rates += _of_samples(about, units, [*concepts, *general])
            for metric, sets in (("KID", concepts), ("general_KID", general)):
                scored = [str(UnitName(encoder, Name.parse(each))) for each in sets]
                rates += _of_kid(about, metric, [(kid or {}).get(unit, {}) for unit in scored])
            rates += _of_attacks(about, [a for a in (attempts or {}).get(name, ()) if a.concept in concepts])
            if drift and name in drift:
                whole = drift[name]["encoder"] if not scope else drift[name]["concepts"].get(concepts[0], {})
                rates += _of_drift(about, whole)
    return sorted(rates, key=lambda rate: rate.key)


def samples_of(rows: Iterable[Row], kinds: Mapping[str, str]) -> dict[Key, dict[Place, Drawn]]:
    """{(list, encoder, concept): {place: sample}}. :param kinds: {"list/concept": kind}."""
    units: dict[Key, dict[Place, Drawn]] = {}
    for row in rows:
        unit = units.setdefault((row["list"], row["encoder"], row["concept"]), {})
        place = pair_of(row)
        if place not in unit:
            axis = axis_of(kinds.get(str(Name(row["list"], row["concept"])), ""))
            unit[place] = Drawn(row["modality"], row["group"], row["axis"], row["axis"] == axis, asked=row["asked"])
        unit[place].values[row["metric"]] = row["value"]
    return units


def _of_samples(about: Key, units: Mapping[Key, Mapping[Place, Drawn]], concepts: Sequence[str]) -> list[Rate]:
    own: dict[Place, Drawn] = {}
    before: dict[Place, Drawn] = {}
    column = Name(*about[:2]).column
    for concept in map(Name.parse, concepts):
        drawn = units.get((concept.list, column, concept.id), {})
        originals = units.get((concept.list, ORIGINAL, concept.id), {})
        own = {**drawn, **own}
        before = {**{place: originals[place] for place in drawn if place in originals}, **before}
    return [rate for modality in MODALITIES for rate in _of_modality(about, modality, own, before)]


def _of_modality(about: Key, modality: str, own: Samples, before: Samples) -> list[Rate]:
    def measured(samples: Samples, measure: str, metric: Metric) -> dict[Place, Drawn]:
        chosen = OVER[metric.over]
        return {
            place: s for place, s in samples.items() if s.modality == modality and measure in s.values and chosen(s)
        }

    shares: dict[str, Share] = {}
    for name, metric in METRICS.items():
        if metric.over and modality in metric.modalities:
            measure = metric.of or name
            if after := measured(own, measure, metric):
                earlier, word = measured(before, measure, metric), ""
                if metric.aggregate in ("worst share", "worst mean"):
                    fall = metric.aggregate == "worst mean"
                    word = _worst(after, measure, earlier if fall else {}, -1 if fall else 1)
                    after, earlier = (
                        {place: s for place, s in some.items() if s.asked == word} for some in (after, earlier)
                    )
                elif metric.aggregate == "kept share":
                    shown = {place for place, s in earlier.items() if s.values[measure]}
                    after, earlier = {place: s for place, s in after.items() if place in shown}, {}
                values, was = ([s.values[measure] for s in some.values()] for some in (after, earlier))
                if values:
                    share = _aggregated(metric, values, _mean(was))._replace(word=word)
                    shares[name] = share.turned() if metric.aggregate == "one minus share" else share
    for name, metric in METRICS.items():
        if metric.parts and modality in metric.modalities:
            parts = [_part(shares, part) for part in metric.parts]
            whole = [part for part in parts if part is not None]
            if len(whole) == len(parts):
                shares[name] = _together(whole)
    return [share.rate(about, modality, name) for name, share in shares.items()]


def _worst(samples: Samples, measure: str, before: Samples, sign: int) -> str:
    """The word for which the mean of a measure, less its value `before` where that is known, is highest (sign 1) or
    lowest (-1); of several the first."""
    by_word: dict[str, list[float]] = {}
    for place, sample in samples.items():
        was = before[place].values[measure] if place in before else 0.0
        by_word.setdefault(sample.asked, []).append(sample.values[measure] - was)
    return max(by_word, key=lambda word: sign * sum(by_word[word]) / len(by_word[word]))


def _aggregated(metric: Metric, values: Sequence[float], before: float | None) -> Share:
    low, high = _interval(metric, values)
    return Share(sum(values) / len(values), low, high, len(values), before)


def _interval(metric: Metric, values: Sequence[float]) -> tuple[float | None, float | None]:
    match metric.interval:
        case "wilson":
            return wilson(sum(values), len(values))
        case "bootstrap":
            return bootstrap(values)
        case _:
            return None, None


def _part(shares: Mapping[str, Share], name: str) -> Share | None:
    share = shares.get(name.removeprefix(TURNED))
    return share.turned() if share is not None and name.startswith(TURNED) else share


def _together(parts: Sequence[Share]) -> Share:
    """The harmonic mean of shares."""
    value, low, high, before = (
        harmonic(ends) if len(ends := [end for end in side if end is not None]) == len(parts) else None
        for side in zip(*((p.value, p.low, p.high, p.before) for p in parts), strict=True)
    )
    return Share(value or 0.0, low, high, sum(p.n for p in parts), before)


def _of_kid(about: Key, metric: str, units: Sequence[Mapping[str, float]]) -> list[Rate]:
    """The mean over concepts, weighted by their samples; it has no interval."""
    measured = [unit for unit in units if unit]
    n = int(sum(unit["n"] for unit in measured))
    if not n:
        return []
    mean = sum(unit["KID"] * unit["n"] for unit in measured) / n
    return [Rate(*about, "image", metric, mean, None, None, n, None)]


def _of_attacks(about: Key, attempts: Iterable[Attempt]) -> list[Rate]:
    return [
        Share(sum(after) / len(after), *wilson(sum(after), len(after)), len(after), _mean(before)).rate(
            about, modality, f"asr:{attack}"
        )
        for (attack, modality), (before, after) in fallen(attempts).items()
        if after
    ]


def fallen(attempts: Iterable[Attempt]) -> dict[tuple[str, str], tuple[list[float], list[float]]]:
    """{(attack, modality): (0 or 1 of each goal before, the same after)}: 1 if any of its tries shows the concept.

    A goal without a picture on one side is left out on that side.
    """
    goals: dict[tuple[str, str], dict[tuple[str, int], list[Attempt]]] = {}
    for attempt in attempts:
        tries = goals.setdefault((attempt.attack, attempt.modality), {})
        tries.setdefault((attempt.concept, attempt.goal), []).append(attempt)

    def seen(looks: Iterable[list[bool]]) -> list[float]:
        return [float(any(goal)) for goal in looks if goal]

    return {
        key: (
            seen([attempt.before.seen for attempt in goal if attempt.before] for goal in tries.values()),
            seen([attempt.after.seen for attempt in goal] for goal in tries.values()),
        )
        for key, tries in goals.items()
    }


def _of_drift(about: Key, shifts: Mapping[str, Any]) -> list[Rate]:
    rates = [
        Rate(*about, "text", f"{metric}:{group}", shifts[group][key], None, None, shifts[group]["n"], None)
        for group in ("target", "near", "general")
        for metric, key in DRIFT.items()
        if group in shifts
    ]
    if nouns := shifts.get("nearest_noun"):
        low, high = wilson(round(nouns["share"] * nouns["n"]), nouns["n"])
        rates.append(Rate(*about, "text", "nearest_noun", nouns["share"], low, high, nouns["n"], None))
    if change := shifts.get("weight_change"):
        rates.append(Rate(*about, "text", "weight_change", change["total"], None, None, len(change["layers"]), None))
    return rates


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
