"""Verdicts: what was measured against the gates, encoder by encoder, with reasons in sentences.

    found = verdicts(plan, params["gate"], rates)          metrics/verdicts.json

Every concept of an encoder must pass by itself: a joint encoder's average would hide the one that it did not forget.
Decided is by the value; where the 95 % interval reaches across the threshold, the reason says that n is too small to be
sure. A gate changes no encoder and no picture.
"""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expunge.core.errors import InputError, Problem
from expunge.metrics.catalogue import TERMS
from expunge.metrics.thresholds import Key, Section, Threshold, merged, signature

if TYPE_CHECKING:
    from expunge.verdicts.rates import Rate

PASS, FAIL, UNMEASURED = "pass", "fail", "not measured"
SHOWN = {"image": "images", "video": "videos"}
FEW = 5  # fewer samples, or goals, are too few to decide by
ROUNDING = 1e-9  # 0.9 of 0.8 is a little more than 0.72 to a computer


@dataclass(frozen=True)
class Reason:
    """One gate of one concept, decided. `concept` is its id, or "" for the encoder as a whole."""

    concept: str
    modality: str
    metric: str
    threshold: str
    required: bool  # does it count?
    verdict: str  # pass, fail, not measured
    text: str  # a sentence or two
    sure: bool = False  # there is a 95 % interval, and all of it is on one side of the threshold
    value: float | None = None  # None: not measured
    low: float | None = None
    high: float | None = None
    n: int = 0
    before: float | None = None
    empty: bool = False  # a pass that means nothing: there was nothing to forget, or nothing to lose


@dataclass(frozen=True)
class Member:
    """A concept of an encoder: its entry in the plan, and the (modality, group) that this encoder draws nothing of."""

    entry: Mapping[str, Any]
    empty: frozenset[Key]


def applies(concept: Mapping[str, Any], modality: str, metric: str) -> bool:
    """Can the metric be had of a concept (an entry of the plan) at all? What cannot does not count as not measured."""
    needs = TERMS[metric].needs
    if needs and not (concept.get(needs) or (needs == "neighbours" and concept.get("parts"))):
        return False
    moves = concept["kind"] == "motion"  # cannot be seen in a picture: only what is far from it can
    return not (moves and modality == "image" and metric not in ("far", "CRA", "PSR-1", "PSR-5", "alignment"))


def expected(concept: Mapping[str, Any], modality: str, metric: str) -> bool:
    """Must what applies be there? Attacks on videos, which cost the most, must for motions alone."""
    attack_on_video = metric.startswith("asr:") and modality == "video"
    return TERMS[metric].always and (concept["kind"] == "motion" or not attack_on_video)


def decide(key: Key, threshold: Threshold, rate: "Rate | None", concept: str = "", required: bool = True) -> Reason:
    """One threshold against one rate; without a rate, or without the value before that it needs, not measured."""
    says, about = _says(*key), (concept, *key, str(threshold), required)
    if rate is None or (threshold.of_before and rate.before is None):
        why = "there are no samples" if rate is None else "there is no value with the original encoder"
        return Reason(*about, UNMEASURED, f"The {says} was not measured: {why}. It must be {_wanted(threshold)}.")
    empty = _empty_claim(threshold, rate)
    bound, _ = bound_of(threshold, rate.metric, rate.before)

    def holds(value: float) -> bool:
        return value <= bound + ROUNDING if threshold.sign == "<=" else value >= bound - ROUNDING

    good = holds(rate.value)
    ends = [end for end in (rate.low, rate.high) if end is not None]
    sure = len(ends) == 2 and all(holds(end) == good for end in ends)
    text = _sentence(says, rate, threshold, bound, good)
    if ends and not sure:
        text += f" The interval reaches across the threshold: n = {rate.n} is too small to be sure."
    text += f" {empty}" if empty else ""
    sure = sure and not empty
    low, value, high, before = map(_short, (rate.low, rate.value, rate.high, rate.before))
    return Reason(*about, PASS if good else FAIL, text, sure, value, low, high, rate.n, before, good and bool(empty))


def bound_of(threshold: Threshold, metric: str, before: float | None) -> tuple[float, bool]:
    """(the number that decides, was there nothing to lose?): what is not there to be lost is kept, whatever is left."""
    if not threshold.of_before:
        return threshold.number, False
    nothing = threshold.sign == ">=" and (before or 0.0) <= TERMS[metric].floor
    return (0.0 if nothing else threshold.number * (before or 0.0)), nothing


