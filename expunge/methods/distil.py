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
slip are drawn more often. A word that is in the kept prompts already, such as one with a second sense, is left out.

Kumari et al. (arXiv 2303.13516) match the denoiser's outputs for target and anchor; this method matches its inputs.
"""

from collections.abc import Sequence
from itertools import cycle, islice

import torch
from torch import Tensor

from expunge.bases.base import Base
from expunge.bases.text import distance, encode_prompts, text_gram
from expunge.core.knobs import Knobs
from expunge.core.words import with_article
from expunge.methods import ConceptData, Log, Unlearned
from expunge.methods.lessons import encode_all, fill, lessons_of
from expunge.methods.low_rank import merge
from expunge.methods.training import descend, pick, student, unlearned

METHOD = {
    "anchor": "chosen",
    "joint": {"steps": 0.25, "rank": 1.0, "learning_rate": -0.3333333333333333},
    "knobs": {
        "trained": {"default": "qkv-mlp", "enum": ["full", "mlp-final-attn", "mlp", "attn", "late", "qkv-mlp"],
                    "description": "the part of the encoder that is trained"},
        "rank": {"default": 2, "type": "integer", "minimum": 0, "maximum": 1024,
                 "description": "of each weight's change; 0: all of it"},
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


def vocabulary(base: Base, count: int, draw: torch.Generator) -> list[str]:
    """`count` random words that are one token each."""
    tokens = sorted(base.t2i.tokenizer.get_vocab())
    words = [token.removesuffix("</w>") for token in tokens if token.endswith("</w>")]
    words = [word for word in words if len(word) > 2 and word.isascii() and word.isalpha()]
    return [words[i] for i in torch.randperm(len(words), generator=draw)[:count].tolist()]


class Pool:
    """Kept prompts. Those that slip are drawn more often: prioritised replay (Schaul et al., arXiv 1511.05952)."""

    def __init__(self, base: Base, prompts: Sequence[str]) -> None:
        self.prompts, self.goals = list(prompts), encode_all(base, prompts)
        self.weights = torch.ones(len(self.prompts))  # 1 = d0, until a prompt was drawn once

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
    words = [word for word in vocabulary(base, knobs["others"], draw) if word not in said]
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

    def targets() -> tuple[list[str], Tensor, Tensor]:
        some = list(islice(turns, batch))
        pairs = [lesson.pair(draw) for lesson in some]
        with torch.no_grad():
            before = encode_prompts(base, [text for pair in zip(*pairs, strict=True) for text in pair])
        beyond = torch.tensor([lesson.beyond for lesson in some], device=before.device).reshape(-1, 1, 1)
        was, anchor = before[:batch], before[batch:]
        return [target for target, _ in pairs], anchor, anchor + beyond * (anchor - was)

    prompts, becomes, _ = targets()
    with torch.no_grad():
        unit = distance(gram, encode_prompts(base, prompts), becomes).mean().clamp_min(1e-12)

    def loss_of(step: int) -> Tensor:
        for group in adam.param_groups:  # falls to 0, so that the last steps add no noise
            group["lr"] = knobs["learning_rate"] * (1 - step / knobs["steps"])
        prompts, _, goals = targets()
        rows = [pool.draw(share, draw) for pool in pools]
        same = [pool.prompts[i] for pool, some in zip(pools, rows, strict=True) for i in some]
        now = encode_prompts(base, [*prompts, *same], encoder)
        away = distance(gram, now[:batch], goals) / unit
        before = torch.cat([pool.goals[some] for pool, some in zip(pools, rows, strict=True)])
        slipped = distance(gram, now[batch:], before) / unit
        by_pool = slipped.detach().split([len(some) for some in rows])
        for pool, some, distances in zip(pools, rows, by_pool, strict=True):
            pool.note(some, distances)
        return away.mean() + knobs["keep"] * slipped.mean()

    losses = descend(base, "distil", adam, loss_of, knobs["steps"], log)
    notes = {lesson.concept: {"anchor": lesson.anchor, "words": lesson.names} for lesson in lessons}
    return unlearned(base, losses, encoder, adapter=merge(encoder), notes=notes)
