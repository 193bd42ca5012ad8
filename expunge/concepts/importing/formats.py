"""The formats of files that can be imported, and which of them a file's ending means."""

from pathlib import Path

from expunge.concepts.importing.files import STDIN
from expunge.core.errors import InputError, Problem

ENDINGS = {
    ".csv": "csv", ".tsv": "tsv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".yaml": "yaml",
    ".yml": "yaml", ".txt": "txt", ".xlsx": "xlsx",
}  # fmt: skip
FORMATS = tuple(dict.fromkeys(ENDINGS.values()))
TABLES = ("csv", "tsv", "xlsx")


def format_of(path: Path, said: str | None) -> str | None:
    """The format of a file; None if only its content can tell. :raises InputError: the ending is not known."""
    if said is not None or path == STDIN:
        return said
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        what = f"ends in {ending}" if ending else "has no file ending"
        fix = f"write --format with one of {', '.join(FORMATS)}"
        raise InputError([Problem(f"{path}", what, fix)])
    return ENDINGS[ending]
