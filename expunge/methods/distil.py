"""Anchor distillation in the encoder alone: the target's words come to mean the anchor, all others keep their meaning.

d(a, b) is the distance between two embeddings that the denoiser can see (bases/text.py), so training needs no pass
through the denoiser:

    L = mean d(E'(template(name)), goal) / d0  +  keep * mean d(E'(p), E(p)) / d0
    goal = E(template(anchor)) + beyond * (E(template(anchor)) - E(template(name)))

E' is the encoder that is trained, E the original, p the kept prompts; d0 is the distance from target to anchor before
training, so that the two terms have one scale on every base. `beyond` pushes the target past its anchor: the model may
draw a cat for "an animal", so it could still draw a cat if "a cat" only came to mean "an animal". beyond is 0 if the
anchor is one of the concept's neighbours or a part of a composition.

`others` words of the vocabulary take part, too. A word whose distance from the target is below `alike` times the
anchor's means the target, and is trained like its names. All other words are kept. They fill half of each batch of kept
prompts, so that the lists' own kept prompts, neighbours and other senses, are not lost among them. Kept prompts that
slip are drawn more often. A word that is in the kept prompts already, such as one with a second sense, is left out, and
so is a concept's probe.

Kumari et al. (arXiv 2303.13516) match the denoiser's outputs for target and anchor; this method matches its inputs.
"""

from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from expunge.bases.base import Base
from expunge.bases.text import alignment, distance, encode_prompts, text_gram
from expunge.core.knobs import Knobs
from expunge.core.words import plain, with_article
from expunge.methods import ConceptData, Log, Unlearned
from expunge.methods.lessons import encode_all, fill, lessons_of
from expunge.methods.low_rank import merge
from expunge.methods.training import descend, pick, student, unlearned

METHOD = {
    "anchor": "chosen",
    "low_rank": True,
    "joint": {"steps": 0.25, "rank": 1.0, "learning_rate": -0.3333333333333333},
    "knobs": {
        "trained": {"default": "qkv-mlp", "enum": ["full", "mlp-final-attn", "mlp", "attn", "late", "qkv-mlp"],
                    "description": "the part of the encoder that is trained"},
        "rank": {"default": 2, "type": "integer", "minimum": 0, "maximum": 1024,
                 "description": "of each weight's change, at most its smaller side; 0: all of it"},
        "learning_rate": {"default": 0.01, "type": "number", "minimum": 1e-9, "maximum": 1.0,
                          "description": "of Adam at the first step; it falls to 0"},
        "steps": {"default": 60, "type": "integer", "minimum": 1, "maximum": 100000, "description": "of Adam"},
        "batch": {"default": 4, "type": "integer", "minimum": 1, "maximum": 1024,
                  "description": "target prompts in a step"},
        "keep": {"default": 1.0, "type": "number", "minimum": 0.0, "maximum": 1e6,
                 "description": "weight of the kept prompts' loss"},
        "keep_batch": {"default": 24, "type": "integer", "minimum": 1, "maximum": 1024,
                       "description": "kept prompts in a step"},
        "beyond": {"default": 0.5, "type": "number", "minimum": 0.0, "maximum": 10.0,
                   "description": "how much further than the anchor the target is pushed, in distances to it"},
        "others": {"default": 512, "type": "integer", "minimum": 0, "maximum": 100000,
                   "description": "words of the vocabulary that are asked, too"},
        "alike": {"default": 0.3, "type": "number", "minimum": 0.0, "maximum": 1.0,
                  "description": "a word nearer than this share of the anchor's distance means the target"},
    },
}  # fmt: skip


PART = 32  # prompts that are trained on at once: of a large batch, one part after another
STORED = 1024  # kept prompts whose original embeddings are held in memory

T = TypeVar("T")


class Aim(NamedTuple):
    """A target prompt, what it should come to mean, and how far beyond that."""

    prompt: str
    anchor: str
    beyond: float


