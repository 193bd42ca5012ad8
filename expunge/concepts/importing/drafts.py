"""Makes unfinished concepts of rows: the names cleaned, other words sorted out, with a note about each change."""

import re
from dataclasses import dataclass

from expunge.concepts.checks_of_requests import TIMES
from expunge.concepts.decisions import FORGET, KEEP, objection
from expunge.concepts.importing.cleaning import Cleaned, clean, name_refusal
from expunge.concepts.importing.notes import RowNote
from expunge.concepts.importing.order import turned
from expunge.concepts.importing.rows import Row
from expunge.concepts.listfile import DraftConcept
from expunge.core.names import bad_character, tidy
from expunge.core.times import EXAMPLE, begin, has_form, is_before

LONGEST = 500  # characters of a line, as in schema.json
REQUIRED = ("id", "received", "basis", "decision")


@dataclass(frozen=True)
class Choices:
    """How names are cleaned."""

    kind: str
    parentheses: str = "cut"  # "cut", "alias" or "keep"
    comma: str | None = None  # "cut" or "keep" of what follows the first comma; None: see `by_default`
    by_default: str = "keep"  # "role": cut what begins with a small letter, refuse the rest; "keep"
    turn: bool = False  # names are "Last, First"
    last_first: bool = False  # names read like "Last, First", and nobody said what to do
    patterns: bool = False  # the file holds regular expressions


@dataclass
class Drafted:
    """A concept of a row, and what was cut from its name."""

    draft: DraftConcept
    cleaned: Cleaned
    keep: bool


def draft_of(row: Row, choices: Choices, notes: list[RowNote]) -> Drafted | None:
    """The concept of a row, or the name to keep; None if the row is refused."""
    refusal = _row_refusal(row, choices)
    text = "" if refusal is not None else str(row.name)
    if refusal is None and "," in text:
        refusal, text = _order(text, row.label, choices, notes)
    cut = choices.comma == "cut" or (choices.comma is None and choices.by_default == "role")
    cleaned = Cleaned("")
    if refusal is None:
        cleaned = clean(text, row.label, choices.parentheses != "keep", cut and not choices.turn, notes)
        refusal = name_refusal(cleaned.name, choices.patterns) or _cut_decision(cleaned)
    if refusal is not None:
        notes.append(RowNote(row.label, "refused", str(row.name), refusal))
        return None
    draft = DraftConcept(row.label, cleaned.name)
    if row.decision == KEEP:
        notes.append(RowNote(row.label, "kept", draft.name, "the file says that it must stay"))
        return Drafted(draft, cleaned, True)
    inside = cleaned.inside
    if inside and choices.parentheses == "alias" and "," not in inside and not inside.lower().startswith("from "):
        draft.aliases.append(inside)
    for values, accepted in (
        (row.aliases, draft.aliases), (row.probes, draft.probes), (row.neighbours, draft.neighbours)
    ):  # fmt: skip
        for value in values:
            other = clean(value, row.label, choices.parentheses != "keep", False, notes).name
            if (why := name_refusal(other, choices.patterns)) is None:
                accepted.append(other)
            else:
                notes.append(RowNote(row.label, "dropped", value, why))
    notes += [RowNote(row.label, "dropped", value, why) for value, why in row.dropped]
    if row.anchor is not None:
        anchor = tidy(str(row.anchor))
        if isinstance(row.anchor, str) and name_refusal(anchor) is None:
            draft.anchor = anchor
        else:
            notes.append(RowNote(row.label, "dropped", str(row.anchor), "is not an allowed anchor"))
    prompts = [prompt_of(prompt, cleaned.name, row.label, notes) for prompt in row.prompts]
    draft.prompts += [prompt for prompt in prompts if prompt is not None]
    draft.request = _complete(row, notes)
    return Drafted(draft, cleaned, False)


def prompt_of(text: str, name: str, label: str, notes: list[RowNote]) -> str | None:
    """A prompt with {} in place of the name; None if the text lacks the name, has braces or is too long."""
    prompt = tidy("".join(c for c in text if bad_character(c) is None))
    filled, times = re.subn(rf"(?<!\w){re.escape(name)}(?!\w)", "{}", prompt, count=1, flags=re.IGNORECASE)
    if not times or "{" in prompt or "}" in prompt or len(prompt) > 500:
        why = f"cannot be a prompt: it lacks {name!r}, has braces, or is over 500 characters"
        notes.append(RowNote(label, "refused", text, why))
        return None
    return filled


