"""Lists that are made of files, for tests of the importer."""

from pathlib import Path
from typing import Any

from expunge.concepts.concept import ConceptList
from expunge.concepts.importing.importer import Imported, Options, import_file
from expunge.concepts.listfile import write_list
from expunge.concepts.lists import load_lists


def made(folder: Path, name: str, text: str, kind: str = "person", **options: Any) -> tuple[ConceptList, Imported]:
    """The list that a file with this text becomes."""
    (folder / name).write_text(text, "utf-8")
    return listed(folder, import_file(folder / name, kind, Options(**options)))


def listed(folder: Path, done: Imported) -> tuple[ConceptList, Imported]:
    write_list(done.text, folder / "out" / "a.yaml", force=True)
    return load_lists(folder / "out")[0], done


def names(made_list: ConceptList) -> list[str]:
    return [concept.name for concept in made_list.concepts]


def refused(done: Imported) -> dict[str, str]:
    return {note.row: note.why for note in done.notes if note.what == "refused"}
