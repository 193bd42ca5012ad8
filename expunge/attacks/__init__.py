"""Attacks: ways to make an unlearned encoder draw its concept all the same, one file each.

An attack is a file of this folder that declares ATTACK (its fields: `Attack`) and the function

    run(victim, knobs, count, draw) -> list[Try]

A try is what is fed: a prompt, or embeddings made with whichever encoder is asked. Tries at one thing share a goal;
`count` is the number of goals. A goal falls if any of its tries shows the concept; an attack's success rate (ASR) is
the share of goals that fall. Attackers hold the whole released model, the unlearned encoder included, and the pictures
that the original drew of the concept. attempts.py carries the tries out. This module imports no torch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expunge.core.knobs import LAST, Advice, Registry, Schemas, defaults
from expunge.core.schema import short

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from expunge.bases.base import Base
    from expunge.bases.edits import Edit
    from expunge.concepts.concept import Concept


def goal_knobs(images: int, videos: int) -> Schemas:
    """The two knobs that every attack has: its numbers of goals."""
    count = {"type": "integer", "minimum": 0, "maximum": 10_000}
    return {
        "images": {"default": images, **count, "description": "goals in images"},
        "videos": {"default": videos, **count,
                   "description": "tries of images that are made videos; of a motion, goals"},
    }  # fmt: skip


@dataclass(frozen=True)
class Attack:
    """What an attack's file declares as ATTACK, and its name and module."""

    name: str
    module: str
    title: str = ""  # as pages call it; "": its name
    text: str = ""  # what its success rate is, in a sentence: "Share of goals at which ... brings the concept back."
    needs: str = ""  # what an attacker needs
    source: str = ""  # paper
    replayed: bool = False  # are its prompts texts that are worth keeping for later runs?
    order: int = LAST
    images: int = 1  # goals, where params.yaml does not say
    videos: int = 0
    knobs: Schemas = field(default_factory=dict)  # every attack has `images` and `videos` besides

    def __post_init__(self) -> None:
        object.__setattr__(self, "knobs", {**goal_knobs(self.images, self.videos), **self.knobs})

    @property
    def defaults(self) -> dict[str, Any]:
        return defaults(self.knobs)


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
        """The target's own: every word in every template."""
        return [template.replace("{}", word) for template in self.templates for word in self.words]

    @property
    def modality(self) -> str:
        """In which it is attacked first: "image", or "video" where no picture shows the concept."""
        return "video" if self.concept.kind == "motion" else "image"


@dataclass(frozen=True)
class Try:
    """What is fed to the model once."""

    goal: int
    prompt: str  # where embeddings are fed: what they are made of, in words
    seed: int
    embed: "Callable[[Any], Tensor] | None" = None  # encoder -> (1, L, D), in place of the prompt


ATTACKS = Registry(Path(__file__).parent, "expunge.attacks", "ATTACK", Attack)


def check_budgets(budgets: Mapping[str, Any]) -> list[Advice]:
    """(what is wrong, what to write instead) of {attack: {knob: value}}; [] where nothing is. None stands for {}."""
    if not isinstance(budgets, Mapping):
        return [(f"`attack` is {short(budgets)}", "write a table of attacks, such as {words: {images: 12}}")]
    return [problem for name, values in budgets.items() for problem in ATTACKS.problems(name, values or {})]


def numbered(prompts: Sequence[str], draw: "torch.Generator") -> list[Try]:
    """A try for each prompt, each its own goal, with a seed of its own."""
    import torch

    seeds = torch.randint(2**31, (len(prompts),), generator=draw).tolist()
    return [Try(goal, prompt, seed) for goal, (prompt, seed) in enumerate(zip(prompts, seeds, strict=True))]