def split(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """The items in order, spread evenly over as many parts as a batch of `size` prompts has."""
    parts = -(-size // PART)
    return [items[len(items) * i // parts : len(items) * (i + 1) // parts] for i in range(parts)]


def vocabulary(base: Base, count: int, draw: torch.Generator) -> list[str]:
    """`count` random words that are one token each."""
    words = base.spec.family.whole_words(sorted(base.t2i.tokenizer.get_vocab()))
    words = [word for word in words if len(word) > 2 and word.isascii() and word.isalpha()]
    return [words[i] for i in torch.randperm(len(words), generator=draw)[:count].tolist()]


class Pool:
    """Kept prompts. Those that slip are drawn more often: prioritised replay (Schaul et al., arXiv 1511.05952).

    Their original embeddings are encoded once, or, of more than STORED prompts, whenever they are drawn.
    """

    def __init__(self, base: Base, prompts: Sequence[str]) -> None:
        self.base, self.prompts = base, list(prompts)
        self.stored = encode_all(base, prompts) if len(prompts) <= STORED else None
        self.weights = torch.ones(len(self.prompts))  # 1 = d0, until a prompt was drawn once

    def goals(self, rows: Sequence[int]) -> Tensor:
        """(rows, L, D): what these prompts should go on to mean."""
        return self.stored[rows] if self.stored is not None else encode_all(self.base, [self.prompts[i] for i in rows])

    def draw(self, count: int, draw: torch.Generator) -> list[int]:
        return torch.multinomial(self.weights, min(count, len(self.weights)), generator=draw).tolist()

    def note(self, rows: Sequence[int], distances: Tensor) -> None:
        """Set the weights of these prompts from the distances (count,) that they have slipped by, in units of d0."""
        self.weights[list(rows)] = distances.float().cpu() + 1e-3


def run(
    base: Base, concepts: Sequence[ConceptData], kept: Sequence[str], knobs: Knobs, draw: torch.Generator, log: Log
) -> Unlearned:
    """Unlearn one concept, or several jointly: the batch takes them in turn. Few-shot images are not used."""
    gram = text_gram(base)
    said = {word for prompt in kept for word in prompt.lower().split()}
    tested = {plain(word) for data in concepts for word in data.concept.probes}  # never trained on, not even to stay
    words = [word for word in vocabulary(base, knobs["others"], draw) if word not in said and plain(word) not in tested]
    if nouns := any(name.startswith(("a ", "an ")) for data in concepts for name in data.names):
        words = [with_article(word) for word in words]
    lessons, different = lessons_of(base, gram, concepts, words, knobs["alike"], knobs["beyond"])
    if not nouns:  # names of people and styles have no article, but most kept words do
        different = [with_article(word) if index % 2 else word for index, word in enumerate(different)]
    templates = [template for lesson in lessons for template in lesson.templates]
    pools = [Pool(base, ["", *kept])]
    if different:
        pools.append(Pool(base, [fill(pick(templates, draw), word) for word in different]))
    encoder, trained = student(base, knobs["trained"], knobs["rank"], draw)
    adam = torch.optim.Adam(trained, lr=knobs["learning_rate"])
    turns, batch = cycle(lessons), max(knobs["batch"], len(lessons))
    share = max(knobs["keep_batch"], len(lessons)) // len(pools)

    def drawn() -> list[Aim]:
        return [Aim(*lesson.pair(draw), lesson.beyond) for lesson in islice(turns, batch)]

    def meanings(some: Sequence[Aim]) -> tuple[Tensor, Tensor]:
        """(what the anchors' prompts mean, the goals of the targets' prompts), (N, L, D) each."""
        with torch.no_grad():
            before = encode_prompts(base, [*(aim.prompt for aim in some), *(aim.anchor for aim in some)])
        beyond = torch.tensor([aim.beyond for aim in some], device=before.device).reshape(-1, 1, 1)
        was, anchor = before[: len(some)], before[len(some) :]
        places = alignment(base, [aim.prompt for aim in some], [aim.anchor for aim in some])
        if places is not None:
            anchor = anchor.take_along_dim(places[..., None], dim=1) * (was != 0)  # padding stays what it is
        return anchor, anchor + beyond * (anchor - was)

    def away_at_first(some: Sequence[Aim]) -> Tensor:
        with torch.no_grad():
            return distance(gram, encode_prompts(base, [aim.prompt for aim in some]), meanings(some)[0])

    first = drawn()
    unit = torch.cat([away_at_first(some) for some in split(first, len(first))]).mean().clamp_min(1e-12)

    def loss_of(step: int) -> Iterator[Tensor]:
        for group in adam.param_groups:  # falls to 0, so that the last steps add no noise
            group["lr"] = knobs["learning_rate"] * (1 - step / knobs["steps"])
        aims = drawn()
        kept = [(pool, row) for pool in pools for row in pool.draw(share, draw)]
        size = len(aims) + len(kept)
        for some, same in zip(split(aims, size), split(kept, size), strict=True):
            texts = [aim.prompt for aim in some] + [pool.prompts[row] for pool, row in same]
            now, loss = encode_prompts(base, texts, encoder), torch.zeros((), device=base.device)
            if some:
                away = distance(gram, now[: len(some)], meanings(some)[1]) / unit
                loss = loss + away.mean() * (len(some) / len(aims))
            if same:
                by_pool = [(pool, rows) for pool in pools if (rows := [row for own, row in same if own is pool])]
                before = torch.cat([pool.goals(rows) for pool, rows in by_pool])
                slipped = distance(gram, now[len(some) :], before) / unit
                slips = slipped.detach().split([len(rows) for _, rows in by_pool])
                for (pool, rows), each in zip(by_pool, slips, strict=True):
                    pool.note(rows, each)
                loss = loss + knobs["keep"] * slipped.mean() * (len(same) / len(kept))
            yield loss

    losses = descend(base, "distil", adam, loss_of, knobs["steps"], log)
    notes = {lesson.concept: {"anchor": lesson.anchor, "words": lesson.names} for lesson in lessons}
    return unlearned(base, losses, encoder, adapter=merge(base.spec.family, encoder), notes=notes)
