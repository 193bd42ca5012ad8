"""The words of a concept, each with its role and its line."""

from collections.abc import Iterator
from dataclasses import dataclass

from expunge.concepts.doubles import loosely
from expunge.concepts.source import ConceptNode
from expunge.core.names import same

FORGOTTEN = ("name", "alias", "sense.forget")
KEPT = ("neighbour", "sense.keep", "part")
_PATHS: dict[str, tuple[str, ...]] = {
    "name": ("name",), "alias": ("aliases",), "neighbour": ("neighbours",), "sense.forget": ("sense", "forget"),
    "sense.keep": ("sense", "keep"), "part": ("parts",),
}  # fmt: skip


@dataclass(frozen=True)
class Phrase:
    """One name, alias, neighbour, part or phrase of a sense, with its place and its concept."""

    text: str
    key: str  # the text as it is compared (`names.same`)
    loose: str  # the text as forgotten and kept phrases are compared (`doubles.loosely`)
    role: str  # one of FORGOTTEN or KEPT
    owner: int  # number of the concept, counted through all lists
    label: str  # the concept's id, or "line 7" if it has none
    where: str


def phrases_of(concept: ConceptNode) -> Iterator[Phrase]:
    """Every phrase of one concept's node. Values that are not text are left out."""
    for role, path in _PATHS.items():
        value = concept.node.value
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        node = concept.node.at(path)
        items = [(value, node)] if role == "name" else []
        if role != "name" and isinstance(value, list):
            items = list(zip(value, node.children, strict=True))
        for text, at in items:
            if isinstance(text, str) and text.strip():
                place = concept.source.place(at)
                yield Phrase(text, same(text), loosely(text), role, concept.number, concept.label, place)
