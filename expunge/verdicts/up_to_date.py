"""Do the verdicts that a run wrote belong to the lists and gates as they are now?

now = encoders_now(Path("concepts"), params)                    the gates of every encoder that the lists ask for
verdicts = {**never_ran(now), **read_verdicts(file)}            encoders that never ran are included
require_current(verdicts, now, file)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expunge.concepts.concept import ConceptList
from expunge.concepts.confidential import veil_of
from expunge.concepts.lists import load_lists
from expunge.core.errors import InputError, Problem
from expunge.core.unit_names import RELEASES, Name
from expunge.metrics.thresholds import Merged, gate_of, merged, signature
from expunge.plan.asked_for import asked_for
from expunge.plan.release_params import known_concepts, members_of, releases_of
from expunge.plan.validate_lists import list_rules
from expunge.verdicts.verdict_file import UNMEASURED, Verdict

NEVER = "has not run yet; run `dvc repro`"


@dataclass(frozen=True)
class Asked:
    """An encoder that a list asks for."""

    whole: Merged  # its gates as a whole, and whether they are required
    each: dict[str, Merged]  # those of each of its concepts, by id
    about: str = ""  # digest of its concepts, method and parameters; "": params.yaml names no method

    @property
    def gates(self) -> str:
        return signature(self.whole, self.each)

    @property
    def required(self) -> bool:
        return any(required for _, required in self.each.values())


def encoders_now(folder: Path, params: Any) -> dict[str, Asked]:
    """{"list/encoder": what is asked of it now}; {} where there is no folder of lists.

    :param params: params.yaml, whose releases were checked. :raises InputError: a list or a gate is wrong.
    """
    return asked_of(load_lists(folder, list_rules()) if folder.is_dir() else [], params)


def asked_of(lists: Sequence[ConceptList], params: Any) -> dict[str, Asked]:
    """`encoders_now` of lists that were read."""
    gate, asked = gate_of(params), dict[str, Asked]()
    about, veil = dict[str, str](), veil_of(lists)
    if "unlearn" in params:
        about = asked_for(lists, params["unlearn"], releases_of(params), params["seed"], veil)
    own = {str(Name(each.id, c.id)): (gate, each.gate, c.gate) for each in lists for c in each.concepts}
    for each in lists:
        for encoder, ids in each.members().items():
            gates = {id_: merged(*own[str(Name(each.id, id_))]) for id_ in ids}
            name = str(Name(each.id, encoder))
            asked[name] = Asked(merged(gate, each.gate), gates, about.get(name, ""))
    for name, release in releases_of(params).items() if lists else ():
        members = members_of(release, known_concepts(lists))
        gates = {Name.parse(member).id: merged(*own[member], release.gate) for member in members}
        encoder = str(Name(RELEASES, name))
        asked[encoder] = Asked(merged(gate, release.gate), gates, about.get(encoder, ""))
    return asked


def never_ran(now: Mapping[str, Asked]) -> dict[str, Verdict]:
    """Verdicts of encoders that no run has seen: not measured."""
    return {name: Verdict(UNMEASURED, asked.required, asked.gates, note=NEVER) for name, asked in now.items()}


def speaks_of(verdict: Verdict, asked: Asked, base: str) -> bool:
    """Was a verdict made of what is asked now? :param base: as in `require_current`."""
    return (
        verdict.gates == asked.gates
        and (not asked.about or verdict.about == asked.about)
        and (not base or verdict.base == base)
    )


def require_current(verdicts: Mapping[str, Verdict], now: Mapping[str, Asked], base: str, file: Path) -> None:
    """:param base: digest of the base's own parts; "": it cannot be known here.

    :raises InputError: a verdict is of an encoder that no list asks for, or was made with other gates, or speaks of
        other concepts, another method, other parameters or another base than are asked for now.
    """
    ran = {name: verdict for name, verdict in verdicts.items() if verdict.note != NEVER}
    found = {
        "are of encoders that no list asks for": [name for name in ran if name not in now],
        "were made with other gates": [n for n, v in ran.items() if n in now and v.gates != now[n].gates],
        "speak of other concepts, another method or other parameters than are asked for now": [
            n for n, v in ran.items() if n in now and now[n].about and v.about != now[n].about
        ],
        "speak of another base": [n for n, v in ran.items() if base and v.base != base],
    }
    problems = [
        Problem(file.as_posix(), f"verdicts {what} ({_few(names)})", "run `dvc repro`")
        for what, names in found.items()
        if names
    ]
    if problems:
        raise InputError(problems)


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
