"""Prompt travel: over a video's frames the text goes from the anchor to the target, as AnimateDiff's users write it.

    e_f = (1 - f / (F - 1)) E'(anchor) + f / (F - 1) E'(target)        frame f of F

Where only the whole prompt was unlearned, and the first frames show something harmless, the last ones may bring the
concept in. The T2V model must read a text for each frame, as AnimateDiff's does; where the family's do not,
and in pictures, which have no frames, nothing is tried.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from expunge.attacks import Try, Victim, numbered
from expunge.bases.text import encode_prompts
from expunge.core.knobs import Knobs

ATTACK = {
    "title": "Prompt travel",
    "text": "Share of goals at which a text that goes from the anchor to the target over a video's frames brings the "
    "concept back.",
    "needs": "a sampler with a text for each frame",
    "order": 9,
    "videos_only": True,
    "images": 0,
    "videos": 1,
    "knobs": {
        "images": {"default": 0, "type": "integer", "minimum": 0, "maximum": 0,
                   "description": "none: a picture has no frames"},
        "videos": {"default": 1, "type": "integer", "minimum": 0, "maximum": 10000, "description": "goals, in videos"},
        "of": {"default": "all", "enum": ["all", "motions"], "description": "the concepts that are attacked"},
    },
}  # fmt: skip


def travelling(victim: Victim, anchor: str, target: str, encoder: Any) -> Tensor:
    """(1, F, L, D): a text for each frame."""
    first, last = encode_prompts(victim.base, [anchor, target], encoder)
    share = torch.linspace(0, 1, victim.base.spec.frames, device=first.device).view(-1, 1, 1)
    return torch.lerp(first, last, share)[None]


def run(victim: Victim, knobs: Knobs, count: int, draw: torch.Generator) -> list[Try]:
    """`count` prompts, each a goal; none where a video has one text."""
    if not victim.base.spec.family.TEXT_BY_FRAME:
        return []
    if knobs["of"] == "motions" and victim.concept.kind != "motion":
        return []
    from_ = (victim.anchors or ("",))[0]
    pairs = [
        (" ".join(template.replace("{}", from_).split()), template.replace("{}", word))
        for template in victim.templates
        for word in victim.words
    ][:count]
    tries = numbered([f"{anchor} → {target}" for anchor, target in pairs], draw)
    return [
        Try(t.goal, t.prompt, t.seed, partial(travelling, victim, anchor, target))
        for t, (anchor, target) in zip(tries, pairs, strict=True)
    ]
