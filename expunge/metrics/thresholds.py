"""Thresholds: how a `gate:` is written in params.yaml, in a list and in a concept, and what is wrong with one.

    gate:                                    # the nearest one counts: a concept's, then its list's, then params.yaml's
      image: {target: "<= 0.05", near: ">= 0.85 of before", sense: none}
      video: {dynamic: ">= 0.5 of before"}
      required: false                        # a failure is reported, and `expunge gate` passes all the same

A threshold is a comparison and a number, with "of before" where the number is a factor on the original encoder's own
value. `none` removes an inherited threshold.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from expunge.core.errors import InputError, Problem
from expunge.core.schema import did_you_mean, short
from expunge.metrics.catalogue import METRICS, metrics_of
from expunge.metrics.metric import ALL

THRESHOLD = re.compile(r"(<=|>=) ?([0-9]{1,6}(?:\.[0-9]{1,9})?)( of before)?")
FORM = 'write "<= 0.05", ">= 0.85 of before" (of the original encoder\'s own value), in quotes, or none'

Section = Mapping[str, Any]  # a `gate:` as it stands in a file
Key = tuple[str, str]  # modality, metric


@dataclass(frozen=True)
class Threshold:
    """`value <= number`, or `>=`; of_before: the number is a factor on the value with the original encoder."""

    sign: str
    number: float
    of_before: bool = False

    def __str__(self) -> str:
        return f"{self.sign} {self.number:.12g}{' of before' * self.of_before}"

    def bound(self, metric: str, before: float | None) -> tuple[float, bool]:
        """(the number that decides, had the original encoder nothing to lose?).

        If the original was at the metric's floor or below, any value passes a threshold "of before".

        :param before: the value with the original encoder; None counts as 0.
        """
        if not self.of_before:
            return self.number, False
        nothing_to_lose = self.sign == ">=" and (before or 0.0) <= METRICS[metric].floor
        return (0.0 if nothing_to_lose else self.number * (before or 0.0)), nothing_to_lose


def parse(text: Any) -> Threshold | None:
    """A threshold from its text, None for "none". :raises ValueError: what is wrong; FORM says what to write."""
    if text == "none":
        return None
    match = THRESHOLD.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"is {short(text)}, which is no threshold")
    return Threshold(match[1], float(match[2]), match[3] is not None)


def misfit(metric: str, threshold: Threshold) -> tuple[str, str] | None:
    """(what is wrong, what to write) where a threshold makes no sense for a metric of the catalogue, else None."""
    about = METRICS[metric]
    sign = {"lower": "<=", "higher": ">="}.get(about.better, threshold.sign)
    if threshold.sign != sign:
        return f'is "{threshold}", but for {metric} {about.better} is better', f'write "{sign} ..."'
    if threshold.of_before and not about.before:
        return f'is "{threshold}", but {metric} has no value before', f'write a number alone, such as "{sign} 0.1"'
    top = 10.0 if threshold.of_before else about.top
    if top is not None and threshold.number > top:
        percent = f" ({threshold.number:g} % is {threshold.number / 100:g})" if threshold.number <= 100 else ""
        return f'is "{threshold}"', f"write a number from 0 to {top:g}{percent}"
    return None


def wrong_threshold(metric: str, text: Any) -> tuple[str, str] | None:
    """(what is wrong, what to write) of a threshold's text for a metric of the catalogue, None where it is good."""
    try:
        threshold = parse(text)
    except ValueError as error:
        return str(error), FORM
    return misfit(metric, threshold) if threshold is not None else None


def problems_of(section: Any, where: str = "params.yaml: gate") -> Iterator[Problem]:
    """Everything wrong with a `gate:` that no schema has checked."""
    if not isinstance(section, dict):
        yield Problem(where, "is not a mapping", "write `gate:` with image, video or text, and thresholds by metric")
        return
    for modality, table in section.items():
        place = f"{where}.{modality}"
        if modality == "required":
            if not isinstance(table, bool):
                yield Problem(place, f"is {short(table)}", "write true or false, without quotes")
        elif modality not in ALL:
            yield Problem(place, "is not a modality", did_you_mean(modality, [*ALL, "required"]))
        elif not isinstance(table, dict):
            yield Problem(place, "is not a mapping", 'write thresholds by metric, such as {target: "<= 0.05"}')
        else:
            allowed = metrics_of(modality)
            for metric, text in table.items():
                if metric not in allowed:
                    what = f"is not a metric of the modality {modality}"
                    yield Problem(f"{place}.{metric}", what, did_you_mean(metric, allowed))
                elif wrong := wrong_threshold(metric, text):
                    yield Problem(f"{place}.{metric}", *wrong)


def gate_of(params: Any) -> Section:
    """The section `gate` of params.yaml; {} where it has none. :raises InputError: every problem at once."""
    gate = params.get("gate") if isinstance(params, dict) else None
    problems = list(problems_of(gate)) if gate is not None else []
    if problems:
        raise InputError(problems)
    return gate or {}


Merged = tuple[dict[Key, Threshold], bool]  # thresholds, and whether they are required


def merged(*sections: Section | None) -> Merged:
    """The thresholds of several sections, and whether they are required. A later section overrides an earlier one."""
    thresholds: dict[Key, Threshold | None] = {}
    required = True
    for section in sections:
        for modality in ALL:
            own = (section or {}).get(modality, {})
            thresholds |= {(modality, metric): parse(text) for metric, text in own.items()}
        required = (section or {}).get("required", required)
    return {key: threshold for key, threshold in thresholds.items() if threshold is not None}, required


def signature(whole: Merged, each: Mapping[str, Merged]) -> str:
    """A digest of all thresholds of an encoder: the same however they are written, another once any of them changes.

    :param whole: those of the encoder itself. :param each: of each of its concepts, by id.
    """
    sections = {"": whole, **each}
    plain = {c: [sorted([*key, str(at)] for key, at in gates.items()), must] for c, (gates, must) in sections.items()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
