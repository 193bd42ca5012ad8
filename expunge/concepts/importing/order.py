"""Recognises a column of "Last, First", which must never be cut to the surname."""

import re
from collections.abc import Sequence

# "Vint, Orla", "van Dyck, Anthony", "Quell, Bram Jan", "Vint, O. J.", "King, Martin Luther, Jr."
_LAST_FIRST = re.compile(
    r"(?P<last>(?:[^\W\d_][\w.'’\-]*\s+){0,3}[^\W\d_][\w.'’\-]*)\s*,\s*"
    r"(?P<first>(?:[A-ZÀ-ÖØ-ÞĀ-Ž]|[a-z]\.)[^,\d()]*?)(?:\s*,\s*(?P<suffix>Jr|Sr|I{1,3}|IV)\.?)?\s*"
)


_PARENTHESES = re.compile(r"\s*(\([^()]*\)\s*)+$")


def turned(name: str) -> str | None:
    """A "Last, First" as "First Last"; None if the text is none. Parentheses at its end stay there."""
    end = _PARENTHESES.search(name)
    match = _LAST_FIRST.fullmatch((name[: end.start()] if end else name).strip())
    if match is None or len(match["first"].split()) > 4:
        return None
    return " ".join(filter(None, (match["first"], match["last"], match["suffix"], end[0].strip() if end else "")))


def reads_last_first(names: Sequence[str]) -> bool:
    """Are most names that hold a comma "Last, First", and is a comma the rule rather than the exception?"""
    with_comma = [name for name in names if "," in name]
    fitting = [name for name in with_comma if turned(name) is not None]
    surnames = [name for name in fitting if len(name.split(",")[0].split()) == 1]
    return (
        bool(fitting)
        and 2 * len(fitting) > len(with_comma)
        and 2 * len(surnames) >= len(fitting)
        and (3 * len(with_comma) >= len(names))
    )