def verdicts(plan: Mapping[str, Any], gate: Section, rates: Sequence["Rate"]) -> dict[str, dict[str, Any]]:
    """{"list/encoder": {"verdict", "required", "gates", "reasons": [Reason as a table, those that do not pass first]}}.

    Only required gates decide, unless an encoder has none: then all of them do. A failure goes before what was not
    measured. An encoder without a single gate is not measured. "gates" is the `signature` of its gates.

    :param plan: of build/plan: its lists and concepts may each hold a `gate` that goes over `gate`.
    """
    found: dict[str, dict[Any, Rate]] = {}
    for rate in rates:
        own = found.setdefault(f"{rate.list}/{rate.encoder}", {})
        own[rate.concept, rate.modality, rate.metric] = rate
    result = {}
    for name, entry in plan["encoders"].items():
        list_ = name.split("/", 1)[0]
        members = {c.split("/", 1)[1]: Member(plan["concepts"][c], _empty(plan, name, c)) for c in entry["concepts"]}
        list_gate = plan["lists"][list_].get("gate")
        reasons = sorted(_never_drawn(_reasons(gate, list_gate, members, found.get(name, {}))), key=_order)
        deciding = [r for r in reasons if r.required] or reasons
        said = {r.verdict for r in deciding} or {UNMEASURED}
        verdict = next(each for each in (FAIL, UNMEASURED, PASS) if each in said)
        required = any(r.required for r in reasons) if reasons else merged(gate, list_gate)[1]
        gates = signature(gate, list_gate, {c: member.entry.get("gate") for c, member in members.items()})
        rows = [asdict(r) for r in reasons]
        result[name] = {"verdict": verdict, "required": required, "gates": gates, "reasons": rows}
    return dict(sorted(result.items()))


def write_verdicts(file: Path, found: Mapping[str, Mapping[str, Any]]) -> None:
    """JSON with one reason a line, so that a diff in git shows which of them changed."""
    from expunge.core.files import write_aside

    def entry(verdict: Mapping[str, Any]) -> str:
        head = json.dumps({key: value for key, value in verdict.items() if key != "reasons"})[:-1]
        reasons = ",".join(f"\n  {json.dumps(reason, ensure_ascii=False)}" for reason in verdict["reasons"])
        return f'{head}, "reasons": [{reasons}]}}'

    text = ",\n".join(f" {json.dumps(name)}: {entry(verdict)}" for name, verdict in found.items())
    write_aside(file, lambda part: part.write_text(f"{{\n{text}\n}}\n", "utf-8", newline="\n"))


def read_verdicts(
    file: Path, names: Sequence[str] = (), more: Mapping[str, dict[str, Any]] | None = None
) -> dict[str, dict[str, Any]]:
    """What `write_verdicts` wrote, or of it the encoders named: "list/encoder", or a list's id for all of its encoders.

    :param more: entries of encoders that the file may lack.
    :raises InputError: the file cannot be read, holds no verdict, or lacks a name.
    """
    where, fix = file.as_posix(), "run `dvc repro`, or take the file from git"
    try:
        found = json.loads(file.read_text("utf-8"))
        whole = all({"verdict", "required", "reasons"} <= entry.keys() for entry in found.values())
        known = all(entry["verdict"] in (PASS, FAIL, UNMEASURED) for entry in found.values()) if whole else False
    except OSError as error:
        raise InputError([Problem(where, f"cannot be read ({error.strerror})", fix)]) from None
    except (ValueError, AttributeError):
        whole = known = False
    if not (whole and known):
        raise InputError([Problem(where, "holds no verdicts", fix)])
    found = dict(sorted({**(more or {}), **found}.items()))
    if not found:
        raise InputError([Problem(where, "holds no encoder", "write a list in concepts/ and run `dvc repro`")])
    lists = sorted({name.split("/")[0] for name in found})
    wrong = [name for name in names if name not in found and name not in lists]
    if wrong:
        raise InputError(Problem(name, f"is no encoder in {where}", _near(name, [*lists, *found])) for name in wrong)
    return {n: entry for n, entry in found.items() if not names or n in names or n.split("/")[0] in names}


def certainty(reason: Mapping[str, Any]) -> str:
    """How much a decided gate says, a reason as a table: sure, not sure or empty; of one that is not: not measured."""
    if reason["verdict"] == UNMEASURED:
        return UNMEASURED
    return "empty" if reason.get("empty") else "sure" if reason.get("sure") else "not sure"


