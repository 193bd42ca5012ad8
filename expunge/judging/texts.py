"""The texts with which samples are compared, in the judge's own embedding."""

from collections.abc import Sequence
from typing import Any

from expunge.concepts.samples import FORGET, PlannedSample
from expunge.judging.formulas import depicts


def contest(planned: PlannedSample, judge: Any, anchors: Sequence[str]) -> list[str]:
    """Texts of the target and of its anchors, in the form in which the judge's labels are.

    [] where nothing is compared: for what must stay, for motions, without anchors, and for compositions, since one
    embedding of a whole picture does not say whether both parts are there.
    """
    asks = planned.asks
    if planned.group not in FORGET or asks.axis in ("motion", "both") or not any(anchors):
        return []
    form = (judge.templates.get(asks.axis) or judge.templates.get("subject") or ("a photo of {}",))[0]
    return [form.replace("{}", name) for name in (asks.name, *filter(None, anchors))]


def usual_texts(planned: PlannedSample, judge: Any, anchors: Sequence[str]) -> list[str]:
    """What the formulas ask for nearly every sample: its prompt, what it should depict, and its contest."""
    return [planned.prompt, depicts(planned.asks.axis, planned.asks.name), *contest(planned, judge, anchors)]
