"""Every request with what became of it: refused, undecided, open, due, overdue or done, and by which encoder.

    lines = request_lines(lists, filed, answers, now)

A request is done when an encoder that forgets its concept (its own, a joint one or a release) has a verdict that passes
and that speaks of what the lists ask for today. Nothing is guessed: a request without `due` is never overdue, and a
decision that is not understood leaves it undecided.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from expunge.concepts.concept import ConceptList
from expunge.concepts.confidential import veil_of
from expunge.concepts.outcomes import REFUSED, UNDECIDED, outcome
from expunge.concepts.register import Filed
from expunge.core.times import end
from expunge.core.unit_names import Name
from expunge.records.log import RELEASED, Line
from expunge.verdicts.up_to_date import Asked, speaks_of
from expunge.verdicts.verdict_file import PASS, Verdict

OVERDUE, DUE, OPEN, DONE = "overdue", "due", "open", "done"
STATES = (OVERDUE, DUE, UNDECIDED, OPEN, DONE, REFUSED)  # in the order in which they are shown


@dataclass(frozen=True)
class RequestLine:
    """A request for one concept. `why` says why it is in its state; it and `basis` are empty of a confidential one."""

    request: str  # its id, or a code where the private file holds it
    state: str  # one of STATES
    concept: str  # "list/id"; "": no list holds it
    received: str | None
    due: str | None
    decided: str | None
    basis: str
    encoders: tuple[str, ...]  # of its list that answer it
    releases: dict[str, str]  # that answer it: when the present one was handed on, "" where it was not
    why: str
    where: str  # "file:line"


@dataclass(frozen=True)
class Answers:
    """What each encoder that the lists ask for says: {"list/encoder": PASS, or why it answers nothing}."""

    said: Mapping[str, str]
    members: Mapping[str, frozenset[str]]  # {"list/encoder": ids of its concepts}
    released: Mapping[str, str] = field(default_factory=dict)  # {"releases/name": when the present one was handed on}


def answers_of(
    now: Mapping[str, Asked],
    verdicts: Mapping[str, Verdict],
    base: str,
    log: Iterable[Line],
    records: Mapping[str, str],
) -> Answers:
    """:param now: what the lists ask for. :param base: digest of the base's own parts; "": it is not known here.

    :param log: audit/log.jsonl. :param records: {"list/encoder": sha256 of its record}.
    """
    said = {name: _said(asked, verdicts.get(name), base) for name, asked in now.items()}
    released = {
        line.encoder: line.time for line in log if line.event == RELEASED and line.record == records.get(line.encoder)
    }
    return Answers(said, {name: frozenset(asked.each) for name, asked in now.items()}, released)


def _said(asked: Asked, verdict: Verdict | None, base: str) -> str:
    if verdict is None:
        return "has not run"
    if not speaks_of(verdict, asked, base):
        return "ran before its lists, gates, method or base changed"
    return "passes" if verdict.verdict == PASS else {"fail": "does not pass"}.get(verdict.verdict, verdict.verdict)


def request_lines(
    lists: Sequence[ConceptList], filed: Iterable[Filed], answers: Answers, now: datetime
) -> list[RequestLine]:
    """The requests of lists and registers, what is most urgent first."""
    hidden = {str(Name(each.id, c.id)) for each in lists for c in each.concepts if c.confidential}
    lines = [
        *_of_lists(lists, answers, now),
        *(_of_filed(each, each.concept in hidden, answers, now) for each in filed),
    ]
    order = {state: place for place, state in enumerate(STATES)}
    return sorted(lines, key=lambda line: (order[line.state], end(line.due or "9999-12-31"), line.request))


def _of_lists(lists: Sequence[ConceptList], answers: Answers, now: datetime) -> Iterator[RequestLine]:
    veil = veil_of(lists)
    for each in lists:
        for concept in each.concepts:
            if (asked := concept.request) is not None:
                name = str(Name(each.id, concept.id))
                private = concept.confidential and asked.id in veil.secrets[name].whole  # the private file has it
                shown = veil.code(asked.id) if private else asked.id
                yield _line(
                    Filed(shown, concept.where, asked.received, asked.due, asked.decided, asked.basis,
                          asked.decision, name, concept.confidential), outcome(asked.decision), answers, now,
                )  # fmt: skip


def _of_filed(filed: Filed, hidden: bool, answers: Answers, now: datetime) -> RequestLine:
    """:param hidden: its concept is confidential."""
    own = replace(filed, confidential=filed.confidential or hidden)
    return _line(own, outcome(filed.decision or ""), answers, now)


def _line(filed: Filed, decided: str, answers: Answers, now: datetime) -> RequestLine:
    """:param decided: see `outcomes.outcome`."""
    late = filed.due is not None and now > end(filed.due)
    encoders, releases, why = tuple[str, ...](), dict[str, str](), ""
    if decided in (REFUSED, UNDECIDED):
        state = OVERDUE if decided == UNDECIDED and late else decided
        text = "" if filed.confidential else filed.decision or ""
        why = (f"undecided: {text}" if text else "undecided") if decided == UNDECIDED else text
    else:
        holding = [name for name, ids in answers.members.items() if _holds(name, ids, filed.concept)]
        good = [name for name in holding if answers.said[name] == "passes"]
        encoders = tuple(name for name in good if not Name.parse(name).is_release)
        releases = {name: answers.released.get(name, "") for name in good if Name.parse(name).is_release}
        state = DONE if good else OVERDUE if late else DUE if filed.due is not None else OPEN
        others = [f"{name} {answers.said[name]}" for name in holding if name not in good]
        why = "; ".join(others) if filed.concept else "it is on no list"
    return RequestLine(
        filed.id, state, filed.concept or "", filed.received, filed.due, filed.decided,
        "" if filed.confidential else filed.basis or "", encoders, releases, why, filed.where,
    )  # fmt: skip


def _holds(encoder: str, ids: frozenset[str], concept: str | None) -> bool:
    """Does an encoder forget a concept? Ids are unique in all lists."""
    if concept is None:
        return False
    whose, name = Name.parse(encoder), Name.parse(concept)
    return name.id in ids and (whose.is_release or whose.list == name.list)
