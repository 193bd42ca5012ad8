"""Each metric against a value worked out by hand, and what a frozen and a blank video score."""

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.judging import formulas as quality
from expunge.judging.measure import kid_of, measure
from expunge.judging.samples import Sample
from expunge.judging.vocabulary import Label
from expunge.metrics.catalogue import formulas
from tests.support.tiny_judge import sample

X, Y, Z = np.eye(3, dtype=np.float32)
HALF = (X + Y) / np.sqrt(2)  # 45 degrees from both


def test_clip_score_is_hessels() -> None:
    assert quality.depicts("subject", "an owl") == "A photo depicts an owl"
    assert quality.clip_score(X, X) == 2.5 and quality.clip_score(X, -X) == 0
    assert quality.clip_score(HALF, X) == pytest.approx(2.5 / np.sqrt(2))
    assert quality.clip_score(np.stack([X, -X]), X) == 1.25  # each frame is cut off at 0, then their mean


def test_clip_accuracy_asks_for_the_nearer_text() -> None:
    assert quality.clip_accuracy(X, X, np.stack([Y])) == 1
    assert quality.clip_accuracy(Y, X, np.stack([Y])) == 0
    assert quality.clip_accuracy(HALF, X, np.stack([Y])) == 0  # a draw is no target
    assert quality.clip_accuracy(Y, X, np.stack([Z, Y])) == 0  # the nearest anchor counts
    assert quality.clip_accuracy(np.stack([X, X, Y]), X, np.stack([Y])) == 1  # the frames' mean


def test_distance_by_hand() -> None:
    assert quality.distance(X, X) == 0 and quality.distance(X, Y) == 1 and quality.distance(X, -X) == 2
    assert quality.distance(HALF, X) == pytest.approx(1 - 1 / np.sqrt(2))
    assert quality.distance(np.stack([X, Y]), np.stack([X, X])) == 0.5


def unit_rows(seed: int, n: int, d: int = 12, shift: float = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, d))
    rows[:, 0] += shift
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_kid_is_the_sum_over_pairs() -> None:
    x, y = unit_rows(0, 5).astype(float), unit_rows(1, 5, shift=1).astype(float)
    k = lambda a, b: (sum(a * b) + 1) ** 3  # noqa: E731
    pairs = [(i, j) for i in range(5) for j in range(5) if i != j]
    by_hand = sum(k(x[i], x[j]) + k(y[i], y[j]) - k(x[i], y[j]) - k(x[j], y[i]) for i, j in pairs) / len(pairs)
    assert quality.kid(x, y) == pytest.approx(by_hand, rel=1e-9)


def test_kid_of_equal_sets_is_0_of_one_distribution_nearly_and_of_two_more() -> None:
    assert quality.kid(unit_rows(0, 16), unit_rows(0, 16)) == pytest.approx(0, abs=1e-12)
    same = [quality.kid(unit_rows(i, 16), unit_rows(1000 + i, 16)) for i in range(200)]
    assert np.mean(same) == pytest.approx(0, abs=3 * np.std(same) / np.sqrt(200))  # unbiased
    assert min(same) < 0 < max(same)
    assert quality.kid(unit_rows(0, 16), unit_rows(1, 16, shift=3)) > 2 * max(same)
    with pytest.raises(ValueError, match="pairs"):
        quality.kid(unit_rows(0, 3), unit_rows(0, 4))


def test_kid_is_given_for_four_kept_pictures_and_more() -> None:
    def drawn(group: str, count: int, modality: str = "image") -> list[Sample]:
        return [sample(i, group, "p", i, modality, "subject", "x", np.zeros(0)) for i in range(count)]

    known = dict(enumerate(unit_rows(0, 8)))
    before = dict(enumerate(unit_rows(1, 8)))
    found = kid_of(drawn("near", 8), known, drawn("near", 8), before)
    assert found == {"KID": round(quality.kid(unit_rows(0, 8), unit_rows(1, 8)), 6), "n": 8}
    for some in (drawn("near", 3), drawn("target", 8), drawn("near", 8, "video")):
        assert kid_of(some, known, some, before) == {}


def test_consistencies_by_hand() -> None:
    frames = np.stack([X, HALF, Y])
    assert quality.consistency(frames) == pytest.approx(1 / np.sqrt(2))
    # the second frame: (cos to the first + cos to the one before) / 2 = 0.7071; the third: (0 + 0.7071) / 2
    assert quality.subject_consistency(frames) == pytest.approx((0.70711 + 0.35355) / 2, abs=1e-4)
    assert quality.subject_consistency(np.stack([X, -X])) == 0  # VBench cuts cosines off at 0
    assert quality.consistency(np.stack([X, -X])) == -1
    with pytest.raises(ValueError, match="two frames"):
        quality.consistency(X[None])


