"""requests/*.yaml: requests that no entry of a list holds: refused, not yet decided, or answered by another's concept.

    filed, problems = read_registers(Path("requests"))

    requests:
    - id: R-2043
      received: 2026-03-04T09:30:00Z
      due: 2026-04-04
      decision: "rejected: no such person"

A list holds what is forgotten, so a refused request cannot stand there; and whoever is refused need not be named
anywhere, so an entry has no name. The folder lies beside concepts/, since no stage reads it: nothing runs again when a
request comes in. `expunge.cli.requests` shows both together.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from expunge.concepts.checks_of_requests import TIMES, time_problems
from expunge.concepts.concept import ConceptList
from expunge.concepts.leaks import masked, published_problems, secrets_of
from expunge.concepts.listfile import REQUEST_KEYS, quoted
from expunge.concepts.private import GLOSS, QUOTED
from expunge.concepts.schema import list_schema
from expunge.concepts.source import Source
from expunge.core.errors import Problem, shown
from expunge.core.names import tidy
from expunge.core.schema import schema_problems, validator_of
from expunge.core.unit_names import Name
from expunge.core.yamlfile import Node, read


@dataclass(frozen=True)
class Filed:
    """A request of a register, as written. Only its id must be there."""

    id: str
    where: str  # "file:line"
    received: str | None = None
    due: str | None = None
    decided: str | None = None
    basis: str | None = None
    decision: str | None = None
    concept: str | None = None  # "list/id" of the concept that answers it
    confidential: bool = False


def register_schema() -> dict[str, Any]:
    """The JSON Schema of a register: a request as in lists, of which the id alone is required."""
    lists = list_schema()
    request = lists["$defs"]["concept"]["properties"]["request"]
    concept = {
        "title": "Concept", "type": "string", "pattern": "^[^/]+/[^/]+$", "examples": ["people/mira-holt"],
        "description": "the concept that answers it, as list/id",
    }  # fmt: skip
    confidential = {"type": "boolean", "description": "true where only ids and times may be shown"}
    properties = {**request["properties"], "concept": concept, "confidential": confidential}
    entry = {**request, "required": ["id"], "properties": properties}
    entries = {"type": "array", "items": entry, "description": "a list of requests, each with its id"}
    return {
        "type": "object", "additionalProperties": False, "required": ["requests"], "properties": {"requests": entries},
        "$defs": lists["$defs"],
    }  # fmt: skip


def read_registers(folder: Path, lists: Path = Path("concepts")) -> tuple[list[Filed], list[Problem]]:
    """(the requests of every register of a folder, in order; all mistakes in them); ([], []) without a folder.

    :param lists: the folder of lists: registers may not name a confidential concept of one, and no problem does.
    """
    filed, problems, validator = list[Filed](), list[Problem](), validator_of(register_schema())
    if not folder.is_dir() and (folder.exists() or folder.is_symlink()):
        return [], [Problem(shown(folder), "is no folder", "name the folder that holds the registers")]
    secrets, private = secrets_of(lists) if folder.is_dir() else ({}, None)
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        where = shown(file)
        if file.name.startswith("."):
            continue
        if file.suffix != ".yaml" or not file.is_file():
            problems.append(Problem(where, "is no register", "write a .yaml file, or move it out of the folder"))
            continue
        tree, unreadable = read(file, where)
        if tree is None:
            problems += [_closed(each, None) for each in unreadable]
            problems += [] if unreadable else [Problem(f"{where}:1", "the file is empty", "write `requests: []`")]
            continue
        refused = [*unreadable, *schema_problems(tree, where, validator, "the register")]
        entries = tree.at(["requests"]).children if isinstance(tree.value, dict) else None
        nodes = [node for node in entries if isinstance(node.value, dict)] if isinstance(entries, list) else []
        refused += [each for node in nodes for each in time_problems(node.value, partial(_place, where, node))]
        hidden = [node for node in nodes if node.value.get("confidential", False) is not False]
        refused = [_closed(each, hidden) for each in refused] if hidden else refused
        refused += published_problems(Source(file.stem, file, where, tree), secrets, private.where if private else "")
        problems += refused
        filed += [] if refused else [_filed(node, where) for node in nodes]
    return filed, masked(problems, secrets.values(), private)


def _closed(problem: Problem, hidden: Sequence[Node] | None) -> Problem:
    """A problem of a file with confidential requests, without what it repeats of them.

    :param hidden: the confidential requests; None: nobody can tell which they are.
    """
    own = [node.at([key]).text for node in hidden or () for key in node.value if key not in (*TIMES, "id")]
    what, fix = problem.what, problem.fix
    for text in sorted({text for text in own if len(text) > 1} - {"true"}, key=lambda text: (-len(text), text)):
        what, fix = what.replace(text, GLOSS), fix.replace(text, GLOSS)
    return replace(problem, what=QUOTED.sub(GLOSS, what), fix=QUOTED.sub(GLOSS, fix))


def problems_with_lists(filed: Iterable[Filed], lists: Sequence[ConceptList]) -> list[Problem]:
    """Requests of a register that name a concept which is on no list."""
    known = {str(Name(each.id, concept.id)) for each in lists for concept in each.concepts}
    return [
        Problem(
            each.where,
            "there is no such concept on a list"
            if each.confidential
            else f"there is no concept {each.concept} on a list",
            "write list/id, or take `concept` out",
        )
        for each in filed
        if each.concept is not None and each.concept not in known
    ]


def register_text(entries: Iterable[Mapping[str, str]], lists: Mapping[str, str], source: str) -> str:
    """The text of a register that was imported.

    :param entries: keys of REQUEST_KEYS, and `concept`, the concept's id alone.
    :param lists: {id of a concept: its list}. :param source: the file that it was made of.
    """
    lines = [
        "# requests that no entry of a list holds; `expunge requests` shows them with the others",
        f"# imported from {source if source.isprintable() else ascii(source)}",
    ]
    blocks = []
    for entry in entries:
        own = [f"{key}: {quoted(entry[key])}" for key in REQUEST_KEYS if key in entry]
        own += [f"concept: {Name(lists[entry['concept']], entry['concept'])}"] if "concept" in entry else []
        blocks += [f"  - {own[0]}", *(f"    {line}" for line in own[1:])]
    return "\n".join([*lines, *(["requests:", *blocks] if blocks else ["requests: []"])]) + "\n"


def _place(where: str, node: Node, key: str) -> str:
    return f"{where}:{node.at([key]).line}"


def _filed(node: Node, where: str) -> Filed:
    entry: dict[str, Any] = {key: tidy(value) if isinstance(value, str) else value for key, value in node.value.items()}
    return Filed(where=f"{where}:{node.line}", **entry)
