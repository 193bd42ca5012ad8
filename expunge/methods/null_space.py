"""SPEED: a closed form on the denoiser's value projections, in directions in which nothing that is kept lies.

Li et al., "SPEED: Scalable, Precise, and Efficient Concept Erasure for Diffusion Models" (arXiv 2503.07392). For the
embeddings c of the target's names at their last tokens, in each template, and c* of the anchor's, W' = W + X with

    X = argmin |X C - W (C* - C)|^2 + ridge * |X|^2    among all X = X P
      = W (C* - C) C^T P (P C C^T P + ridge * I)^-1

P projects onto the directions in which kept embeddings k have almost no part: of the mean of k k^T the eigenvectors
whose eigenvalues are below `null` times their mean. Two things of the paper choose P:

    prior filtering:       only those k count that the edit would move most without P (above the mean of |X k|)
    equality constraints:  the start token and the empty prompt are orthogonal to P, so that X leaves them exactly alone

The paper's third, kept embeddings that are made up along directions in which W does little, is left out.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from expunge.bases.base import Base, denoiser_of
from expunge.bases.text import read_states
from expunge.core.knobs import Knobs
from expunge.methods import ConceptData, Log, Unlearned
from expunge.methods.kept_words import lessons_and_kept
from expunge.methods.lessons import encode_all
from expunge.methods.rewriting import encoded, told
from expunge.methods.training import require_cross_attention, unlearned

METHOD = {
    "anchor": "chosen",
    "cross_attention": True,
    "knobs": {
        "projections": {"default": "values", "enum": ["values", "keys-values"],
                        "description": "which projections of the cross-attention change"},
        "null": {"default": 0.1, "type": "number", "minimum": 0.0, "maximum": 1e6,
                 "description": "a direction is free if what is kept has less than this share of the mean in it"},
        "ridge": {"default": 1.0, "type": "number", "minimum": 1e-9, "maximum": 1e6,
                  "description": "weight of the weights' own change"},
        "others": {"default": 512, "type": "integer", "minimum": 0, "maximum": 100000,
                   "description": "words of the vocabulary that are kept, too"},
        "alike": {"default": 0.3, "type": "number", "minimum": 0.0, "maximum": 1.0,
                  "description": "a word nearer than this share of the anchor's distance means the target"},
    },
}  # fmt: skip
SAME = 1e-3  # singular values of what must not change that are below this share of the greatest count as none


def free_directions(kept: Tensor, fixed: Tensor, null: float) -> Tensor:
    """P (D, D), an orthogonal projection; kept (J, D); fixed (F, D), whose rows it takes to 0 (see SAME)."""
    _, sizes, rows = torch.linalg.svd(fixed)
    basis = rows[int((sizes > SAME * sizes[0]).sum()) :].T  # of all that is orthogonal to `fixed`
    values, vectors = torch.linalg.eigh(basis.T @ (kept.T @ kept / len(kept)) @ basis)
    free = basis @ vectors[:, values < null * kept.square().mean()]
    return free @ free.T


def added(weight: Tensor, c: Tensor, goal: Tensor, kept: Tensor, fixed: Tensor, null: float, ridge: float) -> Tensor:
    """X of the module's docstring, (out, D); all float64, c and goal (I, D), kept (J, D), fixed (F, D)."""
    own, towards = c.T @ c, weight @ ((goal - c).T @ c)
    eye = ridge * torch.eye(len(own), dtype=own.dtype, device=own.device)
    moved = (kept @ torch.linalg.solve(own + eye, towards, left=False).T).norm(dim=1)
    p = free_directions(kept[moved > moved.mean()], fixed, null)
    return torch.linalg.solve(p @ own @ p + eye, towards @ p, left=False)


@torch.no_grad()
def run(
    base: Base, concepts: Sequence[ConceptData], kept: Sequence[str], knobs: Knobs, draw: torch.Generator, log: Log
) -> Unlearned:
    """Unlearn one concept, or several at once. Nothing is drawn at random.

    :raises ValueError: the denoiser has no cross-attention.
    """
    require_cross_attention(base)
    lessons, listed, others = lessons_and_kept(base, concepts, kept, knobs["others"], knobs["alike"])
    words = told(base, lessons)
    c, goal = (
        read_states(base, encoded(base, prompts))[0][torch.arange(len(places), device=base.device), places].double()
        for prompts, places in ((words.prompts, words.places), (words.anchors, words.anchor_places))
    )
    fixed, read = read_states(base, encode_all(base, [""]))
    read[:, : base.spec.family.STARTS] = True
    fixed = fixed[read].double()
    same, read = read_states(base, encode_all(base, [*listed[1:], *others]))
    same = same[read].double()
    denoiser = copy.deepcopy(denoiser_of(base))
    for name, module in denoiser.named_modules():
        if base.spec.family.reads_text(name) and (knobs["projections"] == "keys-values" or name.endswith("to_v")):
            weight = module.weight.double()
            module.weight.copy_(weight + added(weight, c, goal, same, fixed, knobs["null"], knobs["ridge"]))
    notes = {lesson.concept: {"anchor": lesson.anchor, "words": lesson.names} for lesson in lessons}
    return unlearned(base, [], denoiser=denoiser, notes=notes)
