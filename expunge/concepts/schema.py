"""The JSON Schema of concept lists."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from expunge.core.errors import Problem
from expunge.core.schema import ELSEWHERE, NEEDED, validator_of
from expunge.core.schema import schema_problems as problems_of
from expunge.core.yamlfile import Node


def list_schema(gate: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The schema as a dict.

    :param gate: the `properties` in the schema of a `gate:`; None: those in schema.json.
    """
    schema = json.loads(Path(__file__).with_name("schema.json").read_text("utf-8"))
    if gate is not None:
        schema["$defs"]["gate"]["properties"] = dict(gate)
    return schema


def list_validator(
    gate: Mapping[str, Any] | None = None, elsewhere: Mapping[str, str] | None = None, merged: bool = True
) -> Any:
    """The validator for `schema_problems`.

    :param gate: as in `list_schema`. :param elsewhere: {key that belongs somewhere else: what to write instead}.
    :param merged: the words of confidential concepts are in their entries (`expunge.concepts.private`).
    """
    schema = list_schema(gate)
    entry = schema["$defs"]["concept"]
    del entry["then"]  # for editors: `expunge.concepts.private` says more
    if merged:
        del entry["if"], entry["else"]
        entry["required"] = ["id", "name", "kind"]
    concept = schema["$defs"]["concept"]["properties"]
    for table in (schema, entry):
        table[ELSEWHERE] = dict(elsewhere or {})
    concept["members"][NEEDED] = True  # a category without members forgets nothing
    for words in (schema["$defs"]["phrases"], *concept.values()):
        words.pop("uniqueItems", None)  # checks_of_words reports repetitions, and ignores case
    return validator_of(schema)


def schema_problems(tree: Node, where: str, validator: Any) -> list[Problem]:
    """Everything in a list's tree that the schema refuses, each with its line. :param validator: `list_validator`."""
    return problems_of(tree, where, validator, "the list")
