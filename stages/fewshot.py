"""fewshot: the T2I model draws a handful of images of each concept, or of its anchor, for the methods that need some.

build/plan -> build/fewshot/<list>/<concept>[--anchor]/  image-0.png ..., prompts.json with the prompt of each, and
latents.safetensors with {"latents": (N, C, h, w) float32}
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from expunge.bases.spec import load_spec
from expunge.core.errors import InputError, Problem
from stages.runtime.models import loaded_base
from stages.runtime.process import main
from stages.runtime.reuse import Unit, code, read_index, run_units, unit_key, write_json
from stages.runtime.sources import CODE

OUT = Path("build/fewshot")


def run() -> None:
    plan = read_index("build/plan")
    base = plan["base"]["name"]
    run_units("fewshot", OUT, units_of(plan), partial(draw, base), load_spec(base))


def units_of(plan: Mapping[str, Any]) -> dict[str, Unit]:
    """A unit for each concept whose images some encoder needs; it depends on what is drawn and on nothing else."""
    source, units = code(*CODE["fewshot"]), {}
    for concept, drawn in plan["fewshot"].items():
        facts: dict[str, Any] = {key: [image[key] for image in drawn] for key in ("prompt", "seed")}
        facts["copies"] = sum(image.get("copy", False) for image in drawn)  # how many show what a copy is: the first
        units[concept] = Unit(unit_key("fewshot", source, plan["base"]["digest"], facts), concept, facts)
    return units


def draw(base_name: str, _: str, unit: Unit, folder: Path) -> None:
    """Sample, and keep the latents as they were before decoding: training starts from them.

    :raises InputError: every paraphrase of a memorised picture draws a copy of it.
    """
    from safetensors.torch import save_file

    from expunge.bases.sampling import sample_images
    from expunge.core.media import write_png

    base, prompts, copies = loaded_base(base_name), unit.facts["prompt"], unit.facts["copies"]
    images, latents = sample_images(base, prompts, unit.facts["seed"], return_latents=True)
    chosen = others(images, copies) if copies else list(range(len(images)))
    if not chosen:
        fix = f"write others; these were {', '.join(sorted(set(prompts[copies:])))}"
        raise InputError([Problem(unit.label, "each of its paraphrases draws a copy of the picture", fix)])
    for index, each in enumerate(chosen):
        write_png(folder / f"image-{index}.png", images[each])
    write_json(folder / "prompts.json", [prompts[each] for each in chosen])
    save_file({"latents": latents[chosen].contiguous()}, folder / "latents.safetensors")


def others(images: Any, copies: int) -> list[int]:
    """Which pictures after the first `copies`, which show the memorised one, are no copies of it; half at most."""
    from expunge.judging.copies import COPY, likeness, reference

    like = likeness(images[copies:], reference(images[:copies]))
    return [copies + index for index, value in enumerate(like) if value <= COPY][: max(1, len(like) // 2)]


if __name__ == "__main__":
    main(run)
