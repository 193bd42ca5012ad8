"""Intervals and means of what was measured.

    low, high = wilson(3, 8)                              (0.137, 0.694)

scipy.stats has the same functions, and the tests compare with it; to import it takes a second in each stage.
"""

from collections.abc import Sequence

import numpy as np

DRAWS = 1000  # of the bootstrap
Z = 1.959963984540054  # of the normal distribution, 95 % lie within so many standard deviations


def wilson(successes: float, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927), in [0, 1]; it holds successes / n and does not collapse at 0
    and 1.

    :param successes: a whole number of n. :raises ValueError: it is not, or not 0 <= successes <= n, or n < 1.
    """
    if n < 1 or not 0 <= successes <= n or successes != int(successes):
        raise ValueError(f"{successes} successes of {n} are no share")
    share, denominator = successes / n, 1 + Z**2 / n
    middle = (share + Z**2 / (2 * n)) / denominator
    half = Z * ((share * (1 - share) + Z**2 / (4 * n)) / n) ** 0.5 / denominator
    low = 0.0 if successes == 0 else middle - half  # without a rounding's remainder
    return low, 1.0 if successes == n else middle + half


def bootstrap(values: Sequence[float]) -> tuple[float, float] | tuple[None, None]:
    """The 95 % percentile interval of the mean (Efron 1979); the same values, in any order, give the same interval.

    (None, None) for fewer than two values, which say nothing about the spread.
    """
    if len(values) < 2:
        return None, None
    ordered, n = np.sort(np.asarray(values, float)), len(values)
    means = ordered[np.random.default_rng(0).integers(0, n, (DRAWS, n))].mean(axis=-1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def harmonic(values: Sequence[float]) -> float:
    """Harmonic mean of values in [0, 1]; 0 where one of them is 0, or where there are none."""
    return len(values) / sum(1 / value for value in values) if values and min(values) > 0 else 0.0
