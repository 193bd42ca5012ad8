"""Attacks: ways to make an unlearned encoder draw its concept all the same, one file each.

    tries = find(victim, {"words": {"images": 12}, ...}, seed=0)          {"words": [Try, ...], ...}

A try is what is fed: a prompt, or embeddings made with whichever encoder is asked. Tries at one thing share a goal,
which falls if any of them shows the concept; an attack's success rate (ASR) is the share of goals that fall. Attackers
hold the whole released model, the unlearned encoder included, and the pictures that the original drew of the concept.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expunge.core.seeds import derive_seed
from expunge.methods import Parameter, number, whole

if TYPE_CHECKING:
    from torch import Tensor

    from expunge.bases.base import Base, Edit
    from expunge.concepts.lists import Concept


@dataclass(frozen=True)
class Victim:
    """Who is attacked, and what the attacker knows."""

    base: "Base"
    edit: "Edit"
    concept: "Concept"
    words: tuple[str, ...]  # what a prompt calls the target
    templates: tuple[str, ...]  # "{}" stands for a word; training never saw them
    anchors: tuple[str, ...]  # what the target may have become
    latents: "Tensor"  # of the target, drawn by the original: (N, C, h, w), of a motion (N, C, F, h, w)

    @property
    def prompts(self) -> list[str]:
        return [template.replace("{}", word) for template in self.templates for word in self.words]


@dataclass(frozen=True)
class Try:
    """What is fed to the model once."""

    goal: int
    prompt: str  # where embeddings are fed: what they are made of, in words
    seed: int
    embed: "Callable[[Any], Tensor] | None" = None  # encoder -> (1, L, D), in place of the prompt


@dataclass(frozen=True)
class Attack:
    """An entry of the registry."""

    module: str
    parameters: dict[str, Parameter]
    replayed: bool = False  # are its prompts worth keeping?


IMAGES, VIDEOS = Parameter(2, *whole(0, 10_000)), Parameter(1, *whole(0, 10_000))

ATTACKS: dict[str, Attack] = {
    "words": Attack("expunge.attacks.words", {"images": Parameter(12, *whole(0, 10_000)), "videos": VIDEOS}, True),
    "seeds": Attack(
        "expunge.attacks.seeds",
        {"images": Parameter(1, *whole(0, 10_000)), "videos": Parameter(0, *whole(0, 10_000)),
         "seeds": Parameter(8, *whole(1, 10_000))},
    ),
    "mixture": Attack(
        "expunge.attacks.mixture",
        {"images": Parameter(4, *whole(0, 10_000)), "videos": Parameter(0, *whole(0, 10_000))},
    ),
    "ring-a-bell": Attack(
        "expunge.attacks.ring_a_bell",
        {"images": IMAGES, "videos": VIDEOS, "tokens": Parameter(3, *whole(1, 77)),
         "strength": Parameter(1.0, *number(0.0, 100.0)), "population": Parameter(48, *whole(4, 10_000)),
         "generations": Parameter(20, *whole(1, 100_000))},
        True,
    ),
    "unlearndiffatk": Attack(
        "expunge.attacks.unlearndiffatk",
        {"images": IMAGES, "videos": VIDEOS, "tokens": Parameter(3, *whole(1, 77)),
         "steps": Parameter(20, *whole(1, 100_000)), "batch": Parameter(4, *whole(1, 1024)),
         "learning_rate": Parameter(0.5, *number(1e-9, 1e3)), "tries": Parameter(2, *whole(1, 1000))},
        True,
    ),
    "inversion": Attack(
        "expunge.attacks.inversion",
        {"images": Parameter(4, *whole(0, 10_000)), "videos": Parameter(0, *whole(0, 10_000)),
         "warm": Parameter(60, *whole(0, 100_000)), "warm_rate": Parameter(0.5, *number(1e-9, 1e3)),
         "steps": Parameter(24, *whole(0, 100_000)), "batch": Parameter(4, *whole(1, 1024)),
         "learning_rate": Parameter(0.1, *number(1e-9, 1e3))},
    ),
}  # fmt: skip


def defaults(name: str) -> dict[str, Any]:
    return {key: parameter.default for key, parameter in ATTACKS[name].parameters.items()}


def check_budgets(budgets: Mapping[str, Any]) -> list[str]:
    """What is wrong with {attack: {parameter: value}}, as "what; what to write instead"; [] where nothing is."""
    problems = []
    for name, values in budgets.items():
        known = ATTACKS.get(name)
        if known is None:
            problems.append(f"there is no attack {name!r}; write some of {', '.join(ATTACKS)}")
            continue
        for key, value in (values or {}).items():
            parameter = known.parameters.get(key)
            if parameter is None:
                problems.append(f"{name} has no parameter {key!r}; it has {', '.join(known.parameters)}")
            elif not parameter.accepts(value):
                problems.append(f"{name}: {key} is {value!r}; write {parameter.allowed}")
    return problems


def find(victim: Victim, budgets: Mapping[str, Mapping[str, Any]], seed: int) -> dict[str, list[Try]]:
    """The tries of each attack that the budgets name; of a motion, as many goals as `videos`, of others as `images`."""
    import torch

    count, found = "videos" if victim.concept.kind == "motion" else "images", {}
    for name, values in budgets.items():
        how = {**defaults(name), **(values or {})}
        if how[count]:
            draw = torch.Generator().manual_seed(derive_seed(seed, "attack", name))
            run = importlib.import_module(ATTACKS[name].module).run
            found[name] = run(victim, how, how[count], draw)
    return found


def numbered(prompts: Sequence[str], draw: Any) -> list[Try]:
    """A try for each prompt, each its own goal, with a seed of its own."""
    import torch

    seeds = torch.randint(2**31, (len(prompts),), generator=draw).tolist()
    return [Try(goal, prompt, seed) for goal, (prompt, seed) in enumerate(zip(prompts, seeds, strict=True))]
