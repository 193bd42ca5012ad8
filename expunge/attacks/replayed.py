"""Prompts that brought a concept back, kept as data: attacks/found.csv, which every later run replays.

concept,attack,modality,prompt,seed
characters/bolt,words,image,a picture of the famous bolt the robot in the snow,1234
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from expunge.attacks import ATTACKS
from expunge.attacks.records import Attempt
from expunge.core.errors import InputError, Problem
from expunge.core.files import from_cell, write_csv
from expunge.core.schema import did_you_mean, short

REPLAY = "replay"  # the name of attempts with kept prompts, in place of an attack's name
LONGEST_LINE = 10_000  # characters; a prompt has 500 at the most
COLUMNS = ("concept", "attack", "modality", "prompt", "seed")


@dataclass(frozen=True)
class KeptPrompt:
    """A line of the table."""

    concept: str  # "list/id"
    attack: str  # the attack that found it
    modality: str  # "image" or "video"
    prompt: str
    seed: int

    @property
    def place(self) -> tuple[str, ...]:
        """Its sort key: the table is sorted as text."""
        return (self.concept, self.attack, self.modality, self.prompt, str(self.seed))


def read_kept(file: Path) -> list[KeptPrompt]:
    """The prompts of earlier runs; [] if there is no file.

    :raises InputError: the file is no such table; the error lists every wrong line.
    """
    if not file.is_file():
        return []
    prompts, problems = [], list[Problem]()
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = "is not UTF-8" if isinstance(error, ValueError) else f"cannot be read ({error.strerror})"
        raise InputError([Problem(file.as_posix(), what, "take it from git, or save it as UTF-8")]) from None
    if (longest := max(map(len, text.splitlines()), default=0)) > LONGEST_LINE:
        raise InputError([Problem(file.as_posix(), f"has a line of {longest:,} characters", "take it out")])
    with io.StringIO(text, newline="") as lines:
        reader = csv.DictReader(lines)
        problems += _header_problems(file.as_posix(), reader.fieldnames or ())
        before = reader.line_num
        for row in () if problems else reader:
            where, before = f"{file.as_posix()}:{before + 1}", reader.line_num
            wrong = [Problem(where, what, fix) for what, fix in _wrong(row)]
            problems += wrong
            if not wrong:
                prompts.append(
                    KeptPrompt(
                        row["concept"], row["attack"], row["modality"], from_cell(row["prompt"]), int(row["seed"])
                    )
                )
    if problems:
        raise InputError(problems)
    return prompts


def write_kept(file: Path, prompts: Sequence[KeptPrompt]) -> None:
    write_csv(file, map(asdict, prompts), COLUMNS)


def worth_keeping(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Attempts that brought the concept back, of attacks whose prompts can be replayed."""
    return [a for a in attempts if a.after.seen and a.attack in ATTACKS and ATTACKS[a.attack].replayed]


def _header_problems(where: str, names: Sequence[str]) -> Iterator[Problem]:
    if tuple(names) != COLUMNS:
        wrong = next((name for name in names if name not in COLUMNS), None)
        near = f" ({did_you_mean(wrong, list(COLUMNS))} for {short(wrong)})" if wrong else ""
        yield Problem(f"{where}:1", "is no header of this table", f"write {','.join(COLUMNS)}{near}")


def _wrong(row: dict[Any, Any]) -> Iterator[tuple[str, str]]:
    """(what, fix) for each wrong value of a line."""
    if None in row or None in row.values():
        yield "has too many or too few values", f"write {','.join(COLUMNS)}, in quotes what holds a comma"
        return
    for key, names in (("modality", ["image", "video"]), ("attack", list(ATTACKS))):
        if row[key] not in names:
            yield f"`{key}` is {short(row[key])}", did_you_mean(row[key], names)
    if not row["prompt"]:
        yield "has no prompt", "write one, or take the line out"
    if not (row["seed"].isascii() and row["seed"].isdigit() and len(row["seed"]) <= 18):
        yield f"`seed` is {short(row['seed'])}", "write a whole number of 18 digits at the most"
