"""What the models of a base do not have, and a method would need."""

from expunge.bases.parts import parts_of
from expunge.bases.spec import Spec
from expunge.core.errors import Problem
from expunge.methods import METHODS
from expunge.plan.contract import EncoderJob, Plan

CROSS_ATTENTION, WHOLE = "cross-attention", "denoiser"  # values of the knob `trained` that mean the denoiser
FIX = "use a method that changes the text encoder, such as solve"


def method_problems(plan: Plan, spec: Spec) -> list[Problem]:
    """Encoders whose method changes a part of the denoiser that the family does not have, or that is not the same in
    the T2V pipeline's denoiser, to which the change is added, too."""
    problems, family = list[Problem](), spec.family
    jobs = {name: job for name, job in plan.encoders.items() if _of_text(job) or _of_all(job)}
    for name, job in jobs.items():
        if _of_text(job) and not family.CROSS_ATTENTION:
            what = f"{job.method} changes projections of the text alone, and the denoiser of {family.NAME} has none"
            problems.append(Problem(name, what, FIX))
        elif not family.CARRIES_OVER:
            what = (
                f"{job.method} changes the denoiser of pictures, and that of videos of {family.NAME} has other layers"
            )
            problems.append(Problem(name, what, FIX))
        elif other := _others(spec, _of_text(job)):
            what = f"{job.method} changes the denoiser, and that of the videos has no {other[0]} of the same shape"
            problems.append(Problem(name, f"{what} ({len(other)} such tensors)", FIX))
    return problems


def _of_text(job: EncoderJob) -> bool:
    return METHODS[job.method].cross_attention or job.parameters.get("trained") == CROSS_ATTENTION


def _of_all(job: EncoderJob) -> bool:
    return job.parameters.get("trained") == WHOLE


def _others(spec: Spec, of_text: bool) -> list[str]:
    """The tensors of the T2I denoiser that the T2V pipeline's own does not have in the same shape; none where it has no
    own, or where the files are not on this machine. :param of_text: of the cross-attention to the text alone."""
    found, family = parts_of(spec).parts, spec.family
    pictures, videos = (found.get(f"{kind}.{family.DENOISER}") for kind in ("t2i", "t2v"))
    if pictures is None or videos is None or not videos.tensors:
        return []
    mine = {n: shape for n, shape in pictures.tensors.items() if not of_text or family.attends_to_text(n)}
    return sorted(name for name, shape in mine.items() if videos.tensors.get(name) != shape)
