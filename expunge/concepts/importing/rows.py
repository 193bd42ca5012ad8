"""The rows of an imported file, whatever its format."""

from dataclasses import dataclass, field
from typing import Any

from expunge.concepts.decisions import FORGET

MOST_READ = 1_000  # characters of a text in which a name is looked for


@dataclass(slots=True)  # not frozen: that takes thrice as long to make, and a file has many rows
class Row:
    """A row of an imported file, as written. `label` is "row 7" (a line) or "style/monet" (a place in JSON)."""

    label: str
    name: Any
    decision: str = FORGET  # FORGET, KEEP, or the reason why the row is no concept
    aliases: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    anchor: Any = None
    prompts: tuple[str, ...] = ()
    section: str | None = None  # a kind that the file itself gives ("style": {...})
    dropped: tuple[tuple[str, str], ...] = ()  # (word, why it is no alias, probe or neighbour)
    request: dict[str, str] = field(default_factory=dict)  # keys of `concept.Request`
    asks: bool = False  # it is a row of a register, so there is a request even if nothing of it can be read


@dataclass(frozen=True)
class Contents:
    """What was read of a file: its rows, and remarks about the file as a whole."""

    rows: list[Row]
    remarks: list[str] = field(default_factory=list)
