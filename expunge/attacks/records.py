"""The results of an attack's tries as plain data: attempts.json of each unit of build/attacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from expunge.core.errors import InputError, Problem
from expunge.core.files import BROKEN_JSON, write_json


@dataclass(frozen=True)
class Outcome:
    """What one encoder drew for a try."""

    seen: bool  # does the judge see the concept, in any frame?
    confidence: float  # the judge's, in [0, 1], four digits
    file: str  # the picture, or the strip of a video's frames, below the unit's folder


@dataclass(frozen=True)
class Attempt:
    """A try with both encoders. A goal falls if any of its attempts succeeds."""

    concept: str  # "list/id"
    attack: str
    goal: int
    modality: str
    prompt: str  # a description if embeddings were fed
    seed: int
    before: Outcome | None  # with the original encoder; None: it drew nothing for this try
    after: Outcome


def write_attempts(file: Path, attempts: Sequence[Attempt]) -> None:
    write_json(file, msgspec.to_builtins(list(attempts)))


def read_attempts(file: Path) -> list[Attempt]:
    """What `write_attempts` wrote. :raises InputError: the file is missing or has another form."""
    fix = "run `dvc repro attack`, or `dvc pull`"
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[Attempt])
    except OSError:
        raise InputError([Problem(file.as_posix(), "is missing", fix)]) from None
    except BROKEN_JSON as error:
        raise InputError([Problem(file.as_posix(), f"is no list of attempts ({error})", fix)]) from None
