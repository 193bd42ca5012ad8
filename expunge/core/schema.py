"""Checks a file's tree against the JSON Schema and says in plain words, with the line, what to write instead."""

import difflib
import re
from collections.abc import Iterator
from typing import Any

from expunge.core.errors import Problem
from expunge.core.names import ID, LONGEST_ID, id_problem, slug
from expunge.core.yamlfile import Node

_KINDS = {
    "string": "text", "array": "a list", "object": "a mapping (key: value)", "boolean": "true or false",
    "integer": "a whole number", "number": "a number", "null": "nothing",
}  # fmt: skip


def validator_of(schema: dict[str, Any]) -> Any:
    """A jsonschema validator of a JSON Schema (2020-12) whose references all lead into its own `$defs`."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator(_inlined(schema, schema.get("$defs", {})))


def schema_problems(tree: Node, where: str, validator: Any) -> list[Problem]:
    """Everything in a file's tree that a schema refuses, each with its line. :param validator: `validator_of`."""
    problems = []
    for error in validator.iter_errors(tree.value):
        for node, what, fix in _say(error, tree):
            problems.append(Problem(f"{where}:{node.line}", what, fix))
    return problems


def did_you_mean(wrong: object, known: list[str]) -> str:
    """ "write kind" for the nearest of a few words, else all of them."""
    near = difflib.get_close_matches(str(wrong).lower(), known, 1, 0.6)
    return f"write {near[0]}" if near else f"write one of {', '.join(known)}"


def wrong_id(text: str) -> tuple[str, str]:
    """What is wrong with a text that is no id, and an id to write."""
    return f"{short(text)} {id_problem(text)}", f"write an id such as {slug(text[:200])}"


def short(value: object) -> str:
    """A value for a message: quoted, on one line, at most 60 characters."""
    text = ascii(value) if not str(value).isprintable() else repr(value)
    return text if len(text) <= 60 else f"{text[:56]}...{text[-1]}"


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with every $ref written out: half the time of looking them up 20,000 times, and the title and
    description beside a $ref are then at hand for the message."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    merged = dict(schema)
    if isinstance(schema.get("$ref"), str):
        del merged["$ref"]
        merged = definitions[schema["$ref"].removeprefix("#/$defs/")] | merged
    return {key: _inlined(value, definitions) for key, value in merged.items() if key != "$defs"}