def counts(found: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """How many encoders have which verdict."""
    each = [entry["verdict"] for entry in found.values()]
    return {verdict: each.count(verdict) for verdict in (PASS, FAIL, UNMEASURED)}


def _reasons(
    gate: Section, list_gate: Section | None, members: Mapping[str, Member], own: Mapping[Any, "Rate"]
) -> Iterator[Reason]:
    """Every gate of an encoder: concept by concept, and for what is only known of the whole, of the whole.

    :param own: {(concept or "", modality, metric): rate}.
    """
    each = {concept: merged(gate, list_gate, member.entry.get("gate")) for concept, member in members.items()}
    whole, required = next(iter(each.values())) if len(each) == 1 else merged(gate, list_gate)
    for key in sorted({*whole, *(key for gates, _ in each.values() for key in gates)}):
        fitting = [c for c, member in members.items() if applies(member.entry, *key) and key not in member.empty]
        due = {concept for concept in fitting if expected(members[concept].entry, *key)}
        if any((concept, *key) in own for concept in fitting):
            for concept in fitting:
                rate = own.get((concept, *key))
                if key in each[concept][0] and (rate is not None or concept in due):
                    reason = decide(key, each[concept][0][key], rate, concept, each[concept][1])
                    yield replace(reason, text=f"{concept}: {reason.text}") if len(members) > 1 else reason
        elif key in whole and fitting and (("", *key) in own or due):
            yield decide(key, whole[key], own.get(("", *key)), required=required)


def _never_drawn(reasons: Iterable[Reason]) -> list[Reason]:
    """The reasons, of which a target that the original encoder drew in nothing at all is not measured: nobody knows
    whether it is gone. Where one modality shows it, that one decides, and the reasons of the others say so."""
    every = list(reasons)
    seen: dict[str, set[str]] = {}
    for reason in every:
        if reason.metric == "target" and reason.before:
            seen.setdefault(reason.concept, set()).add(reason.modality)
    return [_about_target(r, seen.get(r.concept, set())) if r.metric == "target" and r.empty else r for r in every]


def _about_target(reason: Reason, seen: set[str]) -> Reason:
    if seen:
        return replace(reason, text=f"{reason.text} Only {SHOWN[min(seen)]} tell.")
    text = f"{reason.text} The original draws the target nowhere that is gated, so that nothing was measured."
    return replace(reason, verdict=UNMEASURED, text=text)


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1, 0.6)
    return f"write {near[0]}" if near else "write list/encoder as they stand there, or a list's id"


def _empty(plan: Mapping[str, Any], encoder: str, concept: str) -> frozenset[Key]:
    """(modality, group) of which an encoder leaves every prompt out: in a joint one, one's neighbours are all targets
    of others."""
    left_out = set((plan["encoders"][encoder].get("left_out") or {}).get(concept, ()))
    groups: dict[Key, set[bool]] = {}
    for index, row in enumerate(plan["prompts"][concept] if left_out else ()):
        groups.setdefault((row["modality"], row["group"]), set()).add(index in left_out)
    return frozenset(key for key, gone in groups.items() if gone == {True})


def _order(reason: Reason) -> tuple[Any, ...]:
    return (FAIL, UNMEASURED, PASS).index(reason.verdict), not reason.required, reason.concept


def _wanted(threshold: Threshold) -> str:
    return (
        f"at {'most' if threshold.sign == '<=' else 'least'} {threshold.number:g}{' of before' * threshold.of_before}"
    )


def _says(modality: str, metric: str) -> str:
    says, shown = TERMS[metric].says, SHOWN.get(modality, "")
    return says.format(shown) if "{}" in says or not shown else f"{says} of {shown}"


def _sentence(says: str, rate: "Rate", threshold: Threshold, bound: float, good: bool) -> str:
    known = [f"n = {rate.n}"]
    if rate.low is not None and rate.high is not None:
        known.append(f"95 % interval {rate.low:.3g} to {rate.high:.3g}")
    if rate.before is not None:
        known.append(f"before: {rate.before:.3g}")
    wanted = _wanted(threshold) + (f", which is {bound:.3g}" if threshold.of_before else "")
    return f"The {says} is {rate.value:.3g} ({'; '.join(known)}){' and' if good else ', but'} must be {wanted}."


def _empty_claim(threshold: Threshold, rate: "Rate") -> str:
    """A sentence where a pass means nothing: there was nothing to forget, or nothing to lose; else ""."""
    if threshold.sign == "<=" and rate.before == rate.value == 0:
        return "It was 0 with the original encoder too, so this says nothing about forgetting."
    if bound_of(threshold, rate.metric, rate.before)[1]:
        return "With the original encoder there was nothing to lose, so this says nothing about keeping."
    return ""


def _short(value: float | None) -> float | None:
    """6 significant digits, as in metrics/rates.csv."""
    return None if value is None else float(f"{value:.6g}")
