"""Rates with their intervals, as a table: what a gate reads and a comparison compares. `tally.py` makes them.

write_rates(Path("metrics/rates.csv"), rates)         sorted, 6 significant digits
read_rates(Path("metrics/rates.csv"))
"""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

from expunge.core.digest import digest
from expunge.core.errors import InputError, Problem
from expunge.core.files import from_cell, to_cell, write_aside
from expunge.core.unit_names import Name
from expunge.verdicts.csv_rows import read_rows


@dataclass(frozen=True, order=True)
class Rate:
    """One number about one encoder, or about one of its concepts."""

    list: str
    encoder: str
    concept: str  # id; "": the encoder as a whole
    modality: str  # image, video or text (of the encoder itself)
    metric: str
    value: float
    low: float | None  # the 95 % interval; None where none is meaningful
    high: float | None
    n: int  # samples, or an attack's goals
    before: float | None  # the same with the original encoder; None where that has no meaning
    word: str = ""  # of a worst thing: which one, or its code; "" elsewhere

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What the number is about: the columns before `value`."""
        return self.list, self.encoder, self.concept, self.modality, self.metric

    @property
    def name(self) -> str:
        """The encoder as "list/encoder"."""
        return str(Name(self.list, self.encoder))


COLUMNS = tuple(field.name for field in fields(Rate))
NUMBERS = ("value", "low", "high", "before")
_values = attrgetter(*COLUMNS)  # dataclasses.astuple takes twenty times as long


def write_rates(file: Path, rates: Iterable[Rate]) -> None:
    """CSV with the columns of `Rate`, sorted, LF line ends; None is empty, numbers have 6 significant digits.

    :raises ValueError: a number is not finite, or two rates are about the same thing.
    """
    chosen = sorted(rates, key=lambda rate: rate.key)
    for rate in chosen:
        if not _finite(rate):
            raise ValueError(f"{rate} is not finite")
    if len({rate.key for rate in chosen}) < len(chosen):
        raise ValueError("two rates have one key")

    def write(part: Path) -> None:
        with open(part, "w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(map(_row, chosen))

    write_aside(file, write)


def read_rates(file: Path) -> list[Rate]:
    """What `write_rates` wrote, be it an older version without `word`.

    :raises InputError: the file is missing, has another form, or holds a number that is not finite, or two about the
        same thing.
    """
    fix, seen, problems = "run `dvc repro`, or take the file from git", set[tuple[str, ...]](), list[Problem]()
    rates = read_rows(file, _rate, "rates")
    for line, rate in enumerate(rates, 2):
        where = f"{file.as_posix()}:{line}"
        if not _finite(rate):
            problems.append(Problem(where, "holds a number that is not finite", fix))
        if rate.key in seen:
            problems.append(Problem(where, f"is a second row of {', '.join(filter(None, rate.key))}", fix))
        seen.add(rate.key)
    if problems:
        raise InputError(problems)
    return rates


def digest_of_rates(rates: Iterable[Rate]) -> str:
    """The beginning of a digest of their rows."""
    return digest([_row(rate) for rate in sorted(rates, key=lambda rate: rate.key)])[:16]


def _row(rate: Rate) -> list[str]:
    return [*map(_text, _values(rate)[:-1]), to_cell(rate.word)]


def _finite(rate: Rate) -> bool:
    return all(math.isfinite(n) for n in (getattr(rate, name) for name in NUMBERS) if n is not None)


def _rate(row: dict[str, str]) -> Rate:
    if {*row, "word"} != set(COLUMNS):
        raise ValueError(f"the columns are not {', '.join(COLUMNS)}")
    low, high, before = (float(row[name]) if row[name] else None for name in ("low", "high", "before"))
    key = row["list"], row["encoder"], row["concept"], row["modality"], row["metric"]
    return Rate(*key, value=float(row["value"]), low=low, high=high, n=int(row["n"]), before=before,
                word=from_cell(row.get("word", "")))  # fmt: skip


def _text(value: str | float | int | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
