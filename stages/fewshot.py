"""fewshot: the T2I model draws a handful of images of each concept, or of its anchor, for the methods that need some.

build/plan -> build/fewshot/<list>/<concept>[--anchor]/  image-0.png ..., and latents.safetensors with {"latents":
(N, C, h, w) float32}
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.process import main
from stages.reuse import Unit, code, loaded_base, read_index, run_units, unit_key
from stages.sources import CODE

OUT = Path("build/fewshot")


def run() -> None:
    plan = read_index("build/plan")
    run_units("fewshot", OUT, units_of(plan), lambda name, unit, folder: draw(plan, unit, folder))


def units_of(plan: Mapping[str, Any]) -> dict[str, Unit]:
    """A unit for each concept whose images some encoder needs; it depends on what is drawn and on nothing else."""
    source, units = code(*CODE["fewshot"]), {}
    for concept, drawn in plan["fewshot"].items():
        facts = {"prompts": [image["prompt"] for image in drawn], "seeds": [image["seed"] for image in drawn]}
        units[concept] = Unit(unit_key("fewshot", source, plan["base"]["digest"], facts), concept, facts)
    return units


def draw(plan: Mapping[str, Any], unit: Unit, folder: Path) -> None:
    """Sample, and keep the latents as they were before decoding: training starts from them."""
    from safetensors.torch import save_file

    from expunge.base import sample_images
    from expunge.video import write_png

    base = loaded_base(plan["base"]["name"])
    images, latents = sample_images(base, unit.facts["prompts"], unit.facts["seeds"], return_latents=True)
    for index, image in enumerate(images):
        write_png(folder / f"image-{index}.png", image)
    save_file({"latents": latents.contiguous()}, folder / "latents.safetensors")


if __name__ == "__main__":
    main(run)
