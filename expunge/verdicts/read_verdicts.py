"""Reads metrics/verdicts.json, and makes the reasons of gates that pass anew from rates.csv beside it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from expunge.core.errors import InputError, Problem
from expunge.core.strict_json import strict_json
from expunge.core.unit_names import Name
from expunge.metrics.thresholds import parse
from expunge.verdicts.gate import about_targets, decide, named
from expunge.verdicts.rates import Rate, digest_of_rates, read_rates
from expunge.verdicts.verdict_file import FIELDS, NOTE, PASS, PASSED, Reason, Verdict, passed

FIX = "run `dvc repro`, or take the file from git"


def read_verdicts(
    file: Path, names: Collection[str] | None = None, rates: Sequence[Rate] | None = None
) -> dict[str, Verdict]:
    """What `write_verdicts` wrote, or an older version, which had all reasons.

    :param names: whose rates must be those that the verdict was made of; None: everyone's.
    :param rates: what rates.csv beside the file holds; None: it is read if it is needed.
    :raises InputError: a file is missing, has another form, or says something twice; or the verdicts were made of other
        rates than rates.csv holds.
    """
    try:
        data = strict_json(file.read_bytes())
        found = msgspec.convert(data, dict[str, Verdict])
        for name, verdict in found.items():
            Name.parse(name)
            if unknown := data[name].keys() - {*FIELDS, NOTE, "reasons", *PASSED.values()}:
                raise ValueError(f"{name} has a key {min(unknown)!r}, which no run writes")
            for reason in verdict.reasons:
                if parse(reason.threshold) is None:
                    raise ValueError(f"{name} has a reason without a threshold")
        if not any(entry.keys() & {"rates", *PASSED.values()} for entry in data.values()):
            return found  # of an older version
        by_encoder: dict[str, list[Rate]] = {}
        for rate in read_rates(file.with_name("rates.csv")) if rates is None else rates:
            by_encoder.setdefault(rate.name, []).append(rate)
        own = {name: by_encoder.get(name, []) for name in found}
        _require_same(file, found if names is None else {name: found[name] for name in names if name in found}, own)
        return {
            name: replace(verdict, reasons=(*verdict.reasons, *_passed(data[name], verdict, own[name])))
            for name, verdict in found.items()
        }
    except OSError as error:
        raise InputError([Problem(file.as_posix(), f"cannot be read ({error.strerror})", FIX)]) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError([Problem(file.as_posix(), f"holds no verdicts ({error})", FIX)]) from None


def _require_same(file: Path, verdicts: Mapping[str, Verdict], rates: Mapping[str, list[Rate]]) -> None:
    what = "its rows in rates.csv are not those that it was made of"
    problems = [
        Problem(f"{file.as_posix()}: {name}", what, FIX)
        for name, verdict in verdicts.items()
        if verdict.rates != digest_of_rates(rates[name])
    ]
    if problems:
        raise InputError(problems)


def _passed(entry: Mapping[str, Any], verdict: Verdict, rates: list[Rate]) -> list[Reason]:
    """The reasons of the gates that pass. :raises ValueError: one has no threshold, or no place."""
    by_place = {(rate.concept, rate.modality, rate.metric): rate for rate in rates}
    reasons = list(_decided(entry, by_place))
    return about_targets([*verdict.reasons, *reasons])[len(verdict.reasons) :]


def _decided(entry: Mapping[str, Any], rates: Mapping[tuple[str, str, str], Rate]) -> Iterator[Reason]:
    for gate in passed(entry):
        threshold = parse(gate.threshold)
        if threshold is None:
            raise ValueError(f"{gate.metric} passes without a threshold")
        rate = rates.get((gate.concept, gate.modality, gate.metric))
        reason = decide((gate.modality, gate.metric), threshold, rate, gate.concept, gate.required)
        told = replace(reason, verdict=PASS, value=gate.value)  # what follows is compared elsewhere
        yield named(told, 2 if gate.concept else 1)
