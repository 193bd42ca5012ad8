"""ReFACT: one MLP layer of the encoder gives a new value for the concept's name, a change of rank one.

Arad et al., "ReFACT: Updating Text-to-Image Models by Editing the Text Encoder" (arXiv 2306.00738). First a change d of
the MLP's output at the name's last token, over the name's prompts c, whose end token should be nearest to the anchor's:

    s_j = -|E(c; d)_end - E(c_j)_end|                  c_0 the anchor's prompt, c_1 = c itself, the others: kept prompts
    d   = argmin mean(-log(exp(s_0) / sum_j exp(s_j))) + decay * |d| / |v|^2,    |d| <= farthest * |v|

Then the weight W of fc2, with K the names' inputs and V = W K + d as means over their prompts, C the mean of k k^T over
the kept prompts: the W' that is nearest to W, as C measures it, among those with W' K = V (ROME, arXiv 2202.05262):

    W' = W + (V - W K) (K^T C^-1 K)^-1 K^T C^-1

For one name this has rank one. The paper compares the end token's states after a projection, which a text encoder
for diffusion lacks; has one name at a time; and takes C from 100,000 texts of Wikipedia.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from expunge.bases.base import Base, deterministic
from expunge.bases.encoders import layers_of, stacks
from expunge.core.knobs import Knobs
from expunge.methods import ConceptData, Log, Unlearned
from expunge.methods.kept_words import lessons_and_kept
from expunge.methods.rewriting import at_places, covariance, encoded, end_places, told, values
from expunge.methods.training import unlearned

METHOD = {
    "anchor": "chosen",
    "joint": {},
    "knobs": {
        "depth": {"default": 0.36, "type": "number", "minimum": 0.0, "maximum": 1.0,
                  "description": "where the layer lies: 0 is the first, 1 the last"},
        "contrast": {"default": 32, "type": "integer", "minimum": 0, "maximum": 100000,
                     "description": "kept prompts from which the new meaning must differ"},
        "learning_rate": {"default": 0.5, "type": "number", "minimum": 1e-9, "maximum": 100.0,
                          "description": "of Adam, for the values"},
        "steps": {"default": 100, "type": "integer", "minimum": 1, "maximum": 100000,
                  "description": "of Adam, for the values"},
        "decay": {"default": 0.1, "type": "number", "minimum": 0.0, "maximum": 1e6,
                  "description": "weight of the size of a value's change"},
        "farthest": {"default": 4.0, "type": "number", "minimum": 0.0, "maximum": 1000.0,
                     "description": "greatest change of a value, in sizes of the MLP's output"},
        "others": {"default": 512, "type": "integer", "minimum": 0, "maximum": 100000,
                   "description": "words of the vocabulary that are kept, too"},
        "alike": {"default": 0.3, "type": "number", "minimum": 0.0, "maximum": 1.0,
                  "description": "a word nearer than this share of the anchor's distance means the target"},
    },
}  # fmt: skip


def planted(weight: Tensor, keys: Tensor, change: Tensor, cov: Tensor) -> Tensor:
    """W' of the module's docstring, (out, in) float64; keys (n, in), change V - W K (n, out), cov (in, in)."""
    k = keys.double().T
    c = torch.linalg.solve(cov, k)  # C^-1 K
    return weight.double() + change.double().T @ torch.linalg.pinv(k.T @ c) @ c.T


def run(
    base: Base, concepts: Sequence[ConceptData], kept: Sequence[str], knobs: Knobs, draw: torch.Generator, log: Log
) -> Unlearned:
    """Unlearn one concept, or several at once."""
    lessons, listed, others = lessons_and_kept(base, concepts, kept, knobs["others"], knobs["alike"])
    stay = [*listed, *others]
    words = told(base, lessons)
    family, encoder = base.spec.family, copy.deepcopy(base.encoder)
    chosen = torch.randperm(len(stay), generator=draw)[: knobs["contrast"]].tolist()

    def ends(prompts: Sequence[str]) -> Tensor:
        return encoded(base, prompts).take_along_dim(end_places(base, prompts)[:, None, None], dim=1)[:, 0]

    unlike = [ends([stay[row] for row in chosen])] if chosen else []
    wanted, was = ends(words.anchors), ends(words.prompts)
    at = end_places(base, words.prompts)[:, None, None]

    def away(states: Tensor, rows: Tensor) -> Tensor:
        end = states.take_along_dim(at[rows], dim=1)[:, 0]
        away = [(end - each[rows]).norm(dim=1, keepdim=True) for each in (wanted, was)]
        away += [torch.cdist(end, each) for each in unlike]
        return -torch.log_softmax(-torch.cat(away, dim=1), dim=1)[:, 0]

    adam = (knobs["steps"], knobs["learning_rate"], knobs["decay"], knobs["farthest"])
    losses = list[float]()
    for depths in stacks(family, encoder):  # each text encoder by itself
        depth = depths[round(knobs["depth"] * (len(depths) - 1 - family.UNREAD))]
        memory, new_memory = (
            layers_of(family, each)[depth].get_submodule(family.MEMORY) for each in (base.encoder, encoder)
        )
        change, some = values(base, "refact", words, memory, away, *adam, log)
        losses += some
        with torch.no_grad(), deterministic(base):
            keys = words.mean(at_places(base, encoder, new_memory, words.prompts, words.places)[0])
            new_memory.weight.copy_(planted(new_memory.weight, keys, change, covariance(base, depth, stay)))
    notes = {lesson.concept: {"anchor": lesson.anchor, "words": lesson.names} for lesson in lessons}
    return unlearned(base, losses, encoder, notes=notes)
