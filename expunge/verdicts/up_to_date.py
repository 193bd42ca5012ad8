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
from expunge.core.unit_names import RELEASES, Name
from expunge.metrics.thresholds import Merged, gate_of, merged, signature
from expunge.plan.release_params import known_concepts, members_of, releases_of
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

    :param params: params.yaml, whose releases were checked. :raises InputError: a list or a gate is wrong.
    """
    gate, asked = gate_of(params), dict[str, Asked]()
    lists = load_lists(folder, list_rules()) if folder.is_dir() else []
    own = {str(Name(each.id, c.id)): (gate, each.gate, c.gate) for each in lists for c in each.concepts}
    for each in lists:
        for encoder, ids in each.members().items():
            gates = {id_: merged(*own[str(Name(each.id, id_))]) for id_ in ids}
            asked[str(Name(each.id, encoder))] = _asked(merged(gate, each.gate), gates)
    for name, release in releases_of(params).items() if lists else ():
        members = members_of(release, known_concepts(lists))
        gates = {Name.parse(member).id: merged(*own[member], release.gate) for member in members}
        asked[str(Name(RELEASES, name))] = _asked(merged(gate, release.gate), gates)
    return asked


def _asked(whole: Merged, each: Mapping[str, Merged]) -> Asked:
    return Asked(any(required for _, required in each.values()), signature(whole, each))


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
