"""What stands beside names in a mapping, and what it decides about them."""

from typing import Any

from expunge.concepts.decisions import decision_of, decision_of_cell, instruction
from expunge.concepts.importing.keys import (
    SETTINGS,
    Reading,
    answers,
    bears_names,
    below,
    cell,
    names_one,
    only_instructs,
    plain,
    said_by,
    stops,
)  # fmt: skip
from expunge.concepts.importing.rows import Row


def verdict(value: Any) -> list[str]:
    """What a text, or a list of texts, says about the name before it; [] if it is no decision."""
    said = []
    for each in value if isinstance(value, list) else [value]:
        why = f"is followed by {each!r}; write forget or keep there" if answers(each) else None
        why = why or (instruction(each) or stops(each) if isinstance(each, str) else None)
        if why is None:
            return []
        said.append(why)
    return said


def name_and_text(key: str, value: Any, label: str, decision: str, section: str | None) -> Row:
    """The row of a name with what is said of it, or with its anchor."""
    if value is None:
        return Row(label, key, below(decision, ["has nothing behind it; write forget, keep or an anchor"]))
    if said := verdict(value):
        return Row(label, key, below(decision, said), section=section)
    return Row(label, key, decision, anchor=value if value.strip() else None, section=section)


def names_one_alone(
    key: str, value: Any, items: list[tuple[str, Any]], meanings: dict[str, str], reading: Reading
) -> bool:
    """Is the text below an instruction a name, and not what is decided about other names beside it?"""
    return names_one(key, value, reading) and not any(
        each and isinstance(each, dict | list) and meanings[k] in ("", "names", "kind") for k, each in items
    )


def said_beside(
    items: list[tuple[str, Any]], meanings: dict[str, str], known: bool, reading: Reading
) -> dict[str, list[str]]:
    """Key -> what it decides about all names of the mapping."""
    said = {}
    for key, value in items:
        if plain(key) in reading.ignored:
            continue
        if isinstance(value, dict | list):
            new = _said_by_nested(key, value, items, meanings[key], known, reading)
        elif meanings[key] == "anchor":
            new = [f"its {key!r} {why}" for why in [_no_anchor(value)] if why]
        elif plain(key) in reading.deciders:
            new = list(said_by(key, value, reading))
        elif decision_of(key) is not None and (isinstance(value, bool) or only_instructs(key)):
            new = [] if names_one_alone(key, value, items, meanings, reading) else [decision_of_cell(key, cell(value))]
        else:
            new = [f"its {key!r} {why}" for why in [stops(value)] if why and known]
        if new:
            said[key] = new
    return said


def _said_by_nested(
    key: str, value: Any, items: list[tuple[str, Any]], means: str, known: bool, reading: Reading
) -> list[str]:
    """What a list or a mapping decides about the names beside it."""
    if not value or (means == "" and not known and verdict(value)):
        return []
    decides_too = plain(key) in reading.deciders and plain(key) not in SETTINGS
    if isinstance(value, list):
        answered = means not in ("", "setting", "anchor", "kind", "names") and any(map(answers, value))
        if answered or (decides_too and not bears_names(value, reading)):
            return [f"stands beside {key!r}, a list of what is decided; write a record for each name"]
        if plain(key) == "name" and any(isinstance(each, list) and k != key for k, each in items):
            return ["stands in a list beside other lists; write a record for each name"]
        if means == "anchor":
            return [f"its {key!r} {why}" for each in value if (why := _no_anchor(each))]
    if (means == "" and not bears_names(value, reading)) or (means == "setting" and isinstance(value, dict)):
        return list(said_by(key, value, reading))
    return []


def _no_anchor(text: Any) -> str | None:
    why = stops(text)
    return why or (f"says {text!r}" if isinstance(text, str) and instruction(text) is not None else None)