def test_flicker_and_dynamic_by_hand() -> None:
    video = np.zeros((3, 2, 2, 3), np.uint8)
    video[1, 0, 0] = (51, 0, 0)  # one pixel of four, one channel of three, by 0.2; and back
    assert quality.flicker(video) == pytest.approx(1 - 0.2 / 12)
    assert quality.dynamic(video) == 0.25
    video[1, 0, 0] = (16, 16, 16)  # noise
    assert quality.dynamic(video) == 0 and quality.flicker(video) < 1
    with pytest.raises(ValueError, match="two frames"):
        quality.dynamic(video[:1])


@given(st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_ranges(frames: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    video = draw.integers(0, 256, (frames, 4, 4, 3), np.uint8)
    features = unit_rows(seed % 1000, frames)
    assert 0 <= quality.flicker(video) <= 1 and 0 <= quality.dynamic(video) <= 1
    assert -1 <= quality.consistency(features) <= 1 + 1e-6 and 0 <= quality.subject_consistency(features) <= 1 + 1e-6
    assert 0 <= quality.clip_score(features, features[0]) <= 2.5 + 1e-6
    assert 0 <= quality.distance(features, features[::-1]) <= 2 + 1e-6


def test_a_motion_is_named_by_whole_words() -> None:
    labels = [Label("still", ()), Label("spinning", ("spinning", "rotating")), Label("side-step", ("side-stepping",))]
    assert quality.named_motions(labels, "A cat, Rotating in the snow") == (1,)
    assert quality.named_motions(labels, "a spinningwheel") == ()
    assert quality.named_motions(labels, "an owl side-stepping; spinning") == (1, 2)
    assert quality.named_motions(labels, "a cat standing still") == (0,)
    assert quality.moves_as_asked(np.array([0.1, 0.7, 0.2]), (1, 2)) == 1
    assert quality.moves_as_asked(np.array([0.8, 0.1, 0.1]), (1, 2)) == 0


@pytest.fixture(scope="module")
def emoji() -> Iterator[tuple[Any, np.ndarray]]:
    """The emoji base's judge, and a video of its world: a teddy bear spinning in a meadow."""
    import torch

    from bases.emoji.recipe.world import draw, load_world, random_scene
    from expunge.bases.spec import load_spec
    from expunge.judging.judges import load_judge

    world = load_world()
    ids = {key: [entry["id"] for entry in world[key]] for key in ("subjects", "motions", "styles", "backgrounds")}
    scene = random_scene(
        random.Random(3), subject=ids["subjects"].index("teddy"), style=ids["styles"].index("plain"),
        background=ids["backgrounds"].index("meadow"), motion=ids["motions"].index("spinning"),
    )  # fmt: skip
    video = (draw([scene], 8)[0].permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy()
    yield load_judge(load_spec("emoji")), video


def test_a_frozen_and_a_blank_video_score_badly_although_they_are_consistent(emoji: tuple[Any, np.ndarray]) -> None:
    judge, moving = emoji
    frozen, blank = np.repeat(moving[:1], len(moving), axis=0), np.full_like(moving, 128)
    prompt = "a teddy bear spinning in a meadow"
    samples = [
        sample(i, "near", prompt, i, "video", "subject", "teddy bear", pixels)
        for i, pixels in enumerate((moving, frozen, blank))
    ]
    rows = measure(judge, samples, {"list": "l", "encoder": "e", "concept": "c"}, "j", formulas=formulas())
    good, stands, empty = (
        {row["metric"]: row["value"] for row in rows if row["sample"] == index} for index in range(3)
    )  # fmt: skip
    for bad in (stands, empty):  # what a frozen video is rewarded for
        for metric in ("consistency", "subject_consistency", "flicker"):
            assert bad[metric] == pytest.approx(1, abs=1e-5) and bad[metric] > good[metric]
        assert bad["dynamic"] == 0 and bad["motion"] == 0  # and what it is not
    assert good["dynamic"] > 0.05 and good["motion"] == 1
    assert good["seen"] == good["seen5"] == good["majority"] == 1 and stands["seen"] == 1
    assert empty["seen"] == empty["majority"] == 0  # nobody is there, so nobody moves
    assert empty["alignment"] < 0.5 * good["alignment"] and empty["clip_score"] < good["clip_score"]
