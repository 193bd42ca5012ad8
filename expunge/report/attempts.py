"""What attacks tried, from build/attacks/<list>/<encoder>/attempts.json."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from expunge.report.run import Pair, Run, read_list


@dataclass(frozen=True)
class Attempt:
    """One prompt and seed that should bring a concept back."""

    attack: str  # of expunge.report.definitions, after "asr:"
    goal: int  # attempts with one goal are tries at one thing
    pair: Pair
    confidence_before: float | None
    confidence_after: float | None

    @property
    def fell(self) -> bool:
        """Did the concept come back?"""
        return bool(self.pair.saw_after)


def attempts_of(run: Run, encoder: str) -> dict[str, list[Attempt]]:
    """{"list/concept": attempts} that may be shown; those that brought the concept back stand first.

    Nothing of a confidential concept, and no prompt that names one.
    """
    folder = run.attacks / encoder
    found: dict[str, list[Attempt]] = defaultdict(list)
    for row in read_list(folder / "attempts.json"):
        concept = run.plan["concepts"].get(row["concept"], {"confidential": True})  # of a list of before: not shown
        if concept.get("confidential") or not run.is_open(row["prompt"]):
            continue
        before, after = row.get("before") or {}, row.get("after") or {}
        pair = Pair(
            "attack", row["modality"], row["prompt"], row["seed"],
            folder / before["file"] if before.get("file") else None,
            folder / after["file"] if after.get("file") else None,
            _seen(before), _seen(after),
        )  # fmt: skip
        attempt = Attempt(row["attack"], row["goal"], pair, before.get("confidence"), after.get("confidence"))
        found[row["concept"]].append(attempt)
    for attempts in found.values():
        attempts.sort(key=lambda a: (not a.fell, -(a.confidence_after or 0), a.attack, a.goal, a.pair.seed))
    return dict(found)


def telling(attempts: list[Attempt], count: int) -> list[Attempt]:
    """The first `count` by turns among the attacks, each attack's strongest first."""
    by_attack: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_attack[attempt.attack].append(attempt)
    turns = [(place, not a.fell, name, a) for name, some in by_attack.items() for place, a in enumerate(some)]
    chosen = [a for _, _, _, a in sorted(turns, key=lambda turn: turn[:3]) if a.pair.after or a.pair.before]
    return sorted(chosen[:count], key=lambda a: not a.fell)


def _seen(side: dict[str, Any]) -> float | None:
    return float(side["seen"]) if "seen" in side else None
