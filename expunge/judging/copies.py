"""Is a picture a copy of a memorised one? Comparing thumbnails makes the answer robust to blur and noise.

    kept = reference(originals)                what the model draws for the caption whatever the noise
    copied = likeness(pictures, kept) > COPY

Kumari et al. (arXiv 2303.13516, section 4.3) use SSCD descriptors with a threshold of 0.5. No such network fits a base
of 64 px, and pixels suffice if copies agree pixel for pixel: the likeness is the zero-mean normalised cross-correlation
of thumbnails.
"""

import numpy as np

SIDE = 16  # px of a thumbnail's side
COPY = 0.75  # likeness above which a picture is a copy: on the emoji base copies reach 0.98 or more, others 0.3


def thumbnails(pictures: np.ndarray) -> np.ndarray:
    """(..., H, W, 3) uint8 -> (..., SIDE * SIDE * 3) float64 of mean 0 and length 1 (0 for a picture of one colour).

    :raises ValueError: the pictures have another shape or type, or are smaller than a thumbnail.
    """
    shape = pictures.shape
    if pictures.dtype != np.uint8 or len(shape) < 3 or shape[-1] != 3 or min(shape[-3:-1]) < SIDE:
        raise ValueError(f"pictures must be uint8 (..., H, W, 3) of {SIDE} px or more, not {pictures.dtype} {shape}")
    rows, columns = (np.linspace(0, size, SIDE + 1).astype(int)[:-1] for size in shape[-3:-1])
    sums = np.add.reduceat(np.add.reduceat(pictures.astype(np.float64), rows, axis=-3), columns, axis=-2)
    areas = np.outer(np.diff([*rows, shape[-3]]), np.diff([*columns, shape[-2]]))
    flat = (sums / areas[..., None]).reshape(*shape[:-3], -1)
    flat -= flat.mean(-1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), 1e-9)


def reference(originals: np.ndarray) -> np.ndarray:
    """(N, H, W, 3) uint8, drawn for one caption from N seeds -> (H, W, 3) uint8: their median."""
    return np.median(originals, axis=0).round().astype(np.uint8)


def likeness(pictures: np.ndarray, memorised: np.ndarray) -> np.ndarray:
    """Correlations in [-1, 1], shape (...), of (..., H, W, 3) uint8 pictures with one picture (H', W', 3) uint8."""
    return thumbnails(pictures) @ thumbnails(memorised)
