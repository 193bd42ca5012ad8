"""The negative prompt, the baseline that trains nothing: guidance is pushed away from the concept's name.

    eps = eps_theta(z_t, t, E(name)) + w * (eps_theta(z_t, t, E(prompt)) - eps_theta(z_t, t, E(name)))

E(name) takes the place of E("") for every prompt; the encoder is the original one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from expunge.bases.base import Base, encode_prompts
from expunge.methods import ConceptData, Unlearned, check_parameters
from expunge.methods.training import Log, lacking, unlearned


def run(
    base: Base,
    concepts: Sequence[ConceptData],
    kept: Sequence[str],
    parameters: Mapping[str, Any],
    seed: int,
    log: Log = lambda step, loss: None,
) -> Unlearned:
    """Names of several concepts stand in one negative prompt, with commas.

    :raises ValueError: a parameter is given, or a concept has no names.
    """
    problems = check_parameters("negative", parameters) + lacking("negative", concepts, images=False)
    if problems:
        raise ValueError("\n".join(problems))
    with torch.no_grad():
        unconditional = encode_prompts(base, [", ".join(data.names[0] for data in concepts)]).cpu()
    return unlearned(base, [], unconditional=unconditional)
