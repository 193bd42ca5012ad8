"""Can a base's pipelines draw pictures and videos of the size that its file asks for? Imports no torch."""

from collections.abc import Callable
from functools import partial

from expunge.bases.families.names import Size
from expunge.bases.parts import Found
from expunge.bases.spec import Spec
from expunge.core.errors import Problem

FRAMES, HEIGHT, WIDTH = range(3)  # places in a Size


def size_problems(spec: Spec, found: Found) -> list[Problem]:
    """Sizes that the pipelines would refuse, or of which they would draw a part or another size. What is not on this
    machine is not looked at."""
    problems, family, where = list[Problem](), spec.family, str(spec.file)
    for kind, pipeline, frames in (("t2i", spec.t2i, None), ("t2v", spec.t2v, spec.frames)):
        denoiser, vae = (
            found.parts.get(f"{kind}.{part}") or found.parts.get(f"t2i.{part}") for part in (family.DENOISER, "vae")
        )
        if denoiser is None or vae is None:
            continue
        size: Size = frames, pipeline.height, pipeline.width
        around = partial(drawn_around, size, partial(family.fitting, denoiser=denoiser.config, vae=vae.config))
        sides = {pipeline.width: around(WIDTH), pipeline.height: around(HEIGHT)}
        if any(ways != [side] for side, ways in sides.items()):
            asked = [pipeline.width, pipeline.height]
            nearest = [min(sides[side], key=lambda way: abs(way - side)) for side in asked]
            what = f"{kind}: `resolution` is {asked}, and {family.NAME} draws none of that size here"
            problems.append(Problem(where, what, f"write `resolution: {nearest}`"))
        if frames is not None and (ways := around(FRAMES)) != [frames]:
            what = f"`frames` is {frames}, and the VAE of {family.NAME} makes no video of so many"
            problems.append(Problem(where, what, f"write {' or '.join(f'`frames: {way}`' for way in ways)}"))
    return problems


def drawn_around(size: Size, fit: Callable[[Size], Size], place: int) -> list[int]:
    """What can be drawn in one dimension: what is asked for, or the nearest below, if there is one, and above."""

    def fits(number: int) -> bool:
        return fit((*size[:place], number, *size[place + 1 :]))[place] == number  # type: ignore[arg-type]

    asked, below = size[place] or 0, fit(size)[place] or 0
    above = next(number for number in range(asked, 2 * asked + 1024) if fits(number))
    return [asked] if above == asked else [each for each in (below, above) if each]
