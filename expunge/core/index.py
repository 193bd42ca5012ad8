"""index.json of a stage's out: which units it holds, their files, and what their keys were made of.

It is a JSON table of `Index`; a unit's name is the text of an `expunge.core.unit_names.UnitName`. Who reads files of
another stage compares them with it first: `require_unchanged([Path("build/encoders/objects/fire-engine")])`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from expunge.core.digest import file_digest
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
class Failure:
    """Why a unit is not there."""

    error: str  # what it raised, in a line; "" if it never began
    needs: tuple[str, ...] = ()  # the units that it reads and that are not there either


@dataclass(frozen=True)
class Index:
    stage: str
    units: dict[str, UnitRecord]
    base: dict[str, Any] = field(default_factory=dict)  # parts of the base's digest
    code: dict[str, dict[str, str]] = field(default_factory=dict)  # version: its source files
    files: dict[str, str] = field(default_factory=dict)  # of the out as a whole, outside its units: sha256
    failed: dict[str, Failure] = field(default_factory=dict)  # units that could not be made

    @property
    def keys(self) -> dict[str, str]:
        """The key of each unit; "" of one that failed."""
        return {name: record.key for name, record in self.units.items()} | dict.fromkeys(self.failed, "")


def write_index(out: Path, index: Index) -> None:
    data = msgspec.to_builtins(index)
    if not index.failed:
        del data["failed"]
    write_json(out / "index.json", data)


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


def add_file(out: Path, name: str) -> None:
    """Put the digest of a file that a stage made of all its units into the index."""
    index = read_index(out)
    write_index(out, replace(index, files={**index.files, name: file_digest(out / name)}))


def require_unchanged(paths: Iterable[Path]) -> None:
    """Are these the files that their stages wrote? dvc looks at them only where it decides whether a stage runs.

    :param paths: folders of units, and files of a stage's out as a whole. What lies in no stage's out is passed over.
    :raises InputError: naming every file that was changed, added or taken away since.
    """
    indexes, problems = dict[Path, Index](), list[Problem]()
    for path in dict.fromkeys(paths):
        out = next((above for above in path.parents if (above / "index.json").is_file()), None)
        if out is not None:
            if out not in indexes:
                indexes[out] = read_index(out)
            problems += _changed(path, path.relative_to(out).as_posix(), indexes[out], out)
    if problems:
        raise InputError(problems)


def _changed(path: Path, name: str, index: Index, out: Path) -> Iterator[Problem]:
    heal = (
        f"run `dvc checkout --force {out.as_posix()}`, or `dvc repro --force {index.stage}` where dvc's cache lacks it"
    )
    if name in index.units:
        wanted = {path / file: digest for file, digest in index.units[name].files.items()}
        there = {file for file in path.rglob("*") if file.is_file()}
    else:
        wanted = {path: index.files[name]} if name in index.files else {}
        there = {path}
    for file in sorted(wanted.keys() | there):
        if not file.is_file():
            yield Problem(file.as_posix(), "is missing", heal)
        elif file not in wanted:
            yield Problem(file.as_posix(), f"is no file that the stage {index.stage} wrote", heal)
        elif file_digest(file) != wanted[file]:
            yield Problem(file.as_posix(), f"is not the file that the stage {index.stage} wrote", heal)
