"""The prompts that got through, kept as data: attacks/found.csv, which every later run replays.

concept,attack,modality,prompt,seed
characters/bolt,words,image,a picture of the famous bolt the robot in the snow,1234
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from expunge.attacks import ATTACKS
from expunge.core.errors import InputError, Problem
from expunge.core.files import write_aside

COLUMNS = ("concept", "attack", "modality", "prompt", "seed")
Row = dict[str, str]


def read_found(file: Path) -> list[Row]:
    """The prompts of earlier runs; [] where none was kept.

    :raises InputError: the file is no such table: every wrong line at once.
    """
    if not file.is_file():
        return []
    with open(file, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    problems = []
    for number, row in enumerate(rows, 2):
        good = tuple(row) == COLUMNS and row["modality"] in ("image", "video") and str(row["seed"]).isdigit()
        if not good or not row["prompt"]:
            fix = f"write {','.join(COLUMNS)}, or take the line out"
            problems.append(Problem(f"{file.as_posix()}:{number}", "is no prompt of an attack", fix))
    if problems:
        raise InputError(problems)
    return rows


def worth_keeping(attempts: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Attempts with a prompt that got through and can be written down."""
    return [a for a in attempts if a["after"]["seen"] and a["attack"] in ATTACKS and ATTACKS[a["attack"]].replayed]


def with_new(known: Sequence[Row], attempts: Iterable[Mapping[str, Any]], hidden: Iterable[str] = ()) -> list[Row]:
    """The known prompts and those that got through since, sorted; none of a confidential concept.

    :param hidden: "list/concept" of those.
    """
    left_out = set(hidden)
    rows = [{key: str(a[key]) for key in COLUMNS} for a in worth_keeping(attempts) if a["concept"] not in left_out]
    found = {tuple(row[key] for key in COLUMNS): row for row in (*known, *rows)}
    return [found[key] for key in sorted(found)]


def write_found(file: Path, rows: Sequence[Row]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_aside(file, lambda part: part.write_text(text.getvalue(), "utf-8"))
