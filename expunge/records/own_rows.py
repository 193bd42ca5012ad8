"""The rows of metrics/ that are about one encoder, and their digests: records hold these, and a release the rows."""

import csv
import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

TABLES = ("rates.csv", "frames.csv")  # every number, and the target videos frame by frame


def rows_of(file: Path, encoder: str) -> str:
    """The rows of an encoder ("list/encoder") in a table that begins with the columns list and encoder, with its head.

    :raises OSError: the file cannot be read. :raises ValueError: it is no table.
    """
    head, rows = _by_encoder(file)
    return _text(head, rows.get(encoder, []))


def digests_of_rows(metrics: Path, encoders: Iterable[str]) -> dict[str, dict[str, str | None]]:
    """By encoder: {table: sha256 of the encoder's own rows in it; None: it is not here, or is no table}."""
    found: dict[str, dict[str, str | None]] = {name: {} for name in encoders}
    for table in TABLES:
        try:
            head, rows = _by_encoder(metrics / table)
        except (OSError, ValueError):
            found = {name: {**own, table: None} for name, own in found.items()}
            continue
        for name, own in found.items():
            own[table] = hashlib.sha256(_text(head, rows.get(name, [])).encode()).hexdigest()
    return found


def _by_encoder(file: Path) -> tuple[list[str], dict[str, list[list[str]]]]:
    """(the head of a table, {"list/encoder": its rows})."""
    with open(file, encoding="utf-8", newline="") as lines:
        try:
            head, *rows = list(csv.reader(lines))
        except csv.Error as error:
            raise ValueError(str(error)) from None
    found: dict[str, list[list[str]]] = {}
    for row in rows:
        found.setdefault("/".join(row[:2]), []).append(row)
    return head, found


def _text(head: list[str], rows: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([head, *rows])
    return out.getvalue()
