"""The parts of a unit's key, and the differences between two keys, which `expunge why` shows."""

from collections.abc import Iterator, Mapping
from typing import Any

from expunge.core.digest import digest

LONGEST = 100  # characters; an index keeps only the digest of a longer text
MANY = 24  # items; an index keeps only the digest of a longer list
MOST = 12  # differences that are listed for one unit


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """{"concept.aliases[0]": "a fire truck", ...}: every leaf under its path.

    A long text, a long list or a list of tables becomes one leaf, its digest, so that an index of many concepts stays
    small.
    """
    if isinstance(value, Mapping) and value:
        items = [(f"{path}.{key}".lstrip("."), item) for key, item in value.items()]
    elif isinstance(value, list | tuple) and 0 < len(value) <= MANY and not any(map(_is_table, value)):
        items = [(f"{path}[{place}]", item) for place, item in enumerate(value)]
    else:
        return {path: _short(value)}
    return {name: leaf for key, item in items for name, leaf in flat(item, key).items()}


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The differences in words, such as "parameters.steps: 60 -> 80"; a part that only one has is new or gone."""
    told = list(_differences(old, new))
    return told if len(told) <= MOST else [*told[:MOST], f"and {len(told) - MOST} more"]


def code_differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """The differences in words between two versions of the code, each {file: digest}."""
    changed = [f"{file} changed" for file in sorted(old.keys() & new.keys()) if old[file] != new[file]]
    added = [f"{file} is imported now" for file in sorted(new.keys() - old.keys())]
    return changed + added + [f"{file} is no longer imported" for file in sorted(old.keys() - new.keys())]


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        if name not in new:
            yield f"{name}: {_shown(old[name])} is gone"
        elif name not in old:
            yield f"{name}: {_shown(new[name])} is new"
        elif (type(old[name]), old[name]) != (type(new[name]), new[name]):  # 1 == 1.0, but their digests differ
            yield f"{name}: {_shown(old[name])} -> {_shown(new[name])}"


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


def _short(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= LONGEST):
        return value
    if not value:
        return "empty list" if isinstance(value, list | tuple) else "empty table"
    count = f"{len(value)} items, " if _is_table(value) else ""
    return f"{count}sha256:{digest(value)[:16]}"


def _shown(value: Any) -> str:
    digested = isinstance(value, str) and ("sha256:" in value or value.startswith("empty "))
    return repr(value) if isinstance(value, str) and not digested else str(value)
