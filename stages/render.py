"""render: draw the same prompts and seeds with the original encoder and with each unlearned one.

build/plan, build/encoders -> build/renders/original/<list>/<concept>/              once for each concept
                              build/renders/<list>/<encoder>/<list>--<concept>/     for each concept of an encoder

Of a release, whose list is "releases", the general set is drawn like a concept: releases--general.

Each folder holds prompts.json (the plan's samples in order, each with its `file`) and the files: image-000.png;
video-000.png, a strip of all frames side by side, which is measured; video-000.mp4, the same video for people.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from expunge.bases.families import modules_of
from expunge.concepts.samples import MODALITIES, PlannedSample, write_planned
from expunge.core.index import read_index
from expunge.core.unit_names import Name, UnitName
from expunge.plan.contract import Plan
from stages.runtime.models import drawing_base, drawing_edit
from stages.runtime.planned import planned_workers, read_opened_here
from stages.runtime.process import main
from stages.runtime.reuse import run_units
from stages.runtime.units import Task, Unit

OUT, ENCODERS = Path("build/renders"), Path("build/encoders")


@dataclass(frozen=True)
class Inputs:
    samples: tuple[PlannedSample, ...]


def run() -> None:
    plan, veil = read_opened_here()
    encoders = read_index(ENCODERS).keys
    videos = any(sample.modality == "video" for samples in plan.samples.values() for sample in samples)
    run_units(
        "render", OUT, units_of(plan, encoders), partial(draw, plan.base.name, videos),
        modules=["stages.render", *modules_of(plan.base.models.parts)], base=plan.base.models,
        workers=planned_workers(plan), veil=veil,
    )  # fmt: skip


def units_of(plan: Plan, encoders: Mapping[str, str]) -> dict[str, Unit]:
    """What the original encoder draws for each concept, then each encoder for each of its concepts.

    :param encoders: the keys of the encoders.
    """
    units = {
        str(UnitName(concept=Name.parse(concept), original=True)): Unit(Inputs(filed(samples)))
        for concept, samples in plan.samples.items()
    }
    for encoder in plan.encoders:
        for concept in plan.sets_of(encoder):
            samples = filed(plan.samples[concept], plan.not_drawn(encoder, concept))
            units[str(UnitName(Name.parse(encoder), Name.parse(concept)))] = Unit(
                Inputs(samples), upstream={encoder: encoders[encoder]}, reads={"encoder": ENCODERS / encoder}
            )
    return units


def filed(samples: Sequence[PlannedSample], left_out: Collection[int] = ()) -> tuple[PlannedSample, ...]:
    """A concept's samples without those left out. Each has its file, whose name is the same under every encoder."""
    count = dict.fromkeys(MODALITIES, 0)
    result = []
    for place, sample in enumerate(samples):
        if place not in left_out:
            result.append(replace(sample, file=f"{sample.modality}-{count[sample.modality]:03d}.png"))
        count[sample.modality] += 1
    return tuple(result)


def draw(base_name: str, videos: bool, task: Task, folder: Path) -> None:
    """Draw all samples of a unit. Batches never span units, so a unit's result is the same in any run."""
    from expunge.core.media import write_mp4, write_png, write_strip

    encoder = task.reads.get("encoder")
    for modality in MODALITIES:
        samples = [sample for sample in task.inputs.samples if sample.modality == modality]
        # Most concepts share the same far samples of the original encoder: these are drawn separately, and only once.
        shared = [sample for sample in samples if sample.group == "far" and encoder is None]
        own = [sample for sample in samples if sample not in shared]
        for part, sampler in ((own, sample_pixels), (shared, sample_once)):
            if not part:
                continue
            wanted = tuple((sample.prompt, sample.seed) for sample in part)
            for sample, pixels in zip(part, sampler(base_name, videos, encoder, modality, wanted), strict=True):
                file = folder / sample.file
                if modality == "image":
                    write_png(file, pixels)
                else:
                    write_strip(file, pixels)
                    write_mp4(file.with_suffix(".mp4"), pixels, drawing_base(base_name, videos).spec.fps)
    write_planned(folder / "prompts.json", task.inputs.samples)


def sample_pixels(
    name: str, videos: bool, encoder: Path | None, modality: str, wanted: tuple[tuple[str, int], ...]
) -> Any:
    """(N, [F,] H, W, 3) uint8 for (prompt, seed)."""
    from expunge.bases.sampling import sample_images, sample_videos

    base, sampler = drawing_base(name, videos), sample_images if modality == "image" else sample_videos
    edit = drawing_edit(name, videos, encoder) if encoder is not None else None
    return sampler(base, [prompt for prompt, _ in wanted], [seed for _, seed in wanted], edit)


sample_once = lru_cache(maxsize=2)(sample_pixels)  # remembers the last images and the last videos


if __name__ == "__main__":
    main(run)
