"""Intervals and means of what was measured; the formulas are scipy's.

    low, high = wilson(3, 8)                              (0.137, 0.694)

Loads scipy, which takes a second: `expunge gate` and `compare`, which only read numbers, leave this module alone.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import stats

DRAWS = 1000  # of the bootstrap


def wilson(successes: float, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927), in [0, 1]; it holds successes / n and does not collapse at 0
    and 1.

    :param successes: a whole number of n. :raises ValueError: it is not, or not 0 <= successes <= n, or n < 1.
    """
    if n < 1 or not 0 <= successes <= n or successes != int(successes):
        raise ValueError(f"{successes} successes of {n} are no share")
    return _wilson(int(successes), n)


@lru_cache(maxsize=65536)
def _wilson(successes: int, n: int) -> tuple[float, float]:
    interval = stats.binomtest(successes, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def bootstrap(values: Sequence[float]) -> tuple[float, float] | tuple[None, None]:
    """The 95 % percentile interval of the mean (Efron 1979); the same values, in any order, give the same interval.

    (None, None) for fewer than two values, which say nothing about the spread.
    """
    if len(values) < 2:
        return None, None
    means = stats.bootstrap(
        (np.sort(np.asarray(values, float)),), np.mean, n_resamples=DRAWS, method="percentile", vectorized=True,
        rng=np.random.default_rng(0),
    ).bootstrap_distribution  # fmt: skip
    low, high = np.percentile(means, [2.5, 97.5])  # scipy's own quantiles round a tie in the sixth digit the other way
    return float(low), float(high)


def harmonic(values: Sequence[float]) -> float:
    """Harmonic mean of values in [0, 1]; 0 where one of them is 0, or where there are none."""
    return float(stats.hmean(values)) if values and min(values) > 0 else 0.0
