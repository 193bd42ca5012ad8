"""What the keys of JSON and YAML say about the names below them, and what stands beside a name.

meaning("erase_concepts", [...])   FORGET
meaning("artists", [...])          "names"
meaning("benign_concepts", [...])  "": not understood, so that the names below it are refused
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from expunge.concepts.decisions import (
    FORGET,
    NO,
    YES,
    combined,
    decision_of,
    decision_of_cell,
    instruction,
    may_decide,
    objection,
    only_names,
    words_of,
)  # fmt: skip
from expunge.concepts.importing import columns
from expunge.concepts.importing.columns import DECIDING, MAYBE_DECIDING, ROLES, roles_of
from expunge.concepts.importing.rows import Row
from expunge.concepts.kinds import KINDS

SETTINGS = frozenset([
    "technique", "method", "algorithm", "model", "models", "modelid", "modelname", "checkpoint", "ckpt", "device",
    "devices", "dtype", "precision", "seed", "seeds", "batch", "batchsize", "lr", "learningrate", "rate", "epochs",
    "steps", "iterations", "maxsteps", "numsteps", "guidance", "guidancescale", "scheduler", "optimizer", "output",
    "outputdir", "outdir", "savepath", "savedir", "path", "dir", "folder", "prompt", "prompts", "prompttemplate",
    "prompttemplates", "template", "templates", "evalprompts", "testprompts", "resolution", "width", "height",
    "size", "rank", "alpha", "weight", "weights", "loss", "trainmethod", "augment", "logging", "wandb", "version",
    "description", "comment", "comments", "notes", "author", "license", "source", "url", "title", "name", "date",
])  # fmt: skip
_REMARKS = frozenset([  # settings that any mapping may have
    "version", "description", "comment", "comments", "notes", "author", "license", "source", "url", "title", "name",
    "date", "size", "output", "path", "weight", "rank", "prompt", "prompts",
])  # fmt: skip
ROLE_KEYS = frozenset(columns.plain(each) for role, usual in ROLES.items() if role != "name" for each in usual)
_ANCHORS = ("anchor", "mapping", "superclass", "guide", "surrogate", "replacement")
_ANSWERS = YES | NO
_HOW_MANY = frozenset(["multi", "multiple", "single", "several", "many"])  # say nothing about what happens to names


@dataclass
class Reading:
    """What is collected while a tree is walked."""

    chosen: Mapping[str, str]  # role -> key
    ignored: frozenset[str]  # keys that decide nothing, as `plain` writes them
    rows: list[Row] = field(default_factory=list)
    unread: dict[str, None] = field(default_factory=dict)  # keys, in the order in which they were met
    deciders: set[str] = field(default_factory=lambda: set(DECIDING))
    repeated: set[str] = field(default_factory=set)  # keys of several mappings of a list, none of them a record
    _roles: dict[tuple[str, ...], dict[str, list[int]]] = field(default_factory=dict)

    def roles(self, keys: tuple[str, ...]) -> dict[str, list[int]]:
        """Role -> positions of its keys. Records that have the same keys are looked at once."""
        if len(keys) > 100:  # a mapping of names
            return roles_of(keys, self.chosen)
        if keys not in self._roles:
            self._roles[keys] = roles_of(keys, self.chosen)
        return self._roles[keys]

    def is_record(self, data: Any) -> bool:
        """Is this a mapping with a name?"""
        places = self.roles(tuple(map(str, data))).get("name", []) if isinstance(data, dict) else []
        return bool(places) and not isinstance(list(data.values())[places[0]], dict | list)


plain = lru_cache(maxsize=250_000)(columns.plain)


def find_deciders(data: Any, deciders: set[str]) -> None:
    """Add the keys, such as `type`, that hold a known decision somewhere: then an unknown one there is refused."""
    if isinstance(data, list):
        for value in data:
            if isinstance(value, dict | list):
                find_deciders(value, deciders)
    elif isinstance(data, dict):
        for key, value in data.items():
            if isinstance(value, dict | list):
                find_deciders(value, deciders)
            elif isinstance(value, str) and plain(str(key)) in MAYBE_DECIDING and decision_of(value) is not None:
                deciders.add(plain(str(key)))


def below(above: str, said: list[str]) -> str:
    """The decision about names of which this is said, and this above them. "Keep" counts below "forget"."""
    if not said:
        return above
    return combined(said) if above == FORGET else combined([above, *said])


def meaning(key: str, value: Any, reading: Reading) -> str:
    """What a key says about what lies below it: FORGET, KEEP, a reason, "anchor", "setting", "kind", "names" or ""."""
    if key in KINDS:
        return "kind"
    name, nested = plain(key), isinstance(value, list | dict)
    if nested and "name" in reading.chosen and name == plain(reading.chosen["name"]):
        return "names"
    if (name in SETTINGS and not (name == "name" and nested)) or (
        not isinstance(value, str | dict | list) and value is not None
    ):
        return "setting"
    if name.startswith(_ANCHORS):
        return "anchor"
    said = decision_of(key)
    if said is not None and (nested or only_instructs(key)):
        return said
    neutral = " ".join(word for word in words_of(key) if word not in _HOW_MANY) if nested else ""
    return "names" if nested and only_names(neutral) else ""


def only_instructs(key: str) -> bool:
    """Is a key with one text under it an instruction ("erase_concept"), rather than a name ("Banned Books Club")?"""
    words = words_of(key)
    return all(decision_of(word) is not None or only_names(f"concept {word}") for word in words)


def speaks_of_names(key: str) -> bool:
    """Does a key hold a word such as "concepts" or "people"? Then it is no mere id of what lies below it."""
    return any(only_names(word) for word in words_of(key))


def answers(value: Any) -> bool:
    """Is a value a bare yes or no?"""
    return isinstance(value, bool) or (isinstance(value, str) and value.strip().casefold() in _ANSWERS)


def decides(key: str, value: Any, reading: Reading) -> bool:
    """Does a key with a single value decide, whatever the value is?"""
    if plain(key) in SETTINGS:  # "resolution": 512
        return plain(key) in reading.deciders and decision_of(f"{value}") is not None
    return plain(key) in reading.deciders or decision_of(key) is not None


def stops(text: Any) -> str | None:
    """Why a word or a remark beside a name stops it: "says 'do not remove'"."""
    if not isinstance(text, str) or not may_decide(text):
        return None
    if (why := objection(text)) is not None:
        return why
    return f"says {text.strip()!r}" if instruction(text) not in (None, FORGET) else None


def cell(value: Any) -> str:
    return "" if value is None else str(value)


def said_by(key: str, value: Any, reading: Reading) -> Iterator[str]:
    """Every decision in a key and what lies below it, where no names are looked for."""
    if plain(key) in reading.ignored:
        return
    if not isinstance(value, dict | list):
        if decides(key, value, reading):
            yield decision_of_cell(key, cell(value))
        elif why := stops(value):
            yield f"its {key!r} {why}"
        return
    if plain(key) in reading.deciders and isinstance(value, list):
        items = value or [None]
        for each in items:
            nested = isinstance(each, dict | list)
            yield f"its {key!r} is not understood" if nested else decision_of_cell(key, cell(each))
        return
    if value and (plain(key) in reading.deciders or (decision_of(key) is not None and plain(key) not in SETTINGS)):
        yield f"its {key!r} is not understood; write forget or keep there"
    yield from _said_below(key, value, reading)


def _said_below(key: str, value: Any, reading: Reading) -> Iterator[str]:
    if isinstance(value, dict):
        for inner, each in value.items():
            yield from said_by(str(inner), each, reading)
        return
    for each in value:
        if isinstance(each, dict | list):
            yield from _said_below(key, each, reading)
        elif why := stops(each):
            yield f"its {key!r} {why}"


def names_one(key: str, value: Any, reading: Reading) -> bool:
    """Is the text below an instruction ("erase_concept": "Orla Vint") a name, and not a decision?"""
    if not isinstance(value, str) or not value.strip() or answers(value) or plain(key) in reading.deciders:
        return False
    return decision_of(value) is None and only_instructs(key)


def bears_names(data: Any, reading: Reading) -> bool:
    """Is there a name below, or a key that says that there are names below it?"""
    if isinstance(data, list):
        return any(isinstance(each, dict | list) and bears_names(each, reading) for each in data)
    if not isinstance(data, dict):
        return False
    if reading.is_record(data):
        return True
    for key, value in data.items():
        if plain(str(key)) in ROLE_KEYS:
            continue
        means = meaning(str(key), value, reading)
        if isinstance(value, dict | list):
            if value and (means not in ("", "setting", "anchor") or bears_names(value, reading)):
                return True
        elif means not in ("", "setting", "anchor", "kind") and names_one(str(key), value, reading):
            return True
    return False


def configures(data: dict[str, Any], reading: Reading) -> bool:
    """Is a mapping a section of settings, or one that says itself what is forgotten?"""
    for key, value in data.items():
        name = plain(str(key))
        if (name in SETTINGS and name not in _REMARKS) or name.startswith(_ANCHORS):
            return True
        if isinstance(value, dict | list) and instruction(str(key)) == FORGET:
            return True
    return False


def describes(data: Any, reading: Reading) -> bool:
    """Does a mapping without a name say something about one name: roles, or a decision?"""
    if not isinstance(data, dict) or not data or bears_names(data, reading):
        return False
    keys = map(str, data)
    return any(plain(k) in ROLE_KEYS or decides(k, v, reading) for k, v in zip(keys, data.values(), strict=True))
