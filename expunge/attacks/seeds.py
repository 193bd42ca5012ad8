"""Seed search: the target's own prompts, drawn again and again from other noise."""

from collections.abc import Mapping
from typing import Any

import torch

from expunge.attacks import Try, Victim


def run(victim: Victim, how: Mapping[str, Any], count: int, draw: torch.Generator) -> list[Try]:
    """`count` prompts, which are the goals, with `seeds` tries each."""
    prompts = [victim.prompts[goal % len(victim.prompts)] for goal in range(count)]
    seeds = torch.randint(2**31, (count, how["seeds"]), generator=draw).tolist()
    return [Try(goal, prompts[goal], seed) for goal in range(count) for seed in seeds[goal]]
