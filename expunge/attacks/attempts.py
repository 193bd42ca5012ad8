"""Carry attacks out: draw every try with both encoders and let the judge look at the results.

carried = attack("words", victim, judge, {"images": 12}, seed=0, originals={"image": pictures})
carried += replay(victim, judge, kept_prompts, originals={"image": pictures})
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from expunge.attacks import ATTACKS, Try, Victim
from expunge.attacks.judged import Originals, judged
from expunge.attacks.records import Attempt, Outcome
from expunge.attacks.replayed import REPLAY, KeptPrompt
from expunge.bases.condition import Condition, condition_of, joined
from expunge.bases.sampling import sample_pairs
from expunge.core.seeds import derive_seed


@dataclass(frozen=True)
class Carried:
    """A try that was carried out: its pixels and what the judge says of them."""

    attack: str
    modality: str
    tried: Try
    before: np.ndarray  # by the original encoder, (H, W, 3) or (F, H, W, 3) uint8
    after: np.ndarray  # by the unlearned one
    seen: tuple[bool, bool]  # (before, after): is the concept seen in any frame?
    confidence: tuple[float, float]

    def record(self, concept: str, number: int) -> Attempt:
        """As plain data, for the concept "list/id". Pixels are saved as before-<number>.png and after-<number>.png."""
        before, after = (
            Outcome(seen, round(confidence, 4), f"{side}-{number:03d}.png")
            for side, seen, confidence in zip(("before", "after"), self.seen, self.confidence, strict=True)
        )
        tried = self.tried
        return Attempt(concept, self.attack, tried.goal, self.modality, tried.prompt, tried.seed, before, after)


def attack(
    name: str, victim: Victim, judge: Any, budget: Mapping[str, Any], seed: int, originals: Originals
) -> list[Carried]:
    """One attack on one concept: in images, then in videos with the tries for which the judge's confidence is highest.
    A motion is attacked only in videos, and so is everything by an attack that needs frames.

    :param budget: the attack's knobs; defaults fill in the rest. :param seed: the run's; each attack derives its own.
    :param originals: what copies of a memorised picture are compared with.
    :raises ValueError: a knob is wrong.
    """
    knobs, tries, modality = budget_of(name, budget), tries_of(name, victim, budget, seed), _first(name, victim)
    carried = carry_out(victim, judge, modality, [(name, tried) for tried in tries], originals)
    if modality == "video":
        return carried
    surest = sorted(carried, key=lambda one: -one.confidence[1])  # stable: ties keep their order
    films = [(name, one.tried) for one in surest[: knobs["videos"]]]
    return carried + carry_out(victim, judge, "video", films, originals)


def replay(victim: Victim, judge: Any, prompts: Sequence[KeptPrompt], originals: Originals) -> list[Carried]:
    """Carry out the prompts that earlier runs kept, images first; each is a goal. For a motion, only videos."""
    carried = []
    for modality in dict.fromkeys((victim.modality, "video")):
        own = [kept for kept in prompts if kept.modality == modality]
        tries = [(REPLAY, Try(goal, kept.prompt, kept.seed)) for goal, kept in enumerate(own)]
        carried += carry_out(victim, judge, modality, tries, originals)
    return carried


def budget_of(name: str, budget: Mapping[str, Any]) -> dict[str, Any]:
    """An attack's knobs with its defaults. :raises ValueError: the attack or a knob is wrong; one line per problem."""
    if problems := ATTACKS.problems(name, budget):
        raise ValueError("\n".join(f"{what}; {fix}" for what, fix in problems))
    return {**ATTACKS[name].defaults, **budget}


def tries_of(name: str, victim: Victim, budget: Mapping[str, Any], seed: int) -> list[Try]:
    """The tries of an attack. The number of goals is the knob `images`, or `videos` where it begins with videos."""
    knobs = budget_of(name, budget)
    count = knobs[f"{_first(name, victim)}s"]
    draw = torch.Generator().manual_seed(derive_seed(seed, "attack", name))
    return importlib.import_module(ATTACKS[name].module).run(victim, knobs, count, draw) if count else []


def _first(name: str, victim: Victim) -> str:
    """The modality in which an attack begins."""
    return "video" if ATTACKS[name].videos_only else victim.modality


def carry_out(
    victim: Victim, judge: Any, modality: str, named: Sequence[tuple[str, Try]], originals: Originals
) -> list[Carried]:
    """Draw tries, given as (attack's name, try), and judge them. One batch for all is faster than small ones."""
    if not named:
        return []
    tries = [tried for _, tried in named]
    seeds = [tried.seed for tried in tries]
    base, edit = victim.base, victim.edit
    original, edited = (condition_of_tries(victim, tries, encoder) for encoder in (base.encoder, edit.encoder))
    before, after = sample_pairs(base, modality, original, edited, seeds, edit)
    seen = [judged(victim, judge, modality, pixels, originals) for pixels in (before, after)]
    return [
        Carried(name, modality, tried, before[i], after[i],
                (seen[0][i][0], seen[1][i][0]), (seen[0][i][1], seen[1][i][1]))
        for i, (name, tried) in enumerate(named)
    ]  # fmt: skip


@torch.no_grad()
def condition_of_tries(victim: Victim, tries: Sequence[Try], encoder: Any) -> Condition:
    """The model's input for each try, made with one encoder."""
    return joined([
        Condition(tried.embed(encoder)) if tried.embed else condition_of(victim.base, [tried.prompt], encoder)
        for tried in tries
    ])  # fmt: skip
