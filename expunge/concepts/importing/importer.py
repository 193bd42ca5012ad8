"""Makes concept lists from a file, and says row by row what was kept, merged, trimmed or refused.

The lists pass the checks of `expunge validate`. The same file gives the same lists. The importer guesses nothing that
could turn the file's meaning round; where it would have to, it refuses the row and says which option decides.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from expunge.concepts.decisions import FORGET, KEEP
from expunge.concepts.doubles import loosely, near_doubles
from expunge.concepts.importing.cleaning import Cleaned, clean
from expunge.concepts.importing.consistent import consistent, merged
from expunge.concepts.importing.contents import read_contents
from expunge.concepts.importing.drafts import Choices, Drafted, draft_of, prompt_of, request_of
from expunge.concepts.importing.files import STDIN
from expunge.concepts.importing.formats import format_of
from expunge.concepts.importing.garbage import is_pattern
from expunge.concepts.importing.notes import RowNote
from expunge.concepts.importing.order import reads_last_first, turned
from expunge.concepts.importing.rows import MOST_READ, Row
from expunge.concepts.listfile import DraftConcept, to_yaml
from expunge.concepts.rules import Words
from expunge.concepts.schema import list_schema
from expunge.core.errors import InputError, Problem
from expunge.core.files import to_cell
from expunge.core.names import same, slug, tidy

MOST_CONCEPTS: int = list_schema()["properties"]["concepts"]["maxItems"]  # of one list
MOST_KEPT: int = list_schema()["properties"]["keep"]["maxItems"]
MOST_SHOWN = 10  # pairs in a remark
MOST_PROBLEMS = 50  # refused rows in an error
_NUMBERED = re.compile(r"row \d+")


@dataclass(frozen=True)
class Options:
    """How a file is read. The command `expunge import` has an option for each."""

    title: str | None = None
    owner: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)  # role (name, aliases, ...) -> column or key
    ignored: tuple[str, ...] = ()  # columns that decide nothing
    header: bool = True  # does a table begin with the names of its columns?
    sheet: str | None = None  # of a workbook
    format: str | None = None  # one of formats.FORMATS, in place of the file's ending
    parentheses: str = "cut"  # "cut" drops them, "alias" makes their content an alias, "keep" leaves them
    comma: str | None = None  # "cut" drops what follows a name's first comma, "keep" leaves it
    order: str | None = None  # "last-first" turns "Last, First" round
    prompts_of: str | None = None  # the rows are prompts; they become this concept's few-shot prompts
    as_names: bool = False  # take the rows for names even if they look like prompts
    split: int | None = None  # the most concepts of one list; more make several lists
    words: Words | None = None  # the base's tokenizer and templates; names that do not fit are refused
    encoding: str = "utf-8"
    zone: str = ""  # of a register's times that have none, such as "+01:00"


@dataclass(frozen=True)
class Imported:
    """The lists that were made from a file, and what became of the file's rows."""

    texts: tuple[str, ...]  # the YAML of each list
    concepts: int
    rows: int
    notes: tuple[RowNote, ...]
    remarks: tuple[str, ...]  # about the file as a whole
    names: tuple[tuple[str, str], ...] = ()  # (label of its row, name) of every concept
    ids: tuple[tuple[str, ...], ...] = ()  # of the concepts of each list
    requests: tuple[dict[str, str], ...] = ()  # those that no concept holds, with the id of the concept that answers it
    asks: bool = False  # does the file hold any request?

    @property
    def text(self) -> str:
        """The YAML of the only list."""
        (text,) = self.texts
        return text


