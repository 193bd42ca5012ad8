"""The words of a concept, and those that a list keeps, each with its role and its line."""

from collections.abc import Iterator
from dataclasses import dataclass

from expunge.concepts.doubles import loosely
from expunge.concepts.source import ConceptNode, Source
from expunge.core.names import same

TRAINED = ("name", "alias", "sense.forget", "member")  # forgotten, and trained on
FORGOTTEN = (*TRAINED, "probe")
KEPT = ("neighbour", "sense.keep", "part", "keep")
_PATHS: dict[str, tuple[str, ...]] = {
    "name": ("name",), "alias": ("aliases",), "neighbour": ("neighbours",), "sense.forget": ("sense", "forget"),
    "sense.keep": ("sense", "keep"), "part": ("parts",), "probe": ("probes",), "member": ("members",),
}  # fmt: skip


@dataclass(frozen=True)
class Phrase:
    """One phrase of a concept, or of a list's `keep`, with its place."""

    text: str
    key: str  # the text as it is compared (`names.same`)
    loose: str  # the text as forgotten and kept phrases are compared (`doubles.loosely`)
    role: str  # one of FORGOTTEN or KEPT
    owner: int  # number of the concept, counted through all lists; of a list's `keep`, below 0
    label: str  # the concept's id, or "line 7" if it has none; of a list's `keep`, the list
    where: str

    @property
    def file(self) -> str:
        """The list's file, as problems name it."""
        return self.where.rpartition(":")[0]


def phrases_of(concept: ConceptNode) -> Iterator[Phrase]:
    """Every phrase of one concept's node. Values that are not text are left out."""
    for role, path in _PATHS.items():
        value = concept.node.value
        if path[0] not in value:
            continue
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


def kept_by_list(source: Source, number: int) -> Iterator[Phrase]:
    """Every phrase of a list's `keep`. :param number: of the list, counted from 0."""
    values = source.tree.value.get("keep")
    nodes = source.tree.at(["keep"]).children if isinstance(values, list) else None
    for text, node in zip(values or (), nodes or (), strict=True) if isinstance(values, list) else ():
        if isinstance(text, str) and text.strip():
            label, place = f"the list {source.id}", source.place(node)
            yield Phrase(text, same(text), loosely(text), "keep", -1 - number, label, place)
