"""EMCID: a value for each name by gradient, then several MLP layers of the encoder in closed form, for many names.

Xiong et al., "Editing Massive Concepts in Text-to-Image Diffusion Models" (arXiv 2403.13807). First, for each name and
over its prompts c with the anchor's prompts c*, a change d of layer L's output at the name's last token:

    d = argmin mean(|E(c; d) - E(c*)|^2) + decay * |d| / |v|^2,    |d| <= farthest * |v|

at the name's last token (for c*, the anchor's), at the end token and at the padding behind it; v is the layer's output.
Then, in each of the `layers` layers up to L in turn, with the weight W of fc2 as in MEMIT (arXiv 2210.07229):

    W' = W + R K^T (keep * C + K K^T)^-1,    R = (z - h^L) / (layers that are left)

K are the names' inputs of fc2 and h^L their outputs of layer L, in the encoder as it is so far, at their last tokens
and as means over their prompts; z is h^L in the original encoder, plus d. C is the mean of k k^T over the kept prompts.

The paper's first stage is this loss, times 0.01, beside a distance between the denoiser's predictions for pictures of
the anchor; that part is left out, and no pictures are needed. Its C is of 100,000 captions; here it is of the lists'
kept prompts and the vocabulary's words.
"""

import copy
from collections.abc import Sequence
from typing import Any

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
        "layers": {"default": 11, "type": "integer", "minimum": 1, "maximum": 1000,
                   "description": "how many layers are changed; at most all but the last one"},
        "keep": {"default": 10000.0, "type": "number", "minimum": 0.0, "maximum": 1e9,
                 "description": "weight of the kept prompts' inputs"},
        "learning_rate": {"default": 0.2, "type": "number", "minimum": 1e-9, "maximum": 100.0,
                          "description": "of Adam, for the values"},
        "steps": {"default": 100, "type": "integer", "minimum": 1, "maximum": 100000,
                  "description": "of Adam, for the values"},
        "decay": {"default": 0.0005, "type": "number", "minimum": 0.0, "maximum": 1e6,
                  "description": "weight of the size of a value's change"},
        "farthest": {"default": 1.5, "type": "number", "minimum": 0.0, "maximum": 1000.0,
                     "description": "greatest change of a value, in sizes of the layer's output"},
        "others": {"default": 512, "type": "integer", "minimum": 0, "maximum": 100000,
                   "description": "words of the vocabulary that are kept, too"},
        "alike": {"default": 0.3, "type": "number", "minimum": 0.0, "maximum": 1.0,
                  "description": "a word nearer than this share of the anchor's distance means the target"},
    },
}  # fmt: skip


def written(weight: Tensor, keys: Tensor, residual: Tensor, cov: Tensor, keep: float) -> Tensor:
    """W' of the module's docstring, (out, in) float64; keys (n, in), residual (n, out), cov (in, in)."""
    k, r = keys.double(), residual.double()
    return weight.double() + torch.linalg.solve(keep * cov + k.T @ k, k.T @ r).T


def run(
    base: Base, concepts: Sequence[ConceptData], kept: Sequence[str], knobs: Knobs, draw: torch.Generator, log: Log
) -> Unlearned:
    """Unlearn one concept, or several at once. Nothing is drawn at random."""
    lessons, listed, others = lessons_and_kept(base, concepts, kept, knobs["others"], knobs["alike"])
    stay = [*listed, *others]
    words = told(base, lessons)
    family = base.spec.family
    whole = base.t2i.tokenizer.model_max_length
    ends, goal_ends = end_places(base, words.prompts), end_places(base, words.anchors)
    room = torch.arange(whole - int(torch.maximum(ends, goal_ends).max()), device=base.device)
    at = torch.cat([words.places[:, None], ends[:, None] + room], dim=1)
    goal_at = torch.cat([words.anchor_places[:, None], goal_ends[:, None] + room], dim=1)
    goals = encoded(base, words.anchors).take_along_dim(goal_at[..., None], dim=1)

    def away(states: Tensor, rows: Tensor) -> Tensor:
        return (states.take_along_dim(at[rows][..., None], dim=1) - goals[rows]).square().mean((1, 2))

    adam = (knobs["steps"], knobs["learning_rate"], knobs["decay"], knobs["farthest"])
    encoder, losses = copy.deepcopy(base.encoder), list[float]()
    for depths in stacks(family, encoder):  # each text encoder by itself
        last = max(depths[-1] - 1 - family.UNREAD, depths[0])  # after the last layer's, no attention hands a change on
        change, some = values(base, "emcid", words, layers_of(family, base.encoder)[last], away, *adam, log)
        losses += some
        top = layers_of(family, encoder)[last]
        with torch.no_grad(), deterministic(base):

            def reached(top: Any = top) -> Tensor:
                return words.mean(at_places(base, encoder, top, words.prompts, words.places)[1])

            z = reached() + change
            for depth in range(max(last + 1 - knobs["layers"], depths[0]), last + 1):
                fc2 = layers_of(family, encoder)[depth].get_submodule(family.MEMORY)
                keys = words.mean(at_places(base, encoder, fc2, words.prompts, words.places)[0])
                residual = (z - reached()) / (last + 1 - depth)
                fc2.weight.copy_(written(fc2.weight, keys, residual, covariance(base, depth, stay), knobs["keep"]))
    notes = {lesson.concept: {"anchor": lesson.anchor, "words": lesson.names} for lesson in lessons}
    return unlearned(base, losses, encoder, notes=notes)
