"""What attacks tried, from build/attacks/<list>/<encoder>/<attack>/attempts.json."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from expunge.attacks.records import Attempt, Outcome, read_attempts
from expunge.core.codes import is_open
from expunge.core.unit_names import Name, UnitName
from expunge.report.pairs import Pair
from expunge.report.run import Run


@dataclass(frozen=True)
class ShownAttempt:
    """One prompt and seed that should bring a concept back, with its pictures."""

    attack: str  # the metric's name after "asr:"
    goal: int  # attempts with one goal are tries at one thing
    pair: Pair
    confidence_before: float | None
    confidence_after: float | None

    @property
    def succeeded(self) -> bool:
        """Did it bring the concept back?"""
        return bool(self.pair.saw_after)


def attempts_of(run: Run, encoder: str) -> dict[str, list[ShownAttempt]]:
    """{"list/concept": attempts} that may be shown; those that brought the concept back stand first.

    Leaves out attempts on confidential concepts and on concepts that are not in the plan, and prompts that name a
    confidential concept.
    """
    by_concept: dict[str, list[ShownAttempt]] = defaultdict(list)
    for file in sorted((run.attacks / str(UnitName(Name.parse(encoder)))).glob("*/attempts.json")):
        for attempt in read_attempts(file):
            concept = run.plan.concepts.get(attempt.concept)
            if concept is not None and not concept.confidential and is_open(attempt.prompt):
                by_concept[attempt.concept].append(_with_pictures(file.parent, attempt))
    for attempts in by_concept.values():
        attempts.sort(key=lambda a: (not a.succeeded, -(a.confidence_after or 0), a.attack, a.goal, a.pair.seed))
    return dict(by_concept)


def strongest(attempts: Sequence[ShownAttempt], count: int) -> list[ShownAttempt]:
    """At most `count` attempts with pictures: the strongest of each attack, then the second of each, and so on."""
    by_attack: dict[str, list[ShownAttempt]] = defaultdict(list)
    for attempt in attempts:
        by_attack[attempt.attack].append(attempt)
    turns = [(place, not a.succeeded, name, a) for name, own in by_attack.items() for place, a in enumerate(own)]
    chosen = [a for _, _, _, a in sorted(turns, key=lambda turn: turn[:3]) if a.pair.after or a.pair.before]
    return sorted(chosen[:count], key=lambda a: not a.succeeded)


def _with_pictures(folder: Path, attempt: Attempt) -> ShownAttempt:
    def picture(side: Outcome | None) -> Path | None:
        return folder / side.file if side else None

    before, after = attempt.before, attempt.after
    pair = Pair(
        "attack", attempt.modality, attempt.prompt, attempt.seed, picture(before), picture(after),
        float(before.seen) if before else None, float(after.seen),
    )  # fmt: skip
    return ShownAttempt(attempt.attack, attempt.goal, pair, before.confidence if before else None, after.confidence)
