"""The version of the code that computes a unit: a digest over the import closure of its module.

The closure is static: every module of this repository that the module imports, at the top of a file or within a
function, and what those import in turn. Only the code that runs counts: comments, docstrings, layout and
imports for type checkers change nothing. Outside packages are not followed; the base's digest holds their versions.

The runtime (`stages.runtime`) is left out: it only moves results and computes none.
"""

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from expunge.core.digest import digest, file_digest
from expunge.core.files import BROKEN_JSON, write_json

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("expunge", "stages")
LEFT_OUT = "stages.runtime"
DECLARATIONS = ("METHOD", "ATTACK")  # the plan holds their values; a reworded description changes no result
MOST = 2000  # sources that are remembered; then those are forgotten that are not looked for
NOTES = ("kind", "type_comment")  # fields of the syntax tree that change nothing


@dataclass(frozen=True)
class Source:
    """What a source file says."""

    digest: str  # of what runs in it
    imports: list[str]  # modules of this repository that it may import, with the names that could be modules
    empty: bool  # does nothing in it run?


def code_version(*modules: str, root: Path = ROOT) -> tuple[str, dict[str, str]]:
    """(digest of the closure, {path of each file in the repository: digest of what runs in it}).

    :param modules: names such as "stages.render" and "expunge.methods.distil".
    :raises ModuleNotFoundError: one of them is not in the repository.
    """
    files = {name: source.digest for name, source in sorted(_closure(modules, root).items())}
    return digest(files), files


def closure(modules: Iterable[str], root: Path = ROOT) -> set[str]:
    """The files of these modules and of all modules of this repository that they import, relative to the repository.

    :raises ModuleNotFoundError: one of them is not in the repository.
    """
    return set(_closure(modules, root))


def _closure(modules: Iterable[str], root: Path) -> dict[str, Source]:
    waiting, seen = list(modules), set[str]()
    for name in waiting:
        if _file(name, root) is None:
            raise ModuleNotFoundError(f"there is no module {name} in {root}")
    files = dict[str, Source]()
    with Remembered() as remembered:
        while waiting:
            name = waiting.pop()
            if name in seen or name == LEFT_OUT or name.startswith(f"{LEFT_OUT}."):
                continue
            seen.add(name)
            file = _file(name, root)
            if file is None:
                continue  # a name from `from module import name` that is no module
            source = remembered.source(file, name)
            files[file.relative_to(root).as_posix()] = source
            waiting += source.imports
            package = name.rpartition(".")[0]  # its __init__ runs first
            waiting += [] if package in ("", *PACKAGES) else [package]  # expunge/__init__.py only offers a name
    return {file: source for file, source in files.items() if not source.empty}


class Remembered:
    """What files said when they were last read, by their bytes, their names and this module's own bytes: on disk, since
    each stage is a process of its own, and reading a stage's sixty files takes a second."""

    def __init__(self, file: Path = Path(".expunge/code.json")) -> None:
        self.file, self.new = file, False
        self.own = f"{file_digest(__file__)} {sys.version_info[:2]}"
        self.sources: dict[str, Source] = {}
        self.used: set[str] = set()

    def __enter__(self) -> "Remembered":
        with suppress(OSError, *BROKEN_JSON):
            self.sources = msgspec.json.decode(self.file.read_bytes(), type=dict[str, Source])
        return self

    def __exit__(self, *error: object) -> None:
        if self.new:
            kept = self.sources if len(self.sources) < MOST else {key: self.sources[key] for key in self.used}
            with suppress(OSError):  # a full disk: they are read again
                write_json(self.file, msgspec.to_builtins(kept), None)

    def source(self, file: Path, name: str) -> Source:
        key = digest([self.own, name, file.name, file_digest(file)])
        self.used.add(key)
        if key not in self.sources:
            self.sources[key], self.new = read_source(file, name), True
        return self.sources[key]


def read_source(file: Path, name: str) -> Source:
    """:param name: the module's."""
    tree = ast.parse(file.read_text("utf-8"))
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    modules: list[str] = []
    for node in _walk(tree):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            modules += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    imports = [module for module in modules if module.split(".")[0] in PACKAGES]
    return Source(digest(_plain(tree)), imports, all(_is_text(node) for node in tree.body))


def _file(name: str, root: Path) -> Path | None:
    path = root.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes except those below `if TYPE_CHECKING:`."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not _is_for_types(child):
            yield from _walk(child)


def _plain(node: Any) -> Any:
    """The syntax tree as lists, without positions, empty fields and docstrings: the same under any Python version."""
    if isinstance(node, ast.AST):
        fields = [(name, _plain(value)) for name, value in ast.iter_fields(node) if name not in NOTES]
        return [type(node).__name__, *([name, value] for name, value in fields if value not in (None, []))]
    if isinstance(node, list):
        return [_plain(item) for item in node if not (_is_text(item) or _is_declaration(item) or _is_for_types(item))]
    if node is None or isinstance(node, str | bool):
        return node
    return [type(node).__name__, repr(node)]  # the number 1 is not the text "1"


def _is_declaration(node: Any) -> bool:
    """Is the node an assignment such as `METHOD = {...}`, which declares knobs as data?"""
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(target, ast.Name) and target.id in DECLARATIONS for target in targets)


def _is_for_types(node: Any) -> bool:
    """Is the node `if TYPE_CHECKING:` without an `else`? It never runs."""
    test = node.test if isinstance(node, ast.If) and not node.orelse else None
    name = test.id if isinstance(test, ast.Name) else test.attr if isinstance(test, ast.Attribute) else ""
    return name == "TYPE_CHECKING"


def _is_text(node: Any) -> bool:
    """Is the node a docstring, or another string that stands by itself?"""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
