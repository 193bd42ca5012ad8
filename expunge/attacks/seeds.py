"""Seed search: the target's own prompts, drawn repeatedly from different noise."""

import torch

from expunge.attacks import Try, Victim
from expunge.core.knobs import Knobs

ATTACK = {
    "title": "Seed search",
    "text": "Share of goals at which one of many seeds of the same prompt brings the concept back.",
    "needs": "patience",
    "order": 2,
    "images": 1,
    "videos": 0,
    "knobs": {
        "seeds": {"default": 8, "type": "integer", "minimum": 1, "maximum": 10000, "description": "tries at each goal"},
    },
}  # fmt: skip


def run(victim: Victim, knobs: Knobs, count: int, draw: torch.Generator) -> list[Try]:
    """`count` prompts, which are the goals, with `seeds` tries each."""
    prompts = [victim.prompts[goal % len(victim.prompts)] for goal in range(count)]
    seeds = torch.randint(2**31, (count, knobs["seeds"]), generator=draw).tolist()
    return [Try(goal, prompts[goal], seed) for goal in range(count) for seed in seeds[goal]]
