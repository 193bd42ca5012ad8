"""The words of a concept, each with its role and its line."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from expunge.core.names import same
from expunge.core.yamlfile import Node

if TYPE_CHECKING:
    from expunge.concepts.lists import Source


@dataclass(frozen=True)
class Phrase:
    """One name, alias, neighbour or phrase of a sense, where it stands and whose it is."""

    text: str
    key: str  # the form in which it is compared
    role: str  # "name", "alias", "neighbour", "sense.forget", "sense.keep", "part"
    owner: int  # which concept, counted through all lists
    label: str  # the concept's id, or what there is in its place
    where: str


def phrases_of(source: "Source", concept: Node, label: str, owner: int) -> Iterator[Phrase]:
    """Every phrase of one concept's node; what is not text is left out."""
    places = [("name",), ("aliases",), ("neighbours",), ("sense", "forget"), ("sense", "keep"), ("parts",)]
    roles = ["name", "alias", "neighbour", "sense.forget", "sense.keep", "part"]
    for path, role in zip(places, roles, strict=True):
        value = concept.value
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        node = concept.at(path)
        items = [(value, node)] if role == "name" else []
        if role != "name" and isinstance(value, list):
            items = list(zip(value, node.children, strict=True))
        for text, at in items:
            if isinstance(text, str) and text.strip():
                yield Phrase(text, same(text), role, owner, label, f"{source.where}:{at.line}")
