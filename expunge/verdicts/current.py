"""Do the verdicts that a run wrote belong to the lists and gates as they are now?

now = encoders_now(Path("concepts"), params)          of every encoder that the lists ask for, its gates
found = read_verdicts(file, names, never_ran(now))    with those that no run has seen
require_same_gates(found, now, file)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expunge.concepts.lists import load_lists
from expunge.core.errors import InputError, Problem
from expunge.metrics.thresholds import gate_of, merged, signature
from expunge.plan.validate import list_rules
from expunge.verdicts.gate import UNMEASURED

NEVER = "has not run yet; run `dvc repro`"


@dataclass(frozen=True)
class Asked:
    """An encoder that a list asks for."""

    required: bool
    gates: str  # the signature of its gates


def encoders_now(folder: Path, params: Any) -> dict[str, Asked]:
    """{"list/encoder": what is asked of it now}; {} where there is no folder of lists.

    :param params: params.yaml. :raises InputError: a list or a gate is wrong.
    """
    gate = gate_of(params)
    found = {}
    for each in load_lists(folder, list_rules()) if folder.is_dir() else ():
        own = {concept.id: concept.gate for concept in each.concepts}
        for name, members in each.members().items():
            gates = {member: own[member] for member in members}
            required = any(merged(gate, each.gate, section)[1] for section in gates.values())
            found[f"{each.id}/{name}"] = Asked(required, signature(gate, each.gate, gates))
    return found


def never_ran(now: Mapping[str, Asked]) -> dict[str, dict[str, Any]]:
    """Entries as in metrics/verdicts.json for encoders that are not in it: not measured."""
    return {
        name: {"verdict": UNMEASURED, "required": asked.required, "gates": asked.gates, "reasons": [], "note": NEVER}
        for name, asked in now.items()
    }


def require_same_gates(found: Mapping[str, Mapping[str, Any]], now: Mapping[str, Asked], file: Path) -> None:
    """:raises InputError: a verdict was made with other gates than those that hold now."""
    stale = [name for name, entry in found.items() if name in now and entry.get("gates") != now[name].gates]
    if stale:
        names = ", ".join(stale[:3]) + (f" and {len(stale) - 3} more" if len(stale) > 3 else "")
        raise InputError(
            [Problem(file.as_posix(), f"verdicts were made with other gates ({names})", "run `dvc repro`")]
        )
