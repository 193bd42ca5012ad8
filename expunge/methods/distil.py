"""Anchor distillation in the encoder alone: the target's words come to mean the anchor, all others what they meant.

The text enters a denoiser through the key and value projections W of its cross-attention and nowhere else, so a
distance between embeddings weighted by them is what the denoiser can see, and no pass through it is needed:

    d(a, b) = mean over positions of ||W (a - b)||^2
    L = mean d(E'(template(name)), E(template(anchor))) / d0  +  keep * mean d(E'(p), E(p)) / d0

E' is the encoder that is trained, E the original, p the kept prompts; d0 is the first term's distance before training,
so that the two terms have one scale on every base.

The vocabulary's own words are asked, too: one whose embedding is within `alike` of the way from target to anchor
means the target and is trained like its names; all others (`others` of them) join the kept prompts.

Kumari et al. (arXiv 2303.13516) match the denoiser's outputs for target and anchor; this matches its inputs. The
weighting is that of closed-form edits (UCE, arXiv 2308.14761).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import torch
from torch import Tensor

from expunge.base import Base, encode_prompts, text_gram
from expunge.methods import METHODS, ConceptData, Unlearned, check_parameters
from expunge.methods.low_rank import merge
from expunge.methods.training import Log, descend, lacking, pick, shuffled, student, take, unlearned


def distance(gram: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """d of the module's docstring over (N, L, D) embeddings, a scalar; `gram` is W^T W, (D, D)."""
    change = a - b
    return ((change @ gram) * change).sum(-1).mean()


def fill(template: str, word: str) -> str:
    """A template with a word in it; "" leaves its place out."""
    return " ".join(template.replace("{}", word).split())


def vocabulary(base: Base, concepts: Sequence[ConceptData], count: int, draw: torch.Generator) -> list[str]:
    """`count` of the whole words that the tokenizer has a token for, with an article where the concepts' names have."""
    tokens = sorted(base.t2i.tokenizer.get_vocab())
    words = [token.removesuffix("</w>") for token in tokens if token.endswith("</w>")]
    words = [word for word in words if len(word) > 2 and word.isascii() and word.isalpha()]
    words = [words[i] for i in torch.randperm(len(words), generator=draw)[:count].tolist()]
    articles = any(name.startswith(("a ", "an ")) for data in concepts for name in data.names)
    return [("an " if word[0] in "aeiou" else "a ") + word for word in words] if articles else words


@torch.no_grad()
def likeness(base: Base, gram: Tensor, data: ConceptData, words: Sequence[str]) -> Tensor:
    """d of each word's embedding to the nearest of the concept's names, (words,)."""
    template = next((t for t in data.templates if "{}" in t), "{}")

    def embed(some: Sequence[str]) -> Tensor:
        parts = [some[start : start + 256] for start in range(0, len(some), 256)]
        return torch.cat([encode_prompts(base, [fill(template, word) for word in part]) for part in parts])

    found = embed(words)
    changes = (found - name for name in embed(data.names).split(1))
    return torch.stack([((change @ gram) * change).sum(-1).mean(-1) for change in changes]).amin(0)


@dataclass(frozen=True)
class Lesson:
    """What one concept's words shall mean."""

    concept: str
    names: tuple[str, ...]
    anchor: str
    templates: tuple[str, ...]

    def pair(self, draw: torch.Generator) -> tuple[str, str]:
        """(target prompt, anchor prompt): one template, filled with one of the names and with the anchor."""
        name, template = pick(self.names, draw), pick(self.templates, draw)
        return fill(template, name), fill(template, self.anchor)


def lessons_of(
    base: Base, gram: Tensor, concepts: Sequence[ConceptData], words: Sequence[str], alike: float
) -> tuple[list[Lesson], list[str]]:
    """(the concepts' lessons, the words that mean none of them).

    An anchor that is not given is the nearest of its candidates. A word belongs to the concept that it is nearest to,
    if it is nearer to it than `alike` of the anchor's distance.
    """
    anchors = [data.anchors[int(likeness(base, gram, data, data.anchors).argmin())] for data in concepts]
    share = torch.ones(len(concepts), len(words))
    for row, data, anchor in zip(share, concepts, anchors, strict=True):
        if words:
            found = likeness(base, gram, data, [anchor, *words])
            row[:] = found[1:] / found[0].clamp_min(1e-12)
    least, whose = share.min(0)
    lessons = [
        Lesson(
            data.concept.id,
            (*data.names, *(w for w, d, i in zip(words, least, whose, strict=True) if d < alike and i == index)),
            anchor,
            data.templates,
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
    words = vocabulary(base, concepts, how["others"], draw)
    lessons, different = lessons_of(base, gram, concepts, words, how["alike"])
    templates = [template for lesson in lessons for template in lesson.templates]
    hold = shuffled(["", *kept, *(fill(pick(templates, draw), word) for word in different)], draw)
    encoder, trained = student(base, how["parameters"], how["rank"], draw)
    adam = torch.optim.Adam(trained, lr=how["learning_rate"])
    turns = cycle(lessons)

    def targets() -> tuple[list[str], list[str]]:
        pairs = [lesson.pair(draw) for lesson in islice(turns, max(how["batch"], len(lessons)))]
        return [target for target, _ in pairs], [anchor for _, anchor in pairs]

    def original(prompts: Sequence[str]) -> Tensor:
        with torch.no_grad():
            return encode_prompts(base, prompts)

    first, goals = targets()
    unit = distance(gram, original(first), original(goals)).clamp_min(1e-12)

    def loss_of(step: int) -> Tensor:
        for group in adam.param_groups:  # falls to nothing, so that the end is no noise
            group["lr"] = how["learning_rate"] * (1 - step / how["steps"])
        targeted, anchors = targets()
        same = take(hold, how["keep_batch"])
        now = encode_prompts(base, [*targeted, *same], encoder)
        away = distance(gram, now[: len(targeted)], original(anchors))
        return (away + how["keep"] * distance(gram, now[len(targeted) :], original(same))) / unit

    losses = descend(base, "distil", adam, loss_of, how["steps"], log)
    notes = {lesson.concept: {"anchor": lesson.anchor, "words": lesson.names} for lesson in lessons}
    return unlearned(base, losses, encoder, adapter=merge(encoder), notes=notes)


def _check(concepts: Sequence[ConceptData], kept: Sequence[str], how: Mapping[str, Any]) -> None:
    problems = check_parameters("distil", how) + lacking("distil", concepts, images=False)
    for data in concepts:
        if not data.anchors:
            mend = "write what it should become, such as a wider word, or candidates in the base's prompts file"
            problems.append(f"distil: {data.concept.id} has no anchor; {mend}")
    if problems:
        raise ValueError("\n".join(problems))
