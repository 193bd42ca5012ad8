"""The answers that a judge may give: labels by axis, from a base's `vocabulary.yaml`. Nothing here imports torch."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from expunge.concepts.concept import Concept
from expunge.concepts.prompts import lost_words, target_asks, target_words
from expunge.core.errors import InputError, Problem
from expunge.core.schema import schema_problems, validator_of
from expunge.core.words import plain, split_article, with_article
from expunge.core.yamlfile import load


@dataclass(frozen=True)
class Label:
    """One answer of an axis. `templates` replace those of the axis ("{}" stands for a name)."""

    id: str
    names: tuple[str, ...]
    templates: tuple[str, ...] = ()
    kind: str = ""  # the category that it belongs to, such as vehicle


def read_vocabulary(file: Path) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[Label, ...]]]:
    """({axis: templates}, {axis: labels}) of a `vocabulary.yaml`:

        templates: {subject: ["a picture of {}"], style: ["{}"], motion: ["{}"]}
        subject: [{id: owl, names: [owl], kind: animal}, ...]    style, background, motion: likewise; names may be empty
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


def unnamed_members(concept: Concept, labels: Sequence[Label], kept: Iterable[str] = ()) -> tuple[str, ...]:
    """The members of a category that its list does not name: labels whose `kind` is its name or an alias of it.

    A label is left out if one of its names is already named by the concept, or must stay.

    :param labels: of the axis subject. :param kept: words that must stay.
    """
    if not concept.members:
        return ()
    called = {plain(word) for word in (concept.name, *concept.aliases)}
    said = {plain(word) for word in (*lost_words(concept), *kept)}
    article = any(split_article(member)[0] for member in concept.members)
    return tuple(
        with_article(label.names[0]) if article and not split_article(label.names[0])[0] else label.names[0]
        for label in labels
        if label.kind and label.names and plain(label.kind) in called
        and not said & {plain(name) for name in (label.id, *label.names)}
    )  # fmt: skip


def unknown_to(labels: Mapping[str, Sequence[Label]], concepts: Iterable[Concept]) -> list[Concept]:
    """The concepts of which the judge knows no word for the target: its answers to them say nothing.

    A memorised picture needs no answer, for it is compared with what the original draws. Nor does a category that a
    detector judges.

    :param labels: by axis.
    """
    known = {axis: {plain(n) for each in own for n in (each.id, *each.names)} for axis, own in labels.items()}

    def asked(concept: Concept) -> tuple[str, Sequence[str]]:
        asks = target_asks(concept, target_words(concept)[0])
        if asks.axis in ("any", "both"):
            return "subject", asks.parts
        return asks.axis, target_words(concept)

    unknown = []
    for concept in concepts:
        axis, words = asked(concept)
        answers = [plain(word) in known.get(axis, ()) for word in words]
        if axis not in ("copy", "detector") and not (all(answers) if concept.parts else any(answers)):
            unknown.append(concept)
    return unknown


def _label(entry: dict[str, Any]) -> Label:
    return Label(
        entry["id"], tuple(entry.get("names") or ()), tuple(entry.get("templates") or ()), entry.get("kind", "")
    )


@cache
def _validator() -> Any:
    return validator_of(json.loads(Path(__file__).with_name("vocabulary.schema.json").read_text("utf-8")))
