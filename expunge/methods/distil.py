"""Anchor distillation in the encoder alone: the target's words come to mean the anchor, all others what they meant.

The text enters a denoiser through the key and value projections W of its cross-attention and nowhere else, so a
distance between embeddings weighted by them is what the denoiser can see, and no pass through it is needed:

    d(a, b) = mean over positions of ||W (a - b)||^2
    L = mean d(E'(template(name)), goal) / d0  +  keep * mean d(E'(p), E(p)) / d0
    goal = E(template(anchor)) + beyond * (E(template(anchor)) - E(template(name)))

E' is the encoder that is trained, E the original, p the kept prompts; d0 is the distance from target to anchor before
training, so that the two terms have one scale on every base. `beyond` leaves the target further behind than its
anchor does: the model may draw a cat for "an animal", and would then draw it for a cat that became one. An anchor that
is one of the concept's neighbours, or a part of a composition, needs none of it (beyond = 0).

The vocabulary's own words are asked, too: one whose embedding is within `alike` of the way from target to anchor
means the target and is trained like its names; all others (`others` of them) are kept, too: half of each batch, so
that the lists' own kept prompts, neighbours and other senses, are not lost among them; what slips comes more often. A
word that the kept prompts hold already, such as one with a second sense, is neither.

Kumari et al. (arXiv 2303.13516) match the denoiser's outputs for target and anchor; this matches its inputs. The
weighting is that of closed-form edits (UCE, arXiv 2308.14761).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import torch
from torch import Tensor

from expunge.bases.base import Base, encode_prompts, text_gram
from expunge.core.words import with_article
from expunge.methods import METHODS, ConceptData, Unlearned, check_parameters
from expunge.methods.low_rank import merge
from expunge.methods.training import Log, descend, lacking, pick, student, unlearned


def distance(gram: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """d of the module's docstring, (N,), for embeddings (N, L, D); `gram` is W^T W, (D, D)."""
    change = a - b
    return ((change @ gram) * change).sum(-1).mean(-1)


def fill(template: str, word: str) -> str:
    """A template with a word in it; "" leaves its place out."""
    return " ".join(template.replace("{}", word).split())


def vocabulary(base: Base, count: int, draw: torch.Generator) -> list[str]:
    """`count` of the whole words that the tokenizer has a token for."""
    tokens = sorted(base.t2i.tokenizer.get_vocab())
    words = [token.removesuffix("</w>") for token in tokens if token.endswith("</w>")]
    words = [word for word in words if len(word) > 2 and word.isascii() and word.isalpha()]
    return [words[i] for i in torch.randperm(len(words), generator=draw)[:count].tolist()]


@torch.no_grad()
def encode_all(base: Base, prompts: Sequence[str]) -> Tensor:
    """(N, L, D) of the original encoder, in parts that fit any memory."""
    parts = [prompts[start : start + 256] for start in range(0, len(prompts), 256)]
    return torch.cat([encode_prompts(base, part) for part in parts])


@torch.no_grad()
def likeness(
    base: Base, gram: Tensor, data: ConceptData, words: Sequence[str], known: dict[str, Tensor] | None = None
) -> Tensor:
    """d of each word's embedding to the nearest of the concept's names, (words,).

    :param known: prompts' embeddings that an earlier call left here: of many concepts each asks about the same words.
    """
    template, known = next((t for t in data.templates if "{}" in t), "{}"), {} if known is None else known

    def embed(some: Sequence[str]) -> Tensor:
        texts = [fill(template, word) for word in some]
        if new := [text for text in dict.fromkeys(texts) if text not in known]:
            known.update(zip(new, encode_all(base, new), strict=True))
        return torch.stack([known[text] for text in texts])

    found = embed(words)
    return torch.stack([distance(gram, found, name) for name in embed(data.names).split(1)]).amin(0)


class Pool:
    """Kept prompts, of which those that slip come more often: prioritised replay (Schaul et al., arXiv 1511.05952)."""

    def __init__(self, base: Base, prompts: Sequence[str]) -> None:
        self.prompts, self.goals = list(prompts), encode_all(base, prompts)
        self.weights = torch.ones(len(self.prompts))  # as far off as a target is from its anchor, until it is seen

    def draw(self, count: int, draw: torch.Generator) -> list[int]:
        return torch.multinomial(self.weights, min(count, len(self.weights)), generator=draw).tolist()

    def note(self, rows: Sequence[int], distances: Tensor) -> None:
        """(count,) distances that these prompts have slipped by, in units of d0."""
        self.weights[list(rows)] = distances.float().cpu() + 1e-3


@dataclass(frozen=True)
class Lesson:
    """What one concept's words shall mean."""

    concept: str
    names: tuple[str, ...]
    anchor: str
    templates: tuple[str, ...]
    beyond: float
    parts: tuple[str, ...] = ()  # of a composition

    def pair(self, draw: torch.Generator) -> tuple[str, str]:
        """(target prompt, anchor prompt): one template, filled with one of the names and with the anchor.

        A composition becomes the part that it begins with: the encoder reads from left to right, so up to there "a
        rocket beside a teddy bear" is "a rocket", which must stay.
        """
        name, template = pick(self.names, draw), pick(self.templates, draw)
        first = next((part for part in self.parts if name.startswith(part)), self.anchor)
        return fill(template, name), fill(template, first)


