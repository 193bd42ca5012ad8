"""Finds the concept lists in a folder, and reads each of them as a tree."""

from dataclasses import dataclass
from pathlib import Path

from expunge.core.errors import Problem, shown
from expunge.core.names import id_problem, slug
from expunge.core.yamlfile import Node, read

_MISPLACED = {".yml", ".csv", ".tsv", ".txt", ".json"}


@dataclass(frozen=True)
class Source:
    """A list's file as it was read, for the checks. The tree is a mapping, and each node knows its line."""

    id: str  # of the list
    path: Path
    where: str  # the file's name in problems
    tree: Node

    def place(self, node: Node) -> str:
        """ "file:line" of a node."""
        return f"{node.where or self.where}:{node.line}"


@dataclass(frozen=True)
class ConceptNode:
    """A concept as written in its file: a mapping with unchecked content."""

    source: Source
    node: Node
    number: int  # counted through all lists

    @property
    def label(self) -> str:
        """The concept's id, or "line 7" if it has none."""
        return str(self.node.value.get("id", f"line {self.node.line}"))

    def place(self, *path: str | int) -> str:
        """ "file:line" of the node at a path of keys and indices within the concept."""
        return self.source.place(self.node.at(path))


def concept_nodes(sources: list[Source]) -> list[ConceptNode]:
    """The concepts of all files, in order. Entries that are no mappings are left out; the schema reports them."""
    nodes: list[ConceptNode] = []
    for source in sources:
        entries = source.tree.at(["concepts"]).children if "concepts" in source.tree.value else None
        for node in entries if isinstance(entries, list) else ():
            if isinstance(node.value, dict):
                nodes.append(ConceptNode(source, node, len(nodes)))
    return nodes


def list_files(folder: Path) -> tuple[list[Path], list[Problem]]:
    """(the list files in a folder, sorted; problems about other files that should not be there)."""
    name = shown(folder)
    if not folder.is_dir():
        return [], [Problem(name, "is not a folder", "name the folder that holds the concept lists")]
    files, problems = [], []
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        return [], [Problem(name, f"cannot be read ({error.strerror})", "name a folder that you may read")]
    for path in paths:
        if path.name.startswith(".") or path.name == "schema.json":
            continue
        problem = _misplaced(path, folder)
        problems += [problem] if problem is not None else []
        if path.suffix == ".yaml" and path.is_file() and not _leaves(path, folder):
            files.append(path)
    if not files and not problems:
        problems.append(Problem(name, "holds no concept list", "write one; see docs/lists.md"))
    return files, problems


def read_source(path: Path) -> tuple[Source | None, list[Problem]]:
    """(the file with its tree, or None if the tree is no mapping; all mistakes in its YAML)."""
    where = shown(path)
    tree, problems = read(path, where)
    if tree is None and not problems:
        problems = [Problem(f"{where}:1", "the file is empty", "write `title:`, `owner:` and `concepts:`")]
    if tree is not None and not isinstance(tree.value, dict):
        fix = "begin with `title:`, `owner:` and `concepts:`"
        return None, [
            *problems,
            Problem(f"{where}:{tree.line}", "the file does not begin with `key: value` lines", fix),
        ]
    return (Source(path.stem, path, where, tree) if tree is not None else None), problems


def _misplaced(path: Path, folder: Path) -> Problem | None:
    """What is wrong with a file or folder in the folder of lists, apart from its content."""
    where, ending, name = shown(path), path.suffix, shown(folder)
    if path.is_dir():
        if path.name == "private":
            return None  # `expunge.concepts.private`
        nested = any(path.glob("*.y*ml"))
        return (
            Problem(where, "is a folder with lists, which are not read", f"move them into {name}/") if nested else None
        )
    if ending.lower() in (".yml", ".yaml") and ending != ".yaml":
        return Problem(where, f"ends in {ending} and is not read", f"rename it to {path.stem}.yaml")
    if ending != ".yaml":
        fix = f"run `expunge import {where} --kind ...` and move this file out of the folder"
        return Problem(where, f"ends in {ending} and is not read", fix) if ending.lower() in _MISPLACED else None
    if _leaves(path, folder):
        return Problem(where, f"is a link that leaves {name}/", "put the file itself there")
    if not path.is_file():
        return Problem(where, "is not a file", "remove it, or fix the link")
    if why := id_problem(path.stem):
        return Problem(f"{where}:1", f"the file's name {why}", f"rename it to {slug(path.stem)}.yaml")
    return None


def _leaves(path: Path, folder: Path) -> bool:
    """Is the path a link to a place outside the folder?"""
    return path.is_symlink() and not path.resolve().is_relative_to(folder.resolve())
