"""Do the verdicts of a file follow from the rates beside it and the lists' gates? What was edited by hand does not.

    verdicts, not_looked_at = verdicts_now(Path("metrics/verdicts.json"), ["characters"], Path("concepts"), params)

Each reason is decided anew from its rate and from the threshold that the lists write now, each verdict from its
reasons, and whether it is required from the lists. A rate that has a gate needs a reason. No file of metrics/ may
differ from what dvc.lock says of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from expunge.bases.spec import load_spec
from expunge.core.errors import InputError, Problem
from expunge.core.unit_names import Name
from expunge.metrics.catalogue import METRICS
from expunge.metrics.thresholds import Merged
from expunge.plan.asked_for import digest_of_base
from expunge.plan.params import FILE as PARAMS
from expunge.plan.params import read_params
from expunge.plan.release_params import require_releases
from expunge.verdicts.gate import concluded, decide, named, noted
from expunge.verdicts.rates import Rate, read_rates
from expunge.verdicts.read_verdicts import read_verdicts
from expunge.verdicts.up_to_date import NEVER, Asked, encoders_now, never_ran, require_current, speaks_of
from expunge.verdicts.verdict_file import Reason, Verdict, chosen
from expunge.verdicts.written_by_run import changed_files

LOCK = Path("dvc.lock")
NO_LOCK = "there is no dvc.lock: nobody looked whether a file was edited since the run"
FIX = "take the file from git, or run `dvc repro`"
Place = tuple[str, str, str]  # concept, modality, metric
Rates = Mapping[Place, Rate]


def verdicts_now(
    file: Path, names: Sequence[str], lists: Path, params: Mapping[str, Any]
) -> tuple[dict[str, Verdict], list[str]]:
    """({"list/encoder": verdict} of a run, and of encoders that have not run yet; what could not be compared here).

    :param file: metrics/verdicts.json. :param names: as for `chosen`. :param lists: the folder of lists.
    :param params: params.yaml, {} for none.
    :raises InputError: a file is broken, there is no encoder of that name, what the verdicts speak of has changed
        since, or a file was edited by hand.
    """
    unseen, base = [], ""
    if params and lists.is_dir():
        require_releases(PARAMS, lists)
    if "unlearn" in params:
        read_params()
        try:
            base = digest_of_base(load_spec(params["base"]))
        except InputError as error:
            unseen.append(f"the base was not compared with the verdicts' own: {error.problems[0].what}")
    now = encoders_now(lists, params)
    table = file.with_name("rates.csv")
    rates = read_rates(table) if now and table.is_file() else None
    verdicts = chosen({**never_ran(now), **read_verdicts(file, rates=rates)}, names, file)
    problems = _not_written_by_run(file)
    if not LOCK.exists():
        unseen.append(NO_LOCK)
    if now:
        require_current(verdicts, now, base, file)
        ran = {name: verdict for name, verdict in verdicts.items() if verdict.note != NEVER}
        problems += disagreements(ran, read_rates(table) if rates is None else rates, now, file) if ran else []
    else:
        unseen.append(f"there are no lists in {lists.as_posix()}: the verdicts were not compared with any")
    if problems:
        raise InputError(problems)
    return verdicts, unseen


def trusted_verdicts(file: Path, now: Mapping[str, Asked], base: str) -> tuple[dict[str, Verdict], list[str]]:
    """(the verdicts of a file, what could not be compared here). Those that speak of something else than is asked now
    stay as they are: they answer nothing.

    :param now: what the lists ask for. :param base: digest of the base's own parts; "": it is not known here.
    :raises InputError: a file is broken, or was edited by hand.
    """
    verdicts, problems = read_verdicts(file), _not_written_by_run(file)
    current = {name: each for name, each in verdicts.items() if name in now and speaks_of(each, now[name], base)}
    problems += disagreements(current, read_rates(file.with_name("rates.csv")), now, file) if current else []
    if problems:
        raise InputError(problems)
    return verdicts, [] if LOCK.exists() else [NO_LOCK]


def _not_written_by_run(file: Path) -> list[Problem]:
    if LOCK.exists():
        return changed_files(LOCK, file.parent, (file.name, "rates.csv"))
    what = "is missing: nobody knows what the last run wrote"
    return [Problem(LOCK.as_posix(), what, FIX)] if Path("dvc.yaml").is_file() else []


def disagreements(
    verdicts: Mapping[str, Verdict], rates: Iterable[Rate], now: Mapping[str, Asked], file: Path
) -> list[Problem]:
    """What in a file of verdicts does not follow from the rates and the lists.

    :param verdicts: of encoders that have run and are asked for `now`, with the same gates.
    """
    own: dict[str, dict[Place, Rate]] = {}
    for rate in rates:
        own.setdefault(rate.name, {})[rate.concept, rate.modality, rate.metric] = rate
    return [
        Problem(f"{file.as_posix()}: {name}", what, FIX)
        for name, verdict in verdicts.items()
        for what in _of_encoder(verdict, own.get(name, {}), now[name], Name.parse(name).is_release)
    ]


def _of_encoder(verdict: Verdict, rates: Rates, asked: Asked, release: bool) -> Iterator[str]:
    given: dict[Place, Reason] = {}
    for reason in verdict.reasons:
        place = reason.concept, reason.modality, reason.metric
        if place in given:
            yield f"{_about(place)} has two reasons"
        given[place] = reason
    decided = []
    for place in given:
        gates, required = _gates(place[0], asked)
        if place[1:] not in gates:
            yield f"{_about(place)} has a reason, and no gate"
            return
        again = decide(place[1:], gates[place[1:]], rates.get(place), place[0], required)
        decided.append(named(again, len(asked.each)) if place[0] else again)
    right = noted(concluded(decided, asked.whole[1]), verdict.note)
    for reason in right.reasons:
        place = reason.concept, reason.modality, reason.metric
        if wrong := [f.name for f in fields(Reason) if getattr(reason, f.name) != getattr(given[place], f.name)]:
            key = wrong[0]
            says, follows = getattr(given[place], key), getattr(reason, key)
            yield f"{_about(place)}: `{key}` is {says!r}, and {follows!r} follows from the rates and the lists"
    for place in _gated(rates, asked, release):
        if place not in given:
            yield f"{_about(place)} has a rate and a gate, and no reason"
    for key in ("verdict", "required"):
        if getattr(verdict, key) != getattr(right, key):
            yield f"`{key}` is {getattr(verdict, key)!r}, and {getattr(right, key)!r} follows from its reasons"


def _gated(rates: Rates, asked: Asked, release: bool) -> Iterator[Place]:
    """The rates that must have a reason. Of an encoder that has rates of each concept, these decide."""
    whole = _gates("", asked)[0]
    for concept, *key in rates:
        modality, metric = key
        gates = asked.each[concept][0] if concept in asked.each else {} if concept else whole
        due = (modality, metric) in gates
        if due and not concept:
            of_releases = METRICS[metric].of_releases
            due = release if of_releases else not any((id_, modality, metric) in rates for id_ in asked.each)
        if due:
            yield concept, modality, metric


def _gates(concept: str, asked: Asked) -> Merged:
    """Those of a concept, or of the encoder as a whole: of a single one, those of its only concept."""
    if concept in asked.each:
        return asked.each[concept]
    return next(iter(asked.each.values())) if len(asked.each) == 1 else asked.whole


def _about(place: Place) -> str:
    concept, modality, metric = place
    return f"{f'{concept}, ' if concept else ''}{modality} {metric}"
