"""Reads a mapping that is about one name: its other names, what is decided, and the request for it."""

import json
from typing import Any

from expunge.concepts.decisions import KEEP, combined, decision_of, instruction
from expunge.concepts.importing.columns import DECIDING, NUMBERING, REQUEST, ROLES
from expunge.concepts.importing.keys import Reading, answers, below, plain, said_by, stops
from expunge.concepts.importing.rows import Row
from expunge.concepts.kinds import KINDS
from expunge.core.names import tidy

_WORDS = ("aliases", "probes", "neighbours")
_NAMES = frozenset(plain(each) for each in ROLES["name"])


def record(
    data: dict[str, Any], label: str, decision: str, section: str | None, reading: Reading, name: str | None = None
) -> Row:
    """The row of a record. :param name: the key above it, if that is the name."""
    keys = tuple(map(str, data))
    values, role = list(data.values()), dict(reading.roles(keys))
    if name is not None:
        role.pop("name", None)
    said, request = list[str](), dict[str, str]()
    asked = next((i for i in role.get("id", []) if isinstance(values[i], dict)), None)
    if asked is not None:  # Expunge's own `request: {id: ..., decision: ...}`
        del role["id"]
        request = _request(values[asked])
        said += [each for key, value in values[asked].items() for each in said_by(str(key), value, reading)]
    role_at = {i: each for each, places in role.items() for i in places}
    graded = {f"{keys[i]}-certainty" for i in role_at if isinstance(values[i], list)}
    for i, key in enumerate(keys):
        value, nested = values[i], isinstance(values[i], dict | list)
        if i == asked or plain(key) in reading.ignored or key in graded or role_at.get(i) == "name":
            continue
        if i in role_at:
            said += _said_in_role(key, value, role_at[i], reading)
        elif isinstance(value, list) and decision_of(key) == KEEP and plain(key) not in reading.deciders:
            role["neighbours"] = [*role.get("neighbours", []), i]  # names that this concept must leave alone
            said += _said_in_role(key, value, "neighbours", reading)
        elif nested and value and plain(key) in _NAMES:
            said.append(f"it has names below {key!r} as well; which are meant?")
        elif new := list(said_by(key, value, reading)):
            said += new
        elif plain(key) not in NUMBERING:
            reading.unread[key] = None
    dropped: list[tuple[str, str]] = []
    words = [_texts(each, keys, values, data, role, dropped) for each in (*_WORDS, "prompts")]
    aliases, probes, neighbours, prompts = words
    kind = str(values[role["kind"][0]]).casefold() if "kind" in role else ""
    request |= {what: tidy(str(values[role[what][0]])) for what in REQUEST if what in role}
    decided = [
        request.get("decision", ""),
        *(tidy(str(v)) for k, v in zip(keys, values, strict=True) if plain(k) in DECIDING),
    ]
    request["decision"] = "; ".join(filter(None, decided))
    if name is None:
        name = values[role["name"][0]]
        if isinstance(name, str) and instruction(name) is not None:
            said.append("is an instruction, not a name")
    return Row(
        label, name, below(decision, [combined(said)] if said else []), aliases, probes, neighbours,
        values[role["anchor"][0]] if "anchor" in role else None, prompts, kind if kind in KINDS else section,
        tuple(dropped), request,
    )  # fmt: skip


def _request(data: dict[str, Any]) -> dict[str, str]:
    """The request of Expunge's own shape: its keys are those of `concept.Request`."""
    return {key: tidy(str(data[key])) for key in (*REQUEST, "decision") if isinstance(data.get(key), str | int | float)}


def _said_in_role(key: str, value: Any, role: str, reading: Reading) -> list[str]:
    """Why the value of a role refuses the row: a decision stands where a word, a kind or a ground is expected."""
    if role == "prompts":
        return []
    if isinstance(value, dict) or (isinstance(value, list) and role in REQUEST):
        return [f"its {key!r} is not understood"]
    said = []
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            said += [why for inner, below_it in each.items() for why in said_by(str(inner), below_it, reading)]
        elif why := stops(each):
            said.append(f"its {key!r} {why}")
        elif role in (*_WORDS, "anchor") and isinstance(each, str) and instruction(each) is not None:
            said.append(f"its {key!r} says {each!r}, which is no name")
        elif role == "neighbours" and answers(each):
            said.append(f"its {key!r} says {str(each)!r}, which is no name")
    return said


def _texts(
    name: str, keys: tuple[str, ...], values: list[Any], data: dict[str, Any], role: dict[str, list[int]],
    dropped: list[tuple[str, str]],
) -> tuple[str, ...]:  # fmt: skip
    """The words of a role, without those that the file itself grades as doubtful."""
    if name not in role:
        return ()
    kept: list[str] = []
    for i in role[name]:
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
