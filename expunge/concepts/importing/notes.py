"""What became of each row of an imported file, and a summary for people."""

from collections.abc import Sequence
from dataclasses import dataclass

ACTIONS = ("merged", "trimmed", "dropped", "refused", "kept")
MOST_LINES = 20  # of concepts in a summary


@dataclass(frozen=True)
class RowNote:
    """What became of a row: one of ACTIONS ("dropped" is a part of it, "refused" all of it), or "left whole"."""

    row: str  # its label
    what: str
    text: str
    why: str
    into: str = ""  # merged: the label of the row that stays

    def __str__(self) -> str:
        return f"{self.row}: {self.what} {self.text!r}: {self.why}"


def summary(notes: Sequence[RowNote], names: Sequence[tuple[str, str]]) -> list[str]:
    """The notes in few lines: one for each concept, and one for each reason for which rows were refused.

    :param names: (label of its row, name) of each concept that was imported.
    """
    into = {note.row: note.into for note in notes if note.into}
    of_concepts, of_reasons = dict[str, list[RowNote]](), dict[str, list[RowNote]]()
    name_of = dict(names)
    for note in notes:
        row = into.get(note.row, note.row)
        if row in name_of and note.what != "refused":
            of_concepts.setdefault(row, []).append(note)
        else:
            reason = f"{note.what}: {note.why}" if note.what == "refused" else note.what
            of_reasons.setdefault(reason, []).append(note)
    lines = [_of_one_concept(f"{row} {name_of[row]!r}", some) for row, some in of_concepts.items()]
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [f"... and {len(lines) - MOST_LINES:,} more concepts; --verbose lists every row"]
    for reason, some in of_reasons.items():
        rows = ", ".join(note.row for note in some[:3])
        more = f"{len(some):,} times {reason} ({rows}, ...)" if len(some) > 3 else f"{reason} ({rows})"
        lines.append(str(some[0]) if len(some) == 1 else more)
    return lines


def _of_one_concept(label: str, notes: list[RowNote]) -> str:
    if len(notes) == 1:
        return str(notes[0])
    actions = [note.what for note in notes]
    return f"{label}: {', '.join(f'{actions.count(each)} {each}' for each in dict.fromkeys(actions))}"
