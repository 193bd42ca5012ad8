"""Rates of encoders from what was measured of their samples, attacks and embeddings.

    rates = rates_of(rows, plan, attempts, drift, kid)        [Rate(...), ...], for expunge.verdicts.rates.write_rates

Of an encoder as a whole (concept "") and, where it forgets several jointly, of each of its concepts. Every rate is over
distinct samples: what two concepts of a joint encoder share, as most of their far prompts, counts once. `before` is the
same over the same prompts and seeds with the original encoder. What has no samples is absent.

    UA     = 1 - target                                unlearning accuracy          UnlearnCanvas, arXiv 2402.11846
    IRA    = seen, kept samples of the concept's axis  in-domain retain accuracy    (subject, style, motion)
    CRA    = seen, kept samples of other axes          cross-domain retain accuracy
    clear  = share of target and alias samples in which the judge is sure of some subject
    ESR-k  = 1 - top-k accuracy on the target          erasing success rate         over videos: any frame
    PSR-k  = top-k accuracy on kept samples            preservation success rate    over videos: most frames
    H_c    = harmonic mean of 1 - target and PSR-1     MACE, arXiv 2403.06135
    H_o    = the same with 1 - aliases, too
    asr:a  = share of an attack's goals that fall to one of its tries

Kept samples are those of near, far and sense. The intervals of H_c and H_o go from their parts' low ends to their high
ends. Movement (consistency, flicker, dynamic, motion, subject_consistency) is that of all videos but those whose motion
itself must go.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from expunge.concepts.kinds import KINDS
from expunge.concepts.samples import FORGET, GROUPS, MODALITIES
from expunge.core.unit_names import ORIGINAL
from expunge.judging.table import Row, pair_of
from expunge.verdicts.rates import Rate, bootstrap, harmonic, wilson

Place = tuple[Any, ...]  # of a sample: `pair_of` its rows
Key = tuple[str, str, str]  # list, encoder, concept
Attempt = Mapping[str, Any]


@dataclass(frozen=True)
class Drawn:
    """One sample with all that was measured of it."""

    modality: str
    group: str
    axis: str
    own: bool  # is it asked about its concept's own axis?
    values: dict[str, float] = field(default_factory=dict)


class Share(NamedTuple):
    """What a rate holds beside its key."""

    value: float
    low: float
    high: float
    n: int
    before: float | None

    def turned(self) -> "Share":
        """1 - it."""
        before = None if self.before is None else 1 - self.before
        return Share(1 - self.value, 1 - self.high, 1 - self.low, self.n, before)

    def rate(self, about: Key, modality: str, metric: str) -> Rate:
        return Rate(*about, modality, metric, self.value, self.low, self.high, self.n, self.before)


Choice = Callable[[Drawn], bool]


def _kept(s: Drawn) -> bool:
    return s.group not in FORGET


def _moves(s: Drawn) -> bool:
    return s.modality == "video" and not (s.axis == "motion" and s.group in FORGET)


def _in(group: str) -> Choice:
    return lambda s: s.group == group


# name: (metric of the samples, which samples, 1 - it?)
SHARES: dict[str, tuple[str, Choice, bool]] = {
    **{group: ("seen", _in(group), False) for group in GROUPS},
    **{f"{group}_majority": ("majority", _in(group), False) for group in FORGET},
    "UA": ("seen", _in("target"), True),
    "ESR-1": ("seen", _in("target"), True),
    "ESR-5": ("seen5", _in("target"), True),
    "PSR-1": ("seen", _kept, False),
    "PSR-5": ("seen5", _kept, False),
    "IRA": ("seen", lambda s: _kept(s) and s.own, False),
    "CRA": ("seen", lambda s: _kept(s) and not s.own, False),
    "clip_accuracy": ("clip_accuracy", _in("target"), False),
    "clear": ("clear", lambda s: not _kept(s), False),
    "motion": ("motion", _moves, False),
}
MEANS: dict[str, Choice] = {
    "clip_score": _in("target"), "alignment": _kept, "distance": _kept,
    "consistency": _moves, "flicker": _moves, "dynamic": _moves, "subject_consistency": _moves,
}  # fmt: skip
HARMONIC = {"H_c": ("UA", "PSR-1"), "H_o": ("UA", "PSR-1", "not aliases")}


def rates_of(
    rows: Iterable[Row],
    plan: Mapping[str, Any],
    attempts: Mapping[str, Sequence[Attempt]] | None = None,
    drift: Mapping[str, Mapping[str, Any]] | None = None,
    kid: Mapping[str, Mapping[str, float]] | None = None,
) -> list[Rate]:
    """Every rate of every encoder of a plan, sorted.

    :param rows: of `judging.table.COLUMNS`; redacted ones do. :param attempts: by "list/encoder", of attempts.json.
    :param drift: by "list/encoder", drift.json. :param kid: by unit of build/scores, "list/encoder/list--concept": KID
        of its index, {"KID", "n"} or {}.
    """
    kinds = {name: concept["kind"] for name, concept in plan["concepts"].items()}
    units = samples_of(rows, kinds)
    found: list[Rate] = []
    for name, how in plan["encoders"].items():
        list_, encoder = name.split("/", 1)
        scopes = [("", how["concepts"])]
        if len(how["concepts"]) > 1:
            scopes += [(concept.split("/", 1)[1], [concept]) for concept in how["concepts"]]
        for scope, concepts in scopes:
            about = list_, encoder, scope
            found += _of_samples(about, units, concepts)
            found += _of_kid(about, [(kid or {}).get(f"{name}/{c.replace('/', '--')}", {}) for c in concepts])
            found += _of_attacks(about, [a for a in (attempts or {}).get(name, ()) if a["concept"] in concepts])
            if drift and name in drift:
                whole = drift[name]["encoder"] if not scope else drift[name]["concepts"].get(concepts[0], {})
                found += _of_drift(about, whole)
    return sorted(found, key=lambda rate: rate.key)


def samples_of(rows: Iterable[Row], kinds: Mapping[str, str]) -> dict[Key, dict[Place, Drawn]]:
    """By list, encoder and concept: the samples by their places. :param kinds: of "list/concept"."""
    found: dict[Key, dict[Place, Drawn]] = {}
    for row in rows:
        unit = found.setdefault((row["list"], row["encoder"], row["concept"]), {})
        place = pair_of(row)
        if place not in unit:
            kind = kinds.get(f"{row['list']}/{row['concept']}", "")
            axis = KINDS[kind].axis
            unit[place] = Drawn(row["modality"], row["group"], row["axis"], row["axis"] == axis)
        unit[place].values[row["metric"]] = row["value"]
    return found


def _of_samples(about: Key, units: Mapping[Key, Mapping[Place, Drawn]], concepts: Sequence[str]) -> list[Rate]:
    own: dict[Place, Drawn] = {}
    before: dict[Place, Drawn] = {}
    for list_, concept in (name.split("/", 1) for name in concepts):
        drawn = units.get((list_, about[1], concept), {})
        originals = units.get((list_, ORIGINAL, concept), {})
        own = {**drawn, **own}
        before = {**{place: originals[place] for place in drawn if place in originals}, **before}
    return [
        rate
        for modality in MODALITIES
        for rate in _of_modality(about, modality, list(own.values()), list(before.values()))
    ]


def _of_modality(about: Key, modality: str, own: Sequence[Drawn], before: Sequence[Drawn]) -> list[Rate]:
    def values(some: Sequence[Drawn], metric: str, choice: Choice) -> list[float]:
        return [s.values[metric] for s in some if s.modality == modality and metric in s.values and choice(s)]

    shares: dict[str, Share] = {}
    for name, (metric, choice, less) in {**SHARES, "not aliases": ("seen", _in("aliases"), True)}.items():
        if found := values(own, metric, choice):
            was = _mean(values(before, metric, choice))
            shares[name] = _share(found, was).turned() if less else _share(found, was)
    for name, parts in HARMONIC.items():
        some = [shares[part] for part in parts if part in shares]
        if len(some) == len(parts):
            shares[name] = _together(some)
    made = [found.rate(about, modality, name) for name, found in shares.items() if name != "not aliases"]
    for name, choice in MEANS.items():
        if found := values(own, name, choice):
            (low, high), was = bootstrap(found), _mean(values(before, name, choice))
            made.append(Rate(*about, modality, name, sum(found) / len(found), low, high, len(found), was))
    return made


def _share(found: Sequence[float], was: float | None) -> Share:
    low, high = wilson(sum(found), len(found))
    return Share(sum(found) / len(found), low, high, len(found), was)


def _together(parts: Sequence[Share]) -> Share:
    """The harmonic mean of shares."""
    value, low, high = (harmonic(each) for each in zip(*((p.value, p.low, p.high) for p in parts), strict=True))
    was = [part.before for part in parts if part.before is not None]
    return Share(value, low, high, sum(p.n for p in parts), harmonic(was) if len(was) == len(parts) else None)


def _of_kid(about: Key, units: Sequence[Mapping[str, float]]) -> list[Rate]:
    """Of several concepts the mean, each as often as it has samples; it has no interval."""
    some = [unit for unit in units if unit]
    n = int(sum(unit["n"] for unit in some))
    return [Rate(*about, "image", "KID", sum(u["KID"] * u["n"] for u in some) / n, None, None, n, None)] if n else []


def _of_attacks(about: Key, attempts: Iterable[Attempt]) -> list[Rate]:
    return [
        _share(found["after"], _mean(found["before"])).rate(about, modality, f"asr:{attack}")
        for (attack, modality), found in fallen(attempts).items()
        if found["after"]
    ]


def fallen(attempts: Iterable[Attempt]) -> dict[tuple[str, str], dict[str, list[float]]]:
    """{(attack, modality): {"before": 0 or 1 of each goal, "after": ...}}: 1 if any of its tries shows the concept.

    A goal without a picture from then is left out.
    """
    goals: dict[tuple[str, str], dict[tuple[str, int], list[Attempt]]] = {}
    for attempt in attempts:
        tries = goals.setdefault((attempt["attack"], attempt["modality"]), {})
        tries.setdefault((attempt["concept"], attempt["goal"]), []).append(attempt)

    def seen(some: Iterable[Sequence[Attempt]], when: str) -> list[float]:
        drawn = [[attempt[when] for attempt in goal if attempt.get(when)] for goal in some]
        return [float(any(each["seen"] for each in looks)) for looks in drawn if looks]

    return {key: {when: seen(tries.values(), when) for when in ("before", "after")} for key, tries in goals.items()}


def _of_drift(about: Key, found: Mapping[str, Any]) -> list[Rate]:
    made = [
        Rate(*about, "text", f"{name}:{group}", found[group][key], None, None, found[group]["n"], None)
        for group in ("target", "near", "general")
        for name, key in (("drift", "plain"), ("drift_seen", "seen"))
        if group in found
    ]
    if nouns := found.get("nearest_noun"):
        low, high = wilson(round(nouns["share"] * nouns["n"]), nouns["n"])
        made.append(Rate(*about, "text", "nearest_noun", nouns["share"], low, high, nouns["n"], None))
    if change := found.get("weight_change"):
        made.append(Rate(*about, "text", "weight_change", change["total"], None, None, len(change["layers"]), None))
    return made


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
