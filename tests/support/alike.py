"""Are pictures the same but for rounding?"""

import numpy as np


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Of uint8 pictures: at most one level of 255 apart, as a batch's size may round on some processors."""
    return one.shape == other.shape and int(np.abs(one.astype(int) - other.astype(int)).max()) <= 1