def _say(error: Any, tree: Node) -> Iterator[tuple[Node, str, str]]:
    """(where, what, fix) of one error of jsonschema, of which some stand for several."""
    path = list(error.absolute_path)
    node, value, rule, schema = tree.at(path), error.instance, error.validator, error.schema
    key = _key(path)
    wants = schema.get("description", "")
    match rule:
        case "required":
            for name in (name for name in error.validator_value if name not in value):
                # jsonschema reports each missing key by itself
                if f"{name!r} is a required" in error.message:
                    within = f"{key}." if path and isinstance(path[-1], str) else ""
                    yield node, f"`{within}{name}` is missing", _example(within + name, schema["properties"][name])
        case "additionalProperties":
            known = list(schema["properties"])
            for name in [name for name in value if name not in known][:100]:
                yield node.at([name]), f"there is no key {short(name)} here", did_you_mean(name, known)
        case "type" if isinstance(value, bool | int | float) and not re.search(schema.get("pattern", ""), node.text):
            yield node, f"`{key}` is {short(node.text)}", f"write {wants}"
        case "type":
            yield node, *_wrong_type(key, node, value, schema["type"], wants)
        case "enum" if list(error.absolute_schema_path)[-2:] == ["propertyNames", "enum"]:
            at = node.children.get(value, node) if isinstance(node.children, dict) else node
            yield at, f"there is no {short(value)} here", did_you_mean(value, error.validator_value)
        case "enum":
            known = error.validator_value
            yield node, f"`{key}` is {short(value)}, which is not known", did_you_mean(value, known)
        case "pattern" if ID.pattern.split("(?:")[0] in error.validator_value:
            # propertyNames: the text is a key of the node, not the node
            at = node.children.get(value, node) if isinstance(node.children, dict) else node
            yield at, *wrong_id(value)
        case "maxLength" if error.validator_value == LONGEST_ID and "pattern" in schema:
            if ID.fullmatch(value):  # else the pattern has been reported
                yield node, *wrong_id(value)
        case "pattern":
            yield node, f"`{key}` is {short(value)}", f"write {wants}"
        case "minimum" | "maximum" | "multipleOf":
            yield node, f"`{key}` is {node.text}", f"write {wants}"
        case "minItems" if value:
            yield node, f"`{key}` has {len(value)} entries", f"write {wants}"
        case "minLength" | "minItems" | "minProperties":
            yield node, f"`{key}` is empty", f"write {wants}, or take `{key}` out if it is optional"
        case "maxLength":
            yield node, f"`{key}` has {len(value)} characters", f"write at most {error.validator_value}"
        case "maxItems" | "maxProperties":
            yield node, f"`{key}` has {len(value)} entries", f"write at most {error.validator_value}"
        case "uniqueItems":
            if path[:1] == ["encoders"]:
                yield node, "`encoders` says the same twice", "write [single, joint]"
            # everywhere else expunge.concepts.checks finds it, with the line
        case "anyOf":
            fits = [i for i, branch in enumerate(schema["anyOf"]) if _is(value, branch["type"])]
            if not fits:
                yield node, *_wrong_type(key, node, value, "string", wants)
            for inner in error.context:
                if fits and inner.schema_path[0] == fits[0]:
                    yield from _say(inner, tree)
        case _:
            yield node, f"`{key}`: {error.message[:200]}", f"write {wants}"


def _key(path: list[Any]) -> str:
    """What a value is called: its key, and within a concept the keys on the way too, as in `request.id`."""
    keys = [str(part) for part in path if isinstance(part, str)]
    return ".".join(keys[1:]) if keys[:1] == ["concepts"] and len(keys) > 1 else keys[-1] if keys else "the file"


def _is(value: Any, kind: str) -> bool:
    types: dict[str, Any] = {
        "string": str, "array": list, "object": dict, "boolean": bool, "integer": int, "number": int | float,
        "null": type(None),
    }  # fmt: skip
    return isinstance(value, types[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _wrong_type(key: str, node: Node, value: Any, kind: str, wants: str) -> tuple[str, str]:
    label = f"`{key}`" if key != "the file" else key
    if value is None:
        return f"{label} has no value", f"write {wants}, or take the line out if it is optional"
    if isinstance(value, bool | int | float):
        sort = "true or false" if isinstance(value, bool) else "a number"
        what = f"{label} is {node.text}, which YAML reads as {sort}"
        if kind == "string":
            return what, f'put it in quotes: "{node.text}"'
        return what, f"write {_KINDS[kind]}: {wants}"
    found = "text" if isinstance(value, str) else "a list" if isinstance(value, list) else "a mapping"
    if kind == "array" and isinstance(value, str):
        return f"{label} is text where a list is wanted", f"write {key.rpartition('.')[2]}: [{value[:60]}]"
    if kind == "boolean":
        return f"{label} is {short(value)}", "write true or false, without quotes"
    return f"{label} is {found} where {_KINDS[kind]} is wanted", f"write {wants}"


def _example(name: str, schema: dict[str, Any]) -> str:
    within, _, name = name.rpartition(".")
    under = f" under `{within}`" if within else ""
    if "enum" in schema:
        return f"write `{name}:`{under} and one of {', '.join(schema['enum'])}"
    example = next((e for e in schema.get("examples", []) if isinstance(e, str)), "")
    if example:
        return f"write `{name}: {example}`{under}"
    return f"write `{name}:`{under} with {schema.get('description', 'a value')}"
