"""The data of JSON texts and of JSON lines."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from expunge.core.errors import InputError, Problem


def parse_json(path: Path, text: str) -> Any:
    """The data of a JSON text. :raises InputError: it is not JSON, or a mapping has a key twice."""
    twice: list[str] = []

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            twice.extend(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        return made

    try:
        data = json.loads(text, object_pairs_hook=mapping)
    except (json.JSONDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        what = f"is not JSON ({error})" if line > 1 or not isinstance(error, RecursionError) else "is nested too deeply"
        raise InputError([Problem(f"{path}:{line}", what, "write valid JSON")]) from None
    if twice:
        what = f"has the key {twice[0]!r} twice in one mapping, and only one of them would be read"
        raise InputError([Problem(f"{path}", what, "rename one of them, or join what they hold")])
    return data


def parse_json_lines(path: Path, text: str) -> list[Any]:
    """The data of each line. :raises InputError: a line is not JSON; every such line is named."""
    data, problems = [], list[Problem]()
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                data.append(parse_json(path, line))
            except InputError as error:
                problems += [replace(problem, where=f"{path}:{number}") for problem in error.problems]
    if problems:
        raise InputError(problems)
    return data
