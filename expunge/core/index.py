"""index.json of a stage's out: which units it holds, their files, and what their keys were made of.

It is a JSON table of `Index`; a unit's name is the text of an `expunge.core.unit_names.UnitName`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from expunge.core.errors import InputError, Problem
from expunge.core.files import BROKEN_JSON, write_json


@dataclass(frozen=True)
class UnitRecord:
    """One unit as a run left it."""

    key: str  # sha256 of everything that its files depend on
    parts: dict[str, Any]  # what the key was made of, flat and short: see `stages.runtime.key_parts`
    files: dict[str, str]  # path below the unit's folder: sha256
    facts: dict[str, Any] = field(default_factory=dict)  # numbers that computing it returned


@dataclass(frozen=True)
class Index:
    stage: str
    units: dict[str, UnitRecord]
    base: dict[str, Any] = field(default_factory=dict)  # parts of the base's digest
    code: dict[str, dict[str, str]] = field(default_factory=dict)  # version: its source files


def write_index(out: Path, index: Index) -> None:
    write_json(out / "index.json", msgspec.to_builtins(index))


def parse_index(text: bytes) -> Index:
    """:raises msgspec.DecodeError: it is no index of this version."""
    return msgspec.json.decode(text, type=Index)


def read_index(out: Path | str) -> Index:
    """The index of a stage's out.

    :raises InputError: it is missing or broken: which value, and why.
    """
    file = Path(out) / "index.json"
    fix = f"run `dvc repro` up to the stage that makes {file.parent.as_posix()}, or `dvc pull`"
    try:
        return parse_index(file.read_bytes())
    except OSError:
        raise InputError([Problem(file.as_posix(), "is missing", fix)]) from None
    except BROKEN_JSON as error:
        raise InputError([Problem(file.as_posix(), f"is no index of this version ({error})", fix)]) from None
