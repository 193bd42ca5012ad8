"""Does a walk through a base's text encoders give what their linear layers receive?"""

from collections.abc import Sequence
from typing import Any

import torch

from expunge.bases.encoder_layers import Walk
from expunge.bases.encoders import layers_of
from expunge.bases.first_call import first_call
from expunge.bases.text import encode_prompts


@torch.no_grad()
def assert_walked(
    base: Any, prompts: Sequence[str], length: int | None = None, count: int | None = None, close: float = 1e-5
) -> None:
    """Compare the inputs of all linear layers, in order, of the first `count` prompts and `length` positions.

    :param close: how far numbers may be apart, absolute and relative.
    """
    family = base.spec.family
    walk = Walk(base, base.encoder, prompts, length)
    for layer in layers_of(family, base.encoder):
        for name, *_ in family.LINEARS:
            (wanted,), _ = first_call(layer.get_submodule(name), lambda: encode_prompts(base, prompts))
            ((x, _),) = walk.inputs()
            assert x.dtype == torch.float32, name
            assert torch.allclose(x[:count], wanted.float()[:count, :length], atol=close, rtol=close), name
        walk.step()
