"""Checks a file's tree against a JSON Schema and says in plain words, with the line, what to write instead.

A message says what is wanted with the schema's `description` or `examples`, so each value should have one of them.
"""

import difflib
import re
from collections.abc import Iterator
from typing import Any

from expunge.core.errors import Problem
from expunge.core.names import ID, LONGEST_ID, id_problem, slug
from expunge.core.yamlfile import Node

# Keywords of ours that JSON Schema passes over; they say what a message cannot know otherwise.
ELSEWHERE = "x-elsewhere"  # of a mapping: {key that belongs somewhere else: what to write instead}
NEEDED = "x-needed"  # of a list or a text: true where it cannot be taken out

_PYTHON: dict[str, tuple[type, ...]] = {
    "string": (str,), "array": (list,), "object": (dict,), "boolean": (bool,), "number": (int, float),
    "integer": (int,), "null": (type(None),),
}  # fmt: skip
_WORDS = {
    "string": "text", "array": "a list", "object": "a mapping (key: value)", "boolean": "true or false",
    "number": "a number", "integer": "a whole number", "null": "nothing",
}  # fmt: skip


def validator_of(schema: dict[str, Any]) -> Any:
    """A jsonschema validator of a JSON Schema (2020-12) whose references all lead into its own `$defs`."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    def is_integer(checker: Any, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)  # 1.0 would pass, but no count is a float

    checker = Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer)
    validator = extend(Draft202012Validator, type_checker=checker)
    return validator(_inlined(schema, schema.get("$defs", {})))


def schema_problems(tree: Node, where: str, validator: Any, label: str = "the file") -> list[Problem]:
    """Everything in a file's tree that a schema refuses, each with its line.

    :param where: what the file is called in problems. :param validator: `validator_of`.
    :param label: what messages call the file as a whole, such as "the list".
    """
    return [
        Problem(f"{node.where or where}:{node.line}", what, fix)
        for error in validator.iter_errors(tree.value)
        for node, what, fix in _say(error, tree, label)
    ]


def did_you_mean(wrong: object, choices: list[str]) -> str:
    """ "write kind" for the nearest of the choices; where none is near, all of them."""
    near = difflib.get_close_matches(str(wrong).lower(), choices, 1, 0.6)
    return f"write {near[0]}" if near else f"write one of {', '.join(choices)}"


def wrong_id(text: str) -> tuple[str, str]:
    """What is wrong with a text that is no id, and an id to write."""
    return f"{short(text)} {id_problem(text)}", f"write an id such as {slug(text[:200])}"


def short(value: object) -> str:
    """A value for a message: quoted, on one line, at most 60 characters."""
    text = ascii(value) if not str(value).isprintable() else repr(value)
    return text if len(text) <= 60 else f"{text[:56]}...{text[-1]}"


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with every $ref written out. Looking them up 20,000 times takes twice as long, and the title and
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


def _say(error: Any, tree: Node, label: str) -> Iterator[tuple[Node, str, str]]:
    """(node, what, fix) of each mistake in one error of jsonschema; some errors hold several mistakes."""
    path = list(error.absolute_path)
    node, value, rule, schema = tree.at(path), error.instance, error.validator, error.schema
    key = _key(path)
    name = f"`{key}`" if key else label
    wants = schema.get("description", "what its schema allows")
    match rule:
        case "required":
            for missing in error.validator_value:
                # jsonschema reports each missing key by itself
                if missing not in value and error.message.startswith(f"{missing!r} is a required"):
                    within = f"{key}." if key and isinstance(path[-1], str) else ""
                    what = f"`{within}{missing}` is missing"
                    yield node, what, _example(within + missing, schema.get("properties", {}).get(missing, {}))
        case "additionalProperties":
            allowed = list(schema.get("properties", {}))
            for wrong in [wrong for wrong in value if wrong not in allowed][:100]:
                fix = schema.get(ELSEWHERE, {}).get(wrong) or did_you_mean(wrong, allowed)
                yield node.at([wrong]), f"there is no key {short(wrong)} here", fix
        case "dependentRequired":
            for given, needs in error.validator_value.items():
                for lacks in [
                    each for each in needs if error.message.startswith(f"{each!r} is a dependency of {given!r}")
                ]:
                    yield node.at([given]), f"{name} has `{given}` without `{lacks}`", f"write `{lacks}:`, too"
        case "type" if _is_scalar(value) and "string" in _types(schema) and not _fits_pattern(schema, node.text):
            yield node, f"{name} is {short(node.text)}", f"write {wants}"
        case "type":
            yield node, *_wrong_type(name, node, value, _types(schema), wants)
        case "enum" if list(error.absolute_schema_path)[-2:] == ["propertyNames", "enum"]:
            yield _key_node(node, value), f"there is no {short(value)} here", did_you_mean(value, error.validator_value)
        case "enum":
            choices = [str(choice) for choice in error.validator_value]
            yield node, f"{name} is {short(value)}, which is not known", did_you_mean(value, choices)
        case "pattern" if ID.pattern.split("(?:")[0] in error.validator_value:
            yield _key_node(node, value), *wrong_id(value)
        case "maxLength" if error.validator_value == LONGEST_ID and "pattern" in schema:
            if ID.fullmatch(value):  # else the pattern has been reported
                yield node, *wrong_id(value)
        case "pattern":
            yield node, f"{name} is {short(value)}", f"write {wants}"
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf":
            yield node, f"{name} is {node.text}", f"write {wants}"
        case "minItems" if value:
            yield node, f"{name} has {len(value)} entries", f"write {wants}"
        case "minLength" | "minItems" | "minProperties":
            out = "" if schema.get(NEEDED) else f", or take {name} out if it is optional"
            yield node, f"{name} is empty", f"write {wants}{out}"
        case "maxLength":
            yield node, f"{name} has {len(value)} characters", f"write at most {error.validator_value}"
        case "maxItems" | "maxProperties":
            yield node, f"{name} has {len(value)} entries", f"write at most {error.validator_value}"
        case "uniqueItems":
            again = next((i for i, item in enumerate(value) if item in value[:i]), 0)
            yield node.at([again]), f"{name} has {short(value[again])} twice", "keep one of them"
        case "not" if "required" in error.validator_value:
            both = " and ".join(f"`{each}`" for each in error.validator_value["required"])
            yield node, f"{name} has {both}", "keep one of them"
        case "oneOf" | "anyOf":
            branches = error.validator_value
            fits = [i for i, branch in enumerate(branches) if "type" in branch and _is(value, _types(branch))]
            inner = [each for each in error.context if fits and each.schema_path[0] == fits[0]]
            if not inner:
                accepted = [each for branch in branches for each in _types(branch)]
                what = f"{name} is not an allowed form"
                yield node, *((what, f"write {wants}") if fits or not accepted
                              else _wrong_type(name, node, value, accepted, wants))  # fmt: skip
            for each in inner:
                yield from _say(each, tree, label)
        case _:
            yield node, f"{name}: {error.message[:200]}", f"write {wants}"


def _key(path: list[Any]) -> str:
    """What messages call a value: the keys on the way to it, as in `request.id`; within a list's entry, only the keys
    below the entry; "" for the file as a whole."""
    keys = [i for i, part in enumerate(path) if isinstance(part, str)]
    first = next((i for i, part in enumerate(path) if isinstance(part, int) and i < keys[-1]), -1)
    return ".".join(part for part in path[first + 1 :] if isinstance(part, str))


def _key_node(node: Node, key: str) -> Node:
    """The node of a key that a rule on the keys (propertyNames) refuses: the error's own path ends at the mapping."""
    return node.children.get(key, node) if isinstance(node.children, dict) else node


