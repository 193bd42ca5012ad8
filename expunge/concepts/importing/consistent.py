"""Makes the concepts of a file consistent: each name once, nothing both forgotten and kept, an id for each."""

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from expunge.concepts.doubles import loosely
from expunge.concepts.importing.cleaning import Cleaned
from expunge.concepts.importing.drafts import Drafted
from expunge.concepts.importing.notes import RowNote
from expunge.concepts.listfile import DraftConcept
from expunge.concepts.rules import Words
from expunge.concepts.spelling import too_long
from expunge.core.names import same, slug

CannotRead = Callable[[str], str | None]  # text -> why the base cannot read all of it, or None


def merged(drafted: list[Drafted], refused: Sequence[Cleaned], notes: list[RowNote]) -> list[DraftConcept]:
    """Rows with the same name become one concept, which keeps the first spelling.

    Rows whose names differ in what was cut off stay apart: another text in parentheses is left in the name, and with
    another text after the comma nobody can tell whether the two are one, so both are refused.

    :param refused: names that the file says not to forget; what was cut from them counts as well.
    """
    insides, afters = dict[str, set[str]](), dict[str, set[str]]()
    for cleaned in refused:
        insides.setdefault(same(cleaned.name), set()).update([same(cleaned.inside)] if cleaned.inside else [])
    for each in drafted:
        key = same(each.draft.name)
        insides.setdefault(key, set()).update([same(each.cleaned.inside)] if each.cleaned.inside else [])
        afters.setdefault(key, set()).update([same(each.cleaned.after_comma)] if each.cleaned.after_comma else [])
    first: dict[str, DraftConcept] = {}
    for each in drafted:
        draft, key = each.draft, same(each.draft.name)
        if len(afters[key]) > 1:
            why = "another row has the same name with another text after the comma; write names that differ"
            notes.append(RowNote(draft.row, "refused", draft.name, why))
            continue
        if len(insides[key]) > 1 and each.cleaned.inside:
            notes.append(RowNote(draft.row, "left whole", each.cleaned.whole, "another row has other parentheses"))
            draft.name = each.cleaned.whole
        into = first.setdefault(same(draft.name), draft)
        if into is draft:
            continue
        notes.append(RowNote(draft.row, "merged", draft.name, f"into {into.row}", into.row))
        if into.request and draft.request and into.request != draft.request:
            why = f"a concept has one request, and {into.row} has {into.request['id']}"
            notes.append(RowNote(draft.row, "dropped", draft.request["id"], why, into.row))
        into.anchor = into.anchor or draft.anchor
        into.request = into.request or draft.request
        for name in ("aliases", "probes", "neighbours", "prompts"):
            getattr(into, name).extend(getattr(draft, name))
    return list(first.values())


def consistent(
    drafts: list[DraftConcept],
    kept: list[Drafted],
    kind: str,
    words: Words,
    notes: list[RowNote],
    refused: Mapping[str, str] = MappingProxyType({}),
) -> tuple[list[DraftConcept], list[str]]:
    """(the concepts, the names that the list keeps), without what contradicts the list or what the base cannot read.

    :param refused: {name in its loose form: its row} of names that the file says not to forget.
    """
    template = max(words.templates.get(kind, ("{}",)), key=len, default="{}")

    def cannot_read(text: str) -> str | None:
        return too_long(words, text, template) if words.tokenizer is not None else None

    drafts, keep = _not_both(drafts, kept, notes)
    usable = []
    for draft in drafts:
        why = cannot_read(draft.name)
        if (row := refused.get(loosely(draft.name))) is not None:
            why = f"is forgotten here, and not in {row}; take one of them out"
        if why is None:
            usable.append(draft)
        else:
            notes.append(RowNote(draft.row, "refused", draft.name, why))
    forgotten = {loosely(draft.name): f"the name of {draft.row}" for draft in usable}
    staying = {name: f"the name of {row}, which is not forgotten" for name, row in refused.items()}
    staying |= {loosely(name): "to be kept" for name in keep}
    for draft in usable:
        for name in ("aliases", "probes"):
            known = _without_contradictions(
                draft, getattr(draft, name), ChainMap(forgotten, staying), cannot_read, notes
            )
            setattr(draft, name, known)
            forgotten.update({loosely(text): f"an alias of {draft.row}" for text in known})
    ids = _Ids()
    for draft in usable:
        draft.neighbours = _without_contradictions(draft, draft.neighbours, forgotten, cannot_read, notes)
        draft.prompts = list({same(prompt): prompt for prompt in reversed(draft.prompts)}.values())[::-1]
        if draft.anchor is not None and (loosely(draft.anchor) in forgotten or cannot_read(draft.anchor)):
            why = cannot_read(draft.anchor) or f"is itself forgotten ({forgotten[loosely(draft.anchor)]})"
            notes.append(RowNote(draft.row, "dropped", draft.anchor, f"as anchor: {why}"))
            draft.anchor = None
        draft.id = ids.new(slug(draft.name))
    return usable, [name for name in keep if cannot_read(name) is None]


def _not_both(
    drafts: list[DraftConcept], kept: list[Drafted], notes: list[RowNote]
) -> tuple[list[DraftConcept], list[str]]:
    """A name that the file forgets and keeps at once is refused both ways: nobody can tell which was meant."""
    keep = {loosely(each.draft.name): each.draft for each in reversed(kept)}
    both = {loosely(draft.name): draft for draft in drafts if loosely(draft.name) in keep}
    for key, draft in both.items():
        why = f"is to be forgotten and kept at once ({draft.row}, {keep[key].row}); take one of them out"
        notes.append(RowNote(draft.row, "refused", draft.name, why))
    refused = {each.draft.row: each.draft for each in kept if loosely(each.draft.name) in both}
    notes[:] = [note for note in notes if note.what != "kept" or note.row not in refused]
    for row, draft in refused.items():
        why = f"is to be kept and forgotten at once ({row}, {both[loosely(draft.name)].row}); take one of them out"
        notes.append(RowNote(row, "refused", draft.name, why))
    left = [draft for draft in drafts if loosely(draft.name) not in keep]
    return left, [draft.name for key, draft in reversed(keep.items()) if key not in both]


class _Ids:
    """Ids in the order in which they are asked for: "mr-x", then "mr-x-2"."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.next: dict[str, int] = {}

    def new(self, made: str) -> str:
        number, text = self.next.get(made, 2), made
        while text in self.taken:
            text, number = f"{made}-{number}", number + 1
        self.next[made] = number
        self.taken.add(text)
        return text


def _without_contradictions(
    draft: DraftConcept, texts: list[str], forgotten: Mapping[str, str], cannot_read: CannotRead, notes: list[RowNote]
) -> list[str]:
    """The texts that the list does not forget and that the base can read, each once."""
    kept: dict[str, str] = {}
    for text in texts:
        key = loosely(text)
        why = f"is {forgotten[key]}" if key in forgotten else cannot_read(text)
        why = why or ("is repeated" if key in kept else None)
        if why is not None:
            notes.append(RowNote(draft.row, "dropped", text, why))
        else:
            kept[key] = text
    return list(kept.values())
