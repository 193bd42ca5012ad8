"""What the words of each concept should mean, and which other words mean a concept. The method distil trains on it."""

from collections import ChainMap
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from expunge.bases.base import Base
from expunge.bases.text import distance, encode_prompts
from expunge.core.words import Finder
from expunge.methods import ConceptData
from expunge.methods.training import pick


def fill(template: str, word: str) -> str:
    """A template with a word in it; with "", the template without its placeholder."""
    return " ".join(template.replace("{}", word).split())


@torch.no_grad()
def encode_all(base: Base, prompts: Sequence[str]) -> Tensor:
    """(N, L, D) embeddings with the original encoder, in parts so that memory suffices."""
    parts = [prompts[start : start + 256] for start in range(0, len(prompts), 256)]
    return torch.cat([encode_prompts(base, part) for part in parts])


def template_of(data: ConceptData) -> str:
    """The template in which a concept's names are compared with other words."""
    return next((template for template in data.templates if "{}" in template), "{}")


@torch.no_grad()
def likeness(
    base: Base,
    gram: Tensor,
    data: ConceptData,
    words: Sequence[str],
    encoded: MutableMapping[str, Tensor] | None = None,
) -> Tensor:
    """Distance d of each word's embedding to the nearest of the concept's names, (words,).

    :param encoded: {prompt: its embedding (L, D)}; this call reads and fills it, since concepts share words.
    """
    template, encoded = template_of(data), {} if encoded is None else encoded

    def embed(some: Sequence[str]) -> Tensor:
        texts = [fill(template, word) for word in some]
        if new := [text for text in dict.fromkeys(texts) if text not in encoded]:
            encoded.update(zip(new, encode_all(base, new), strict=True))
        return torch.stack([encoded[text] for text in texts])

    embeddings = embed(words)
    return torch.stack([distance(gram, embeddings, name) for name in embed(data.names).split(1)]).amin(0)


@dataclass(frozen=True)
class Lesson:
    """What one concept's words should mean."""

    concept: str
    names: tuple[str, ...]
    anchor: str
    templates: tuple[str, ...]
    beyond: float
    parts: tuple[str, ...] = ()  # of a composition

    def pair(self, draw: torch.Generator) -> tuple[str, str]:
        """(target prompt, anchor prompt): one template, filled with one of the names and with what it becomes."""
        name, template = pick(self.names, draw), pick(self.templates, draw)
        return fill(template, name), fill(template, self.becomes(name))

    def becomes(self, name: str) -> str:
        """What one of the names should mean: the anchor.

        A composition becomes the part that it begins with: the encoder reads from left to right, so the beginning of "a
        rocket beside a teddy bear" is encoded like "a rocket", which must stay.
        """
        return next((part for part in self.parts if name.startswith(part)), self.anchor)


def candidates_of(data: ConceptData, gone: Finder, alone: bool) -> tuple[str, ...]:
    """The anchors to choose from, without those that are forgotten themselves (unless all are).

    A concept that is forgotten alone gets a neighbour only if there is nothing else, because the judge may mistake a
    neighbour for the target. If many concepts are forgotten at once, each must change little, or kept prompts slip.
    Neighbours are then allowed, and are often chosen because they are nearest.
    """
    free = tuple(anchor for anchor in data.anchors if not gone.has(anchor)) or data.anchors
    unlike = tuple(anchor for anchor in free if anchor not in data.concept.neighbours)
    return unlike if alone and unlike else free


def lessons_of(
    base: Base,
    gram: Tensor,
    concepts: Sequence[ConceptData],
    words: Sequence[str],
    alike: float,
    beyond: float,
    known: MutableMapping[str, Tensor] | None = None,
) -> tuple[list[Lesson], list[str]]:
    """(the concepts' lessons, the words that mean none of the concepts).

    If a concept has no anchor of its own, the nearest of `candidates_of` becomes its anchor. A word belongs to the
    concept to which its distance, as a share of the anchor's, is least, if that share is below `alike`.

    :param known: {prompt: its embedding} that the caller has already; it is only read.
    """
    gone = Finder(name for data in concepts for name in data.names)
    candidates = [candidates_of(data, gone, alone=len(concepts) == 1) for data in concepts]
    encoded = ChainMap({}, {} if known is None else known)  # new ones go into the first
    anchors = [
        some[int(likeness(base, gram, data, some, encoded).argmin())]
        for data, some in zip(concepts, candidates, strict=True)
    ]
    share = torch.ones(len(concepts), len(words))
    for row, data, anchor in zip(share, concepts, anchors, strict=True):
        if words:
            apart = likeness(base, gram, data, [anchor, *words], encoded)
            row[:] = apart[1:] / apart[0].clamp_min(1e-12)
    least, whose = share.min(0)
    lessons = [
        Lesson(
            data.concept.id,
            (*data.names, *(w for w, d, i in zip(words, least, whose, strict=True) if d < alike and i == index)),
            anchor,
            data.templates,
            0.0 if anchor in (*data.concept.neighbours, *data.concept.parts) else beyond,
            data.concept.parts,
        )
        for index, (data, anchor) in enumerate(zip(concepts, anchors, strict=True))
    ]
    return lessons, [word for word, d in zip(words, least, strict=True) if d >= alike]
