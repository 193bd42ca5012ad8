"""Attacks: ways to make an unlearned encoder draw its concept anyway, one file each.

An attack is a file of this folder that declares ATTACK (its fields: `Attack`) and the function

    run(victim, knobs, count, draw) -> list[Try]

A try is one input of the model: a prompt, or embeddings that a given encoder makes. Each try belongs to a goal; `count`
is the number of goals. A goal falls if any of its tries shows the concept; an attack's success rate (ASR) is the share
of goals that fall. Attackers have the whole released model, including the unlearned encoder, and the pictures that the
original drew of the concept. attempts.py carries out the tries. Importing this module does not import torch.
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
    """The two knobs that every attack has: `images` and `videos`."""
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
    title: str = ""  # its name on pages; "": `name`
    text: str = ""  # what its success rate is, in a sentence: "Share of goals at which ... brings the concept back."
    needs: str = ""  # what an attacker needs
    source: str = ""  # paper
    replayed: bool = False  # can later runs replay its prompts, because they are texts?
    videos_only: bool = False  # does it need frames? Then every concept is attacked in videos alone
    order: int = LAST
    images: int = 1  # goals, if params.yaml does not say
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
    words: tuple[str, ...]  # names of the target in prompts
    templates: tuple[str, ...]  # "{}" stands for a word; training never saw them
    anchors: tuple[str, ...]  # what the target may have become
    latents: "Tensor"  # of the target, drawn by the original: (N, C, h, w); for a motion (N, C, F, h, w)

    @property
    def prompts(self) -> list[str]:
        """The target's own prompts: every word in every template."""
        return [template.replace("{}", word) for template in self.templates for word in self.words]

    @property
    def modality(self) -> str:
        """The modality that is attacked first: "image", or "video" if no picture can show the concept."""
        return "video" if self.concept.kind == "motion" else "image"


@dataclass(frozen=True)
class Try:
    """One input of the model."""

    goal: int
    prompt: str  # if embeddings are fed, a description of them
    seed: int
    # encoder -> (1, L, D), in place of the prompt; for videos also (1, F, L, D), a text for each frame
    embed: "Callable[[Any], Tensor] | None" = None


ATTACKS = Registry(Path(__file__).parent, "expunge.attacks", "ATTACK", Attack)


def check_budgets(budgets: Mapping[str, Any]) -> list[Advice]:
    """(what is wrong, what to write instead) of {attack: {knob: value}}; [] if nothing is. None means {}."""
    if not isinstance(budgets, Mapping):
        return [(f"`attack` is {short(budgets)}", "write a table of attacks, such as {words: {images: 12}}")]
    return [problem for name, values in budgets.items() for problem in ATTACKS.problems(name, values or {})]


def numbered(prompts: Sequence[str], draw: "torch.Generator") -> list[Try]:
    """A try for each prompt, each its own goal, with a seed of its own."""
    import torch

    seeds = torch.randint(2**31, (len(prompts),), generator=draw).tolist()
    return [Try(goal, prompt, seed) for goal, (prompt, seed) in enumerate(zip(prompts, seeds, strict=True))]
