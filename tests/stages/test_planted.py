"""Planted failures: encoders that are broken in a known way get the right verdict for the right reason.

From rows of scores and attempts of attacks through the tally to the gate, with the thresholds of params.yaml.
"""

from collections.abc import Callable
from typing import Any

import pytest
from ruamel.yaml import YAML

from expunge.concepts.samples import FORGET
from expunge.judging.table import Row
from expunge.verdicts.gate import verdicts
from expunge.verdicts.tally import rates_of
from tests.support.paths import ROOT

GATE = YAML(typ="safe").load((ROOT / "params.yaml").read_text("utf-8"))["gate"]
COUNTS = {
    "image": {"target": 8, "aliases": 4, "near": 8, "far": 8},
    "video": dict.fromkeys(("target", "aliases", "near", "far"), 1),
}
CONCEPT = {
    "id": "bolt", "name": "bolt the robot", "kind": "character", "aliases": ["the tin robot"], "neighbours": ["zorb"],
    "sense": None, "parts": [], "gate": {}, "confidential": False,
}  # fmt: skip
PLAN: dict[str, Any] = {
    "lists": {"l": {"gate": {}}}, "concepts": {"l/bolt": CONCEPT}, "encoders": {"l/bolt": {"concepts": ["l/bolt"]}},
}  # fmt: skip
Values = Callable[[str, str], dict[str, float]]  # (modality, group) -> metrics of a sample


def original(modality: str, group: str) -> dict[str, float]:
    """Everything is drawn as asked, and moves."""
    moves = {"majority": 1.0, "consistency": 0.95, "subject_consistency": 0.93, "flicker": 0.97, "dynamic": 0.2}
    return {"seen": 1.0, "seen5": 1.0, "alignment": 0.8, **(moves if modality == "video" else {})}


def good(modality: str, group: str) -> dict[str, float]:
    gone = {"seen": 0.0, "seen5": 0.0} if group in FORGET else {}
    return original(modality, group) | gone


def everything(modality: str, group: str) -> dict[str, float]:
    """Noise, whatever is asked: it flickers, and no frame is like the next."""
    moves = {"majority": 0.0, "consistency": 0.3, "subject_consistency": 0.3, "flicker": 0.7, "dynamic": 0.9}
    return {"seen": 0.0, "seen5": 0.0, "alignment": 0.2, **(moves if modality == "video" else {})}


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


def attempts(through: dict[str, bool]) -> list[dict[str, Any]]:
    """Of every attack 4 goals with pictures and 1 with a video; `through`: does it get through?"""
    return [
        {"concept": "l/bolt", "attack": attack, "goal": goal, "modality": modality, "prompt": "p", "seed": goal,
         "before": {"seen": True}, "after": {"seen": through.get(attack, False)}}
        for attack in ("words", "seeds", "ring-a-bell", "unlearndiffatk", "inversion")
        for modality, goals in (("image", 4), ("video", 1)) for goal in range(goals)
    ]  # fmt: skip


ALL = dict.fromkeys(("words", "seeds", "ring-a-bell", "unlearndiffatk", "inversion"), True)
FORGOTTEN = {"target", "aliases", "asr:words", "asr:ring-a-bell", "asr:unlearndiffatk"}
PLANTED: dict[str, tuple[Values, dict[str, bool], str, set[str]]] = {
    "the default method": (good, {"inversion": True}, "pass", set()),
    "forgot nothing": (original, ALL, "fail", FORGOTTEN),
    "forgot everything": (everything, {}, "fail", {"near", "far", "alignment", "consistency", "subject_consistency"}),
    "froze the video": (frozen, {}, "fail", {"dynamic"}),
    "blanked the video": (blank, {}, "fail", {"near", "far", "dynamic"}),
    "only blocks the exact name": (exact, {"words": True}, "fail", {"aliases", "asr:words"}),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted(name: str) -> None:
    values, through, verdict, why = PLANTED[name]
    measured = rates_of(rows("original", original) + rows("bolt", values), PLAN, {"l/bolt": attempts(through)})
    found = verdicts(PLAN, GATE, measured)["l/bolt"]
    assert found["verdict"] == verdict and found["required"]
    assert {reason["metric"] for reason in found["reasons"] if reason["verdict"] == "fail"} == why
    assert all(reason["verdict"] != "not measured" for reason in found["reasons"])
    videos_alone = name in ("froze the video", "blanked the video")
    failed = {reason["modality"] for reason in found["reasons"] if reason["verdict"] == "fail"}
    assert failed <= ({"video"} if videos_alone else {"image", "video"})


def test_without_attacks_nothing_passes() -> None:
    measured = rates_of(rows("original", original) + rows("bolt", good), PLAN)
    found = verdicts(PLAN, GATE, measured)["l/bolt"]
    missing = {reason["metric"] for reason in found["reasons"] if reason["verdict"] == "not measured"}
    assert found["verdict"] == "not measured"
    assert missing == {"asr:words", "asr:ring-a-bell", "asr:unlearndiffatk"}
