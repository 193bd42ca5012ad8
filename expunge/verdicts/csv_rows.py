"""Reads the CSV tables of metrics/ row by row, with one error for whatever is wrong with a file."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from expunge.core.errors import InputError, Problem

T = TypeVar("T")


def read_rows(file: Path, of_row: Callable[[dict[str, str]], T], what: str) -> list[T]:
    """`of_row` of each row. :param what: what the file should hold, such as "rates".

    :raises InputError: the file cannot be read, or `of_row` refused a row.
    """
    fix = "run `dvc repro`, or take the file from git"
    try:
        with open(file, encoding="utf-8", newline="") as text:
            return [of_row(row) for row in csv.DictReader(text, strict=True)]
    except OSError:
        raise InputError([Problem(file.as_posix(), "cannot be read", fix)]) from None
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError([Problem(file.as_posix(), f"is no table of {what} ({error})", fix)]) from None
