"""Do the verdicts that a run wrote belong to the lists and gates as they are now?

now = encoders_now(Path("concepts"), params)                    the gates of every encoder that the lists ask for
verdicts = {**never_ran(now), **read_verdicts(file)}            encoders that never ran are included
require_same_gates(verdicts, now, file)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expunge.concepts.lists import load_lists
from expunge.core.errors import InputError, Problem
from expunge.core.unit_names import Name
from expunge.metrics.thresholds import gate_of, merged, signature
from expunge.plan.validate_lists import list_rules
from expunge.verdicts.verdict_file import UNMEASURED, Verdict

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
    asked = {}
    for each in load_lists(folder, list_rules()) if folder.is_dir() else ():
        own = {concept.id: concept.gate for concept in each.concepts}
        for encoder, members in each.members().items():
            gates = {member: own[member] for member in members}
            required = any(merged(gate, each.gate, section)[1] for section in gates.values())
            asked[str(Name(each.id, encoder))] = Asked(required, signature(gate, each.gate, gates))
    return asked


def never_ran(now: Mapping[str, Asked]) -> dict[str, Verdict]:
    """Verdicts of encoders that no run has seen: not measured."""
    return {name: Verdict(UNMEASURED, asked.required, asked.gates, note=NEVER) for name, asked in now.items()}


def require_same_gates(verdicts: Mapping[str, Verdict], now: Mapping[str, Asked], file: Path) -> None:
    """:raises InputError: a verdict was made with other gates than those that hold now."""
    stale = [name for name, verdict in verdicts.items() if name in now and verdict.gates != now[name].gates]
    if stale:
        names = ", ".join(stale[:3]) + (f" and {len(stale) - 3} more" if len(stale) > 3 else "")
        raise InputError(
            [Problem(file.as_posix(), f"verdicts were made with other gates ({names})", "run `dvc repro`")]
        )
