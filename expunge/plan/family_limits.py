"""What the models of a base's family do not have, and a method would need."""

from expunge.bases.spec import Spec
from expunge.core.errors import Problem
from expunge.methods import METHODS
from expunge.plan.contract import Plan

CROSS_ATTENTION, DENOISER = "cross-attention", "denoiser"  # values of the knob `trained` that mean the denoiser


def method_problems(plan: Plan, spec: Spec) -> list[Problem]:
    """Encoders whose method changes a part of the denoiser that the family does not have."""
    family, fix = spec.family, "use a method that changes the text encoder, such as solve"
    if not family.CROSS_ATTENTION:
        what = f"changes projections of the text alone, and the denoiser of {family.NAME} has none"
        trained: tuple[str, ...] = (CROSS_ATTENTION,)
    elif not family.CARRIES_OVER:
        what = f"changes the denoiser of pictures, and that of videos of {family.NAME} has other layers"
        trained = (CROSS_ATTENTION, DENOISER)
    else:
        return []
    return [
        Problem(name, f"{job.method} {what}", fix)
        for name, job in plan.encoders.items()
        if METHODS[job.method].cross_attention or job.parameters.get("trained") in trained
    ]
