"""The rows of metrics/ that are about one encoder, and their digests: records hold these, and a release the rows."""

import csv
import hashlib
import io
from pathlib import Path

from expunge.core.unit_names import Name

TABLES = ("rates.csv", "frames.csv")  # every number, and the target videos frame by frame


def rows_of(file: Path, encoder: str) -> str:
    """The rows of an encoder ("list/encoder") in a table that begins with the columns list and encoder, with its head.

    :raises OSError: the file cannot be read. :raises ValueError: it is no table.
    """
    name = Name.parse(encoder)
    with open(file, encoding="utf-8", newline="") as lines:
        try:
            head, *rows = list(csv.reader(lines))
        except csv.Error as error:
            raise ValueError(str(error)) from None
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([head, *(row for row in rows if row[:2] == [name.list, name.id])])
    return out.getvalue()


def digests_of_rows(metrics: Path, encoder: str) -> dict[str, str | None]:
    """{table: sha256 of the encoder's own rows in it; None: it is not here, or is no table}."""
    found = dict[str, str | None]()
    for table in TABLES:
        try:
            found[table] = hashlib.sha256(rows_of(metrics / table, encoder).encode()).hexdigest()
        except (OSError, ValueError):
            found[table] = None
    return found
