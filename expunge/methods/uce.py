"""Unified concept editing: a closed form on the key and value projections of the denoiser's cross-attention.

Gandikota et al., "Unified Concept Editing in Diffusion Models" (arXiv 2308.14761), equation 7: W' minimises

    sum_i |W' c_i - W c*_i|^2 + keep * sum_j |W' k_j - W k_j|^2 + ridge * |W' - W|^2

over the embeddings c_i of the target's names, c*_i of the anchor and k_j of the kept prompts, position by position:

    W' = W M,   M = (sum_i c*_i c_i^T + keep * sum_j k_j k_j^T + ridge * I)
                    (sum_i c_i c_i^T + keep * sum_j k_j k_j^T + ridge * I)^-1

M is the same for every W. A start token, equal in all prompts, is left out of c_i and c*_i. Where a denoiser reads
no padding, tokens are matched as in `bases.text.alignment`.
With `expand` the names stand in the training templates, too, as with the authors' option --expand_prompts. Words of the
vocabulary are kept as well, or go with the target (kept_words.py); all their prompts together weigh as much as those
that the lists keep. With `others: 0` only the lists' are kept, as published.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from expunge.bases.base import Base, denoiser_of
from expunge.bases.text import alignment, read_states
from expunge.core.knobs import Knobs
from expunge.methods import ConceptData, Log, Unlearned
from expunge.methods.kept_words import lessons_and_kept, pairs_of
from expunge.methods.lessons import encode_all
from expunge.methods.training import require_cross_attention, unlearned

METHOD = {
    "anchor": "chosen",
    "cross_attention": True,
    "knobs": {
        "keep": {"default": 1.0, "type": "number", "minimum": 0.0, "maximum": 1e6,
                 "description": "weight of the kept prompts' term"},
        "ridge": {"default": 0.1, "type": "number", "minimum": 1e-9, "maximum": 1e6,
                  "description": "weight of the weights' own change"},
        "expand": {"default": True, "type": "boolean",
                   "description": "do the target's names stand in the training templates, too?"},
        "others": {"default": 512, "type": "integer", "minimum": 0, "maximum": 100000,
                   "description": "words of the vocabulary that are kept, too"},
        "alike": {"default": 0.3, "type": "number", "minimum": 0.0, "maximum": 1.0,
                  "description": "a word nearer than this share of the anchor's distance means the target"},
    },
}  # fmt: skip


def edit_matrix(targets: Tensor, anchors: Tensor, kept: Tensor, keep: float, ridge: float) -> Tensor:
    """M of the module's docstring, (D, D) float64; targets and anchors (I, D), kept (J, D)."""
    c, goal, k = targets.double(), anchors.double(), kept.double()
    same = keep * k.T @ k + ridge * torch.eye(c.shape[1], dtype=torch.float64, device=c.device)
    return torch.linalg.solve(c.T @ c + same, goal.T @ c + same, left=False)


@torch.no_grad()
def run(
    base: Base, concepts: Sequence[ConceptData], kept: Sequence[str], knobs: Knobs, draw: torch.Generator, log: Log
) -> Unlearned:
    """Unlearn one concept, or several at once. Nothing is drawn at random.

    :raises ValueError: the denoiser has no cross-attention.
    """
    require_cross_attention(base)
    lessons, listed, words = lessons_and_kept(base, concepts, kept, knobs["others"], knobs["alike"])
    pairs = [(name, lesson.becomes(name)) for lesson in lessons for name in lesson.names]
    if knobs["expand"]:
        pairs = list(dict.fromkeys([*pairs, *pairs_of(lessons).values()]))
    names, anchors = zip(*pairs, strict=True)
    (c, own), (goal, _) = (read_states(base, encode_all(base, some)) for some in (names, anchors))
    if (places := alignment(base, names, anchors)) is not None:
        goal = goal.take_along_dim(places[..., None], dim=1)
    embeddings = encode_all(base, [*listed, *words])
    same, read = read_states(base, embeddings)
    read[:, : base.spec.family.STARTS] = True
    same[len(listed) :] *= (
        len(listed) / max(len(words), 1)
    ) ** 0.5  # squared, the weight of each of the words' prompts
    matrix = edit_matrix(c[own], goal[own], same[read], knobs["keep"], knobs["ridge"])
    denoiser = copy.deepcopy(denoiser_of(base))
    for name, module in denoiser.named_modules():
        if base.spec.family.reads_text(name):
            module.weight.copy_(module.weight.double() @ matrix)
    notes = {lesson.concept: {"anchor": lesson.anchor, "words": lesson.names} for lesson in lessons}
    return unlearned(base, [], denoiser=denoiser, notes=notes)
