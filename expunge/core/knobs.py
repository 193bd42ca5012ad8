"""Knobs as data: reads what each file of a package declares about itself, without importing it.

    METHOD = {"images": "target", "knobs": {"steps": {"default": 10, "type": "integer", "minimum": 1, "maximum": 100}}}

A file whose top level assigns such a literal to a registry's constant (METHOD, ATTACK) is an entry of that registry. It
is named like the file, with hyphens: few_shot.py is few-shot. The source is parsed, not imported: these files import
torch, and `expunge validate` must be fast. A knob is a JSON Schema of a few keywords (KEYWORDS) with a default.
"""

import ast
import dataclasses
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from expunge.core.errors import InputError, Problem
from expunge.core.schema import did_you_mean, short

Knobs = Mapping[str, Any]  # {knob: value}
Schemas = dict[str, dict[str, Any]]  # {knob: JSON Schema with a default}
Advice = tuple[str, str]  # (what is wrong, what to write instead)
T = TypeVar("T")
KEYWORDS = frozenset(("default", "description", "enum", "type", "minimum", "maximum"))
WORDS = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "text"}
LAST = 1_000_000


class Registry(Mapping[str, T], Generic[T]):
    """{name: entry} of a package's files, read when the first entry is asked for, sorted by (`order`, name).

    :param package: its name and `folder` its place: an entry's module is "<package>.<file's stem>". :param constant:
    what an entry's file assigns. :param kind: the dataclass of an entry, with the fields `name`, `module`, `order` and
    `knobs` (Schemas), which may have others. :param renamed: {a knob's former name: its name}, and :param other_words:
    {what people write for a value: the value}, for advice.

    :raises InputError: at the first use, a file's declaration is broken: every problem, with file and line.
    """

    def __init__(
        self,
        folder: Path,
        package: str,
        constant: str,
        kind: type[T],
        renamed: Mapping[str, str] | None = None,
        other_words: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.package, self.constant, self.kind = folder, package, constant, kind
        self.renamed, self.other_words = dict(renamed or {}), dict(other_words or {})

    @cached_property
    def _entries(self) -> dict[str, T]:
        return declared(self.folder, self.package, self.constant, self.kind)

    def __getitem__(self, name: str) -> T:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def problems(self, name: str, values: Any) -> list[Advice]:
        """What is wrong with an entry's name and the values of its knobs; [] where nothing is.

        :raises InputError: a knob's own default is not allowed.
        """
        noun = self.constant.lower()
        if name not in self:
            return [(f"there is no {noun} {short(name)}", did_you_mean(name, list(self)))]
        entry: Any = self[name]
        if wrong := self._wrong_defaults[name]:
            raise InputError(Problem(entry.module, f"of its defaults, {what}", fix) for what, fix in wrong)
        return knob_problems(name, entry.knobs, values, self.renamed, self.other_words)

    @cached_property
    def _wrong_defaults(self) -> dict[str, list[Advice]]:
        entries: Mapping[str, Any] = self._entries
        return {name: knob_problems(name, e.knobs, defaults(e.knobs)) for name, e in entries.items()}


def defaults(schemas: Schemas) -> dict[str, Any]:
    return {name: schema["default"] for name, schema in schemas.items()}


def knob_problems(
    owner: str,
    schemas: Schemas,
    values: Any,
    renamed: Mapping[str, str] | None = None,
    other_words: Mapping[str, str] | None = None,
) -> list[Advice]:
    """What is wrong with the values {knob: value} of an entry called `owner`; the other parameters as of `Registry`."""
    if not isinstance(values, Mapping):
        return [(f"{owner} is {short(values)}", "write a table of its parameters, such as {steps: 20}")]
    problems = []
    for name, value in values.items():
        if name not in schemas:
            now = (renamed or {}).get(name)
            fix = f"did you mean {now}? write `{now}:`" if now in schemas else did_you_mean(name, list(schemas))
            problems.append((f"{owner} has no parameter {short(name)}", fix if schemas else "take it out"))
        elif not _validator()(schemas[name]).is_valid(value):
            what, fix = f"{owner}: {name} is {short(value)}", f"write {allowed(schemas[name])}"
            word = (other_words or {}).get(value) if isinstance(value, str) else None
            if word in schemas[name].get("enum", ()):
                what, fix = f"{what}, which is called {word} here", f"write `{name}: {word}`"
            elif isinstance(value, str) and _is_number(value):
                fix += ", without quotes"
            problems.append((what, fix))
    return problems


def allowed(schema: Mapping[str, Any]) -> str:
    """What a knob may be, in words: "a whole number from 0 to 1024"."""
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    low, high = (f"{schema[key]:g}" if key in schema else "" for key in ("minimum", "maximum"))
    if schema["type"] == "integer":
        low, high = (str(schema.get(key, "")) for key in ("minimum", "maximum"))
    bounds = f" from {low} to {high}" if low and high else f" of at least {low}" if low else ""
    return WORDS[schema["type"]] + (bounds or (f" of at most {high}" if high else ""))


def declared(folder: Path, package: str, constant: str, kind: type[T]) -> dict[str, T]:
    """What the files of a folder declare: see `Registry`."""
    problems: list[Problem] = []
    entries: list[Any] = []
    for file in sorted(folder.glob("*.py")):
        try:
            literal = _literal(file, constant)
            if literal is not None:
                given = {"name": file.stem.replace("_", "-"), "module": f"{package}.{file.stem}"}
                entries.append(_entry(literal[0], f"{_shown(file)}:{literal[1]}", constant, kind, given))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return {entry.name: entry for entry in sorted(entries, key=lambda entry: (entry.order, entry.name))}


def _literal(file: Path, constant: str) -> tuple[Any, int] | None:
    """(the value that a file assigns to the constant at its top level, the line); None where it assigns none."""
    text = file.read_text("utf-8")
    if constant not in text:
        return None
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        where = f"{_shown(file)}:{error.lineno}"
        raise InputError([Problem(where, f"is no Python ({error.msg})", "fix the file")]) from None
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(target, ast.Name) and target.id == constant:
            try:
                return ast.literal_eval(node.value or ast.Constant(None)), node.lineno
            except ValueError:
                fix = "write text, numbers, lists and dicts alone: the file is read and not run"
                where = f"{_shown(file)}:{node.lineno}"
                raise InputError([Problem(where, f"{constant} is no plain literal", fix)]) from None
    return None


def _entry(literal: Any, where: str, constant: str, kind: type[T], given: Mapping[str, str]) -> T:
    fields = [field.name for field in dataclasses.fields(kind) if field.name not in given]  # type: ignore[arg-type]
    if not isinstance(literal, dict):
        raise InputError([Problem(where, f"{constant} is {short(literal)}", f"write a dict with {', '.join(fields)}")])
    problems = [
        Problem(where, f"{constant} has no key {short(key)}", did_you_mean(key, fields))
        for key in literal
        if key not in fields
    ]
    knobs = literal.get("knobs", {})
    for name, schema in knobs.items() if isinstance(knobs, dict) else ():
        wrong = _wrong_schema(schema)
        if wrong:
            problems.append(Problem(where, f"the knob {short(name)} {wrong[0]}", wrong[1]))
    if problems:
        raise InputError(problems)
    try:
        return msgspec.convert({**literal, **given}, type=kind)
    except msgspec.ValidationError as error:
        fix = "see the other files of its folder"
        raise InputError([Problem(where, f"{constant} is not what it should be ({error})", fix)]) from None


def _wrong_schema(schema: Any) -> Advice | None:
    if not isinstance(schema, dict) or "default" not in schema:
        return "has no default", 'write {"default": ..., "type": ...}'
    if unknown := [key for key in schema if key not in KEYWORDS]:
        return f"has the key {short(unknown[0])}", did_you_mean(unknown[0], sorted(KEYWORDS))
    if "enum" not in schema and schema.get("type") not in WORDS:
        return f"has the type {short(schema.get('type'))}", f"write an enum, or a type: one of {', '.join(WORDS)}"
    return None


def _shown(file: Path) -> str:
    """A file's path as messages show it, such as expunge/methods/esd.py, wherever the package is installed."""
    return file.relative_to(file.parents[2]).as_posix() if len(file.parts) > 3 else file.as_posix()


@cache
def _validator() -> Any:
    """jsonschema with stricter numbers: 2.0 and true are no whole numbers, NaN is no number."""
    import math

    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    def number(_: Any, value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

    def integer(_: Any, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    types = Draft202012Validator.TYPE_CHECKER.redefine_many({"number": number, "integer": integer})
    return extend(Draft202012Validator, type_checker=types)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
