"""Anchor distillation in the encoder alone: the target's words come to mean the anchor, all others what they meant.

The text enters a denoiser through the key and value projections W of its cross-attention and nowhere else, so a
distance between embeddings weighted by them is what the denoiser can see, and no pass through it is needed:

    d(a, b) = mean over positions of ||W (a - b)||^2
    L = mean d(E'(template(name)), E(template(anchor))) / d0  +  keep * mean d(E'(p), E(p)) / d0

E' is the encoder that is trained, E the original, p the kept prompts; d0 is the first term's distance before training,
so that the two terms have one scale on every base. Kumari et al. (arXiv 2303.13516) match the denoiser's outputs for
target and anchor; this matches its inputs. The weighting is that of closed-form edits (UCE, arXiv 2308.14761).
"""

from collections.abc import Mapping, Sequence
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


def pairs(data: ConceptData, anchor: str, draw: torch.Generator) -> tuple[str, str]:
    """(target prompt, anchor prompt): one template, filled with one of the concept's names and with the anchor."""
    name, template = pick(data.names, draw), pick(data.templates, draw)
    return template.replace("{}", name), template.replace("{}", anchor)


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
    :raises ValueError: a parameter is wrong, or a concept has no anchor, names or templates.
    :raises FloatingPointError: the loss is no longer finite.
    """
    how = {**METHODS["distil"].defaults, **parameters}
    _check(concepts, kept, how)
    draw = torch.Generator().manual_seed(seed)
    gram = text_gram(base)
    encoder, trained = student(base, how["parameters"], how["rank"], draw)
    adam = torch.optim.Adam(trained, lr=how["learning_rate"])
    hold = shuffled(["", *kept], draw)

    def targets() -> tuple[list[str], list[str]]:
        turns = (concepts[i % len(concepts)] for i in range(max(how["batch"], len(concepts))))
        words, anchors = zip(*(pairs(data, anchor_of(data), draw) for data in turns), strict=True)
        return list(words), list(anchors)

    def original(prompts: Sequence[str]) -> Tensor:
        with torch.no_grad():
            return encode_prompts(base, prompts)

    words, anchors = targets()
    unit = distance(gram, original(words), original(anchors)).clamp_min(1e-12)

    def loss_of(step: int) -> Tensor:
        words, anchors = targets()
        same = take(hold, how["keep_batch"])
        now = encode_prompts(base, [*words, *same], encoder)
        away = distance(gram, now[: len(words)], original(anchors))
        return (away + how["keep"] * distance(gram, now[len(words) :], original(same))) / unit

    losses = descend(base, "distil", adam, loss_of, how["steps"], log)
    return unlearned(base, losses, encoder, adapter=merge(encoder))


def anchor_of(data: ConceptData) -> str:
    assert data.concept.anchor is not None  # _check saw to it
    return data.concept.anchor


def _check(concepts: Sequence[ConceptData], kept: Sequence[str], how: Mapping[str, Any]) -> None:
    problems = check_parameters("distil", how) + lacking("distil", concepts, images=False)
    for data in concepts:
        if data.concept.anchor is None:
            problems.append(
                f"distil: {data.concept.id} has no anchor; write what it should become, such as a wider word"
            )
    if problems:
        raise ValueError("\n".join(problems))
