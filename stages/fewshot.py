"""fewshot: the T2I model draws a handful of images of each concept, or of its anchor, for the methods that need some.

build/plan -> build/fewshot/<list>/<concept>[--anchor]/  image-0.png ..., prompts.json with the prompt of each, and
latents.safetensors with {"latents": (N, C, h, w) float32}
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from expunge.bases.families import modules_of
from expunge.core.errors import InputError, Problem
from expunge.core.files import write_json
from expunge.plan.contract import Picture, Plan
from stages.runtime.models import drawing_base
from stages.runtime.planned import planned_workers, read_opened_here
from stages.runtime.process import main
from stages.runtime.reuse import run_units
from stages.runtime.units import Task, Unit

OUT = Path("build/fewshot")


@dataclass(frozen=True)
class Inputs:
    """The images to draw. Images of the memorised picture itself come first; the others are compared with them."""

    pictures: tuple[Picture, ...]


def run() -> None:
    plan, veil = read_opened_here()
    run_units(
        "fewshot", OUT, units_of(plan), partial(draw, plan.base.name),
        modules=["stages.fewshot", *modules_of(plan.base.models.parts)], base=plan.base.models,
        workers=planned_workers(plan), veil=veil,
    )  # fmt: skip


def units_of(plan: Plan) -> dict[str, Unit]:
    """One unit for each concept whose images some encoder needs; its inputs are only the pictures to draw."""
    return {name: Unit(Inputs(pictures)) for name, pictures in plan.fewshot.items()}


def draw(base_name: str, task: Task, folder: Path) -> None:
    """Sample the images, and keep their latents from before decoding: training starts from them.

    :raises InputError: every paraphrase of a memorised picture draws a copy of it.
    """
    from safetensors.torch import save_file

    from expunge.core.media import write_png
    from expunge.judging.pictures import draw_pictures

    pictures = task.inputs.pictures
    prompts, copies = [picture.prompt for picture in pictures], sum(picture.copy for picture in pictures)
    seeds = [picture.seed for picture in pictures]
    images, latents, chosen = draw_pictures(drawing_base(base_name), prompts, seeds, copies)
    if not chosen:
        fix = f"write others; these were {', '.join(sorted(set(prompts[copies:])))}"
        raise InputError([Problem(task.name, "each of its paraphrases draws a copy of the picture", fix)])
    for place, image in enumerate(images):
        write_png(folder / f"image-{place}.png", image)
    write_json(folder / "prompts.json", [prompts[index] for index in chosen])
    save_file({"latents": latents.contiguous()}, folder / "latents.safetensors")


if __name__ == "__main__":
    main(run)
