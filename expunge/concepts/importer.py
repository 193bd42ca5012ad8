"""Makes a concept list from a CSV, TSV, JSON or TXT file, and says row by row what was merged, trimmed or refused.

The list passes the checks of `expunge validate`. The same file gives the same list. Parentheses, and the text after the
comma in a TXT line ("Aaron Douglas,actor"), are cut and reported. The importer guesses nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from expunge.concepts.import_names import draft_of, prompt_of
from expunge.concepts.import_notes import RowNote
from expunge.concepts.import_rows import ImportedRow, looks_like_prompts, read_rows
from expunge.concepts.listfile import DraftConcept, to_yaml
from expunge.concepts.rules import Words
from expunge.concepts.spelling import too_long
from expunge.core.errors import InputError, Problem
from expunge.core.names import same, slug, tidy

CannotRead = Callable[[str], str | None]  # text -> why the base cannot read all of it, or None


@dataclass(frozen=True)
class Imported:
    """A list that was made from a file, and what became of the file's rows."""

    text: str  # the YAML
    concepts: int
    rows: int
    notes: tuple[RowNote, ...]
    remarks: tuple[str, ...]  # about the file as a whole
    names: tuple[tuple[str, str], ...] = ()  # (label of its row, name) of every concept


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
    """Read a file and make a list from it. Nothing is written.

    :param columns: role (name, aliases, neighbours, anchor, prompts) -> column or key.
    :param parentheses: "cut" drops them, "alias" makes their content an alias of the name, "keep" leaves them.
    :param comma: "cut" drops what follows the first comma of a name, "keep" leaves it; None: cut in TXT files only.
    :param prompts_of: a concept's name. The file holds prompts, not names; they become this concept's few-shot prompts.
    :param as_names: take the rows for names even if they look like prompts.
    :param words: the base's tokenizer and templates; names that do not fit are refused.
    :raises InputError: the file cannot be read, holds prompts instead of names, or holds no usable name.
    """
    rows, remarks = read_rows(path, columns or {}, encoding)
    notes: list[RowNote] = []
    if prompts_of is not None:
        drafts = [_of_prompts(rows, prompts_of, notes)]
    else:
        prompts = looks_like_prompts(rows)
        if prompts * 2 > len(rows) and not as_names:
            what = f"reads like prompts, not names ({prompts} of {len(rows)} rows)"
            fix = "--prompts-of NAME makes them one concept's few-shot prompts; --as-names takes them for names"
            raise InputError([Problem(f"{path}", what, fix)])
        cut = comma == "cut" if comma else path.suffix.lower() == ".txt"
        each = [draft_of(row, kind, parentheses, cut, notes) for row in rows]
        drafts = _merged([draft for draft in each if draft is not None], notes)
    drafts = _consistent(drafts, kind, words or Words(), notes)
    if not drafts:
        why = f" ({notes[0]})" if notes else ""
        raise InputError([Problem(f"{path}", f"holds no name that can be used{why}", "see docs/lists.md, Import")])
    place = {row.label: i for i, row in enumerate(rows)}
    notes.sort(key=lambda note: place.get(note.row, -1))  # stable: a row's notes keep their order
    heading = tidy(title or path.stem.replace("_", " ").replace("-", " "))
    text = to_yaml(drafts, kind, heading, tidy(owner or "to be named"), path.name)
    names = tuple((draft.row, draft.name) for draft in drafts)
    return Imported(text, len(drafts), len(rows), tuple(notes), tuple(remarks), names)


def _of_prompts(rows: list[ImportedRow], name: str, notes: list[RowNote]) -> DraftConcept:
    """One concept with the rows as its few-shot prompts."""
    draft, seen = DraftConcept("--prompts-of", tidy(name)), dict[str, str]()
    for row in rows:
        prompt = prompt_of(str(row.name), draft.name, row.label, notes)
        if prompt is None:
            continue
        first = seen.setdefault(same(prompt), row.label)
        if first != row.label:
            notes.append(RowNote(row.label, "merged", str(row.name), f"into {first}", first))
        else:
            draft.prompts.append(prompt)
    return draft


def _merged(drafts: list[DraftConcept], notes: list[RowNote]) -> list[DraftConcept]:
    """Concepts with the same name become one, which keeps the first spelling."""
    first: dict[str, DraftConcept] = {}
    for draft in drafts:
        into = first.setdefault(same(draft.name), draft)
        if into is draft:
            continue
        notes.append(RowNote(draft.row, "merged", draft.name, f"into {into.row}", into.row))
        into.anchor = into.anchor or draft.anchor
        into.aliases += draft.aliases
        into.neighbours += draft.neighbours
        into.prompts += draft.prompts
    return list(first.values())


def _consistent(drafts: list[DraftConcept], kind: str, words: Words, notes: list[RowNote]) -> list[DraftConcept]:
    """Drop words that contradict the list, refuse names that the base cannot read, and set the ids."""
    template = max(words.templates.get(kind, ("{}",)), key=len, default="{}")

    def cannot_read(text: str) -> str | None:
        return too_long(words, text, template) if words.tokenizer is not None else None

    kept = []
    for draft in drafts:
        why = cannot_read(draft.name)
        if why is None:
            kept.append(draft)
        else:
            notes.append(RowNote(draft.row, "refused", draft.name, why))
    forgotten = {same(draft.name): f"the name of {draft.row}" for draft in kept}
    for draft in kept:
        draft.aliases = _without_contradictions(draft, draft.aliases, forgotten, cannot_read, notes)
        forgotten.update({same(alias): f"an alias of {draft.row}" for alias in draft.aliases})
    ids: set[str] = set()
    for draft in kept:
        draft.neighbours = _without_contradictions(draft, draft.neighbours, forgotten, cannot_read, notes)
        draft.prompts = list({same(prompt): prompt for prompt in reversed(draft.prompts)}.values())[::-1]
        if draft.anchor is not None and (same(draft.anchor) in forgotten or cannot_read(draft.anchor)):
            why = cannot_read(draft.anchor) or f"is itself forgotten ({forgotten[same(draft.anchor)]})"
            notes.append(RowNote(draft.row, "dropped", draft.anchor, f"as anchor: {why}"))
            draft.anchor = None
        made = slug(draft.name)
        draft.id = next(i for i in (made, *(f"{made}-{n}" for n in range(2, len(ids) + 3))) if i not in ids)
        ids.add(draft.id)
    return kept


def _without_contradictions(
    draft: DraftConcept, texts: list[str], forgotten: Mapping[str, str], cannot_read: CannotRead, notes: list[RowNote]
) -> list[str]:
    """The texts that the list does not forget and that the base can read, each once."""
    kept: dict[str, str] = {}
    for text in texts:
        why = f"is {forgotten[same(text)]}" if same(text) in forgotten else cannot_read(text)
        why = why or ("is repeated" if same(text) in kept else None)
        if why is not None:
            notes.append(RowNote(draft.row, "dropped", text, why))
        else:
            kept[same(text)] = text
    return list(kept.values())
