"""attack: try to bring each concept back from its unlearned encoder, and replay the prompts that once succeeded.

build/plan, build/encoders, build/renders, attacks/found.csv
  -> build/attacks/<list>/<encoder>/<attack>/  attempts.json (expunge.attacks.records.Attempt), before-000.png and
     after-000.png of each attempt (videos: a strip, and an .mp4 beside it); the attack `replay` holds the kept prompts

A unit is one attack on one encoder, so a changed budget of one attack repeats only that attack. A release may have
budgets of its own, and attacks on some of its concepts alone; kept prompts are replayed on all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from expunge.attacks import ATTACKS
from expunge.attacks.records import Attempt, write_attempts
from expunge.attacks.replayed import REPLAY, KeptPrompt, read_kept, worth_keeping
from expunge.bases.families import modules_of
from expunge.bases.spec import load_spec
from expunge.concepts.concept import Concept
from expunge.concepts.kinds import KINDS
from expunge.concepts.prompt_file import Prompts, read_prompts
from expunge.concepts.prompts import eval_templates
from expunge.core.index import read_index
from expunge.core.unit_names import Name, UnitName
from expunge.judging.detectors import detector_modules, detector_parts
from expunge.judging.judges import module_of
from expunge.plan.contract import Plan, public
from stages.runtime.models import loaded_base, loaded_edit, loaded_judge
from stages.runtime.planned import attack_budgets, planned_workers, read_opened_here
from stages.runtime.process import main
from stages.runtime.reuse import run_units
from stages.runtime.units import Task, Unit

OUT, ENCODERS, RENDERS = Path("build/attacks"), Path("build/encoders"), Path("build/renders")
KEPT = Path("attacks/found.csv")


@dataclass(frozen=True)
class Target:
    """A concept to attack, and what the attacker knows about it."""

    concept: Concept
    templates: tuple[str, ...]
    anchors: tuple[str, ...]
    kept: tuple[KeptPrompt, ...] = ()  # prompts of earlier runs, to replay
    detector: dict[str, str | None] = field(default_factory=dict)  # as in the stage score


@dataclass(frozen=True)
class Inputs:
    attack: str
    budget: dict[str, Any]
    concepts: tuple[str, ...]  # in the order in which they are attacked
    targets: dict[str, Target]  # by concept
    seed: int
    frames: int
    judge: str  # digest


def run() -> None:
    plan, veil = read_opened_here()
    spec = load_spec(plan.base.name)
    prompts = read_prompts(spec.prompts, {concept.kind for concept in plan.concepts.values()})
    keys = read_index(ENCODERS).keys | read_index(RENDERS).keys
    units = units_of(plan, prompts, attack_budgets(), read_kept(KEPT), keys, module_of(spec).__name__)
    run_units(
        "attack", OUT, units, partial(attack, plan.base.name),
        modules=["stages.attack", *modules_of(plan.base.models.parts)], base=plan.base.models,
        workers=planned_workers(plan), veil=veil,
    )  # fmt: skip


def units_of(
    plan: Plan,
    prompts: Prompts,
    budgets: Mapping[str, Mapping[str, Any]],
    kept: Sequence[KeptPrompt],
    keys: Mapping[str, str],
    judge: str,
) -> dict[str, Unit]:
    """One unit for each encoder and attack, and one replay for each encoder with kept prompts for its concepts.

    :param keys: the keys of the encoders and of the original encoder's renders.
    :param judge: the module that loads the judge.
    """
    units = {}
    for name, job in plan.encoders.items():
        release = plan.release_of(name)
        own = budgets if release is None or release.attack is None else release.attack
        attacked = job.concepts if release is None else release.attacked
        originals = {c: str(UnitName(concept=Name.parse(c), original=True)) for c in job.concepts}
        targets = {
            concept: Target(
                public(plan.concepts[concept]),
                tuple(eval_templates(plan.concepts[concept].kind, prompts, "image")),
                plan.training[concept].anchors,
                detector=detector_parts(plan.concepts[concept].judge),
            )
            for concept in job.concepts
        }
        judged = {module for concept in job.concepts for module in detector_modules(plan.concepts[concept].judge)}
        replayed = {
            concept: replace(target, kept=tuple(row for row in kept if row.concept == concept))
            for concept, target in targets.items()
        }
        attacks = [(attack, ATTACKS[attack].defaults | dict(budget or {}), {c: targets[c] for c in attacked})
                   for attack, budget in own.items()]  # fmt: skip
        attacks += [(REPLAY, {}, replayed)] if any(target.kept for target in replayed.values()) else []
        for attack, budget, members in attacks:
            units[str(UnitName(Name.parse(name), part=attack))] = Unit(
                Inputs(attack, budget, tuple(members), members, job.seed, plan.base.frames, plan.base.judge.digest),
                upstream={each: keys[each] for each in (name, *(originals[c] for c in members))},
                reads={"encoder": ENCODERS / name, **{c: RENDERS / originals[c] for c in members}},
                code=(judge, *sorted(judged), *((ATTACKS[attack].module,) if attack != REPLAY else ())),
            )
    return units


def attack(base_name: str, task: Task, folder: Path) -> dict[str, Any]:
    """Attack every concept of an encoder; returns the number of attempts and of prompts that got through."""
    from expunge.attacks.attempts import attack as carry_out
    from expunge.attacks.attempts import replay

    inputs, judge, attempts = task.inputs, loaded_judge(base_name), list[Attempt]()
    for name in inputs.concepts:
        target = inputs.targets[name]
        victim, originals = victim_of(base_name, target, task, name)
        if inputs.attack == REPLAY:
            results = replay(victim, judge, target.kept, originals)
        else:
            results = carry_out(inputs.attack, victim, judge, inputs.budget, inputs.seed, originals)
        for result in results:
            attempts.append(result.record(name, len(attempts)))
            write_pixels(folder, attempts[-1], result, loaded_base(base_name, True).spec.fps)
    write_attempts(folder / "attempts.json", attempts)
    return {"attempts": len(attempts), "through": len(list(worth_keeping(attempts)))}


def victim_of(base_name: str, target: Target, task: Task, name: str) -> tuple[Any, dict[str, Any]]:
    """(the victim, {modality: what the original encoder drew for the target, (N, [F,] H, W, 3) uint8})."""
    from expunge.attacks import Victim
    from expunge.concepts.prompts import drawn_words

    base, edit = loaded_base(base_name, True), loaded_edit(base_name, True, task.reads["encoder"])
    still = "image" in KINDS[target.concept.kind].modalities
    originals, latents = drawn_by_original(base_name, task.reads[name], task.inputs.frames, still)
    words = drawn_words(target.concept)
    return Victim(base, edit, target.concept, words, target.templates, target.anchors, latents), originals


@lru_cache(maxsize=8)
def drawn_by_original(base_name: str, folder: Path, frames: int, still: bool) -> tuple[dict[str, Any], Any]:
    """(the original encoder's samples of the target by modality, their latents), for all attacks on one concept.

    The latents are (N, C, h, w) of the images or, unless the concept is `still`, (N, C, F, h, w) of the videos.
    """
    import numpy as np

    from expunge.bases.latents import encode_images
    from expunge.judging.samples import read_samples

    drawn = [sample for sample in read_samples(folder, frames) if sample.planned.group == "target"]
    originals = {
        modality: np.stack([sample.pixels for sample in drawn if sample.planned.modality == modality])
        for modality in dict.fromkeys(sample.planned.modality for sample in drawn)
    }
    pixels = originals["image" if still else "video"]
    base = loaded_base(base_name, True)
    latents = encode_images(base, pixels.reshape(-1, *pixels.shape[-3:])).unflatten(0, pixels.shape[:-3])
    return originals, latents if still else latents.transpose(1, 2)


def write_pixels(folder: Path, attempt: Any, result: Any, fps: int) -> None:
    from expunge.core.media import write_mp4, write_png, write_strip

    for outcome, pixels in ((attempt.before, result.before), (attempt.after, result.after)):
        file = folder / outcome.file
        if attempt.modality == "video":
            write_strip(file, pixels)
            write_mp4(file.with_suffix(".mp4"), pixels, fps)
        else:
            write_png(file, pixels)


if __name__ == "__main__":
    main(run)
