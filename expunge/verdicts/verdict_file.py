"""Verdicts and their reasons, and metrics/verdicts.json, which holds them."""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from expunge.core.errors import InputError, Problem
from expunge.core.files import write_text
from expunge.core.unit_names import Name

PASS: Literal["pass"] = "pass"
FAIL: Literal["fail"] = "fail"
UNMEASURED: Literal["not measured"] = "not measured"
FIELDS = ("verdict", "required", "gates", "about", "base", "rates")  # of a verdict in the file, beside its reasons
NOTE = "note"  # the same, if there is one
PASSED = {True: "passed", False: "passed, not required"}  # keys of the gates that pass
FEW = 5  # fewer samples (or goals) than this are too few to decide

Word = Literal["pass", "fail", "not measured"]
ANSWERS: dict[Word, str] = {PASS: "yes", FAIL: "no", UNMEASURED: "not known"}  # to: may this go out?


@dataclass(frozen=True)
class Reason:
    """The decision on one gate of one concept. `concept` is its id, or "" for the encoder as a whole."""

    concept: str
    modality: str
    metric: str
    threshold: str
    required: bool  # does it count?
    verdict: Word
    text: str  # a sentence or two
    sure: bool = False  # there is a 95 % interval, and all of it is on one side of the threshold
    value: float | None = None  # None: not measured
    low: float | None = None
    high: float | None = None
    n: int = 0
    before: float | None = None
    empty: bool = False  # the pass says nothing: there was nothing to forget, or nothing to lose

    @property
    def certainty(self) -> str:
        """How much a decided gate says: sure, not sure or empty; else not measured."""
        if self.verdict == UNMEASURED:
            return UNMEASURED
        return "empty" if self.empty else "sure" if self.sure else "not sure"

    @property
    def place(self) -> str:
        """What it is about, as text: "image near", "bolt, video asr:words"."""
        return f"{self.concept}, {self.modality} {self.metric}".removeprefix(", ")

    @property
    def few(self) -> bool:
        """Was it decided from too few samples?"""
        return 0 < self.n < FEW


@dataclass(frozen=True)
class Passed:
    """A gate that passes, as the file tells it."""

    concept: str
    modality: str
    metric: str
    threshold: str
    required: bool
    value: float


@dataclass(frozen=True)
class Verdict:
    """The verdict on one encoder, with its reasons."""

    verdict: Word
    required: bool  # does `expunge gate` exit with 1 unless it passes?
    gates: str = ""  # thresholds.signature of its gates
    reasons: tuple[Reason, ...] = ()  # those that do not pass first
    note: str = ""  # why it is not measured, or not wholly: units that failed
    about: str = ""  # digest of what it speaks of: concepts, method, parameters (plan/asked_for.py)
    base: str = ""  # digest of the base's own parts
    rates: str = ""  # digest of its rows in rates.csv

    @property
    def never_made(self) -> bool:
        """Did the encoder's own training fail? Then nothing of it was measured."""
        return bool(self.note) and all(reason.value is None for reason in self.reasons)


def write_verdicts(file: Path, verdicts: Mapping[str, Verdict]) -> None:
    """JSON by "list/encoder", with a line for each gate, so that a diff in git shows which of them changed.

    Of a gate that passes the line has the threshold and the value: rates.csv, which lies beside the file, has the rest.
    """

    def entry(verdict: Verdict) -> str:
        keys = (*FIELDS, NOTE) if verdict.note else FIELDS
        head = json.dumps({key: getattr(verdict, key) for key in keys}, ensure_ascii=False)[:-1]
        lines = ",".join(f"\n  {_json(asdict(reason))}" for reason in verdict.reasons if reason.verdict != PASS)
        text = f'{head}, "reasons": [{lines}]'
        for required, key in PASSED.items():
            own = [r for r in verdict.reasons if r.verdict == PASS and r.required == required]
            lines = ",".join(f"\n  {_json(_in_short(reason))}" for reason in own)
            text += f", {_json(key)}: [{lines}]" if own else ""  # a list, which `dvc metrics` passes over
        return f"{text}}}"

    text = ",\n".join(f" {json.dumps(name)}: {entry(verdict)}" for name, verdict in verdicts.items())
    write_text(file, f"{{\n{text}\n}}\n")


def passed(entry: Mapping[str, Any]) -> Iterator[Passed]:
    """The gates that pass, of a verdict as JSON holds it. :raises ValueError: a line has another form."""
    for required, key in PASSED.items():
        for line in entry.get(key, []):
            gate, _, value = line.rpartition(": ")
            concept, _, rest = gate.rpartition(", ")
            modality, metric, threshold = rest.split(" ", 2)
            yield Passed(concept, modality, metric, threshold, required, float(value))


def _in_short(reason: Reason) -> str:
    return f"{reason.place} {reason.threshold}: {reason.value:.6g}"


def chosen(verdicts: Mapping[str, Verdict], names: Sequence[str], file: Path) -> dict[str, Verdict]:
    """The verdicts of the encoders named, sorted: "list/encoder", or a list's id for all of its encoders; without names
    all of them.

    :param file: what errors call the verdicts. :raises InputError: there is no verdict, or none of a name.
    """
    where = file.as_posix()
    if not verdicts:
        raise InputError([Problem(where, "holds no encoder", "write a list in concepts/ and run `dvc repro`")])
    lists = {name: Name.parse(name).list for name in verdicts}
    choices = [*sorted(set(lists.values())), *sorted(verdicts)]
    wrong = [name for name in names if name not in choices]
    if wrong:
        raise InputError(Problem(name, f"is no encoder in {where}", _nearest(name, choices)) for name in wrong)
    return {name: verdicts[name] for name in sorted(verdicts) if not names or name in names or lists[name] in names}


def counts(verdicts: Iterable[Verdict | Reason]) -> dict[str, int]:
    """How many encoders, or gates, have which verdict."""
    words = [verdict.verdict for verdict in verdicts]
    return {word: words.count(word) for word in (PASS, FAIL, UNMEASURED)}


def _nearest(name: str, choices: list[str]) -> str:
    near = difflib.get_close_matches(name, choices, 1, 0.6)
    return f"write {near[0]}" if near else "write list/encoder as they stand there, or a list's id"


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False)
