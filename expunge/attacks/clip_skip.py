"""CLIP skip: an earlier layer's output in place of the last one's, through the final layer norm as in diffusers.

Unlearning is trained on what the denoiser reads, the last layer; A1111, ComfyUI and diffusers' `clip_skip` read another
one at a user's wish. A base that skips layers itself is skipped further from there.
"""

from functools import partial

import torch

from expunge.attacks import Try, Victim, numbered
from expunge.bases.encoders import parts_of
from expunge.bases.text import encode_prompts
from expunge.core.knobs import Knobs

ATTACK = {
    "title": "CLIP skip",
    "text": "Share of goals at which the text encoder's output one or two layers before the usual one brings the "
    "concept back.",
    "needs": "a setting of the sampler",
    "order": 7,
    "images": 2,
    "videos": 0,
}
SKIPS = (1, 2)  # layers besides those that the base skips itself


def run(victim: Victim, knobs: Knobs, count: int, draw: torch.Generator) -> list[Try]:
    """`count` goals: the target's prompts, each with every skip that leaves the encoder a layer. None where no sampler
    of the base's family skips layers."""
    base = victim.base
    family = base.spec.family
    if not family.SKIPS:
        return []
    usual = base.spec.clip_skip or 0
    layers = min(len(family.layers_of(each)) for each in parts_of(family, base.encoder).values()) - family.UNREAD
    pairs = [(prompt, skip) for prompt in victim.prompts for skip in SKIPS if usual + skip < layers][:count]
    tries = numbered([f"{prompt} (clip skip {skip})" for prompt, skip in pairs], draw)
    return [
        Try(t.goal, t.prompt, t.seed, partial(encode_prompts, base, [prompt], skip=usual + skip))
        for t, (prompt, skip) in zip(tries, pairs, strict=True)
    ]
