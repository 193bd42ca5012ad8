"""Rows of JSON, JSON lines and YAML: whatever is nested in lists and mappings.

A mapping with a name is a record. Elsewhere a key says what lies below it: names to forget ("erase_concepts") or to
keep ("preserve"), anchors, a kind ("style"), or a setting ("device"), which holds no names. In a mapping whose keys are
none of these, a key with a text is a name, and the text is its anchor. Every key that is not read is named.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from expunge.concepts.importing.columns import DECIDING, MAYBE_DECIDING, NUMBERING, REQUEST, plain, roles_of
from expunge.concepts.importing.decisions import (
    FORGET,
    KEEP,
    NO,
    YES,
    combined,
    decision_of,
    decision_of_cell,
    instruction,
    objection,
    words_of,
)  # fmt: skip
from expunge.concepts.importing.rows import Contents, Row
from expunge.concepts.kinds import KINDS
from expunge.core.errors import InputError, Problem
from expunge.core.names import tidy

DEEPEST = 50  # levels of nesting
SETTINGS = frozenset([
    "technique", "method", "algorithm", "model", "models", "modelid", "modelname", "checkpoint", "ckpt", "device",
    "devices", "dtype", "precision", "seed", "seeds", "batch", "batchsize", "lr", "learningrate", "rate", "epochs",
    "steps", "iterations", "maxsteps", "numsteps", "guidance", "guidancescale", "scheduler", "optimizer", "output",
    "outputdir", "outdir", "savepath", "savedir", "path", "dir", "folder", "prompt", "prompts", "prompttemplate",
    "prompttemplates", "template", "templates", "evalprompts", "testprompts", "resolution", "width", "height",
    "size", "rank", "alpha", "weight", "weights", "loss", "trainmethod", "augment", "logging", "wandb", "version",
    "description", "comment", "comments", "notes", "author", "license", "source", "url", "title", "name", "date",
])  # fmt: skip
NAMES = ("concept", "name", "artist", "character", "celebrit", "person", "people", "object", "style", "subject", "term",
         "item", "entit", "word", "list", "data", "row", "entries", "record", "example", "image")  # fmt: skip


def parse_json(path: Path, text: str) -> Any:
    """The data of a JSON text. :raises InputError: it is not JSON, or a mapping has a key twice."""
    twice: list[str] = []

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice.extend(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        return dict(pairs)

    try:
        data = json.loads(text, object_pairs_hook=mapping)
    except (json.JSONDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        what = f"is not JSON ({error})" if line > 1 or not isinstance(error, RecursionError) else "is nested too deeply"
        raise InputError([Problem(f"{path}:{line}", what, "write valid JSON")]) from None
    if twice:
        what = f"has the key {twice[0]!r} twice in one mapping, and only one of them would be read"
        raise InputError([Problem(f"{path}", what, "rename one of them, or join what they hold")])
    return data


def parse_json_lines(path: Path, text: str) -> list[Any]:
    """The data of each line. :raises InputError: a line is not JSON; every such line is named."""
    data, problems = [], list[Problem]()
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                data.append(parse_json(Path(f"{path}:{number}"), line))
            except InputError as error:
                problems += [replace(problem, where=f"{path}:{number}") for problem in error.problems]
    if problems:
        raise InputError(problems)
    return data


@dataclass
class _Reading:
    """What is collected while a tree is walked."""

    chosen: Mapping[str, str]
    rows: list[Row] = field(default_factory=list)
    unread: dict[str, None] = field(default_factory=dict)  # keys, in the order in which they were met
    deciders: set[str] = field(default_factory=set)  # keys of records with a known decision in any record


def read_tree(data: Any, chosen: Mapping[str, str], ignored: tuple[str, ...] = ()) -> Contents:
    """The rows of nested data. :param chosen: role -> key of records. :param ignored: keys that decide nothing."""
    reading = _Reading({**chosen}, deciders=set(DECIDING))
    _find_deciders(data, reading.deciders)
    _walk(data, [], FORGET, {plain(each) for each in ignored}, reading)
    remarks = [f"not read: key {', '.join(reading.unread)}"] if reading.unread else []
    return Contents(reading.rows, remarks)


def _find_deciders(data: Any, deciders: set[str]) -> None:
    """Add the keys, such as `type`, that hold a known decision somewhere: then an unknown one there is refused."""
    for value in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        _find_deciders(value, deciders)
    for key, value in data.items() if isinstance(data, dict) else ():
        if plain(str(key)) in MAYBE_DECIDING and isinstance(value, str) and decision_of(value) is not None:
            deciders.add(plain(str(key)))


def _walk(data: Any, place: list[str], decision: str, ignored: set[str], reading: _Reading) -> None:
    label = "/".join(place) or "the file"
    section = next((part for part in place if part in KINDS), None)
    if len(place) > DEEPEST:
        raise InputError([Problem("/".join(place[:3]), "is nested too deeply", f"use {DEEPEST} levels at the most")])
    if isinstance(data, list):
        if len(data) == 2 and all(isinstance(each, str) for each in data) and _is_pair(*data):
            kind = data[1] if data[1] in KINDS else section
            said = [decision] if data[1] in KINDS else [decision_of_cell("decision", data[1])]
            reading.rows.append(
                Row(label, data[0], combined([each for each in (decision, *said) if each != FORGET]), section=kind)
            )
            return
        for i, item in enumerate(data, 1):
            _walk(item, [*place, str(i)], decision, ignored, reading)
    elif isinstance(data, dict):
        keys = [str(key) for key in data]
        role = roles_of(keys, reading.chosen)
        if "name" in role and not isinstance(data[keys[role["name"][0]]], dict | list):
            reading.rows.append(_record(data, keys, role, label, decision, section, ignored, reading))
        else:
            _mapping(data, place, decision, section, ignored, reading)
    else:
        reading.rows.append(Row(label, data, decision, section=section))


def _is_pair(name: str, what: str) -> bool:
    """Is this a name with its kind, or with what is decided about it? Then the second text is no name."""
    return what in KINDS or (instruction(what) is not None and instruction(name) is None)


def _mapping(
    data: dict[str, Any], place: list[str], decision: str, section: str | None, ignored: set[str], reading: _Reading
) -> None:
    """A mapping that is no record: its keys say what lies below them."""
    meaning = {key: _meaning(key, value) for key, value in data.items()}
    settings = any(each not in ("", "kind") for each in meaning.values())
    before = len(reading.rows)
    for key, value in data.items():
        where, means = [*place, key], meaning[key]
        nested = isinstance(value, dict | list)
        if means in ("setting", "anchor") or plain(key) in ignored or (settings and not means and not nested):
            if means != "anchor":
                reading.unread[key] = None
        elif means in ("", "kind", "names"):
            if settings and not means and not _holds_meaning(value):
                reading.unread[key] = None
            elif isinstance(value, str) and means == "" and (said := instruction(value)) is not None:
                both = [each for each in (decision, said) if each != FORGET]
                reading.rows.append(Row("/".join(where), key, combined(both), section=section))
            elif isinstance(value, str) and means == "":
                reading.rows.append(Row("/".join(where), key, decision, anchor=value, section=section))
            else:
                _walk(value, where, decision, ignored, reading)
        else:
            said = combined([decision, means]) if decision != FORGET else means
            _walk(value, where, said, ignored, reading)
    _with_anchors(data, meaning, before, reading)


def _meaning(key: str, value: Any) -> str:
    """What a key says about what lies below it: FORGET, KEEP, a reason, "anchor", "setting", "kind", "names" or ""."""
    name = plain(key)
    if key in KINDS:
        return "kind"
    if name in SETTINGS or (not isinstance(value, str | dict | list) and value is not None):
        return "setting"
    if name.startswith(("anchor", "mapping", "superclass", "guide", "surrogate", "replacement")):
        return "anchor"
    said = decision_of(key)
    if said is not None and (isinstance(value, list | dict) or _only_instructs(key)):
        return said
    if isinstance(value, list | dict) and any(each in name for each in NAMES):
        return "names"
    return ""


def _only_instructs(key: str) -> bool:
    """Is a key with one text under it an instruction ("erase_concept"), rather than a name ("Banned Books Club")?"""
    return all(instruction(word) is not None or word.startswith((*NAMES, "to", "set")) for word in words_of(key))


def _holds_meaning(value: Any) -> bool:
    """Is there a key below that says something? Then an unknown key above it is a section, not a setting."""
    if isinstance(value, dict):
        return any(_meaning(str(key), below) for key, below in value.items()) or any(
            map(_holds_meaning, value.values())
        )
    return isinstance(value, list) and any(isinstance(each, dict) and _holds_meaning(each) for each in value)


def _with_anchors(data: dict[str, Any], meaning: dict[str, str], before: int, reading: _Reading) -> None:
    """Give the anchors of a mapping to the names of the same mapping: one for all, or one for each."""
    for key, value in data.items():
        if meaning[key] != "anchor":
            continue
        anchors = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        targets = [i for i in range(before, len(reading.rows)) if reading.rows[i].decision == FORGET]
        fits = len(anchors) in (1, len(targets)) and all(isinstance(each, str) for each in anchors)
        if not fits or not targets:
            reading.unread[key] = None
            continue
        for i, anchor in zip(targets, anchors * len(targets) if len(anchors) == 1 else anchors, strict=True):
            reading.rows[i] = replace(reading.rows[i], anchor=anchor)


def _decides(text: str) -> bool:
    return not text.strip() or text.strip().casefold() in YES | NO or decision_of(text) is not None


def _record(
    data: dict[str, Any], keys: list[str], role: dict[str, list[int]], label: str, decision: str, section: str | None,
    ignored: set[str], reading: _Reading,
) -> Row:  # fmt: skip
    """The row of a mapping that has a name."""
    values, read = list(data.values()), {i for places in role.values() for i in places}
    dropped: list[tuple[str, str]] = []
    graded = {f"{keys[i]}-certainty" for i in read}

    def texts(name: str) -> tuple[str, ...]:
        kept: list[str] = []
        for i in role.get(name, []):
            items = values[i] if isinstance(values[i], list) else [values[i]]
            grades = data.get(f"{keys[i]}-certainty")
            for j, item in enumerate(items):
                grade = grades[j] if isinstance(grades, list) and j < len(grades) else ""
                if not isinstance(item, str):
                    dropped.append((json.dumps(item, ensure_ascii=False, default=str), "is not a text"))
                elif "low" in str(grade).lower():
                    dropped.append((item, "the file grades its certainty as low"))
                else:
                    kept.append(item)
        return tuple(kept)

    said = [decision]
    left = [i for i in range(len(keys)) if i not in read and keys[i] not in graded and plain(keys[i]) not in ignored]
    for i in left:
        key, value = keys[i], values[i]
        text = "" if value is None or isinstance(value, dict | list) else str(value)
        named = decision_of(key)
        if named == KEEP and (isinstance(value, list) or not _decides(text)):
            role.setdefault("neighbours", []).append(i)  # names that this concept must leave alone
        elif plain(key) in reading.deciders or named is not None:
            said.append(decision_of_cell(key, text))
        elif why := objection(text):
            said.append(f"its {key!r} {why}")
        elif plain(key) not in NUMBERING:
            reading.unread[key] = None
    said = [each for each in said if each != FORGET] or [FORGET]
    request = {what: tidy(str(values[role[what][0]])) for what in REQUEST if what in role}
    request["decision"] = "; ".join(tidy(str(data[key])) for key in keys if plain(key) in DECIDING)
    anchor = values[role["anchor"][0]] if "anchor" in role else None
    kind = str(values[role["kind"][0]]).casefold() if "kind" in role else ""
    section = kind if kind in KINDS else section
    aliases, probes, neighbours, prompts = map(texts, ("aliases", "probes", "neighbours", "prompts"))
    return Row(
        label, values[role["name"][0]], combined(said), aliases, probes, neighbours, anchor, prompts, section,
        tuple(dropped), request,
    )  # fmt: skip
