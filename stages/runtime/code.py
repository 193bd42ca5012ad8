"""The version of the code that computes a unit: a digest over the import closure of its module.

The closure is static: every module of this repository that the module imports, at the top of a file or within a
function, and what those import in turn. Only the code that runs counts: comments, docstrings, layout and
imports for type checkers change nothing. Outside packages are not followed; the base's digest holds their versions.

The runtime (`stages.runtime`) is left out: it only moves results and computes none.
"""

import ast
import importlib.util
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from expunge.core.digest import digest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("expunge", "stages")
LEFT_OUT = "stages.runtime"
DECLARATIONS = ("METHOD", "ATTACK")  # the plan holds their values; a reworded description changes no result
NOTES = ("kind", "type_comment")  # fields of the syntax tree that change nothing


def code_version(*modules: str, root: Path = ROOT) -> tuple[str, dict[str, str]]:
    """(digest of the closure, {path of each file in the repository: digest of what runs in it}).

    :param modules: names such as "stages.render" and "expunge.methods.distil".
    :raises ModuleNotFoundError: one of them is not in the repository.
    """
    files = {name: _file_digest(*_version(root / name)) for name in sorted(closure(modules, root))}
    return digest(files), files


def closure(modules: Iterable[str], root: Path = ROOT) -> set[str]:
    """The files of these modules and of all modules of this repository that they import, relative to the repository."""
    waiting, seen = list(modules), set[str]()
    for name in waiting:
        if _file(name, root) is None:
            raise ModuleNotFoundError(f"there is no module {name} in {root}")
    files = set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or name == LEFT_OUT or name.startswith(f"{LEFT_OUT}."):
            continue
        seen.add(name)
        file = _file(name, root)
        if file is None:
            continue  # a name from `from module import name` that is no module
        files.add(file.relative_to(root).as_posix())
        waiting += imports_of(*_version(file), name)
        package = name.rpartition(".")[0]  # its __init__ runs first
        waiting += [] if package in ("", *PACKAGES) else [package]  # expunge/__init__.py only offers a name to people
    return {file for file in files if not _is_empty(*_version(root / file))}


def _version(file: Path) -> tuple[Path, int]:
    """A file and when it changed: what the results below are remembered by, since units share most of their code."""
    return file, file.stat().st_mtime_ns


@lru_cache(maxsize=1024)
def imports_of(file: Path, changed: int, name: str) -> list[str]:
    """The modules of this repository that a file may import, with the names that could be modules."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    modules: list[str] = []
    for node in _walk(_parse(file, changed)):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            modules += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [module for module in modules if module.split(".")[0] in PACKAGES]


def _file(name: str, root: Path) -> Path | None:
    path = root.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@lru_cache(maxsize=1024)
def _parse(file: Path, changed: int) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes except those below `if TYPE_CHECKING:`."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not _is_for_types(child):
            yield from _walk(child)


@lru_cache(maxsize=1024)
def _file_digest(file: Path, changed: int) -> str:
    return digest(_plain(_parse(file, changed)))


def _is_empty(file: Path, changed: int) -> bool:
    return not [node for node in _parse(file, changed).body if not _is_text(node)]


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
