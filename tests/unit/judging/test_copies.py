"""Copies of a memorised picture: seen through noise, blur and contrast; other pictures are none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.judging.copies import COPY, SIDE, likeness, reference, thumbnails


def picture(seed: int, size: int = 64) -> np.ndarray:
    """Blocks of colour, as pictures of things are, not noise."""
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return np.repeat(np.repeat(blocks, size // 8, axis=0), size // 8, axis=1)


@given(st.integers(0, 10_000), st.floats(0.3, 1.0), st.integers(0, 100))
def test_noise_and_contrast_hide_no_copy(seed: int, contrast: float, shift: int) -> None:
    noise = np.random.default_rng(seed + 1).normal(0, 15, (64, 64, 3))
    changed = (picture(seed) * contrast + shift * (1 - contrast) + noise).clip(0, 255).astype(np.uint8)
    assert likeness(changed, picture(seed)) > COPY
    assert abs(likeness(picture(seed + 20_000), picture(seed))) < COPY


def test_by_hand() -> None:
    half = np.zeros((SIDE, SIDE, 3), np.uint8)
    half[: SIDE // 2] = 200
    assert likeness(half, half) == pytest.approx(1) and likeness(200 - half, half) == pytest.approx(-1)
    assert likeness(np.full_like(half, 9), half) == 0  # one colour is like nothing
    big = np.repeat(np.repeat(half, 4, axis=0), 4, axis=1)
    assert likeness(np.stack([big, big[::-1]]), half) == pytest.approx([1, -1])


def test_any_size_and_video_shapes() -> None:
    assert thumbnails(np.zeros((2, 5, 33, 70, 3), np.uint8)).shape == (2, 5, SIDE * SIDE * 3)
    for wrong in (np.zeros((8, 8, 3), np.uint8), np.zeros((64, 64, 3)), np.zeros((64, 64), np.uint8)):
        with pytest.raises(ValueError, match="pictures must be uint8"):
            thumbnails(wrong)


def test_the_reference_is_what_most_pictures_share() -> None:
    assert np.array_equal(reference(np.stack([picture(0), picture(0), picture(1)])), picture(0))
