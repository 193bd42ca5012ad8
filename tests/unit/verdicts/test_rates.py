"""Intervals against published and reference values, and the table of rates."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.core.errors import InputError
from expunge.verdicts.rates import COLUMNS, Rate, bootstrap, harmonic, read_rates, wilson, write_rates


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [  # scipy.stats.binomtest(k, n).proportion_ci(method="wilson")
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


@pytest.mark.parametrize(("successes", "n"), [(1, 0), (-1, 4), (5, 4)])
def test_no_share_has_no_interval(successes: int, n: int) -> None:
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


names = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=8)
number = st.floats(-1e6, 1e6, allow_nan=False)
maybe = st.none() | number
rates = st.builds(Rate, names, names, names, names, names, number, maybe, maybe, st.integers(0, 10**6), maybe)


@settings(max_examples=40, deadline=None)
@given(st.lists(rates, max_size=6, unique_by=lambda rate: rate.key))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, some: list[Rate]) -> None:
    file = tmp_path_factory.mktemp("rates") / "metrics" / "rates.csv"
    write_rates(file, some)
    found, first = read_rates(file), file.read_bytes()
    assert [rate.key for rate in found] == sorted(rate.key for rate in some)
    for rate, own in zip(found, sorted(some, key=lambda rate: rate.key), strict=True):
        assert rate.n == own.n and rate.value == pytest.approx(own.value, rel=1e-5, abs=1e-300)
        assert (rate.low is None, rate.before is None) == (own.low is None, own.before is None)
    write_rates(file, reversed(found))
    assert file.read_bytes() == first and b"\r" not in first


def test_the_table_as_text(tmp_path: Path) -> None:
    write_rates(tmp_path / "a.csv", [Rate("l", "e", "", "image", "target", 1 / 3, None, 0.5, 3, None)])
    assert (tmp_path / "a.csv").read_text() == ",".join(COLUMNS) + "\nl,e,,image,target,0.333333,,0.5,3,\n"


def test_wrong_rates_and_files_are_refused(tmp_path: Path) -> None:
    good = Rate("l", "e", "", "image", "target", 0.5, 0.1, 0.9, 3, None)
    with pytest.raises(ValueError, match="one key"):
        write_rates(tmp_path / "a.csv", [good, good])
    with pytest.raises(ValueError, match="not finite"):
        write_rates(tmp_path / "a.csv", [Rate(*good.key, float("nan"), None, None, 3, None)])
    assert not (tmp_path / "a.csv").exists()
    with pytest.raises(InputError, match="cannot be read"):
        read_rates(tmp_path / "a.csv")
    for text in ("list,encoder\nl,e\n", ",".join(COLUMNS) + "\nl,e,,image,target,much,,,3,\n"):
        (tmp_path / "a.csv").write_text(text)
        with pytest.raises(InputError, match="no table of rates"):
            read_rates(tmp_path / "a.csv")
