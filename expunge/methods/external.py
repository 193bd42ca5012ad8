"""An edit that somebody else made, measured, attacked and gated like one of our own. Nothing is trained.

The parameter `path` names an encoder, a denoiser, a checkpoint or a LoRA below external/ (bases/external_edit.py says
which forms are read). The plan adds the digest of its content, so that other weights are other encoders.
"""

from collections.abc import Sequence
from pathlib import Path

import torch

from expunge.bases.base import Base
from expunge.bases.external_edit import read_external
from expunge.bases.external_files import content_digest
from expunge.core.errors import InputError, Problem
from expunge.core.knobs import Knobs
from expunge.methods import ConceptData, Log, Unlearned
from expunge.methods.training import unlearned

METHOD = {
    "joint": {},
    "file": "path",
    "knobs": {
        "path": {"default": "", "type": "string", "description": "the file or folder, below external/"},
        "digest": {"default": "", "type": "string", "description": "of its content; the plan writes it"},
    },
}  # fmt: skip


def run(
    base: Base, concepts: Sequence[ConceptData], kept: Sequence[str], knobs: Knobs, draw: torch.Generator, log: Log
) -> Unlearned:
    """Load the edit. Concepts and kept prompts are not used.

    :raises InputError: the edit is missing, does not fit the base, or is another one than the plan saw.
    """
    path = Path(knobs["path"])
    if content_digest(path) != knobs["digest"]:
        raise InputError([Problem(knobs["path"], "has changed since it was planned", "run `dvc repro` again")])
    encoder, denoiser, replaced = read_external(base, path)
    return unlearned(base, [], encoder, denoiser=denoiser, notes={"replaced": replaced})
