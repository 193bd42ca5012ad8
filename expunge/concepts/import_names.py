"""Finds the name in a row's text: cuts off what is not part of it, and refuses texts that are no names.

Each change adds a note.
"""

import re

from expunge.concepts.import_notes import RowNote
from expunge.concepts.import_rows import ImportedRow
from expunge.concepts.listfile import DraftConcept
from expunge.core.names import bad_character, tidy

MOST_WORDS = 12  # a text of more words is a sentence


def draft_of(
    row: ImportedRow, kind: str, parentheses: str, cut_comma: bool, notes: list[RowNote]
) -> DraftConcept | None:
    """The concept of a row; None where the row is refused.

    :param parentheses: "cut", "alias" or "keep", as in `importer.import_file`. :param cut_comma: drop what follows the
        first comma of the name. :param notes: receives a note about each change.
    """
    refusal = _row_refusal(row, kind)
    name, inside = "", ""
    if refusal is None:
        name, inside = _trim(row.name, row.label, parentheses != "keep", cut_comma, notes)
        refusal = _name_refusal(name)
    if refusal is not None:
        notes.append(RowNote(row.label, "refused", str(row.name), refusal))
        return None
    draft = DraftConcept(row.label, name)
    if inside and parentheses == "alias" and "," not in inside and not inside.lower().startswith("from "):
        draft.aliases.append(inside)
    for values, accepted in ((row.aliases, draft.aliases), (row.neighbours, draft.neighbours)):
        for value in values:
            trimmed, _ = _trim(value, row.label, parentheses != "keep", False, notes)
            why = _name_refusal(trimmed)
            if why is None:
                accepted.append(trimmed)
            else:
                notes.append(RowNote(row.label, "dropped", value, why))
    for value in row.doubtful:
        notes.append(RowNote(row.label, "dropped", value, "the file grades its certainty as low"))
    if row.anchor is not None:
        anchor = tidy(str(row.anchor))
        if anchor and _name_refusal(anchor) is None:
            draft.anchor = anchor
        else:
            notes.append(RowNote(row.label, "dropped", str(row.anchor), "is not an allowed anchor"))
    prompts = [prompt_of(prompt, name, row.label, notes) for prompt in row.prompts]
    draft.prompts += [prompt for prompt in prompts if prompt is not None]
    return draft


def prompt_of(text: str, name: str, label: str, notes: list[RowNote]) -> str | None:
    """A prompt with {} in place of the name; None if the text lacks the name, has braces or is too long."""
    prompt = tidy("".join(c for c in text if bad_character(c) is None))
    filled, times = re.subn(rf"(?<!\w){re.escape(name)}(?!\w)", "{}", prompt, count=1, flags=re.IGNORECASE)
    if not times or "{" in prompt or "}" in prompt or len(prompt) > 500:
        why = f"as a prompt: lacks {name!r}, holds braces or is too long"
        notes.append(RowNote(label, "refused", text, why))
        return None
    return filled


def _row_refusal(row: ImportedRow, kind: str) -> str | None:
    """Why a row cannot be a concept of this kind; `_name_refusal` checks its name."""
    if not isinstance(row.name, str):
        return "is not a text"
    if row.keep:
        return "the file says that it must be kept"
    if row.section is not None and row.section != kind:
        return f"is a {row.section}; import it separately with --kind {row.section}"
    return "holds no name" if not row.name.strip() else None


def _name_refusal(text: str) -> str | None:
    """Why a text cannot be a name, as the end of a sentence; None if it can."""
    if not text:
        return "is empty"
    if "\ufffd" in text:
        return "contains U+FFFD: a letter was read in the wrong encoding"
    if not any(character.isalnum() for character in text):
        return "holds no letter or digit"
    if "{" in text or "}" in text:
        return "holds braces, which stand for the name in prompts"
    if len(text) > 200 or len(text.split()) > MOST_WORDS:
        return f"has more than {MOST_WORDS} words or 200 characters: a sentence, not a name"
    return None


def _trim(text: str, label: str, cut_parentheses: bool, cut_comma: bool, notes: list[RowNote]) -> tuple[str, str]:
    """(a text without the parts that do not belong to a name, the content of its last parentheses)."""
    trimmed, reasons, inside = text, [], ""
    visible = "".join(c for c in trimmed if bad_character(c) is None or c == "\ufffd")
    if visible != trimmed:
        reasons, trimmed = ["invisible characters"], visible
    if cut_comma and "," in trimmed:
        trimmed, _, rest = trimmed.partition(",")
        reasons.append(f"what follows the comma ({rest.strip()})")
    if cut_parentheses and re.search(r"\([^()]*\)", trimmed):
        inside = tidy(re.findall(r"\(([^()]*)\)", trimmed)[-1])
        shorter = tidy(re.sub(r"\([^()]*\)", " ", trimmed))
        if shorter:  # a name that is wholly in parentheses keeps them
            reasons.append(f"parentheses ({inside})")
            trimmed = shorter
    if tidy(trimmed) != trimmed and not reasons:
        reasons.append("blanks" if " ".join(trimmed.split()) != trimmed else "letters written in two parts (NFC)")
    if reasons:
        notes.append(RowNote(label, "trimmed", text, f"to {tidy(trimmed)!r}, without {' and '.join(reasons)}"))
    return tidy(trimmed), inside