def _types(schema: dict[str, Any]) -> list[str]:
    types = schema.get("type", [])
    return [types] if isinstance(types, str) else types


def _is(value: Any, types: list[str]) -> bool:
    """Is a value of one of JSON Schema's types? True and false are no numbers."""
    if isinstance(value, bool):
        return "boolean" in types
    return any(isinstance(value, _PYTHON[each]) for each in types)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, bool | int | float)


def _fits_pattern(schema: dict[str, Any], text: str) -> bool:
    return re.search(schema.get("pattern", ""), text) is not None


def _wrong_type(name: str, node: Node, value: Any, types: list[str], wants: str) -> tuple[str, str]:
    """(what, fix) of a value of another type than the schema's."""
    wanted = next((each for each in types if each != "null"), "null")
    if value is None:
        return f"{name} has no value", f"write {wants}, or take the line out if it is optional"
    if _is_scalar(value):
        sort = "true or false" if isinstance(value, bool) else "a number"
        what = f"{name} is {node.text}, which YAML reads as {sort}"
        return what, f'put it in quotes: "{node.text}"' if wanted == "string" else f"write {_WORDS[wanted]}: {wants}"
    if wanted == "array" and isinstance(value, str):
        key = name.strip("`").rpartition(".")[2]
        return f"{name} is text where a list is wanted", f"write {key}: [{value[:60]}]"
    if wanted == "boolean":
        return f"{name} is {short(value)}", "write true or false, without quotes"
    if wanted in ("number", "integer") and isinstance(value, str):
        return f"{name} is {short(value)} where {_WORDS[wanted]} is wanted", f"write {wants}, without quotes"
    given = "text" if isinstance(value, str) else "a list" if isinstance(value, list) else "a mapping"
    return f"{name} is {given} where {_WORDS[wanted]} is wanted", f"write {wants}"


def _example(name: str, schema: dict[str, Any]) -> str:
    """What to write for a key that is missing."""
    within, _, key = name.rpartition(".")
    under = f" under `{within}`" if within else ""
    if "enum" in schema:
        return f"write `{key}:`{under} and one of {', '.join(schema['enum'])}"
    example = next((each for each in schema.get("examples", []) if isinstance(each, str)), "")
    if example:
        return f"write `{key}: {example}`{under}"
    return f"write `{key}:`{under} with {schema.get('description', 'a value')}"
