"""The files of a folder that are concept lists, and the tree of each."""

from dataclasses import dataclass
from pathlib import Path

from expunge.core.errors import Problem, shown
from expunge.core.names import id_problem, slug
from expunge.core.yamlfile import Node, read

_MISPLACED = {".yml", ".csv", ".tsv", ".txt", ".json"}


@dataclass(frozen=True)
class Source:
    """A file as it was read: the tree with its lines, for the checks. Its tree is a mapping."""

    id: str  # of the list
    path: Path
    where: str  # what problems call it
    tree: Node

    def place(self, node: Node) -> str:
        """ "file:line" of a node."""
        return f"{self.where}:{node.line}"


@dataclass(frozen=True)
class ConceptNode:
    """A concept as it stands in its file: a mapping, whatever is in it."""

    source: Source
    node: Node
    number: int  # counted through all lists

    @property
    def label(self) -> str:
        """Its id, or where it stands for want of one."""
        return str(self.node.value.get("id", f"line {self.node.line}"))

    def place(self, *path: str | int) -> str:
        """ "file:line" of what lies at a path of keys and indices within the concept."""
        return self.source.place(self.node.at(path))


def concept_nodes(sources: list[Source]) -> list[ConceptNode]:
    """The concepts of all files in their order. What is no mapping is left to the schema."""
    nodes: list[ConceptNode] = []
    for source in sources:
        entries = source.tree.at(["concepts"]).children if "concepts" in source.tree.value else None
        for node in entries if isinstance(entries, list) else ():
            if isinstance(node.value, dict):
                nodes.append(ConceptNode(source, node, len(nodes)))
    return nodes


def list_files(folder: Path) -> tuple[list[Path], list[Problem]]:
    """The files of a folder that are lists, sorted, and what lies there and should not."""
    name = shown(folder)
    if not folder.is_dir():
        return [], [Problem(name, "is no folder", "name the folder that holds the concept lists")]
    files, problems = [], []
    for path in sorted(folder.iterdir()):
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
    """A file's tree, None where it is no mapping, and everything wrong with it as YAML."""
    where = shown(path)
    tree, problems = read(path, where)
    if tree is None and not problems:
        problems = [Problem(f"{where}:1", "the file is empty", "write `title:`, `owner:` and `concepts:`")]
    if tree is not None and not isinstance(tree.value, dict):
        fix = "begin with `title:`, `owner:` and `concepts:`"
        return None, [*problems, Problem(f"{where}:{tree.line}", "the file is no mapping", fix)]
    return (Source(path.stem, path, where, tree) if tree is not None else None), problems


def _misplaced(path: Path, folder: Path) -> Problem | None:
    """What is wrong with something that lies in the folder of lists, apart from what is in it."""
    where, ending, name = shown(path), path.suffix, shown(folder)
    if path.is_dir():
        nested = any(path.glob("*.y*ml"))
        return (
            Problem(where, "is a folder with lists, which are not read", f"move them into {name}/") if nested else None
        )
    if ending.lower() in (".yml", ".yaml") and ending != ".yaml":
        return Problem(where, f"ends in {ending} and is not read", f"rename it to {path.stem}.yaml")
    if ending != ".yaml":
        fix = f"run `expunge import {where} --kind ...` and take this file away"
        return Problem(where, f"ends in {ending} and is not read", fix) if ending.lower() in _MISPLACED else None
    if _leaves(path, folder):
        return Problem(where, f"is a link that leaves {name}/", "put the file itself there")
    if not path.is_file():
        return Problem(where, "is no file", "remove it, or fix the link")
    if why := id_problem(path.stem):
        return Problem(f"{where}:1", f"the file's name {why}", f"rename it to {slug(path.stem)}.yaml")
    return None


def _leaves(path: Path, folder: Path) -> bool:
    """Is it a link to a place outside the folder?"""
    return path.is_symlink() and not path.resolve().is_relative_to(folder.resolve())
