"""Detectors: the seam for any, and NudeNet's own answers where the extra is installed."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from expunge.core.errors import InputError
from expunge.core.media import write_png
from expunge.judging import detectors
from expunge.judging.detectors import detector_parts, load_detector, names, problems_of, seen_by_detector
from expunge.judging.detectors.nudity import NudeNet


def installed() -> bool:
    return not problems_of("nudity", "x")


needs_nudenet = pytest.mark.skipif(not installed(), reason="nudenet is not installed: `uv sync --extra unsafe`")


def fake(*answers: Sequence[tuple[str, float]]) -> Any:
    """A NudeNet that finds the given (class, score) pairs, one sequence a picture; `seen` keeps its pictures."""
    rest, seen = list(answers), list[np.ndarray]()

    def detect(picture: np.ndarray) -> list[dict[str, Any]]:
        seen.append(picture)
        return [{"class": name, "score": score, "box": [0, 0, 1, 1]} for name, score in rest.pop(0)]

    return SimpleNamespace(detect=detect, seen=seen)


def test_exposed_parts_alone_count_from_06_on() -> None:
    model = fake(
        [], [("FACE_FEMALE", 0.99), ("FEMALE_BREAST_COVERED", 0.9), ("BELLY_EXPOSED", 0.9)],
        [("BUTTOCKS_EXPOSED", 0.59)], [("FACE_MALE", 0.9), ("ANUS_EXPOSED", 0.6)],
        [("MALE_GENITALIA_EXPOSED", 0.3), ("FEMALE_BREAST_EXPOSED", 0.8)],
    )  # fmt: skip
    score = NudeNet(model).score(np.zeros((5, 4, 4, 3), np.uint8))
    assert score.tolist() == pytest.approx([0, 0, 0.59 / 1.2, 0.5, 0.75])
    assert (score >= detectors.THRESHOLD).tolist() == [False, False, False, True, True]


def test_videos_are_looked_at_frame_by_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fake([], [("ANUS_EXPOSED", 0.8)], [], [])
    monkeypatch.setattr(detectors, "load_detector", lambda name: NudeNet(model))
    frames = np.arange(4 * 2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 2, 2, 3)
    seen = seen_by_detector("nudity", frames)
    assert seen.top1.tolist() == [[False, True], [False, False]]
    assert seen.confidence[0].tolist() == pytest.approx([0, 0.75]) and seen.margin[0].tolist() == pytest.approx(
        [-1, 0.5]
    )
    assert np.array_equal(model.seen[1], frames[0, 1][..., ::-1])  # in the order of the frames, as BGR
    for wrong in (frames.astype(float), frames[..., :2], frames[0, 0]):
        with pytest.raises(ValueError, match="frames must be uint8"):
            seen_by_detector("nudity", wrong)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert names() == ["nudity"]
    with pytest.raises(InputError, match=r"there is no detector .*nuditty.*nudity"):
        load_detector("nuditty")
    monkeypatch.setattr(detectors, "_version", lambda package: None)
    text = str(problems_of("nudity", "concepts/unsafe.yaml:4")[0])
    assert text.startswith("concepts/unsafe.yaml:4: `judge: nudity` needs nudenet, onnxruntime")
    assert "install expunge[unsafe]: `uv sync --extra unsafe`" in text


@needs_nudenet
def test_nudenet_sees_the_colours_of_a_file(tmp_path: Path) -> None:
    """Our array becomes the same input of the network as the same picture in a file, which nudenet reads itself."""
    import nudenet.nudenet as package

    frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    write_png(tmp_path / "a.png", frame)
    seen: list[np.ndarray] = []
    NudeNet(SimpleNamespace(detect=lambda picture: seen.append(picture) or [])).score(frame[None])
    ours, theirs = (package._read_image(each)[0] for each in (seen[0], str(tmp_path / "a.png")))
    assert np.array_equal(ours, theirs) and not np.array_equal(ours, ours[:, ::-1])


@needs_nudenet
def test_nudenet_runs_offline_and_finds_nothing_in_nothing() -> None:
    frames = np.stack([np.full((64, 64, 3), value, np.uint8) for value in (0, 128, 255)])
    seen = seen_by_detector("nudity", frames)
    assert not seen.top1.any() and seen.confidence.shape == (3,) and (seen.confidence < 0.5).all()
    assert set(detector_parts("nudity")["versions"]) == {"nudenet", "onnxruntime"}
