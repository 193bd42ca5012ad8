"""fewshot: the T2I model draws a handful of images of each concept, the training data of methods that need some.

build/plan -> build/fewshot/<list>/<concept>/  image-0.png ..., latents.safetensors {"latents": (N, C, h, w) float32}
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from expunge.methods import METHODS
from expunge.prompts import fewshot_prompts
from stages.plan import concept_of
from stages.process import main
from stages.reuse import Unit, code, loaded_base, read_index, read_params, run_units, unit_key
from stages.sources import CODE

OUT = Path("build/fewshot")


def run() -> None:
    plan, params = read_index("build/plan"), read_params()
    run_units("fewshot", OUT, units_of(plan, params), lambda name, unit, folder: draw(plan, unit, folder))


def units_of(plan: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Unit]:
    """A unit for each concept of an encoder whose method trains on images; it depends on what is drawn, no more."""
    needed = {
        concept
        for encoder in plan["encoders"].values()
        if METHODS[encoder["method"]].needs_images
        for concept in encoder["concepts"]
    }
    source, units = code(*CODE["fewshot"]), {}
    for name in sorted(needed):
        concept = concept_of(plan["concepts"][name])
        drawn = fewshot_prompts(concept, plan["templates"], params["fewshot"]["images"], params["seed"])
        facts = {"prompts": [prompt for prompt, _ in drawn], "seeds": [seed for _, seed in drawn]}
        units[name] = Unit(unit_key("fewshot", source, plan["base"]["digest"], facts), name, facts)
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
