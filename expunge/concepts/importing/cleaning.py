"""Finds the name in a text: cuts off what is not part of it, and refuses texts that are no names.

Each change adds a note. What is cut off is kept beside the name, so that two rows which differ only in it stay apart.
"""

import re
from dataclasses import dataclass

from expunge.concepts.importing.garbage import garbage
from expunge.concepts.importing.notes import RowNote
from expunge.core.names import bad_character, tidy

MOST_WORDS, LONGEST = 12, 200  # a text of more words, or characters, is a sentence
_INNER = re.compile(r"(?<!\w)\(([^()]*)\)(?!\w)")  # parentheses that are no part of a word, as in "(o)i-dle"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.'-]*(?: [A-Za-z0-9.'-]+)*")  # most names: there is nothing to clean
_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("«", "»"), ("„", "“"), ("`", "`"))


@dataclass(frozen=True)
class Cleaned:
    """A name, what stood in its last parentheses, what followed its comma, and the name with its parentheses."""

    name: str
    inside: str = ""
    after_comma: str = ""
    whole: str = ""


def clean(text: str, label: str, cut_parentheses: bool, cut_comma: bool, notes: list[RowNote]) -> Cleaned:
    """A text without the parts that do not belong to a name. A note says what was taken away."""
    if _PLAIN.fullmatch(text):
        return Cleaned(text, whole=text)
    trimmed, reasons = text, list[str]()
    visible = _visible(trimmed)
    if visible != trimmed:
        reasons, trimmed = ["invisible characters"], visible
    unescaped = re.sub(r"\\([()])", r"\1", trimmed)
    if unescaped != trimmed:
        reasons.append("backslashes before parentheses")
        trimmed = unescaped
    if (bold := re.fullmatch(r"\s*\*\*(.+?)\*\*\s*", trimmed)) is not None:
        reasons.append("asterisks")
        trimmed = bold[1]
    bare = tidy(trimmed)
    if len(bare) > 2 and any(bare[0] == first and bare[-1] == last for first, last in _QUOTES):
        reasons.append("quotation marks")
        trimmed = bare[1:-1]
    if "_" in trimmed.strip("_") and " " not in trimmed.strip():
        reasons.append("underscores in place of blanks")
        trimmed = re.sub(r"(?<=\w)_|_(?=\w)|_(?=\()", " ", trimmed)
    after = inside = ""
    if cut_comma and "," in trimmed:
        trimmed, _, after = trimmed.partition(",")
        reasons.append(f"what follows the comma ({after.strip()})")
    whole = tidy(trimmed)
    if cut_parentheses and _INNER.search(trimmed):
        inside = tidy(_INNER.findall(trimmed)[-1])
        shorter = tidy(_INNER.sub(" ", trimmed))
        if shorter:  # a name that is wholly in parentheses keeps them
            reasons.append(f"parentheses ({inside})")
            trimmed = shorter
    if tidy(trimmed) != trimmed and not reasons:
        reasons.append("blanks" if " ".join(trimmed.split()) != trimmed else "letters written in two parts (NFC)")
    if reasons:
        notes.append(RowNote(label, "trimmed", text, f"to {tidy(trimmed)!r}, without {' and '.join(reasons)}"))
    return Cleaned(tidy(trimmed), inside, tidy(after), whole)


def _visible(text: str) -> str:
    """A text without invisible characters. U+FFFD stays, so that the name is refused for it."""
    while (bad := bad_character(text)) is not None and text[bad[0]] != "\ufffd":
        text = text[: bad[0]] + text[bad[0] + 1 :]
    return text


def name_refusal(text: str, patterns: bool = False) -> str | None:
    """Why a text cannot be a name, as the end of a sentence; None if it can.

    :param patterns: the file holds regular expressions, so that "?", "*" or "+" in a text is one as well.
    """
    if not text:
        return "is empty"
    if len(text) > LONGEST or len(text.split()) > MOST_WORDS:
        return f"has more than {MOST_WORDS} words or {LONGEST} characters: a sentence, not a name"
    if "\ufffd" in text:
        return "contains U+FFFD: a letter was read in the wrong encoding"
    if not any(character.isalnum() for character in text):
        return "holds no letter or digit"
    if (why := garbage(text, patterns)) is not None:
        return why
    if "{" in text or "}" in text:
        return "holds braces, which stand for the name in prompts"
    return None
