"""What the cells of a table say about the name in their row."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from expunge.concepts.decisions import (
    FORGET,
    KEEP,
    NO,
    YES,
    decision_of,
    decision_of_cell,
    instruction,
    objection,
    words_of,
)
from expunge.concepts.importing.columns import is_decision, split_cell, stops
from expunge.concepts.kinds import KINDS
from expunge.core.names import tidy

_DATED = frozenset(["on", "at", "date"])  # the last word of a column of dates
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([T ].*)?|\d\d?[./-]\d\d?[./-]\d{2,4}|\d{4}[./]\d\d?[./]\d\d?")
_OWN_WORDS = ("aliases", "probes", "neighbours", "anchor", "prompts")  # roles whose cells may be any words
_HAS_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Deciding:
    """A column that decides."""

    place: int
    name: str
    base: str  # the name without the word that says that it holds dates: "approved" of "approved_on"
    named: str | None  # what the base says


def deciding_column(place: int, name: str) -> Deciding:
    words = words_of(name)
    base = " ".join(words[:-1]) if len(words) > 1 and words[-1] in _DATED else name
    return Deciding(place, name, base, decision_of(base))


def said_in(column: Deciding, value: str) -> str | None:
    """What a cell of a deciding column says: FORGET, KEEP, a reason to refuse, or None for nothing."""
    base, named, text = column.base, column.named, value.strip()
    where = f"its {column.name!r}"
    if named not in (None, FORGET, KEEP):
        if not text:  # "rejected_on" is empty: not rejected. But an empty "approved by" says that nobody approved
            return None if named == f"the file says {base.strip()!r}" else f"{where} is empty"
        return f"{where} says {text!r}"
    if named == FORGET and base != column.name and _DATE.fullmatch(text):
        return FORGET
    said = decision_of_cell(base, text)
    if named == KEEP and text and text.casefold() not in YES | NO and decision_of(text) is None:
        return f"{where} says {text!r}, which is not known; write yes, or --neighbour-column {column.name!r} for names"
    if named is None and text.casefold() in YES | NO:
        said += f"; --ignore-column {column.name!r} if it decides nothing"
    return said.replace(f"its {base!r}", where, 1) if base != column.name else said


def as_decision(column: Deciding, value: str) -> str:
    """What a request of the row says of its decision: a yes in a column "erase" says "erase". "" for nothing."""
    text, named = tidy(value), tidy(column.base.strip(" ?"))
    if column.named == KEEP and text.casefold() in NO:
        return ""
    if column.named in (FORGET, KEEP) and text.casefold() in YES:
        return named
    dated = column.named == FORGET and column.base != column.name and _DATE.fullmatch(text)
    return f"{named}, {text}" if dated else text


def decided(columns: Sequence[Deciding], values: Sequence[str], said: Sequence[str | None]) -> list[str]:
    """What the deciding cells of one row say together.

    Of several columns that are named after decisions, a no or nothing beside the opposite's yes says the same as the
    yes: "erase: yes, keep: no". A no beside a yes of the same sense ("erase: yes, approved: no") stays a reason.
    """
    if len(columns) < 2:
        return [each for each in said if each is not None]
    yes = {c.named for c, value in zip(columns, values, strict=True) if value.strip().casefold() in YES}
    yes &= {FORGET, KEEP}
    all_said = []
    for column, value, each in zip(columns, values, said, strict=True):
        text = value.strip().casefold()
        if len(yes) == 1 and (not text or text in NO) and column.named is not None and not yes & {column.named}:
            opposite = column.named in (FORGET, KEEP)
            if opposite or instruction(column.base) is not None:
                continue
        if each is not None:
            all_said.append(each)
    return all_said


def against(column: str, role: str, mixed: bool, value: str, telling: bool) -> str | None:
    """Why a cell of a column that does not decide stops its row; None if it does not.

    :param role: of the column; "" if it has none.
    :param mixed: other cells of the column are decisions, so that this one, too, must be one or fit the role.
    :param telling: the cell holds a word that decides (`columns.tells`).
    """
    text = value.strip()
    if not text:
        return f"its {column!r} is empty, where others decide" if mixed and role != "basis" else None
    if mixed:
        said = decision_of(text)
        unknown = said is None and not _fits(role, text)
        if unknown or said not in (None, FORGET):
            return f"its {column!r} says {text!r}"
    own = role in _OWN_WORDS
    if text.casefold() in YES | NO and (decision_of(column) is not None if own else role and text.casefold() in NO):
        return f"its {column!r} says {text!r}"
    if not telling:
        return None
    parts = split_cell(text) if own else ()
    if not own and stops(text):
        return f"its {column!r} says {text[:200]!r}"
    return next((f"its {column!r} {why}" for part in (text, *parts) if (why := _objects(part))), None)


def _objects(text: str) -> str | None:
    if is_decision(text) and instruction(text) != FORGET:
        return f"says {text[:200]!r}"
    return objection(text)


def _fits(role: str, text: str) -> bool:
    """Is a cell what its role asks for?"""
    if role == "kind":
        return text.casefold() in KINDS
    return role == "basis" or _HAS_DIGIT.search(text) is not None


def is_mixed(role: str, telling: Collection[str]) -> bool:
    """Are cells of a column with one word each (a kind, an id, a date) decisions?"""
    return bool(role) and role not in _OWN_WORDS and any(map(is_decision, telling))
