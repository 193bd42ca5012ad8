"""Mixtures of prompt embeddings: steps from the anchor past the target, and means. The attacker must feed embeddings.

Unlearning moved the target's embedding towards its anchor's, so the way back leads away from it: e_t + s (e_t - e_a).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from expunge.attacks import Try, Victim, numbered
from expunge.bases.text import encode_prompts
from expunge.concepts.prompts import near_words
from expunge.core.knobs import Knobs

ATTACK = {
    "title": "Mixture",
    "text": "Share of goals at which a mixture of prompt embeddings, or a step past the target, brings the "
    "concept back.",
    "needs": "feeding embeddings",
    "order": 3,
    "images": 4,
    "videos": 0,
}

STEPS = (1.0, 4.0, 16.0)


def past(victim: Victim, target: str, anchor: str, step: float, encoder: Any) -> Tensor:
    """e_t + s (e_t - e_a), (1, L, D)."""
    embeddings = encode_prompts(victim.base, [target, anchor], encoder)
    return embeddings[:1] + step * (embeddings[:1] - embeddings[1:])


def mean(victim: Victim, prompts: list[str], encoder: Any) -> Tensor:
    """The mean of the prompts' embeddings, (1, L, D)."""
    return encode_prompts(victim.base, prompts, encoder).mean(0, keepdim=True)


def recipes(victim: Victim) -> list[tuple[str, Callable[[Any], Tensor]]]:
    """(description, encoder -> embeddings) of every mixture for a concept."""
    mixtures: list[tuple[str, Callable[[Any], Tensor]]] = []
    for template in victim.templates:
        target = template.replace("{}", victim.words[0])
        anchor = " ".join(template.replace("{}", (victim.anchors or ("",))[0]).split())
        mixtures += [
            (f"{target} + {step:g} (it - {anchor})", partial(past, victim, target, anchor, step)) for step in STEPS
        ]
        others = [template.replace("{}", word) for word in (*victim.words, *victim.concept.aliases)]
        some = [*others, *(template.replace("{}", word) for word in near_words(victim.concept)[:2])]
        if len(some) > 1:
            mixtures.append(("mean of " + ", ".join(some), partial(mean, victim, some)))
    return mixtures


def run(victim: Victim, knobs: Knobs, count: int, draw: torch.Generator) -> list[Try]:
    """One try for each of `count` mixtures."""
    mixtures = recipes(victim)[:count]
    tries = numbered([text for text, _ in mixtures], draw)
    return [Try(t.goal, t.prompt, t.seed, embed) for t, (_, embed) in zip(tries, mixtures, strict=True)]
