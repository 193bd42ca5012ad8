"""Makes a concept list of a CSV, TSV, JSON or TXT file, and says row by row what was merged, trimmed or refused.

What comes out passes the checks of `expunge validate`, and the same file gives the same list. Parentheses and what
follows the comma in a TXT line ("Aaron Douglas,actor") are cut and reported; nothing is guessed beyond that.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expunge.concepts.listfile import Entry, to_yaml
from expunge.concepts.lists import Words
from expunge.concepts.rows import Row, looks_like_prompts, read_rows
from expunge.concepts.spelling import too_long
from expunge.core.errors import InputError, Problem
from expunge.core.names import bad_character, same, slug, tidy

MOST_WORDS = 12  # a name of more words is a sentence
FEW = 20  # concepts of which a summary tells


@dataclass(frozen=True)
class Note:
    """What became of a row: "merged", "trimmed", "dropped" (a part of it) or "refused" (all of it)."""

    row: str
    what: str
    text: str
    why: str
    into: str = ""  # merged: the row that stays

    def __str__(self) -> str:
        return f"{self.row}: {self.what} {self.text!r}: {self.why}"


@dataclass(frozen=True)
class Imported:
    text: str  # the YAML
    concepts: int
    rows: int
    notes: tuple[Note, ...]
    remarks: tuple[str, ...]  # about the file as a whole
    names: tuple[tuple[str, str], ...] = ()  # (row, name) of every concept


def import_file(
    path: Path,
    kind: str,
    title: str | None = None,
    owner: str | None = None,
    columns: Mapping[str, str] | None = None,
    parentheses: str = "cut",
    comma: str | None = None,
    prompts_of: str | None = None,
    as_names: bool = False,
    words: Words | None = None,
    encoding: str = "utf-8-sig",
) -> Imported:
    """Read a file and make a list of it; nothing is written.

    :param columns: role (name, aliases, neighbours, anchor, prompts) -> column or key.
    :param parentheses: "cut" drops them, "alias" makes an alias of what a name has in them, "keep" leaves them.
    :param comma: "cut" drops what follows the first comma of a name, "keep" leaves it; None: cut in TXT files only.
    :param prompts_of: the file holds prompts, not names: make them the own few-shot prompts of this one concept.
    :param as_names: take the rows for names even if they look like prompts.
    :param words: the base's tokenizer and templates; names that do not fit are refused.
    :raises InputError: the file cannot be read, holds prompts, or nothing of it can be used.
    """
    rows, remarks = read_rows(path, columns or {}, encoding)
    notes: list[Note] = []
    if prompts_of is not None:
        entries = [_of_prompts(rows, prompts_of, notes)]
    else:
        prompts = looks_like_prompts(rows)
        if prompts * 2 > len(rows) and not as_names:
            what = f"reads like prompts, not names ({prompts} of {len(rows)} rows)"
            fix = "--prompts-of NAME makes them one concept's few-shot prompts; --as-names takes them for names"
            raise InputError([Problem(f"{path}", what, fix)])
        cut = comma == "cut" if comma else path.suffix.lower() == ".txt"
        entries = _merged([e for row in rows for e in _entry(row, kind, parentheses, cut, notes)], notes)
    entries = _consistent(entries, kind, words or Words(), notes)
    if not entries:
        why = f" ({notes[0]})" if notes else ""
        raise InputError([Problem(f"{path}", f"holds no name that can be used{why}", "see docs/lists.md, Import")])
    place = {row.label: i for i, row in enumerate(rows)}
    notes.sort(key=lambda note: place.get(note.row, -1))  # stable: within a row in the order it happened
    heading = tidy(title or path.stem.replace("_", " ").replace("-", " "))
    text = to_yaml(entries, kind, heading, tidy(owner or "to be named"), path.name)
    names = tuple((entry.row, entry.name) for entry in entries)
    return Imported(text, len(entries), len(rows), tuple(notes), tuple(remarks), names)


def summary(done: Imported) -> list[str]:
    """The notes in few lines: one for each concept, and one for each reason for which rows were refused."""
    into = {note.row: note.into for note in done.notes if note.into}
    kept, refused = dict[str, list[Note]](), dict[str, list[Note]]()
    names = dict(done.names)
    for note in done.notes:
        row = into.get(note.row, note.row)
        if row in names and note.what != "refused":
            kept.setdefault(row, []).append(note)
        else:
            refused.setdefault(f"{note.what}: {note.why}" if note.what == "refused" else note.what, []).append(note)
    lines = [_counts(f"{row} {names[row]!r}", notes) for row, notes in kept.items()]
    if len(lines) > FEW:
        lines[FEW:] = [f"... and {len(lines) - FEW:,} more concepts; --verbose says row by row"]
    for why, notes in refused.items():
        rows = ", ".join(note.row for note in notes[:3])
        more = f"{len(notes):,} times {why} ({rows}, ...)" if len(notes) > 3 else f"{why} ({rows})"
        lines.append(str(notes[0]) if len(notes) == 1 else more)
    return lines


def _counts(label: str, notes: list[Note]) -> str:
    if len(notes) == 1:
        return str(notes[0])
    each = [note.what for note in notes]
    return f"{label}: {', '.join(f'{each.count(what)} {what}' for what in dict.fromkeys(each))}"


def _entry(row: Row, kind: str, parentheses: str, cut: bool, notes: list[Note]) -> list[Entry]:
    """The entry of a row, or none, with a note about everything that was changed."""
    raw = row.name if isinstance(row.name, str) else ""
    text = str(row.name)
    refusal = None
    if not isinstance(row.name, str):
        refusal = "is no text"
    elif row.keep:
        refusal = "the file says that it must be kept"
    elif row.section is not None and row.section != kind:
        refusal = f"is a {row.section}; import it by itself with --kind {row.section}"
    elif not raw.strip():
        refusal = "holds no name"
    if refusal is not None:
        notes.append(Note(row.label, "refused", text, refusal))
        return []
    name, inside = _trim(raw, row.label, parentheses != "keep", cut, notes)
    entry = Entry(row.label, name)
    refusal = _refusal(name)
    if refusal is not None:
        notes.append(Note(row.label, "refused", text, refusal))
        return []
    if inside and parentheses == "alias" and "," not in inside and not inside.lower().startswith("from "):
        entry.aliases.append(inside)
    for values, into in ((row.aliases, entry.aliases), (row.neighbours, entry.neighbours)):
        for value in values:
            trimmed, _ = _trim(value, row.label, parentheses != "keep", False, notes)
            why = _refusal(trimmed)
            if why is None:
                into.append(trimmed)
            else:
                notes.append(Note(row.label, "dropped", value, why))
    for value in row.doubtful:
        notes.append(Note(row.label, "dropped", value, "the file grades its certainty as low"))
    if row.anchor is not None:
        anchor = tidy(str(row.anchor))
        if anchor and _refusal(anchor) is None:
            entry.anchor = anchor
        else:
            notes.append(Note(row.label, "dropped", str(row.anchor), "cannot be an anchor"))
    entry.prompts += [p for prompt in row.prompts for p in _prompt(prompt, name, row.label, notes)]
    return [entry]


def _trim(text: str, label: str, cut_parentheses: bool, cut_comma: bool, notes: list[Note]) -> tuple[str, str]:
    """A text without what does not belong to a name, and what stood in its last parentheses."""
    done, reasons, inside = text, [], ""
    visible = "".join(c for c in done if bad_character(c) is None or c == "\ufffd")
    if visible != done:
        reasons, done = ["invisible characters"], visible
    if cut_comma and "," in done:
        done, _, rest = done.partition(",")
        reasons.append(f"what follows the comma ({rest.strip()})")
    if cut_parentheses and re.search(r"\([^()]*\)", done):
        inside = tidy(re.findall(r"\(([^()]*)\)", done)[-1])
        shorter = tidy(re.sub(r"\([^()]*\)", " ", done))
        if shorter:  # a name that stands in parentheses as a whole keeps them
            reasons.append(f"parentheses ({inside})")
            done = shorter
    if tidy(done) != done and not reasons:
        reasons.append("blanks" if " ".join(done.split()) != done else "letters in two parts (NFC)")
    if reasons:
        notes.append(Note(label, "trimmed", text, f"to {tidy(done)!r}, without {' and '.join(reasons)}"))
    return tidy(done), inside


def _refusal(text: str) -> str | None:
    if not text:
        return "is empty"
    if "\ufffd" in text:
        return "holds U+FFFD, what is left of a letter read in the wrong encoding"
    if not any(character.isalnum() for character in text):
        return "holds no letter or digit"
    if "{" in text or "}" in text:
        return "holds braces, which stand for the name in prompts"
    if len(text) > 200 or len(text.split()) > MOST_WORDS:
        return f"has more than {MOST_WORDS} words or 200 characters: a sentence, not a name"
    return None


def _prompt(text: str, name: str, label: str, notes: list[Note]) -> list[str]:
    prompt = tidy("".join(c for c in text if bad_character(c) is None))
    shown, found = re.subn(rf"(?<!\w){re.escape(name)}(?!\w)", "{}", prompt, count=1, flags=re.IGNORECASE)
    if not found or "{" in prompt or "}" in prompt or len(prompt) > 500:
        notes.append(Note(label, "refused", text, f"as a prompt: lacks {name!r}, holds braces or is too long"))
        return []
    return [shown]


def _of_prompts(rows: list[Row], name: str, notes: list[Note]) -> Entry:
    entry, seen = Entry("--prompts-of", tidy(name)), dict[str, str]()
    for row in rows:
        for prompt in _prompt(str(row.name), entry.name, row.label, notes):
            first = seen.setdefault(same(prompt), row.label)
            if first != row.label:
                notes.append(Note(row.label, "merged", str(row.name), f"into {first}", first))
            else:
                entry.prompts.append(prompt)
    return entry


def _merged(entries: list[Entry], notes: list[Note]) -> list[Entry]:
    """Entries with the same name become one, which keeps the first spelling."""
    first: dict[str, Entry] = {}
    for entry in entries:
        into = first.setdefault(same(entry.name), entry)
        if into is entry:
            continue
        notes.append(Note(entry.row, "merged", entry.name, f"into {into.row}", into.row))
        into.anchor = into.anchor or entry.anchor
        for key in ("aliases", "neighbours", "prompts"):
            getattr(into, key).extend(getattr(entry, key))
    return list(first.values())


def _consistent(entries: list[Entry], kind: str, words: Words, notes: list[Note]) -> list[Entry]:
    """Drop what contradicts the list itself, refuse what the base cannot read, give ids."""
    template = max(words.templates.get(kind, ("{}",)), key=len, default="{}")

    def unread(text: str) -> str | None:
        return too_long(words, text, template) if words.tokenizer is not None else None

    kept = []
    for entry in entries:
        why = unread(entry.name)
        if why is None:
            kept.append(entry)
        else:
            notes.append(Note(entry.row, "refused", entry.name, why))
    gone = {same(entry.name): f"the name of {entry.row}" for entry in kept}
    for entry in kept:
        entry.aliases = _unique(entry, entry.aliases, gone, unread, notes)
        gone.update({same(alias): f"an alias of {entry.row}" for alias in entry.aliases})
    ids: set[str] = set()
    for entry in kept:
        entry.neighbours = _unique(entry, entry.neighbours, gone, unread, notes)
        entry.prompts = list({same(prompt): prompt for prompt in reversed(entry.prompts)}.values())[::-1]
        if entry.anchor is not None and (same(entry.anchor) in gone or unread(entry.anchor)):
            why = unread(entry.anchor) or f"is itself forgotten ({gone[same(entry.anchor)]})"
            notes.append(Note(entry.row, "dropped", entry.anchor, f"as anchor: {why}"))
            entry.anchor = None
        made = slug(entry.name)
        entry.id = next(i for i in (made, *(f"{made}-{n}" for n in range(2, len(ids) + 3))) if i not in ids)
        ids.add(entry.id)
    return kept


def _unique(entry: Entry, texts: list[str], gone: Mapping[str, str], unread: Any, notes: list[Note]) -> list[str]:
    """Texts that are no name or alias, stand there once, and can be read by the base."""
    kept: dict[str, str] = {}
    for text in texts:
        why = f"is {gone[same(text)]}" if same(text) in gone else unread(text)
        why = why or ("stands there twice" if same(text) in kept else None)
        if why is not None:
            notes.append(Note(entry.row, "dropped", text, why))
        else:
            kept[same(text)] = text
    return list(kept.values())
