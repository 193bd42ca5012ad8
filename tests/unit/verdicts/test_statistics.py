"""Intervals against published and reference values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from expunge.verdicts.statistics import DRAWS, bootstrap, harmonic, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (0, 8, 0.0, 0.3244076), (3, 8, 0.1368443, 0.6942576), (8, 8, 0.6755924, 1.0), (1, 1, 0.2065493, 1.0),
        (81, 263, 0.2552885, 0.3662096),  # also table I of Newcombe 1998, method 3: 0.2553 to 0.3662
    ],
)  # fmt: skip
def test_wilson_is_the_reference(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=1e-6)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_wilson_holds_the_share_and_mirrors(n: int, part: float) -> None:
    successes = round(part * n)
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1 and high > low
    assert wilson(n - successes, n) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@pytest.mark.parametrize(("successes", "n"), [(1, 0), (-1, 4), (5, 4), (0.5, 4)])
def test_no_share_has_no_interval(successes: float, n: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(successes, n)


def test_bootstrap_agrees_with_the_normal_interval_of_many_values() -> None:
    values = np.random.default_rng(5).normal(3, 1, 400)
    low, high = bootstrap(list(values))
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)
    assert bootstrap(list(values[::-1])) == (low, high)
    assert bootstrap([1.0]) == (None, None) and bootstrap([2.0, 2.0]) == (2.0, 2.0)


def test_harmonic_mean_by_hand() -> None:
    assert harmonic([0.5, 1.0]) == pytest.approx(2 / 3)
    assert harmonic([0.9, 0.6, 0.3]) == pytest.approx(3 / (1 / 0.9 + 1 / 0.6 + 1 / 0.3))
    assert harmonic([0.0, 1.0]) == 0 and harmonic([]) == 0


def test_the_bootstrap_draws_as_it_always_did() -> None:
    """Committed tables rest on these draws: each a row of indices from the generator of seed 0."""
    values = np.sort(np.random.default_rng(7).random(16))
    means = values[np.random.default_rng(0).integers(0, 16, (DRAWS, 16))].mean(axis=1)
    assert bootstrap(list(values)) == tuple(np.percentile(means, [2.5, 97.5]))


@given(st.integers(1, 500), st.floats(0, 1))
def test_wilson_is_scipys(n: int, part: float) -> None:
    successes = round(part * n)
    interval = stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson(successes, n) == pytest.approx((interval.low, interval.high), abs=1e-12)


@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=40))
def test_means_are_scipys(values: list[float]) -> None:
    assert harmonic(values) == pytest.approx(stats.hmean(values), rel=1e-12)
    drawn = stats.bootstrap(
        (np.sort(np.asarray(values)),), np.mean, n_resamples=DRAWS, method="percentile", vectorized=True,
        rng=np.random.default_rng(0),
    ).bootstrap_distribution  # fmt: skip
    assert bootstrap(values) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])), rel=1e-12)