def import_file(path: Path, kind: str, options: Options = Options()) -> Imported:
    """Read a file and make lists from it. Nothing is written.

    :raises InputError: the file cannot be read, holds prompts instead of names, holds no usable name, or holds more
        names than a list may have.
    """
    if kind == "category":
        what = "makes no category: no column of a file names its members"
        raise InputError(
            [Problem("expunge import", what, "write the list by hand, with `members:`; see docs/lists.md")]
        )
    contents = read_contents(
        path, options.format, options.columns, options.encoding, options.header, options.ignored, options.sheet,
        commas=options.comma is not None or options.order is not None,
    )  # fmt: skip
    rows, remarks, notes = [_readable(row) for row in contents.rows], list(contents.remarks), list[RowNote]()
    _short_enough(path, rows, options)
    remarks += _read_requests(path, rows, options.zone, notes)
    kept, refused = list[Drafted](), dict[str, Cleaned]()
    if options.prompts_of is not None:
        drafts = [_of_prompts(rows, options.prompts_of, notes)]
    else:
        _no_prompts(path, rows, options.as_names)
        choices = _choices(path, rows, kind, options)
        drafted = [each for row in rows if (each := draft_of(row, choices, notes)) is not None]
        kept = [each for each in drafted if each.keep]
        refused = _refused(rows, choices)
        drafts = merged([each for each in drafted if not each.keep], list(refused.values()), notes)
    rows_of = {loosely(name.whole): label for label, name in refused.items()}
    drafts, keep = consistent(drafts, kept, kind, options.words or Words(), notes, rows_of)
    if not drafts:
        raise InputError(_nothing_usable(path, notes, len(keep), contents.remarks))
    remarks += _remarks(drafts, keep)
    place = {row.label: i for i, row in enumerate(rows)}
    notes.sort(key=lambda note: place.get(note.row, -1))  # stable: a row's notes keep their order
    names = tuple((draft.row, draft.name) for draft in drafts)
    parts = _parts(drafts, options.split)
    return Imported(
        _texts(path, parts, keep, kind, options), len(drafts), len(rows), tuple(notes), tuple(remarks), names,
        tuple(tuple(draft.id for draft in part) for part in parts), _other_requests(rows, drafts, notes),
        any(row.request for row in rows),
    )  # fmt: skip


def _read_requests(path: Path, rows: list[Row], zone: str, notes: list[RowNote]) -> list[str]:
    """Read the rows' requests. What has no id is called after its row, and a remark says so."""
    source, made = "stdin" if path == STDIN else path.stem, list[str]()
    for place, row in enumerate(rows, 1):
        number = row.label if _NUMBERED.fullmatch(row.label) else f"entry {place}"  # other labels hold names
        own = slug(f"{source[:40]} {number}")
        row.request = request_of(row, zone, own, notes)
        made += [own] if row.request.get("id") == own else []
    if not made:
        return []
    more = f" and {len(made) - MOST_SHOWN:,} more" if len(made) > MOST_SHOWN else ""
    return [f"requests without an id are called after their rows: {', '.join(made[:MOST_SHOWN])}{more}"]


def _readable(row: Row) -> Row:
    """The row; of a text that is too long to be a name, its beginning, with the reason to refuse it."""
    if not isinstance(row.name, str) or len(row.name) <= MOST_READ:
        return row
    return replace(row, name=f"{row.name[:60]}...", decision=f"has more than {MOST_READ:,} characters: no name")


def _nothing_usable(path: Path, notes: list[RowNote], kept: int, remarks: list[str]) -> list[Problem]:
    """Why no row of a file is a concept: what is kept, what was not read, and each refused row."""
    fix = "write it as a name, or take it out"
    refused = [
        Problem(f"{path} {each.row}", f"{each.text!r} {each.why}", fix) for each in notes if each.what == "refused"
    ]
    shown = refused[:MOST_PROBLEMS]
    more = f"; {len(refused) - len(shown):,} more are not shown" if len(refused) > len(shown) else ""
    counts = [f"{kept:,} names are to be kept"] * bool(kept) + [f"{len(refused):,} rows are refused{more}"] * bool(
        shown
    )
    why = "; ".join([*counts, *remarks]) or "it is empty"
    return [Problem(f"{path}", f"holds no name to forget ({why})", "see docs/lists.md, Import"), *shown]


def _other_requests(rows: list[Row], drafts: list[DraftConcept], notes: list[RowNote]) -> tuple[dict[str, str], ...]:
    """The requests that no concept holds: refused, waiting, not whole, or for a concept that another request is for."""
    into = {note.row: note.into for note in notes if note.what == "merged"}
    by_row, others = {draft.row: draft for draft in drafts}, list[dict[str, str]]()
    for row in rows:
        draft = by_row.get(into.get(row.label, row.label))
        if row.request and (draft is None or draft.request != row.request):
            entry = row.request | ({"concept": draft.id} if draft is not None else {})
            others += [entry] if entry not in others else []
    return tuple(others)


def _parts(drafts: list[DraftConcept], split: int | None) -> list[list[DraftConcept]]:
    size = split or len(drafts)
    return [drafts[start : start + size] for start in range(0, len(drafts), size)]


def _texts(
    path: Path, parts: list[list[DraftConcept]], keep: list[str], kind: str, options: Options
) -> tuple[str, ...]:
    source = "stdin" if path == STDIN else path.name
    title = tidy(options.title or ("Imported" if path == STDIN else path.stem.replace("_", " ").replace("-", " ")))
    return tuple(
        to_yaml(
            part, kind, f"{title} ({number} of {len(parts)})" if len(parts) > 1 else title,
            tidy(options.owner or "to be named"), source, keep,
        )
        for number, part in enumerate(parts, 1)
    )  # fmt: skip


