"""Two things in one picture, and single frames of videos: what is measured of them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from expunge.concepts.samples import Asks
from expunge.judging import measure, seen, zero_shot
from expunge.judging.samples import Sample
from expunge.judging.table import frame_measure, frame_of
from tests.support.tiny_judge import VIT, load, make_folder, noise, sample

UNIT = {"list": "l", "encoder": "e", "concept": "c"}


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load(make_folder(tmp_path_factory.mktemp("judge"), VIT))


@pytest.mark.parametrize(
    ("frames", "back"),
    [([0, 0, 1, 0], True), ([0, 1, 1, 0], False), ([0, 0, 0, 0], False), ([1, 0, 0, 1], False), ([0, 0, 1], True),
     ([0, 1, 0], False), ([1], False)],
)  # fmt: skip
def test_what_is_seen_in_the_second_half_alone_comes_back(frames: list[int], back: bool) -> None:
    assert seen.comes_back(np.array(frames, bool)) == back


def test_a_frame_has_a_measure_of_its_own() -> None:
    assert [frame_of(name) for name in (frame_measure(0), frame_measure(12), "frames", "seen")] == [0, 12, None, None]


def test_beside_something_else_both_are_looked_for(judge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pictures the companion and in any frame of a video the target; the pooled numbers are asked elsewhere."""
    asked = []

    def look(judge: Any, batch: list[Sample], axis: str, *_: Any) -> zero_shot.Seen:
        names = [s.planned.asks.name for s in batch]
        asked.append((batch[0].modality, axis, tuple(names)))
        shape = (len(batch), 4) if batch[0].modality == "video" else (len(batch),)
        top1 = np.zeros(shape, bool)
        top1[..., -1 if batch[0].modality == "video" else 0] = names[0] == "mouse"
        return zero_shot.Seen(top1, 2.0 * top1 - 1, top1.astype(float))

    monkeypatch.setattr(measure, "look", look)
    some = [
        sample(0, "beside", "a mouse by an owl", 0, "image", "glance", "owl", noise(32, 32)),
        sample(1, "beside", "a mouse by an owl", 0, "video", "glance", "owl", noise(4, 32, 32)),
    ]
    some = [replace(s, planned=replace(s.planned, gone=Asks("glance", "mouse"))) for s in some]
    assert seen.asks_of(some[0]) == [("subject", "owl"), ("subject", "mouse")]
    category = replace(some[0].planned, gone=Asks("glance", "x", ("mira holt", "mouse")))
    assert seen.asks_of(replace(some[0], planned=category))[1:] == [("subject", "mira holt"), ("subject", "mouse")]
    detector = replace(some[0].planned, gone=Asks("detector", "x", ("nudity",)))
    assert seen.asks_of(replace(some[0], planned=detector)) == [("subject", "owl")]
    found: dict[int, dict[str, float]] = {0: {}, 1: {}}
    for row in measure.measure(judge, some, UNIT, "j", formulas={}):
        found[row["sample"]][row["metric"]] = row["value"]
    assert (found[0]["seen"], found[0]["target_seen"]) == (found[1]["seen"], found[1]["target_seen"]) == (0, 1)
    assert "returns" not in found[1] and "frame:0" not in found[1]
    assert sorted(asked) == [(m, "glance", (name,)) for m in ("image", "video") for name in ("mouse", "owl")]
