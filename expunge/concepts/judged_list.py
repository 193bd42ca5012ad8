"""A concept list in which one edit that somebody else made forgets every concept, instead of encoders of our own."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from expunge.concepts.listfile import quoted
from expunge.concepts.schema import list_validator, schema_problems
from expunge.concepts.source import read_source
from expunge.core.errors import InputError, Problem, shown
from expunge.core.schema import did_you_mean

METHOD = "external"


def judged_list(file: Path, name: str, path: str, only: Sequence[str] = ()) -> str:
    """The text of the list, with the method `external` for each concept and one joint encoder of that name.

    :param name: of the encoder. :param path: what it is loaded from. :param only: ids of concepts; (): all of them.
    :raises InputError: the file cannot be read, is no concept list, or has no concept of such an id.
    """
    if not file.is_file():
        raise InputError([Problem(shown(file), "is missing", "name a list by its id or its file")])
    source, problems = read_source(file)
    if source is not None:
        problems = [*problems, *schema_problems(source.tree, source.where, list_validator(merged=False))]
    if problems or source is None:
        raise InputError(problems)
    raw: dict[str, Any] = source.tree.value
    ids = [concept["id"] for concept in raw["concepts"]]
    if unknown := [each for each in only if each not in ids]:
        raise InputError(Problem(shown(file), f"has no concept {each}", did_you_mean(each, ids)) for each in unknown)
    concepts = [
        {**{key: value for key, value in concept.items() if key not in ("method", "parameters")},
         "method": METHOD, "parameters": {"path": path}}
        for concept in raw["concepts"] if not only or concept["id"] in only
    ]  # fmt: skip
    encoders = {"joint": {name: [concept["id"] for concept in concepts]}}
    head = f"# made by `expunge judge` of {shown(file)}: {name} was made by others, and is measured here\n"
    return head + _yaml({**raw, "encoders": encoders, "concepts": concepts})


def _yaml(data: dict[str, Any]) -> str:
    """Block YAML of a list: a line for each key, with its value as JSON, which is YAML as well."""
    lines = [f"{key}: {_value(value)}" for key, value in data.items() if key != "concepts"]
    lines.append("concepts:")
    for concept in data["concepts"]:
        entries = [f"{key}: {_value(value)}" for key, value in concept.items()]
        lines += [f"  - {entries[0]}", *(f"    {entry}" for entry in entries[1:])]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    return quoted(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