def _short_enough(path: Path, rows: list[Row], options: Options) -> None:
    """Count before work. :raises InputError: the file has more names than one list may have."""
    if options.split is not None and not 1 <= options.split <= MOST_CONCEPTS:
        raise InputError([Problem("--split", f"is {options.split}", f"write 1 to {MOST_CONCEPTS}")])
    kept = len({same(row.name) for row in rows if row.decision == KEEP and isinstance(row.name, str)})
    if kept > MOST_KEPT:
        what = f"holds {kept:,} names to keep, and a list keeps {MOST_KEPT:,} at the most"
        raise InputError([Problem(f"{path}", what, "take out those that are least like what is forgotten")])
    if len(rows) <= MOST_CONCEPTS or options.split is not None or options.prompts_of is not None:
        return
    count = len({same(row.name) for row in rows if row.decision == FORGET and isinstance(row.name, str)})
    if count > MOST_CONCEPTS:
        what = f"holds {count:,} names to forget, and a list has {MOST_CONCEPTS:,} at the most"
        raise InputError([Problem(f"{path}", what, "--split 1000 writes several lists")])


def _no_prompts(path: Path, rows: list[Row], as_names: bool) -> None:
    """:raises InputError: most rows read like prompts.

    Such a row has 5 words or more before its first comma, or begins with "a", "my", ... and has 3 words or more.
    """
    count = 0
    for row in rows:
        whole = row.name.split() if isinstance(row.name, str) else []
        before_comma = row.name.split(",")[0].split() if isinstance(row.name, str) else []
        articles = bool(whole) and whole[0] in ("a", "an", "my", "the", "two")
        count += len(before_comma) >= 5 or (articles and len(whole) >= 3)
    if count * 2 > len(rows) and not as_names:
        what = f"reads like prompts, not names ({count} of {len(rows)} rows)"
        fix = "--prompts-of NAME makes them one concept's few-shot prompts; --as-names takes them for names"
        raise InputError([Problem(f"{path}", what, fix)])


def _choices(path: Path, rows: list[Row], kind: str, options: Options) -> Choices:
    names = [row.name for row in rows if isinstance(row.name, str)]
    text_file = format_of(path, options.format) in ("txt", None)
    return Choices(
        kind, options.parentheses, options.comma, "role" if text_file else "keep", options.order == "last-first",
        reads_last_first(names), any(map(is_pattern, names)),
    )  # fmt: skip


def _refused(rows: list[Row], choices: Choices) -> dict[str, Cleaned]:
    """{row: its name} of names that the file says not to forget; a duplicate is none."""
    names = {
        row.label: row.name
        for row in rows
        if row.decision not in (FORGET, KEEP) and isinstance(row.name, str)
        and "duplicate" not in row.decision.casefold()
    }  # fmt: skip
    cut = choices.parentheses != "keep"
    return {
        label: clean(turned(name) or name if choices.turn else name, label, cut, False, [])
        for label, name in names.items()
    }


def _of_prompts(rows: list[Row], name: str, notes: list[RowNote]) -> DraftConcept:
    """One concept with the rows as its few-shot prompts."""
    draft, seen = DraftConcept("--prompts-of", tidy(name)), dict[str, str]()
    for row in rows:
        if row.decision != FORGET:
            why = "the file says that it must stay" if row.decision == KEEP else row.decision
            notes.append(RowNote(row.label, "refused", str(row.name), why))
            continue
        prompt = prompt_of(str(row.name), draft.name, row.label, notes)
        if prompt is None:
            continue
        first = seen.setdefault(same(prompt), row.label)
        if first != row.label:
            notes.append(RowNote(row.label, "merged", str(row.name), f"into {first}", first))
        else:
            draft.prompts.append(prompt)
    return draft


def _remarks(drafts: list[DraftConcept], keep: list[str]) -> list[str]:
    """Near doubles, names that a spreadsheet would run, and what the list keeps."""
    names = [(draft.name, f"{draft.row}, forgotten") for draft in drafts] + [(name, "kept") for name in keep]
    doubles = [f"{one!r} ({where}) and {other!r} ({there})" for (one, where), (other, there) in near_doubles(names)]
    cells = [f"{draft.name!r} ({draft.row})" for draft in drafts if to_cell(draft.name) != draft.name]
    remarks = [f"{len(keep):,} names are kept by every encoder of the list (`keep`)"] if keep else []
    for what, all_ in (("nearly the same name", doubles), ("a spreadsheet would run this cell", cells)):
        if all_:
            more = f" and {len(all_) - MOST_SHOWN:,} more" if len(all_) > MOST_SHOWN else ""
            remarks.append(f"{what}: {'; '.join(all_[:MOST_SHOWN])}{more}")
    return remarks
