"""Texts that are no names: regular expressions, prompt syntax, placeholders, letters lost to a wrong encoding."""

import re

_SURE_PATTERN = re.compile(r"\\[wWdDsSbB.]|\[[^\]]*[\\|^\-][^\]]*\]|\(\?|\.[*+]|\w\[\w+\]|\||^\^|\$$|\{\d+,?\d*\}")
_MAYBE_PATTERN = re.compile(r"[?*+]|\[\w+\]")
_PLACEHOLDERS = frozenset([
    "unknown", "anonymous", "none", "null", "nil", "nan", "n/a", "na", "tbd", "todo", "test", "example",
    "placeholder", "untitled", "various", "other", "misc", "undefined", "missing", "?", "-", "--", ".", "unbekannt",
    "inconnu",
])  # fmt: skip
_SYNTAX = (
    (
        re.compile(r"<(?:lora|lyco|hypernet|embedding|ti)\s*:\s*([^:>]*)(?::[^>]*)?>", re.I),
        "is a tag of a LoRA",
    ),
    (re.compile(r"__[\w/\- ]+__"), "is a wildcard"),
    (re.compile(r"^\s*-?\d*\.?\d+\s*::\s*(.+)$"), "is a weighted part of a prompt"),
    (re.compile(r"^[(\[]+([^()\[\]:]+):\s*-?\d*\.?\d+[)\]]+$"), "is a weighted part of a prompt"),
    (re.compile(r"^([^:]+):\s*-?\d+\.\d+$"), "is a weighted part of a prompt"),
    (re.compile(r"^\[+([^\[\]]+)\]+$"), "has the brackets of a prompt's weight"),
    (re.compile(r"^\(\(+([^()]+)\)+\)$"), "has the brackets of a prompt's weight"),
)


def is_pattern(text: str) -> bool:
    """Is a text surely a regular expression?"""
    return _SURE_PATTERN.search(text) is not None


def garbage(text: str, patterns: bool = False) -> str | None:
    """Why a text is no name, with what to write in its place, as the end of a sentence; None if nothing is seen.

    :param patterns: the file holds regular expressions, so that "?", "*" or "+" in a text is one as well.
    """
    if text.casefold() in _PLACEHOLDERS:
        return "stands for a missing name"
    for syntax, what in _SYNTAX:
        if (match := syntax.search(text)) is not None:
            name = (match.group(1) if syntax.groups else "").strip()
            return f"{what}; write {name!r}" if name else f"{what}; write the names that it stands for"
    if re.match(r"\[[ xX]?\]\s", text):
        return "begins with a checkbox, which does not say what is forgotten; write the names to forget alone"
    if re.fullmatch(r"~+.*~+|--.*--", text):
        return "is struck out"
    if re.search(r"\w://|^www\.|\w@\w+\.\w", text):
        return "is an address, not a name"
    if re.match("[✗✘❌✖🚫☒☐☑✓✔✅]", text):
        return "begins with a mark that does not say what is forgotten; write the names to forget alone"
    if is_pattern(text) or (patterns and _MAYBE_PATTERN.search(text)):
        return "reads like a regular expression; write the names that it matches, each by itself"
    repaired = repair(text)
    if repaired is not None:
        return f"was read in a wrong encoding; write {repaired!r}"
    return None


def repair(text: str) -> str | None:
    """What a text with mojibake was before; None if it has none."""
    if text.isascii():
        return None
    import ftfy

    fixed = ftfy.fix_encoding(text)
    return fixed if fixed != text else None
