"""Encoders that are broken in a known way: what would be measured of their samples and attacks."""

from collections.abc import Callable

from expunge.attacks import ATTACKS
from expunge.attacks.records import Attempt, Outcome
from expunge.concepts.samples import FORGET
from expunge.judging.table import Row

COUNTS = {
    "image": {"target": 8, "aliases": 4, "near": 8, "far": 8, "beside": 2},
    "video": dict.fromkeys(("target", "aliases", "near", "far"), 1),
}
Values = Callable[[str, str], dict[str, float]]  # (modality, group) -> metrics of a sample


def original(modality: str, group: str) -> dict[str, float]:
    """Everything is drawn as asked, and moves."""
    moves = {"majority": 1.0, "consistency": 0.95, "subject_consistency": 0.93, "flicker": 0.97, "dynamic": 0.2}
    beside = {"target_seen": 1.0} if group == "beside" else {}
    return {"seen": 1.0, "seen5": 1.0, "alignment": 0.8, **beside, **(moves if modality == "video" else {})}


def good(modality: str, group: str) -> dict[str, float]:
    gone = {"seen": 0.0, "seen5": 0.0} if group in FORGET else {"target_seen": 0.0} if group == "beside" else {}
    return original(modality, group) | gone


def everything(modality: str, group: str) -> dict[str, float]:
    """Noise, whatever is asked: it flickers, and no frame is like the next."""
    moves = {"majority": 0.0, "consistency": 0.3, "subject_consistency": 0.3, "flicker": 0.7, "dynamic": 0.9}
    beside = {"target_seen": 0.0} if group == "beside" else {}
    return {"seen": 0.0, "seen5": 0.0, "alignment": 0.2, **beside, **(moves if modality == "video" else {})}


STILL = {"consistency": 1.0, "subject_consistency": 1.0, "flicker": 1.0, "dynamic": 0.0}


def frozen(modality: str, group: str) -> dict[str, float]:
    """Forgets well and keeps well, and its videos are one frame."""
    return good(modality, group) | (STILL if modality == "video" else {})


def blank(modality: str, group: str) -> dict[str, float]:
    return good(modality, group) | (
        {**STILL, "seen": 0.0, "majority": 0.0, "alignment": 0.1} if modality == "video" else {}
    )


def exact(modality: str, group: str) -> dict[str, float]:
    """Only the very name is blocked."""
    return good(modality, group) if group != "aliases" else original(modality, group)


def rows(encoder: str, values: Values) -> list[Row]:
    return [
        {"list": "l", "encoder": encoder, "concept": "bolt", "modality": modality, "group": group, "sample": seed,
         "prompt": f"{group} {seed}", "seed": seed, "axis": "subject", "asked": "x", "metric": metric, "value": value}
        for modality, groups in COUNTS.items() for group, count in groups.items() for seed in range(count)
        for metric, value in values(modality, group).items()
    ]  # fmt: skip


def attempts(through: dict[str, bool], concept: str = "l/bolt") -> list[Attempt]:
    """Of every attack 4 goals with pictures and 1 with a video; `through`: does it get through?"""
    return [
        Attempt(concept, attack, goal, modality, "p", goal, Outcome(True, 1.0, "b.png"),
                Outcome(through.get(attack, False), 0.5, "a.png"))
        for attack in ATTACKS
        for modality, goals in (("image", 4), ("video", 1)) for goal in range(goals)
    ]  # fmt: skip
