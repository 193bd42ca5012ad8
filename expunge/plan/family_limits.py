"""What the models of a base's family do not have, and a method would need."""

from expunge.bases.spec import Spec
from expunge.core.errors import Problem
from expunge.methods import METHODS
from expunge.plan.contract import Plan

CROSS_ATTENTION = "cross-attention"  # a value of the knob `trained`


def method_problems(plan: Plan, spec: Spec) -> list[Problem]:
    """Encoders whose method changes a part of the denoiser that the family does not have."""
    if spec.family.CROSS_ATTENTION:
        return []
    what = f"changes projections of the text alone, and the denoiser of {spec.family.NAME} has none"
    fix = "use a method that changes the text encoder, such as solve"
    return [
        Problem(name, f"{job.method} {what}", fix)
        for name, job in plan.encoders.items()
        if METHODS[job.method].cross_attention or job.parameters.get("trained") == CROSS_ATTENTION
    ]
