"""A unit: one piece of a stage's work, with everything that its result depends on and everything that it may read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from expunge.concepts.confidential import OPEN, Veil
from expunge.core.digest import digest
from stages.runtime.code import code_version
from stages.runtime.key_parts import flat


@dataclass(frozen=True)
class Unit:
    """One piece of a stage's work.

    `inputs` is a dataclass of plain data, which the unit receives and which enters its key. A unit opens only the files
    in `reads`, so it can run in another process or on another machine.
    """

    inputs: Any
    upstream: Mapping[str, str] = field(default_factory=dict)  # {unit of another stage: its key}
    reads: Mapping[str, Path] = field(default_factory=dict)  # {what: folder or file of an earlier stage}
    reads_units: Mapping[str, str] = field(default_factory=dict)  # {what: name of another unit of this stage}
    code: tuple[str, ...] = ()  # modules that compute it, besides the stage's own


@dataclass(frozen=True)
class Task:
    """The part of a unit that `compute` receives."""

    name: str
    inputs: Any
    reads: Mapping[str, Path]
    codes: Mapping[str, str] = field(default_factory=dict)  # {code: text} of what files of earlier stages hide


Compute = Callable[[Task, Path], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Keyed:
    """A unit with its key and the parts of the key."""

    unit: Unit
    key: str
    parts: dict[str, Any]  # "code", "inputs", "upstream"
    code: dict[str, str]  # source files of the code's version

    @property
    def flat_parts(self) -> dict[str, Any]:
        """The parts as an index keeps them: an input under its own name, a unit upstream as "upstream.<name>"."""
        inputs = self.parts["inputs"]
        upstream = {f"upstream.{name}": key for name, key in self.parts["upstream"].items()}
        return {**flat(inputs, "" if isinstance(inputs, dict) else "inputs"), **upstream, "code": self.parts["code"]}


def keyed(stage: str, units: Mapping[str, Unit], base: str, *modules: str, veil: Veil = OPEN) -> dict[str, Keyed]:
    """Each unit with its key: sha256 over the stage, the base's digest, the version of the code, the unit's inputs and
    the keys of the units that it reads.

    :param base: the base's digest. :param modules: the modules that compute all units.
    :param veil: of the inputs, keys and their parts hold what may be published.
    """
    result: dict[str, Keyed] = {}
    versions: dict[tuple[str, ...], tuple[str, dict[str, str]]] = {}
    for name, unit in units.items():
        if unit.code not in versions:
            versions[unit.code] = code_version(*modules, *unit.code)
        version, files = versions[unit.code]
        own = {what: result[other].key for what, other in unit.reads_units.items()}
        inputs = veil.closed(msgspec.to_builtins(unit.inputs), *veil.about(name))
        parts = {"code": version, "inputs": inputs, "upstream": {**unit.upstream, **own}}
        result[name] = Keyed(unit, digest({"stage": stage, "base": base, **parts}), parts, files)
    return result
