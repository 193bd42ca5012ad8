"""Verdicts: what was measured against the gates, encoder by encoder, with reasons in sentences.

    verdicts(plan, params["gate"], rates, asked)          {"list/encoder": Verdict}

Every concept of an encoder must pass by itself: a joint encoder's average would hide the one that it did not forget.
The point estimate decides; where the 95 % interval reaches across the threshold, the reason says that n is too small to
be sure. A gate changes no encoder and no picture.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from expunge.concepts.concept import Concept
from expunge.concepts.prompts import has_company
from expunge.core.unit_names import Name
from expunge.metrics.catalogue import METRICS
from expunge.metrics.sample_choices import shows_in
from expunge.metrics.thresholds import Key, Merged, Section, Threshold, merged, signature
from expunge.plan.asked_for import AskedFor
from expunge.plan.contract import Plan
from expunge.verdicts import sentences
from expunge.verdicts.rates import Rate, digest_of_rates
from expunge.verdicts.verdict_file import FAIL, PASS, UNMEASURED, Reason, Verdict

NOTHING = AskedFor()
NONE: Mapping[str, str] = {}
ROUNDING = 1e-5  # relative: rates have 6 significant digits, and 0.9 of 0.8 is a little more than 0.72 to a computer


@dataclass(frozen=True)
class Member:
    """A concept of an encoder, and each (modality, group) of it for which this encoder draws nothing."""

    concept: Concept
    left_out: frozenset[Key]
    keep: tuple[str, ...] = ()  # what its samples show of the list's `keep`, beside its neighbours
    attacked: bool = True  # False: the release attacks others of its concepts


def applies(concept: Concept, modality: str, metric: str, keep: Sequence[str] = ()) -> bool:
    """Can the concept have the metric at all? If it cannot, the metric is not missing.

    :param keep: what its samples show of the list's `keep`.
    """
    needs = METRICS[metric].needs
    if METRICS[metric].over == "beside" and not has_company(concept):
        return False
    if needs and not (getattr(concept, needs) or (needs == "neighbours" and (concept.parts or keep))):
        return False
    return shows_in(concept.kind, modality) or METRICS[metric].of_motions


def mandatory(concept: Concept, modality: str, metric: str) -> bool:
    """Is the metric mandatory, where it applies? Attacks on videos cost the most: they are mandatory only for
    concepts that no picture can show."""
    attack_on_video = metric.startswith("asr:") and modality == "video"
    return METRICS[metric].always and (not attack_on_video or not shows_in(concept.kind, "image"))


def decide(key: Key, threshold: Threshold, rate: Rate | None, concept: str = "", required: bool = True) -> Reason:
    """One threshold against one rate. "not measured" if there is no rate, or no value before where it is needed."""
    modality, metric = key
    about = concept, modality, metric, str(threshold), required
    if rate is None or (threshold.of_before and rate.before is None):
        return Reason(*about, UNMEASURED, sentences.unmeasured(modality, metric, rate, threshold))
    bound, _ = threshold.bound(metric, rate.before)

    def holds(value: float) -> bool:
        slack = ROUNDING * abs(bound)
        return value <= bound + slack if threshold.sign == "<=" else value >= bound - slack

    good = holds(rate.value)
    sure = rate.low is not None and rate.high is not None and holds(rate.low) == holds(rate.high) == good
    text = sentences.measured(modality, rate, threshold, good, sure)
    empty = bool(sentences.empty_claim(threshold, rate))
    low, value, high, before = map(_short, (rate.low, rate.value, rate.high, rate.before))
    return Reason(
        *about, PASS if good else FAIL, text, sure and not empty, value, low, high, rate.n, before, good and empty
    )


def verdicts(
    plan: Plan,
    gate: Section,
    rates: Sequence[Rate],
    asked: AskedFor = NOTHING,
    failed: Mapping[str, str] = NONE,
) -> dict[str, Verdict]:
    """{"list/encoder": Verdict}, sorted.

    :param gate: of params.yaml; the plan's lists and concepts may each hold a `gate` that overrides it.
    :param rates: as metrics/rates.csv holds them, so that the verdicts can be checked against that file.
    :param asked: what the verdicts speak of. :param failed: by encoder, which of its units failed, and why.
    """
    by_encoder: dict[str, dict[Any, Rate]] = {}
    for rate in rates:
        by_encoder.setdefault(rate.name, {})[rate.concept, rate.modality, rate.metric] = rate
    result = {}
    for name, job in plan.encoders.items():
        release = plan.release_of(name)
        members = {
            Name.parse(c).id: Member(
                plan.concepts[c], _left_out(plan, name, c), plan.keep.get(c, ()),
                release is None or c in release.attacked,
            )
            for c in job.concepts
        }  # fmt: skip
        whole, each = gates_of(plan, gate, name)
        found = _reasons(whole, each, members, by_encoder.get(name, {}), release is not None)
        verdict = noted(concluded(found, whole[1]), failed.get(name, ""))
        result[name] = replace(
            verdict,
            gates=signature(whole, each),
            about=asked.encoders.get(name, ""),
            base=asked.base,
            rates=digest_of_rates(by_encoder.get(name, {}).values()),
        )
    return dict(sorted(result.items()))


def concluded(reasons: Iterable[Reason], required: bool) -> Verdict:
    """The verdict that follows from reasons, decided one by one.

    Only required gates decide, unless an encoder has none: then all of them do. A failure outweighs a missing number.
    An encoder without a single gate is not measured.

    :param required: is it, if there is no reason?
    """
    ordered = sorted(about_targets(reasons), key=_order)
    words = {r.verdict for r in ordered if r.required} or {r.verdict for r in ordered} or {UNMEASURED}
    word = next(word for word in (FAIL, UNMEASURED, PASS) if word in words)
    return Verdict(word, any(r.required for r in ordered) if ordered else required, reasons=tuple(ordered))


def noted(verdict: Verdict, note: str) -> Verdict:
    """The verdict, which is no pass if units of the encoder failed: nobody knows what they would have shown."""
    word = UNMEASURED if note and verdict.verdict == PASS else verdict.verdict
    return replace(verdict, verdict=word, note=note)


def gates_of(plan: Plan, gate: Section, encoder: str) -> tuple[Merged, dict[str, Merged]]:
    """(the gates of an encoder as a whole, those of each of its concepts by id).

    The last counts: of params.yaml's, those of the concept's list, the concept's own and the release's own.
    """
    release, job = plan.release_of(encoder), plan.encoders[encoder]
    own = [release.gate] if release is not None else []
    lists = [] if own else [plan.lists[Name.parse(encoder).list].gate]
    each = {
        Name.parse(c).id: merged(gate, plan.lists[Name.parse(c).list].gate, plan.concepts[c].gate, *own)
        for c in job.concepts
    }
    return merged(gate, *lists, *own), each


def _reasons(
    gates: Merged, each: Mapping[str, Merged], members: Mapping[str, Member], rates: Mapping[Any, Rate], release: bool
) -> Iterator[Reason]:
    """Every gate of an encoder: concept by concept, or for the whole encoder where only that has the number.

    :param gates: of the encoder as a whole. :param each: of its concepts. :param rates: {(concept or "", modality,
        metric): rate}. :param release: is the encoder one?
    """
    whole, required = next(iter(each.values())) if len(each) == 1 else gates
    for key in sorted({*whole, *(key for own, _ in each.values() for key in own)}):
        if METRICS[key[1]].of_releases:
            if release and key in whole:
                yield decide(key, whole[key], rates.get(("", *key)), required=required)
            continue
        drawn = key[0], METRICS[key[1]].over
        fitting = [i for i, m in members.items() if applies(m.concept, *key, m.keep) and drawn not in m.left_out]
        due = {id_ for id_ in fitting if mandatory(members[id_].concept, *key)}
        if METRICS[key[1]].theme == "attack":
            due = {id_ for id_ in due if members[id_].attacked}
        if any((id_, *key) in rates for id_ in fitting):
            for id_ in fitting:
                own, needed = each[id_]
                rate = rates.get((id_, *key))
                if key in own and (rate is not None or id_ in due):
                    yield named(decide(key, own[key], rate, id_, needed), len(members))
        elif key in whole and fitting and (("", *key) in rates or due):
            yield decide(key, whole[key], rates.get(("", *key)), required=required)


def named(reason: Reason, members: int) -> Reason:
    """The reason, whose sentence says the concept where the encoder has several."""
    return replace(reason, text=f"{reason.concept}: {reason.text}") if members > 1 else reason


def about_targets(reasons: Iterable[Reason]) -> list[Reason]:
    """The same reasons, but a target that the original encoder drew in no gated modality is not measured, since nobody
    knows whether it is gone. If it drew the target in one modality, that one decides, and the others say so."""
    every = list(reasons)
    shown: dict[str, set[str]] = {}
    for reason in every:
        if reason.metric == "target" and reason.before:
            shown.setdefault(reason.concept, set()).add(reason.modality)
    return [_about_target(r, shown.get(r.concept, set())) if r.metric == "target" and r.empty else r for r in every]


def _about_target(reason: Reason, shown: set[str]) -> Reason:
    if shown:
        return replace(reason, text=f"{reason.text} Only {sentences.SHOWN[min(shown)]} tell.")
    text = f"{reason.text} The original draws the target nowhere that is gated, so that nothing was measured."
    return replace(reason, verdict=UNMEASURED, text=text)


def _left_out(plan: Plan, encoder: str, concept: str) -> frozenset[Key]:
    """Each (modality, group) for which an encoder draws no prompt: in a joint one, all neighbours of a concept may be
    targets of other concepts."""
    job = plan.encoders[encoder]
    left_out, others = set(job.left_out.get(concept, ())), set(job.over_budget.get(concept, ()))
    groups: dict[Key, set[bool]] = {}
    for index, sample in enumerate(plan.samples[concept] if left_out else ()):
        if index not in others:
            groups.setdefault((sample.modality, sample.group), set()).add(index in left_out)
    return frozenset(key for key, gone in groups.items() if gone == {True})


def _order(reason: Reason) -> tuple[Any, ...]:
    return (FAIL, UNMEASURED, PASS).index(reason.verdict), not reason.required, reason.concept


def _short(value: float | None) -> float | None:
    """6 significant digits, as in metrics/rates.csv."""
    return None if value is None else float(f"{value:.6g}")
