"""Can a base's pipelines draw pictures and videos of the size that its file asks for? Imports no torch."""

from expunge.bases.parts import Found
from expunge.bases.spec import Spec
from expunge.core.errors import Problem


def size_problems(spec: Spec, found: Found) -> list[Problem]:
    """Sides that cut a patch of the denoiser in two, and a number of frames that the VAE of videos does not make: the
    pipelines would refuse them, or draw another size. What is not on this machine is not looked at."""
    problems, family, where = list[Problem](), spec.family, str(spec.file)
    for kind, pipeline in (("t2i", spec.t2i), ("t2v", spec.t2v)):
        denoiser, vae = (
            found.parts.get(f"{kind}.{part}") or found.parts.get(f"t2i.{part}") for part in (family.DENOISER, "vae")
        )
        if denoiser is None or vae is None:
            continue
        size, step = [pipeline.width, pipeline.height], family.side(denoiser.config, vae.config)
        if any(pixels % step for pixels in size):
            nearest = [max(round(pixels / step), 1) * step for pixels in size]
            what = f"{kind}: `resolution` is {size}, and {family.NAME} needs multiples of {step} pixels here"
            problems.append(Problem(where, what, f"write `resolution: {nearest}`"))
        fewer = family.fitting(spec.frames, vae.config)
        if kind == "t2v" and fewer != spec.frames:
            more = next(n for n in range(spec.frames, 2 * spec.frames + 64) if family.fitting(n, vae.config) == n)
            what = f"`frames` is {spec.frames}, and the VAE of {family.NAME} makes no video of so many"
            problems.append(Problem(where, what, f"write `frames: {fewer}` or `frames: {more}`"))
    return problems