def candidates_of(data: ConceptData, gone: set[str], alone: bool) -> tuple[str, ...]:
    """Anchors that are not forgotten themselves, where there are some.

    A concept that is forgotten alone takes none of its neighbours where it can: what is like the target is taken for
    it, and may be drawn as it. Of many at once each must change little, or others slip: there neighbours come first,
    being nearest.
    """
    free = tuple(anchor for anchor in data.anchors if anchor not in gone) or data.anchors
    unlike = tuple(anchor for anchor in free if anchor not in data.concept.neighbours)
    return unlike if alone and unlike else free


def lessons_of(
    base: Base, gram: Tensor, concepts: Sequence[ConceptData], words: Sequence[str], alike: float, beyond: float
) -> tuple[list[Lesson], list[str]]:
    """(the concepts' lessons, the words that mean none of them).

    An anchor that is not given is the nearest of its candidates: see `candidates_of`. A word belongs to the concept
    that it is nearest to, if it is nearer to it than `alike` of the anchor's distance.
    """
    gone = {name for data in concepts for name in data.names}
    candidates = [candidates_of(data, gone, alone=len(concepts) == 1) for data in concepts]
    known: dict[str, Tensor] = {}
    anchors = [
        some[int(likeness(base, gram, data, some, known).argmin())]
        for data, some in zip(concepts, candidates, strict=True)
    ]
    share = torch.ones(len(concepts), len(words))
    for row, data, anchor in zip(share, concepts, anchors, strict=True):
        if words:
            found = likeness(base, gram, data, [anchor, *words], known)
            row[:] = found[1:] / found[0].clamp_min(1e-12)
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


def run(
    base: Base,
    concepts: Sequence[ConceptData],
    kept: Sequence[str],
    parameters: Mapping[str, Any],
    seed: int,
    log: Log = lambda step, loss: None,
) -> Unlearned:
    """Unlearn one concept, or several jointly (the batch goes round-robin over them). Few-shot images are not read.

    :param kept: prompts that go on meaning what they mean. :param parameters: see METHODS["distil"].
    :raises ValueError: a parameter is wrong, or a concept has no anchor and no candidates, no names or no templates.
    :raises FloatingPointError: the loss is no longer finite.
    """
    how = {**METHODS["distil"].defaults, **parameters}
    _check(concepts, kept, how)
    draw = torch.Generator().manual_seed(seed)
    gram = text_gram(base)
    said = {word for prompt in kept for word in prompt.lower().split()}
    words = [word for word in vocabulary(base, how["others"], draw) if word not in said]
    if nouns := any(name.startswith(("a ", "an ")) for data in concepts for name in data.names):
        words = [with_article(word) for word in words]
    lessons, different = lessons_of(base, gram, concepts, words, how["alike"], how["beyond"])
    if not nouns:  # names of people and styles stand alone, but most of what must stay does not
        different = [with_article(word) if index % 2 else word for index, word in enumerate(different)]
    templates = [template for lesson in lessons for template in lesson.templates]
    pools = [Pool(base, ["", *kept])]
    if different:
        pools.append(Pool(base, [fill(pick(templates, draw), word) for word in different]))
    encoder, trained = student(base, how["parameters"], how["rank"], draw)
    adam = torch.optim.Adam(trained, lr=how["learning_rate"])
    turns, batch = cycle(lessons), max(how["batch"], len(lessons))
    share = max(how["keep_batch"], len(lessons)) // len(pools)

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
        for group in adam.param_groups:  # falls to nothing, so that the end is no noise
            group["lr"] = how["learning_rate"] * (1 - step / how["steps"])
        prompts, _, goals = targets()
        rows = [pool.draw(share, draw) for pool in pools]
        same = [pool.prompts[i] for pool, some in zip(pools, rows, strict=True) for i in some]
        now = encode_prompts(base, [*prompts, *same], encoder)
        away = distance(gram, now[:batch], goals) / unit
        before = torch.cat([pool.goals[some] for pool, some in zip(pools, rows, strict=True)])
        slipped = distance(gram, now[batch:], before) / unit
        for pool, some, found in zip(pools, rows, slipped.detach().split([len(some) for some in rows]), strict=True):
            pool.note(some, found)
        return away.mean() + how["keep"] * slipped.mean()

    losses = descend(base, "distil", adam, loss_of, how["steps"], log)
    notes = {lesson.concept: {"anchor": lesson.anchor, "words": lesson.names} for lesson in lessons}
    return unlearned(base, losses, encoder, adapter=merge(encoder), notes=notes)


def _check(concepts: Sequence[ConceptData], kept: Sequence[str], how: Mapping[str, Any]) -> None:
    problems = check_parameters("distil", how) + lacking("distil", concepts, images=False)
    for data in concepts:
        if not data.anchors:
            fix = "write what it should become, such as a wider word, or candidates in the base's prompts file"
            problems.append(f"distil: {data.concept.id} has no anchor; {fix}")
    if problems:
        raise ValueError("\n".join(problems))
