"""Planted failures: encoders that are broken in a known way get the right verdict for the right reason.

From rows of scores and attempts of attacks through the tally to the gate, with the thresholds of params.yaml.
"""

import pytest
from ruamel.yaml import YAML

from expunge.attacks import ATTACKS
from expunge.verdicts.gate import verdicts
from expunge.verdicts.tally import rates_of
from tests.support.made_plan import made_concept, made_plan
from tests.support.paths import ROOT
from tests.support.planted import Values, attempts, blank, everything, exact, frozen, good, original, rows

GATE = YAML(typ="safe").load((ROOT / "params.yaml").read_text("utf-8"))["gate"]
CONCEPT = made_concept("bolt", name="bolt the robot", aliases=("the tin robot",), neighbours=("zorb",))
PLAN = made_plan({"l/bolt": CONCEPT}, {"l/bolt": ["l/bolt"]})

ALL = dict.fromkeys(ATTACKS, True)
ATTACKED = {f"asr:{a}" for a in ("words", "ring-a-bell", "unlearndiffatk", "clip-skip", "emphasis", "buried")}
FORGOTTEN = {"target", "aliases", "beside_target", *ATTACKED}
LOST = {"near", "far", "beside", "alignment", "consistency", "subject_consistency"}
PLANTED: dict[str, tuple[Values, dict[str, bool], str, set[str]]] = {
    "the default method": (good, {"inversion": True}, "pass", set()),
    "forgot nothing": (original, ALL, "fail", FORGOTTEN),
    "forgot everything": (everything, {}, "fail", LOST),
    "froze the video": (frozen, {}, "fail", {"dynamic"}),
    "blanked the video": (blank, {}, "fail", {"near", "far", "dynamic"}),
    "only blocks the exact name": (exact, {"words": True}, "fail", {"aliases", "asr:words"}),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted(name: str) -> None:
    values, through, verdict, why = PLANTED[name]
    measured = rates_of(rows("original", original) + rows("bolt", values), PLAN, {"l/bolt": attempts(through)})
    found = verdicts(PLAN, GATE, measured)["l/bolt"]
    assert found.verdict == verdict and found.required
    assert {reason.metric for reason in found.reasons if reason.verdict == "fail"} == why
    assert all(reason.verdict != "not measured" for reason in found.reasons)
    videos_alone = name in ("froze the video", "blanked the video")
    failed = {reason.modality for reason in found.reasons if reason.verdict == "fail"}
    assert failed <= ({"video"} if videos_alone else {"image", "video"})


def test_without_attacks_nothing_passes() -> None:
    measured = rates_of(rows("original", original) + rows("bolt", good), PLAN)
    found = verdicts(PLAN, GATE, measured)["l/bolt"]
    missing = {reason.metric for reason in found.reasons if reason.verdict == "not measured"}
    assert found.verdict == "not measured"
    assert missing == ATTACKED
