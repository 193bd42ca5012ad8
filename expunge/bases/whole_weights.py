"""An edit from whole weights, as other code holds them in memory, and back.

edit = edit_of(base, encoder=encoder.state_dict(), denoiser=denoiser.state_dict())
weights = weights_of(base, edit)               {"text_encoder": {name: tensor}, what the family calls its denoiser: ...}
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from expunge.bases.base import Base, denoiser_of
from expunge.bases.edits import Edit
from expunge.bases.encoders import parts_of
from expunge.bases.external_edit import placed
from expunge.bases.external_files import encoder_names


@torch.no_grad()
def edit_of(
    base: Base, encoder: Mapping[str, Tensor] | None = None, denoiser: Mapping[str, Tensor] | None = None
) -> Edit:
    """The edit that makes a base's models these; a model that is not given stays the base's.

    :param encoder: all tensors of a text encoder, under the names of any version of transformers.
    :param denoiser: the T2I denoiser's tensors, or those of them that change.
    :raises InputError: a tensor has no place in the base, another shape, or is not finite; or the encoder is not whole.
    """
    given = encoder or {}
    own = {name: given[key] for name, key in encoder_names(given, base.spec.family).items()}
    whole = base.spec.family.ENCODERS.keys() if encoder is not None else ()
    new, changed = placed(base, "the weights", own, denoiser or {}, whole)
    new = base.encoder if new is None else new.float().eval().requires_grad_(False)
    if changed is None:
        return Edit(new)
    before = dict(denoiser_of(base).named_parameters())
    changes = {name: tensor.float() - before[name].float() for name, tensor in changed.named_parameters()}
    return Edit(new, denoiser={name: change for name, change in changes.items() if bool(change.any())})


@torch.no_grad()
def weights_of(base: Base, edit: Edit) -> dict[str, dict[str, Tensor]]:
    """All tensors of the edited text encoder (named as in files) and of the edited T2I denoiser,
    float32, on the CPU.

    :raises ValueError: the edit also replaces the empty prompt's embedding, which is in no model's weights.
    """
    if edit.unconditional is not None:
        raise ValueError(
            "the edit replaces the empty prompt's embedding, which no model's weights hold: store the edit"
        )
    family = base.spec.family
    encoders = {
        part: {family.stored_name(n): tensor.detach().float().cpu().clone() for n, tensor in each.named_parameters()}
        for part, each in parts_of(family, edit.encoder).items()
    }
    own = {name: tensor.detach().float().cpu().clone() for name, tensor in denoiser_of(base).named_parameters()}
    for name in edit.denoiser.keys() & own.keys():  # the others are the T2V denoiser's alone
        own[name] += edit.denoiser[name].detach().float().cpu()
    return {**encoders, family.DENOISER: own}