def _row_refusal(row: Row, choices: Choices) -> str | None:
    """Why a row cannot be a concept of this kind; `name_refusal` checks its name."""
    if not isinstance(row.name, str):
        return "is not a text"
    if row.decision not in (FORGET, KEEP):
        return row.decision
    if row.section is not None and row.section != choices.kind and row.decision == FORGET:
        return f"is of the kind {row.section}; import it separately with --kind {row.section}"
    if "\n" in row.name.strip():
        return "holds a line break; is a quote closed where it should be?"
    for what in (*row.aliases, *row.probes, *row.neighbours, row.anchor):
        if isinstance(what, str) and (why := objection(what)):
            return f"{what!r} beside it {why}; write a decision into a column of its own"
    return "holds no name" if not row.name.strip() else None


def _cut_decision(cleaned: Cleaned) -> str | None:
    """Why a name is refused whose cut part decides otherwise: "Ines Marbury (keep)", "Ines Marbury, rejected"."""
    for cut in (cleaned.inside, cleaned.after_comma):
        if why := objection(cut):
            return f"what is cut from it {why}; write it into a column of its own"
    return None


def _order(text: str, label: str, choices: Choices, notes: list[RowNote]) -> tuple[str | None, str]:
    """(why a name with a comma is refused or None, the name)."""
    around = turned(text)
    if choices.turn:
        if around is None:
            return "is not 'Last, First', so it cannot be turned round; write it without a comma", text
        notes.append(RowNote(label, "trimmed", text, f"to {around!r}, turned round"))
        return None, around
    if choices.last_first and around is not None and choices.comma != "keep":
        return f"reads like 'Last, First'; --order last-first makes it {around!r}, --comma keep leaves it", text
    if choices.comma is None and choices.by_default == "role" and not text.partition(",")[2].strip()[:1].islower():
        return "has a comma before more than a role; write --order last-first, --comma cut or --comma keep", text
    return None, text


def request_of(row: Row, zone: str, own_id: str, notes: list[RowNote]) -> dict[str, str]:
    """The request of a row in a register of requests, without times that cannot be read; {} if the row has none.

    :param zone: of times that have none, such as "+01:00"; "": they cannot be read.
    :param own_id: the id of a request that has none.
    """
    request = {key: text for key, value in row.request.items() if (text := _line(key, value, row.label, notes))}
    if "id" not in request:
        if not row.asks and not any(key in request for key in (*TIMES, "basis")):
            return {}
        request = {"id": own_id, **request}
    for key in TIMES:
        if key not in request:
            continue
        text, why = _time(request[key], zone)
        if key != "received" and text and "received" in request and is_before(text, request["received"]):
            text, why = "", f"it is before {request['received']}, when the request was received"
        if text:
            request[key] = text
        else:
            notes.append(RowNote(row.label, "dropped", request.pop(key), f"as {key} of {request['id']}: {why}"))
    return request


def _line(key: str, value: str, label: str, notes: list[RowNote]) -> str:
    """A value of a request as lists may hold it; "" where it is too long."""
    text = tidy("".join(c for c in value if bad_character(c) is None))
    if text != value:
        notes.append(RowNote(label, "trimmed", value, f"{key} of the request: without invisible characters"))
    if len(text) > LONGEST:
        notes.append(RowNote(label, "dropped", f"{text[:60]}...", f"{key} of the request: over {LONGEST} characters"))
        return ""
    return text


def _time(written: str, zone: str) -> tuple[str, str]:
    """(a day or a time as lists write it, ""), or ("", why it is none)."""
    text = written.replace(" ", "T", 1)
    if not has_form(text) and has_form(f"{text}Z"):
        if not zone:
            return "", "it has no zone; --zone +01:00 says which"
        text += zone
    try:
        begin(text)
    except ValueError:
        return "", f"it is not like {EXAMPLE}"
    return text, ""


def _complete(row: Row, notes: list[RowNote]) -> dict[str, str]:
    """The request if it may stand on a list, else {}: the register of other requests takes it."""
    missing = [key for key in REQUIRED if key not in row.request]
    if row.request and missing:
        why = f"as the concept's request, for it lacks {', '.join(missing)}"
        notes.append(RowNote(row.label, "dropped", row.request["id"], why))
    return {} if missing else row.request
