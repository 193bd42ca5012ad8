"""attack: try to get the concept out of each unlearned encoder; the prompts that did are replayed on every later run.

build/plan, build/encoders, build/renders, attacks/found.csv
  -> build/attacks/<list>/<encoder>/  attempts.json, before-000.png and after-000.png of each attempt (videos: a strip,
     and an .mp4 beside it)
"""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from expunge.attacks.replayed import read_kept
from expunge.bases.spec import load_spec
from expunge.concepts.prompts import read_prompts, target_words
from stages.runtime.files import concept_of, public
from stages.runtime.models import loaded_base, loaded_judge
from stages.runtime.process import main
from stages.runtime.reuse import Unit, code, read_index, read_params, run_units, unit_key
from stages.runtime.sources import CODE

OUT, RENDERS, FOUND = Path("build/attacks"), Path("build/renders"), Path("attacks/found.csv")


def run() -> None:
    plan, encoders, renders = (read_index(out) for out in ("build/plan", "build/encoders", RENDERS))
    budgets = {name: how or {} for name, how in (read_params().get("attack") or {}).items()}
    units = units_of(plan, encoders["units"], renders["units"], budgets, read_kept(FOUND))
    run_units("attack", OUT, units, partial(attack, plan, budgets), load_spec(plan["base"]["name"]))


def units_of(
    plan: Mapping[str, Any], encoders: Mapping[str, Any], renders: Mapping[str, Any], budgets: Any, found: list[Any]
) -> dict[str, Unit]:
    source, units = code(*CODE["attack"]), {}
    templates = read_prompts(load_spec(plan["base"]["name"]).prompts)["eval"]
    for name, how in plan["encoders"].items():
        upstream = [encoders[name]["key"], *(renders[f"original/{concept}"]["key"] for concept in how["concepts"])]
        replay = {concept: [asdict(kept) for kept in found if kept.concept == concept] for concept in how["concepts"]}
        entry = {
            concept: {
                "is": public(plan["concepts"][concept]),
                "templates": templates[plan["concepts"][concept]["kind"]],
                "anchors": plan["training"][concept]["anchors"],
                "replay": replay[concept],
            }
            for concept in how["concepts"]
        }
        fixed = {"budgets": budgets, "judge": plan["base"]["judge"], "seed": how["seed"]}
        key = unit_key("attack", source, plan["base"]["digest"], entry, fixed, upstream)
        units[name] = Unit(key, name, {"concepts": entry, "seed": how["seed"], "upstream": upstream})
    return units


def attack(plan: Mapping[str, Any], budgets: Any, name: str, unit: Unit, folder: Path) -> dict[str, Any]:
    """Attack every concept of an encoder; returns the number of attempts and of prompts that got through."""
    from expunge.attacks import Victim
    from expunge.attacks.attempts import attack as carry_out
    from expunge.attacks.attempts import replay
    from expunge.attacks.records import Attempt, write_attempts
    from expunge.attacks.replayed import KeptPrompt, worth_keeping
    from expunge.bases.base import load_edit
    from expunge.bases.latents import encode_images
    from expunge.core.media import write_mp4, write_png, write_strip
    from expunge.judging.measure import read_samples

    base, records = loaded_base(plan["base"]["name"], True), list[Attempt]()
    edit, judge = load_edit(base, Path("build/encoders") / name), loaded_judge(plan["base"]["name"])
    for id_, about in unit.facts["concepts"].items():
        concept = concept_of(about["is"])
        drawn = [s for s in read_samples(RENDERS / "original" / id_, base.spec.frames) if s.group == "target"]
        originals = {m: stacked(drawn, m) for m in ("image", "video") if any(s.modality == m for s in drawn)}
        pixels = originals["video" if concept.kind == "motion" else "image"]
        latents = encode_images(base, pixels.reshape(-1, *pixels.shape[-3:])).unflatten(0, pixels.shape[:-3])
        latents = latents.transpose(1, 2) if concept.kind == "motion" else latents  # (N, C, F, h, w)
        words, anchors = target_words(concept), tuple(about["anchors"])
        victim = Victim(base, edit, concept, words, tuple(about["templates"]), anchors, latents)
        kept = [KeptPrompt(**row) for row in about["replay"]]
        attempts = [
            done
            for attack_, budget in budgets.items()
            for done in carry_out(attack_, victim, judge, budget, unit.facts["seed"], originals)
        ]
        attempts += replay(victim, judge, kept, originals)
        for done in sorted(attempts, key=lambda done: done.modality):  # pictures first
            records.append(done.record(id_, len(records)))
            for outcome, frames in ((records[-1].before, done.before), (records[-1].after, done.after)):
                file = folder / outcome.file
                if done.modality == "video":
                    write_strip(file, frames)
                    write_mp4(file.with_suffix(".mp4"), frames, base.spec.fps)
                else:
                    write_png(file, frames)
    write_attempts(folder / "attempts.json", records)
    return {"attempts": len(records), "through": len(worth_keeping(records))}


def stacked(samples: Any, modality: str) -> Any:
    import numpy as np

    return np.stack([s.pixels for s in samples if s.modality == modality])


if __name__ == "__main__":
    main(run)
