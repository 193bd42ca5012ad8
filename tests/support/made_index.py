"""index.json of a stage's out, for tests of the stages after it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from expunge.core.digest import file_digest, folder_files
from expunge.core.index import Index, UnitRecord, write_index


def write_made_index(out: Path, facts: Mapping[str, Mapping[str, Any]]) -> None:
    """The index of the files that are there.

    :param facts: {unit: what computing it found out}; a unit's key is "k-<its name>".
    """
    units = {name: UnitRecord(f"k-{name}", {}, folder_files(out / name), dict(own)) for name, own in facts.items()}
    whole = {file.name: file_digest(file) for file in out.glob("*") if file.is_file() and file.name != "index.json"}
    write_index(out, Index(out.name, units, files=whole))
