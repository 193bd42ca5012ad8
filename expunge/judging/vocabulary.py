"""The answers that a judge may give: labels by axis, from a base's `vocabulary.yaml`. Nothing here imports torch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from expunge.core.errors import InputError, Problem
from expunge.core.schema import schema_problems, validator_of
from expunge.core.words import plain
from expunge.core.yamlfile import load


@dataclass(frozen=True)
class Label:
    """One answer of an axis. `templates` replace those of the axis ("{}" stands for a name)."""

    id: str
    names: tuple[str, ...]
    templates: tuple[str, ...] = ()


def read_vocabulary(file: Path) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[Label, ...]]]:
    """({axis: templates}, {axis: labels}) of a `vocabulary.yaml`:

        templates: {subject: ["a picture of {}"], style: ["{}"], motion: ["{}"]}
        subject: [{id: owl, names: [owl]}, ...]          style, background, motion: likewise; names may be empty
        style: [{id: plain, names: [photo], templates: ["a {} of a dog"]}]      its own templates, where needed

    :raises InputError: the file is missing, or not of this form: each problem with its line.
    """
    tree = load(file)
    problems = schema_problems(tree, file.as_posix(), _validator())
    if problems:
        raise InputError(problems)
    raw = dict(tree.value)
    templates = {axis: tuple(texts) for axis, texts in raw.pop("templates", {}).items()}
    labels = {axis: tuple(_label(entry) for entry in entries) for axis, entries in raw.items()}
    for axis, own in labels.items():
        first: dict[str, int] = {}
        for index, label in enumerate(own):
            if label.id in first:
                where = f"{file.as_posix()}:{tree.at([axis, index]).line}"
                problems.append(Problem(where, f"{axis} has {label.id!r} twice", "keep one of them"))
            first[label.id] = index
    if problems:
        raise InputError(problems)
    return templates, labels


def matching(labels: Sequence[Label], name: str) -> tuple[int, ...]:
    """Indices of the labels that a name means, by id or name; compared in the form of `words.plain`."""
    wanted = plain(name)
    return tuple(i for i, label in enumerate(labels) if wanted in {plain(n) for n in (label.id, *label.names)})


def _label(entry: dict[str, Any]) -> Label:
    return Label(entry["id"], tuple(entry.get("names") or ()), tuple(entry.get("templates") or ()))


@cache
def _validator() -> Any:
    return validator_of(json.loads(Path(__file__).with_name("vocabulary.schema.json").read_text("utf-8")))
