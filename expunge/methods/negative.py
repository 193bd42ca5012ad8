"""The negative prompt, the baseline that trains nothing: guidance is pushed away from the concept's name.

    eps = eps_theta(z_t, t, E(name)) + w * (eps_theta(z_t, t, E(prompt)) - eps_theta(z_t, t, E(name)))

E(name) takes the place of E("") for every prompt; the encoder is the original one.
"""

from collections.abc import Sequence

import torch

from expunge.bases.base import Base
from expunge.bases.text import encode_prompts
from expunge.core.knobs import Knobs
from expunge.methods import ConceptData, Log, Unlearned
from expunge.methods.training import unlearned

METHOD: dict[str, object] = {}  # no images, no anchor, no knobs


def run(
    base: Base, concepts: Sequence[ConceptData], kept: Sequence[str], knobs: Knobs, draw: torch.Generator, log: Log
) -> Unlearned:
    """The names of several concepts, and the members of a category, are joined with commas in one negative prompt.

    :raises ValueError: the encoder would not read the whole of it.
    """
    prompt = ", ".join(word for data in concepts for word in (data.names[0], *data.concept.members))
    tokens, longest = len(base.t2i.tokenizer(prompt).input_ids), base.t2i.tokenizer.model_max_length
    if tokens > longest:
        what = f"the names of all concepts are {tokens} tokens in one negative prompt, of which {longest} are read"
        raise ValueError(f"negative: {what}; forget fewer of them jointly")
    with torch.no_grad():
        unconditional = encode_prompts(base, [prompt]).cpu()
    return unlearned(base, [], unconditional=unconditional)
