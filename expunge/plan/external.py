"""Edits that somebody else made: their place is checked, and the digest of their content joins the encoder's job."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

from expunge.bases.external_files import content_digest
from expunge.core.errors import InputError, Problem
from expunge.core.schema import short
from expunge.methods import METHODS
from expunge.plan.contract import Plan

FOLDER = "external"  # a dependency of the stage plan, so that dvc notices other content


def with_digests(plan: Plan) -> Plan:
    """The plan, with the digest of each file that a method reads among the parameters of its encoder.

    The key of a unit holds these parameters, so other content makes the encoder, and all that depends on it, anew.

    :raises InputError: a path is not below external/, is missing, or holds no weights.
    """
    problems: list[Problem] = []
    encoders = dict(plan.encoders)
    for name, job in plan.encoders.items():
        knob = METHODS[job.method].file
        if not knob:
            continue
        try:
            digest = content_digest(_place(name, job.method, str(job.parameters.get(knob, ""))))
            encoders[name] = replace(job, parameters={**job.parameters, "digest": digest})
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(dict.fromkeys(problems))
    return replace(plan, encoders=encoders)


def _place(encoder: str, method: str, text: str) -> Path:
    """:raises InputError: the path is empty, absolute, or leaves external/. Links are followed, as dvc makes some."""
    path = PurePosixPath(text)
    if len(path.parts) < 2 or path.parts[0] != FOLDER or ".." in path.parts or "\\" in text:
        what = f"{method} reads {short(text)}" if text else f"{method} names no `path`"
        fix = f"write `parameters: {{path: {FOLDER}/NAME.safetensors}}`, and put the file there"
        raise InputError([Problem(encoder, what, fix)])
    return Path(path)
