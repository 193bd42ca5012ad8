"""Rates with their intervals, as a table: what a gate reads and a comparison compares. `tally.py` makes them.

    low, high = wilson(3, 8)                              (0.137, 0.694)
    write_rates(Path("metrics/rates.csv"), rates)         sorted, 6 significant digits
    read_rates(Path("metrics/rates.csv"))

A share of n samples carries Wilson's interval, a mean over samples the bootstrap's, both of 95 %.
"""

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np

from expunge.core.errors import InputError, Problem
from expunge.core.files import write_aside

Z = 1.959963984540054  # the normal distribution's 97.5 % quantile
DRAWS = 1000  # of the bootstrap


@dataclass(frozen=True, order=True)
class Rate:
    """One number about one encoder, or about one of its concepts."""

    list: str
    encoder: str
    concept: str  # "": the encoder as a whole
    modality: str  # image, video or text (drift)
    metric: str
    value: float
    low: float | None  # the 95 % interval; None where none is meaningful
    high: float | None
    n: int  # samples, or an attack's goals
    before: float | None  # the same with the original encoder; None where that has no sense

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What it is a number of: the columns before `value`."""
        return self.list, self.encoder, self.concept, self.modality, self.metric


COLUMNS = tuple(field.name for field in fields(Rate))
NUMBERS = ("value", "low", "high", "before")


def wilson(successes: float, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927), in [0, 1]; it holds successes / n and does not collapse at 0
    and 1.

    :param successes: of n; not always whole where a share is a mean over frames. :raises ValueError: not 0 <= successes
        <= n, or n < 1.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} are no share")
    share = successes / n
    middle = share + Z**2 / (2 * n)
    spread = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    low, high = (middle - spread) / (1 + Z**2 / n), (middle + spread) / (1 + Z**2 / n)
    return min(max(low, 0.0), share), max(min(high, 1.0), share)


def bootstrap(values: Sequence[float]) -> tuple[float, float] | tuple[None, None]:
    """The 95 % percentile interval of the mean (Efron 1979); the same values, in any order, give the same interval.

    (None, None) for fewer than two values, of which nothing is known.
    """
    if len(values) < 2:
        return None, None
    means = np.sort(np.asarray(values, float))[_drawn(len(values))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@lru_cache(maxsize=64)
def _drawn(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, n, (DRAWS, n))


def harmonic(values: Sequence[float]) -> float:
    """Harmonic mean of values in [0, 1]; 0 where one of them is 0."""
    return len(values) / sum(1 / value for value in values) if values and min(values) > 0 else 0.0


def write_rates(file: Path, rates: Iterable[Rate]) -> None:
    """CSV with the columns of `Rate`, sorted, LF line ends; None is empty, numbers have 6 significant digits.

    :raises ValueError: a number is not finite, or two rates are about the same thing.
    """
    chosen = sorted(rates, key=lambda rate: rate.key)
    for rate in chosen:
        if not all(math.isfinite(n) for n in (getattr(rate, name) for name in NUMBERS) if n is not None):
            raise ValueError(f"{rate} is not finite")
    if len({rate.key for rate in chosen}) < len(chosen):
        raise ValueError("two rates have one key")

    def write(part: Path) -> None:
        with open(part, "w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows([_text(value) for value in astuple(rate)] for rate in chosen)

    write_aside(file, write)


def read_rates(file: Path) -> list[Rate]:
    """What `write_rates` wrote. :raises InputError: the file is missing or has another form."""
    fix = "run `dvc repro`, or take the file from git"
    try:
        with open(file, encoding="utf-8", newline="") as text:
            return [_rate(row) for row in csv.DictReader(text, strict=True)]
    except OSError:
        raise InputError([Problem(file.as_posix(), "cannot be read", fix)]) from None
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError([Problem(file.as_posix(), f"is no table of rates ({error})", fix)]) from None


def _rate(row: dict[str, str]) -> Rate:
    if set(row) != set(COLUMNS):
        raise ValueError(f"the columns are not {', '.join(COLUMNS)}")
    low, high, before = (float(row[name]) if row[name] else None for name in ("low", "high", "before"))
    key = row["list"], row["encoder"], row["concept"], row["modality"], row["metric"]
    return Rate(*key, value=float(row["value"]), low=low, high=high, n=int(row["n"]), before=before)


def _text(value: str | float | int | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
