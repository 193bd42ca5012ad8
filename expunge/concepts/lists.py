"""Concept lists: what must be forgotten, read from `concepts/*.yaml` and checked in full before any model loads.

    lists = load_lists(Path("concepts"), rules)

either gives every list or raises one InputError with every mistake in every file.
"""

from pathlib import Path
from typing import Any

from expunge.concepts.checks import check_sources
from expunge.concepts.concept import Concept, ConceptList, Encoders, Request, Sense
from expunge.concepts.leaks import id_problems, masked, naming, published_problems
from expunge.concepts.private import merge, private_file, read_private
from expunge.concepts.rules import Rules
from expunge.concepts.schema import list_validator, schema_problems
from expunge.concepts.source import Source, concept_nodes, list_files, read_source
from expunge.core.errors import InputError, Problem, in_order, shown
from expunge.core.names import tidy


def load_lists(folder: Path, rules: Rules | None = None) -> list[ConceptList]:
    """Read and check every list in a folder, sorted by id.

    :param rules: rules from outside the lists; None: check each list only by itself and against the others.
    :raises InputError: with all problems of all files; `where` is "concepts/x.yaml:12".
    """
    lists, problems = _check(folder, rules or Rules())
    if problems:
        raise InputError(problems)
    return lists


def load_list(file: Path, rules: Rules | None = None) -> ConceptList:
    """Read and check one list, with the other lists of its folder as context.

    :raises InputError: with all problems that touch this file: its own, and contradictions with another list.
    """
    where = shown(file)
    if file.name.startswith("."):
        raise InputError([Problem(where, "is ignored, because its name begins with a dot", "rename it")])
    lists, problems = _check(file.parent, rules or Rules()) if file.exists() else ([], [])
    private = shown(private_file(file.parent))
    if own := [problem for problem in problems if where in problem.files or problem.files[0] == private]:
        raise InputError(own)
    for each in lists:
        if each.path.name == file.name:
            return each
    what = "is not a concept list" if file.exists() else "is missing"
    raise InputError([Problem(where, what, "name a .yaml file that holds a list, or a folder of lists")])


def _check(folder: Path, rules: Rules) -> tuple[list[ConceptList], list[Problem]]:
    """The lists of a folder that have passed the schema, and all problems of all files.

    Words of confidential concepts are put into their entries first; no problem tells them.
    """
    files, problems = list_files(folder)
    read = [(path, *read_source(path)) for path in files]
    private, own = read_private(folder)
    where, sources = shown(private_file(folder)), [source for _, source, _ in read if source is not None]
    problems += [*own, *merge(concept_nodes(sources), private, folder)]
    problems += id_problems(concept_nodes(sources), private)
    secrets = naming(concept_nodes(sources), private)
    lists, validator = [], list_validator(rules.gate_schema, rules.gate_examples)
    for _, source, unreadable in read:
        problems += unreadable
        if source is None:
            continue
        refused = schema_problems(source.tree, source.where, validator)
        problems += [*refused, *published_problems(source, secrets, where)]
        if not refused and not unreadable:
            lists.append(to_list(source))
    problems += check_sources(sources, rules)
    return lists, in_order(masked(problems, secrets.values(), private))


def to_list(source: Source) -> ConceptList:
    """The list, as dataclasses, in a file that has passed the schema."""
    raw = source.tree.value
    concepts = tuple(
        _concept(entry, source.place(source.tree.at(["concepts", i]))) for i, entry in enumerate(raw["concepts"])
    )
    encoders = to_encoders(raw.get("encoders", "single"), tuple(concept.id for concept in concepts))
    texts = tidy(raw["title"]), tidy(raw["owner"])
    keep = tuple(tidy(text) for text in raw.get("keep", ()))
    return ConceptList(source.id, *texts, encoders, concepts, source.path, raw.get("gate", {}), keep)


def to_encoders(raw: Any, ids: tuple[str, ...]) -> Encoders:
    """Convert each of the three forms of `encoders:`. The word `joint` alone means a group "joint" of all concepts."""
    if isinstance(raw, dict):
        joint = {name: tuple(members) for name, members in raw.get("joint", {}).items()}
        return Encoders(raw.get("single", not joint), joint)
    chosen = [raw] if isinstance(raw, str) else raw
    return Encoders("single" in chosen, {"joint": ids} if "joint" in chosen else {})


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
        probes=texts(raw.get("probes")),
        members=texts(raw.get("members")),
        judge=raw.get("judge"),
        prompts=texts(raw.get("prompts")),
        paraphrases=texts(raw.get("paraphrases")),
        request=Request(**{key: tidy(value) for key, value in request.items()}) if request else None,
        confidential=raw.get("confidential", False),
        method=raw.get("method"),
        parameters=raw.get("parameters", {}),
        gate=raw.get("gate", {}),
        where=where,
    )
