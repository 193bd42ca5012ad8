"""Concept lists: what must be forgotten, read from `concepts/*.yaml` and checked in full before any model loads.

`load_lists` either gives every list or raises one InputError with every mistake in every file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from expunge.core.errors import InputError, Problem
from expunge.core.names import id_problem, slug, tidy
from expunge.core.yamlfile import Node, read

KINDS = ("character", "style", "object", "person", "motion", "image")
Tokenizer = Callable[[str], list[int] | None]  # text -> token ids, None where it cannot be spelled
_MISPLACED = {".yml", ".csv", ".tsv", ".txt", ".json"}


@dataclass(frozen=True)
class Sense:
    """Of a word with two meanings: phrases for the one that goes and for the one that stays."""

    forget: tuple[str, ...]
    keep: tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """Why a concept is on a list. `received` is an ISO date."""

    id: str
    received: str
    basis: str
    decision: str


@dataclass(frozen=True)
class Concept:
    """What must be forgotten. Texts are NFC with single blanks; `where` ("file:line") belongs in no digest."""

    id: str
    name: str
    kind: str
    aliases: tuple[str, ...] = ()
    anchor: str | None = None
    neighbours: tuple[str, ...] = ()
    sense: Sense | None = None
    parts: tuple[str, ...] = ()  # of a composition: the two things that stay, each by itself
    prompts: tuple[str, ...] = ()
    paraphrases: tuple[str, ...] = ()  # of a memorised picture's caption
    request: Request | None = None
    confidential: bool = False
    method: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    gate: dict[str, Any] = field(default_factory=dict)  # as written: expunge.metrics.thresholds
    where: str = field(default="", compare=False)


@dataclass(frozen=True)
class Encoders:
    """Which encoders a list trains: one for each concept, and the named joint groups (name -> ids of concepts)."""

    single: bool
    joint: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class ConceptList:
    id: str
    title: str
    owner: str
    encoders: Encoders
    concepts: tuple[Concept, ...]
    path: Path
    gate: dict[str, Any] = field(default_factory=dict)

    def members(self) -> dict[str, tuple[str, ...]]:
        """{encoder: the ids of its concepts}: the single ones, then the joint ones."""
        single = {concept.id: (concept.id,) for concept in self.concepts} if self.encoders.single else {}
        return {**single, **self.encoders.joint}


@dataclass(frozen=True)
class Source:
    """A file as it was read: the tree with its lines, for the checks; `where` is what problems call it."""

    id: str
    path: Path
    where: str
    tree: Node


@dataclass(frozen=True)
class Words:
    """What the base can read. Without a tokenizer (its files are not on this machine) lengths go unchecked."""

    tokenizer: Tokenizer | None = None
    max_tokens: int | None = None  # ids that fit, start and end token not counted
    templates: Mapping[str, Sequence[str]] = field(default_factory=dict)  # kind -> "a photo of {}"


def load_lists(
    folder: Path,
    tokenizer: Tokenizer | None = None,
    max_tokens: int | None = None,
    templates: Mapping[str, Sequence[str]] | None = None,
    methods: Sequence[str] | None = None,
    check_method: Callable[[str, Mapping[str, Any]], list[tuple[str, str]]] | None = None,
    default_method: str | None = None,
) -> list[ConceptList]:
    """Read and check every list in a folder, sorted by id.

    :param tokenizer: text -> token ids without start and end token, or None where the text cannot be spelled.
    :param max_tokens: how many such ids the encoder's context holds.
    :param templates: kind -> prompt templates with "{}" for the name; a name must fit the longest of its kind.
    :param methods: the names of the methods there are; None: not checked.
    :param check_method: (method, parameters) -> [(what is wrong, what to write)]; as
        `expunge.methods.check_parameters`. It is asked about a concept's own method and parameters.
    :param default_method: the method of concepts that name none, for the check of their parameters.
    :raises InputError: with all problems of all files; `where` is "concepts/x.yaml:12".
    """
    from expunge.concepts.checks import cross_problems
    from expunge.concepts.schema import schema_problems

    files, problems = list_files(folder)
    sources, lists = [], []
    for path in files:
        where = shown(path)
        tree, found = read(path, where)
        if tree is None and not found:
            found = [Problem(f"{where}:1", "the file is empty", "write `title:`, `owner:` and `concepts:`")]
        problems += found
        if tree is None:
            continue
        if not isinstance(tree.value, dict):
            fix = "begin with `title:`, `owner:` and `concepts:`"
            problems.append(Problem(f"{where}:{tree.line}", "the file is no mapping", fix))
            continue
        refused = schema_problems(tree, where)
        problems += refused
        source = Source(path.stem, path, where, tree)
        sources.append(source)
        if not refused and not found:
            lists.append(to_list(source))
    words = Words(tokenizer, max_tokens, templates or {})
    problems += cross_problems(sources, words, methods, check_method, default_method)
    if problems:
        raise InputError(in_order(problems))
    return lists


def to_list(source: Source) -> ConceptList:
    """The dataclasses of a file that has passed the schema."""
    raw = source.tree.value
    concepts = tuple(
        _concept(entry, f"{source.where}:{source.tree.at(['concepts', i]).line}")
        for i, entry in enumerate(raw["concepts"])
    )
    encoders = to_encoders(raw.get("encoders", "single"), tuple(concept.id for concept in concepts))
    texts = tidy(raw["title"]), tidy(raw["owner"])
    return ConceptList(source.id, *texts, encoders, concepts, source.path, raw.get("gate", {}))


def to_encoders(raw: Any, ids: tuple[str, ...]) -> Encoders:
    """The three ways to write `encoders:` as one. A bare `joint` is a group "joint" of all concepts."""
    if isinstance(raw, dict):
        joint = {name: tuple(members) for name, members in raw.get("joint", {}).items()}
        return Encoders(raw.get("single", not joint), joint)
    chosen = [raw] if isinstance(raw, str) else raw
    return Encoders("single" in chosen, {"joint": ids} if "joint" in chosen else {})


def list_files(folder: Path) -> tuple[list[Path], list[Problem]]:
    """The files of a folder that are lists, sorted, and what lies there and should not."""
    name = shown(folder)
    if not folder.is_dir():
        return [], [Problem(name, "is no folder", "name the folder that holds the concept lists")]
    files, problems = [], []
    for path in sorted(folder.iterdir()):
        where, ending = shown(path), path.suffix
        if path.name.startswith(".") or path.name == "schema.json":
            continue
        if path.is_dir():
            if any(path.glob("*.y*ml")):
                problems.append(Problem(where, "is a folder with lists, which are not read", f"move them into {name}/"))
            continue
        if ending != ".yaml":
            if ending.lower() in _MISPLACED | {".yaml"}:
                yaml = ending.lower() in (".yml", ".yaml")
                fix = f"run `expunge import {where} --kind ...` and take this file away"
                fix = f"rename it to {path.stem}.yaml" if yaml else fix
                problems.append(Problem(where, f"ends in {ending} and is not read", fix))
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            problems.append(Problem(where, f"is a link that leaves {name}/", "put the file itself there"))
        elif not path.is_file():
            problems.append(Problem(where, "is no file", "remove it, or fix the link"))
        elif why := id_problem(path.stem):
            problems.append(Problem(f"{where}:1", f"the file's name {why}", f"rename it to {slug(path.stem)}.yaml"))
            files.append(path)
        else:
            files.append(path)
    if not files and not problems:
        problems.append(Problem(name, "holds no concept list", "write one; see docs/lists.md"))
    return files, problems


def shown(path: Path) -> str:
    """A path as problems show it: relative to the working folder where it lies inside, with forward slashes."""
    path = Path(path)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    text = path.as_posix()
    return text if text.isprintable() else ascii(text)[1:-1]


def in_order(problems: list[Problem]) -> list[Problem]:
    """By file, then by line; without repetitions."""

    def key(problem: Problem) -> tuple[str, int]:
        file, _, line = problem.where.rpartition(":")
        return (file, int(line)) if line.isdigit() else (problem.where, 0)

    return sorted(dict.fromkeys(problems), key=key)


def _concept(raw: dict[str, Any], where: str) -> Concept:
    def texts(values: Any) -> tuple[str, ...]:
        return tuple(tidy(value) for value in values or ())

    sense, request = raw.get("sense"), raw.get("request")
    return Concept(
        id=raw["id"],
        name=tidy(raw["name"]),
        kind=raw["kind"],
        aliases=texts(raw.get("aliases")),
        anchor=tidy(raw["anchor"]) if "anchor" in raw else None,
        neighbours=texts(raw.get("neighbours")),
        sense=Sense(texts(sense["forget"]), texts(sense["keep"])) if sense else None,
        parts=texts(raw.get("parts")),
        prompts=texts(raw.get("prompts")),
        paraphrases=texts(raw.get("paraphrases")),
        request=Request(**{key: tidy(value) for key, value in request.items()}) if request else None,
        confidential=raw.get("confidential", False),
        method=raw.get("method"),
        parameters=raw.get("parameters", {}),
        gate=raw.get("gate", {}),
        where=where,
    )
