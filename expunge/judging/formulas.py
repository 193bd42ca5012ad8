"""How good a picture or a video is, from the judge's features and from pixels, without any label.

Features are the judge's image embeddings of length 1 (`judge.features`): (D,) of a picture, (F, D) of a video;
texts have (D,). They come from the base's judge, not from the networks behind published numbers (CLIP ViT-B/32, DINO,
RAFT): compare the values with those of the same base's original encoder, not between bases.

A video that stands still is perfectly consistent and does not flicker, but that is no merit. `dynamic` and
`moves_as_asked` are therefore 0 for it, and `seen` and `clip_score` show that an empty video contains nothing (VBench,
arXiv 2311.17982, has its dynamic degree for the same reason).

numpy is imported where it is used: fast commands read the metrics, which name these functions.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from expunge.judging.vocabulary import Label

if TYPE_CHECKING:
    import numpy as np

NOISE = 16 / 255  # a change of a pixel from frame to frame up to this size counts as the sampler's noise


def depicts(axis: str, name: str) -> str:
    """The text that a picture of something is compared with: Hessel et al. (arXiv 2104.08718) put "A photo depicts"
    before every caption."""
    return f"A photo in the style of {name}" if axis == "style" else f"A photo depicts {name}"


def clip_score(frames: "np.ndarray", text: "np.ndarray") -> float:
    """2.5 max(cos, 0) of picture and text, in [0, 2.5] (Hessel et al.); for a video, the mean over frames.

    :param frames: features (D,) or (F, D). :param text: (D,).
    """
    import numpy as np

    return float(2.5 * np.maximum(frames @ text, 0).mean())


def clip_accuracy(frames: "np.ndarray", target: "np.ndarray", anchors: "np.ndarray") -> float:
    """1 where a picture (a video: the mean over frames) is nearer to the target's text than to the anchor's, else 0.

    Its mean over samples is the CLIP accuracy of Kumari et al. (arXiv 2303.13516). A concept without an
    anchor of its own has several candidates; the nearest one then counts.

    :param frames: (D,) or (F, D). :param target: (D,). :param anchors: (A, D).
    """
    import numpy as np

    flat = np.atleast_2d(frames)
    return float((flat @ target).mean() > (flat @ anchors.T).mean(axis=0).max())


def distance(frames: "np.ndarray", originals: "np.ndarray") -> float:
    """1 - cos to what the original encoder draws for the same prompt and seed, in [0, 2]; for a video, the mean.

    0: the same picture. The judge stands in for LPIPS' network (Zhang et al., arXiv 1801.03924).
    """
    return float(max(0.0, 1 - (frames * originals).sum(-1).mean()))


def kid(new: "np.ndarray", old: "np.ndarray") -> float:
    """Kernel distance of two sets of pictures. Its expectation is 0 for equal distributions; it is unbiased, so it can
    be below 0.

        KID = mean over i != j of k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(x_j, y_i),    k(a, b) = (a b + 1)^3

    (Binkowski et al., arXiv 1801.01401, with Gretton et al. 2012, equation 4). Features have length 1, so that a b is
    their cosine; the kernel's 1 / D belongs to features whose length grows with D. Row i of both has the same prompt
    and seed, so the two sets are not independent. With the pairs i = j included, as for independent sets, two equal
    sets of 16 would have a KID far below 0. Without those pairs it is exactly 0.

    :param new: (n, D), n >= 2. :param old: (n, D), the same samples with the original encoder.
    :raises ValueError: the shapes differ, or n < 2.
    """
    if new.shape != old.shape or len(new) < 2:
        raise ValueError(f"KID needs two sets of pairs, not {new.shape} and {old.shape}")
    import numpy as np

    new, old = new.astype(np.float64), old.astype(np.float64)
    cross = kernel(new, old)
    pairs = kernel(new, new) + kernel(old, old) - cross - cross.T
    return float((pairs.sum() - pairs.trace()) / (len(new) * (len(new) - 1)))


def kernel(a: "np.ndarray", b: "np.ndarray") -> "np.ndarray":
    """(n, m): (a b + 1)^3 of rows of (n, D) and (m, D)."""
    return (a @ b.T + 1) ** 3


def consistency(frames: "np.ndarray") -> float:
    """Mean cosine of neighbouring frames' features (F, D), in [-1, 1]; 1 if nothing changes, as in a frozen video.

    The temporal consistency of Esser et al. (arXiv 2302.03011). :raises ValueError: one frame only.
    """
    _several(frames)
    return float((frames[1:] * frames[:-1]).sum(-1).mean())


def subject_consistency(frames: "np.ndarray") -> float:
    """Mean over frames 2..F of (max(cos to the first, 0) + max(cos to the one before, 0)) / 2, in [0, 1].

    VBench's subject consistency, with the judge in place of DINO: does the subject stay the same? High is good; a
    frozen video has 1 as well. :raises ValueError: one frame only.
    """
    _several(frames)
    first, before = frames[1:] @ frames[0], (frames[1:] * frames[:-1]).sum(-1)
    import numpy as np

    return float((np.maximum(first, 0) + np.maximum(before, 0)).mean() / 2)


def flicker(video: "np.ndarray") -> float:
    """(255 - MAD) / 255 in [0, 1], MAD the mean absolute difference of neighbouring frames (F, H, W, 3) uint8.

    VBench's temporal flickering: high is good, and a video without any change has 1. Motion lowers it a little, too.
    :raises ValueError: one frame only.
    """
    return float(1 - _change(video).mean())


def dynamic(video: "np.ndarray") -> float:
    """How much moves: the share of pixels whose colour changes by more than NOISE from a frame to the next, in [0, 1].

    It replaces VBench's dynamic degree, which reads RAFT's optical flow. It is about 0 for a frozen or blank video.
    Neither high nor low is good, but a value far below the original's means a frozen video.

    :raises ValueError: one frame only.
    """
    return float((_change(video).max(axis=-1) > NOISE).mean())


def named_motions(labels: Sequence[Label], prompt: str) -> tuple[int, ...]:
    """Indices of the motion labels whose name (or id, if there is no name) is in the prompt as whole words."""
    text = " ".join(re.findall(r"\w+", prompt.casefold()))

    def stands(label: Label) -> bool:
        words = (" ".join(re.findall(r"\w+", name.casefold())) for name in label.names or (label.id,))
        return any(f" {word} " in f" {text} " for word in words if word)

    return tuple(index for index, label in enumerate(labels) if stands(label))


def moves_as_asked(chances: "np.ndarray", named: Sequence[int]) -> float:
    """1 where the likeliest motion, of chances (labels,), is one that the prompt names, else 0; the mean over samples
    is motion accuracy."""
    return float(int(chances.argmax()) in named)


def _change(video: "np.ndarray") -> "np.ndarray":
    """Absolute differences of neighbouring frames, (F - 1, H, W, 3) in [0, 1]."""
    _several(video)
    import numpy as np

    return np.abs(np.diff(video.astype(np.float32), axis=0)) / 255


def _several(frames: "np.ndarray") -> None:
    if len(frames) < 2:
        raise ValueError("a video has two frames or more")
