"""The texts that samples are compared with in the judge's embedding space."""

from collections.abc import Sequence
from typing import Any

from expunge.concepts.samples import FORGET, PlannedSample
from expunge.judging.formulas import depicts


def contest(planned: PlannedSample, judge: Any, anchors: Sequence[str]) -> list[str]:
    """Texts of the target and of its anchors, written in the first template of the judge's labels.

    [] if there is nothing to compare: for samples that must stay, for motions, without anchors, and for compositions,
    because one embedding of a whole picture does not say whether both parts are there.
    """
    asks = planned.asks
    if planned.group not in FORGET or asks.axis in ("motion", "both") or not any(anchors):
        return []
    form = (judge.templates.get(asks.axis) or judge.templates.get("subject") or ("a photo of {}",))[0]
    return [form.replace("{}", name) for name in (asks.name, *filter(None, anchors))]


def usual_texts(planned: PlannedSample, judge: Any, anchors: Sequence[str]) -> list[str]:
    """The texts that formulas need for nearly every sample: its prompt, what it should depict, and its `contest`."""
    return [planned.prompt, depicts(planned.asks.axis, planned.asks.name), *contest(planned, judge, anchors)]
