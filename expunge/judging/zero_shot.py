"""Does a picture or a video show what was asked?

seen = sees(judge, images, "subject", ["owl", "bolt the robot"])       images (2, H, W, 3) uint8
seen.top1, seen.margin, seen.confidence                                each (2,)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from expunge.judging.judge import Judge, classify, find_labels


@dataclass(frozen=True)
class Seen:
    """Per picture (N,) or, for videos judged frame by frame, per frame (N, F)."""

    top1: np.ndarray  # bool: the likeliest label is one that was asked for
    margin: np.ndarray  # [-1, 1]: probability of the asked label minus that of the best other
    confidence: np.ndarray  # [0, 1]: probability of the labels asked for
    top5: np.ndarray | None = None  # bool: a label that was asked for is among the five likeliest; None: no ranking


def sees(
    judge: Judge,
    frames: np.ndarray,
    axis: str,
    names: Sequence[str | Sequence[str]],
    encoded: np.ndarray | None = None,
) -> Seen:
    """Does each picture (or video) show what was asked?

    :param frames: as `classify` takes them; so is `encoded`.
    :param names: what is asked of each of the N samples, a name or several; any label that one of them means counts.
    :raises InputError: a name is unknown; see `with_names`.
    """
    if len(names) != len(frames):
        raise ValueError(f"{len(names)} names for {len(frames)} samples")
    chances = classify(judge, frames, axis, encoded)
    asked = np.zeros((len(frames), len(judge.labels[axis])), bool)
    for row, name in zip(asked, names, strict=True):
        for each in [name] if isinstance(name, str) else name:
            row[list(find_labels(judge, axis, each))] = True
    if chances.ndim == 3:
        asked = np.broadcast_to(asked[:, None], chances.shape)
    best = np.where(asked, chances, 0).max(axis=-1)
    rest = np.where(asked, 0, chances).max(axis=-1)
    confidence = np.where(asked, chances, 0).sum(axis=-1)
    top1 = np.take_along_axis(asked, chances.argmax(axis=-1, keepdims=True), axis=-1)[..., 0]
    five = (-chances).argsort(axis=-1, kind="stable")[..., :5]
    top5 = np.asarray(np.take_along_axis(asked, five, axis=-1).any(axis=-1))
    return Seen(top1, best - rest, np.minimum(confidence, 1), top5)


def sees_both(judge: Judge, frames: np.ndarray, axis: str, first: Sequence[str], second: Sequence[str]) -> np.ndarray:
    """(N,) or (N, F) bool: for a scene with two things, does one crop show the first and the other the second?

    The crops are squares of 9/16 of the height, at the left and right ends of the middle band. A judge's single
    embedding of the whole picture lies between the two things, and often nearest to neither (docs/emoji.md).
    """
    left, right = (classify(judge, glance, axis).argmax(-1) for glance in _glances(frames))

    def shows(likeliest: np.ndarray, names: Sequence[str]) -> np.ndarray:
        rows = [np.isin(row, find_labels(judge, axis, name)) for row, name in zip(likeliest, names, strict=True)]
        return np.array(rows, bool).reshape(likeliest.shape)

    return (shows(left, first) & shows(right, second)) | (shows(left, second) & shows(right, first))


def sees_at_a_glance(
    judge: Judge,
    frames: np.ndarray,
    axis: str,
    names: Sequence[str | Sequence[str]],
    encoded: np.ndarray | None = None,
) -> Seen:
    """As `sees`, of pictures with another thing at the side: one look at the whole or at one of the two crops of
    `sees_both` is enough, and the highest margin and confidence count. It ranks nothing."""
    left, right = _glances(frames)
    looks = [sees(judge, frames, axis, names, encoded), *(sees(judge, glance, axis, names) for glance in (left, right))]
    top1, margin, confidence = (
        np.stack([getattr(look, each) for look in looks]) for each in ("top1", "margin", "confidence")
    )
    return Seen(np.any(top1, axis=0), np.max(margin, axis=0), np.max(confidence, axis=0))


def _glances(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The left and the right crop of pictures or videos (..., H, W, 3)."""
    height, width = frames.shape[-3:-1]
    side = min(width, round(height * 9 / 16))
    band = frames[..., (height - side) // 2 : (height + side) // 2, :, :]
    return band[..., :side, :], band[..., -side:, :]
