"""Rows of JSON, JSON lines and YAML: whatever is nested in lists and mappings.

A mapping with a name is a record. Elsewhere a key says what lies below it: names to forget ("erase_concepts") or to
keep ("preserve"), anchors, a kind ("style"), or a setting ("device"), which holds no names. What stands beside lists
("status": "rejected") decides about them. In a mapping whose keys are none of these, a key with a text is a name, and
the text is its anchor or its decision. Names below a key that is not understood are refused, and every key that is not
read is named.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from expunge.concepts.decisions import FORGET, KEEP, combined, instruction, may_decide
from expunge.concepts.importing.beside import name_and_text, names_one_alone, said_beside, verdict
from expunge.concepts.importing.columns import NUMBERING, roles_of
from expunge.concepts.importing.keys import (
    ROLE_KEYS,
    Reading,
    answers,
    bears_names,
    below,
    configures,
    describes,
    find_deciders,
    meaning,
    plain,
    said_by,
    speaks_of_names,
    stops,
)  # fmt: skip
from expunge.concepts.importing.records import record
from expunge.concepts.importing.rows import Contents, Row
from expunge.concepts.kinds import KINDS
from expunge.core.errors import InputError, Problem
from expunge.core.names import same

DEEPEST = 50  # levels of nesting
_SURELY_HEADS = frozenset(["name", "names", "fullname", "displayname", "concept", "concepts"])


def read_tree(data: Any, chosen: Mapping[str, str], ignored: tuple[str, ...] = ()) -> Contents:
    """The rows of nested data. :param chosen: role -> key of records. :param ignored: keys that decide nothing."""
    reading = Reading({**chosen}, frozenset(plain(each) for each in ignored))
    find_deciders(data, reading.deciders)
    _walk(data, [], FORGET, reading)
    remarks = [f"not read: key {', '.join(reading.unread)}"] if reading.unread else []
    return Contents(reading.rows, remarks)


def _walk(data: Any, place: list[str], decision: str, reading: Reading) -> None:
    label = "/".join(place) or "the file"
    section = next((part for part in place if part in KINDS), None)
    if len(place) > DEEPEST:
        raise InputError([Problem("/".join(place[:3]), "is nested too deeply", f"use {DEEPEST} levels at the most")])
    if isinstance(data, list):
        _list(data, place, label, decision, section, reading)
    elif isinstance(data, dict):
        if reading.is_record(data):
            reading.rows.append(record(data, label, decision, section, reading))
        else:
            _mapping(data, place, decision, section, reading)
    else:
        if isinstance(data, str) and instruction(data) is not None:
            decision = below(decision, [f"says {data.strip()!r}, an instruction in place of a name"])
        reading.rows.append(Row(label, data, decision, section=section))


# Lists


def _list(data: list[Any], place: list[str], label: str, decision: str, section: str | None, reading: Reading) -> None:
    """A list of names or records, a table with a header, or a name with what is said of it: ["Orla", "keep"]."""
    if _has_header(data):
        for i, row in enumerate(data[1:], 2):
            _walk(dict(zip(map(str, data[0]), row, strict=True)), [*place, str(i)], decision, reading)
        return
    said = [_said_of_a_neighbour(each, len(data), reading) for each in data]
    if any(said) or (len(data) == 2 and isinstance(data[1], str) and data[1] in KINDS):
        kinds = [each for each in data[1:] if isinstance(each, str) and each in KINDS]
        each_says = all(why or each in kinds for each, why in zip(data[1:], said[1:], strict=True))
        if isinstance(data[0], str) and not said[0] and len(kinds) < 2 and len(data) > 1 and each_says:
            decision = below(decision, [why for why in said if why is not None])
            reading.rows.append(Row(label, data[0], decision, section=kinds[0] if kinds else section))
            return
        odd = next((each for each, why in zip(data, said, strict=True) if why is not None), None)
        if odd is not None and len(data) > 1:
            decision = below(
                decision, [f"stands in a list with {odd!r}, which is no name; write a record for each name"]
            )
    keys = Counter(str(key) for each in data if isinstance(each, dict) and not reading.is_record(each) for key in each)
    reading.repeated |= {key for key, count in keys.items() if count > 1}
    for i, item in enumerate(data, 1):
        _walk(item, [*place, str(i)], decision, reading)


def _has_header(data: list[Any]) -> bool:
    """Is a list of lists a table whose first row names its columns?"""
    if len(data) < 2 or not all(isinstance(row, list) and len(row) == len(data[0]) > 1 for row in data):
        return False
    head = data[0]
    if not all(isinstance(each, str) for each in head) or "name" not in roles_of(head, {}):
        return False
    return len(set(head)) == len(head) and (
        any(plain(each) in _SURELY_HEADS for each in head) or not any(each in KINDS for each in head[1:])
    )


def _said_of_a_neighbour(item: Any, among: int, reading: Reading) -> str | None:
    """What an item of a list says about the name beside it; None if it is a name itself, a kind or a record.

    :param among: how many items the list has. In a long one, "X" is a name.
    """
    if isinstance(item, dict):
        if not describes(item, reading):
            return None
        said = [why for key, value in item.items() for why in said_by(str(key), value, reading)]
        return combined(said) if said else None
    if isinstance(item, bool) or (isinstance(item, str) and (among < 4 or len(item) > 1) and answers(item)):
        return f"is followed by {str(item)!r}; write forget or keep there"
    return (instruction(item) or stops(item)) if isinstance(item, str) and may_decide(item) else None


# Mappings


def _mapping(data: dict[Any, Any], place: list[str], decision: str, section: str | None, reading: Reading) -> None:
    """A mapping that is no record: its keys say what lies below them."""
    items = [(str(key), value) for key, value in data.items()]
    if items and all(key.isdigit() for key, _ in items):  # a list whose items are numbered
        _list([value for _, value in items], place, "/".join(place), decision, section, reading)
        return
    if items and all(_is_name(key, value, reading) and describes(value, reading) for key, value in items):
        for key, value in items:
            label = "/".join([*place, key])
            reading.rows.append(record(value, label, decision, section, reading, name=key))
        return
    meanings = {key: meaning(key, value, reading) for key, value in items}
    known = any(each not in ("", "kind") for each in meanings.values()) or any(
        plain(key) in reading.deciders or plain(key) in ROLE_KEYS or key.casefold() in NUMBERING for key in meanings
    )
    beside = said_beside(items, meanings, known, reading)
    decision = below(decision, [why for said in beside.values() for why in said])
    before = len(reading.rows)
    for key, value in items:
        where, means = [*place, key], meanings[key]
        if plain(key) in reading.ignored:
            reading.unread[key] = None
        elif value in ([], {}) or means == "anchor":
            continue
        elif means == "" and not known and (not isinstance(value, dict | list) or verdict(value)):
            why = ["is a key of several mappings, like a column; if it holds names, write --name-column"]
            said = below(decision, why if key in reading.repeated else [])
            reading.rows.append(name_and_text(key, value, "/".join(where), said, section))
        elif isinstance(value, dict | list):
            count = len(reading.rows)
            _nested(key, value, where, decision, means, known, reading)
            if len(reading.rows) == count and key not in beside:
                reading.unread[key] = None
        elif means == "kind":
            _walk(value, where, decision, reading)
        elif means not in ("", "setting") and names_one_alone(key, value, items, meanings, reading):
            _walk(value, where, below(decision, [means]), reading)
        elif key not in beside:
            reading.unread[key] = None
    _with_anchors(items, meanings, before, reading)


def _is_name(key: str, value: Any, reading: Reading) -> bool:
    """Is a key with a mapping below it no word that is understood otherwise?"""
    means = meaning(key, value, reading)
    known = plain(key) in ROLE_KEYS | reading.deciders | reading.ignored or speaks_of_names(key)
    return not known and instruction(key) is None and means not in (FORGET, KEEP, "anchor", "setting", "kind", "names")


def _nested(key: str, value: Any, where: list[str], decision: str, means: str, known: bool, reading: Reading) -> None:
    """The names below a key; they are refused if it is not understood."""
    if means == "setting":
        reading.unread[key] = None
    elif means in ("kind", "names") or (isinstance(value, dict) and _is_its_name(key, value, reading)):
        _walk(value, where, decision, reading)
    elif means != "":
        if not any(map(answers, value if isinstance(value, list) else [])):
            _walk(value, where, below(decision, [means]), reading)
    elif isinstance(value, dict) and not speaks_of_names(key) and _may_have_any_key(value, known, reading):
        _walk(value, where, decision, reading)
    elif speaks_of_names(key) or not known:
        why = f"the key {key!r} is not understood; rename it to erase or keep, or name it with --name-column"
        _walk(value, where, below(decision, [why]), reading)
    else:
        reading.unread[key] = None


def _is_its_name(key: str, value: dict[str, Any], reading: Reading) -> bool:
    """Is a key the name of the record below it?"""
    if not reading.is_record(value):
        return False
    name = list(value.values())[reading.roles(tuple(map(str, value)))["name"][0]]
    return isinstance(name, str) and same(name) == same(key)


def _may_have_any_key(value: dict[str, Any], known: bool, reading: Reading) -> bool:
    """Is a mapping a record below its id, or a section that says itself what is forgotten?"""
    if reading.is_record(value):
        return not known
    return configures(value, reading) and bears_names(value, reading)


def _with_anchors(items: list[tuple[str, Any]], meanings: dict[str, str], before: int, reading: Reading) -> None:
    """Give the anchors of a mapping to the names of the same mapping: one for all, or one for each."""
    for key, value in items:
        if meanings[key] != "anchor":
            continue
        anchors = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        targets = [i for i in range(before, len(reading.rows)) if reading.rows[i].decision == FORGET]
        fits = len(anchors) in (1, len(targets)) and all(isinstance(each, str) for each in anchors)
        if not fits or not targets:
            reading.unread[key] = None
            continue
        targets = [i for i in targets if reading.rows[i].anchor is None] if len(anchors) == 1 else targets
        for i, anchor in zip(targets, anchors * len(targets) if len(anchors) == 1 else anchors, strict=True):
            reading.rows[i] = replace(reading.rows[i], anchor=anchor)
