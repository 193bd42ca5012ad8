"""Low-rank changes of an encoder: W' = W + B A, with A (r, in) and B (out, r) trained and W frozen.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (arXiv 2106.09685), section 4.1, with alpha = r.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from expunge.bases.encoders import place_of
from expunge.bases.families import Family


class LowRank(nn.Module):
    """W -> W + B A; at the start B = 0, so W is unchanged."""

    def __init__(self, weight: Tensor, rank: int, draw: torch.Generator) -> None:
        super().__init__()
        rows, columns = weight.shape
        a = torch.randn(rank, columns, generator=draw) / columns**0.5
        self.a = nn.Parameter(a.to(weight.device))
        self.b = nn.Parameter(torch.zeros(rows, rank, device=weight.device))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.b @ self.a


def attach(encoder: Any, weights: Sequence[str], rank: int, draw: torch.Generator) -> list[nn.Parameter]:
    """Add a trainable change of rank `rank` to the named weights of linear layers; returns the new parameters.

    No matrix has a higher rank than its smaller side, so there it is capped.
    """
    trained: list[nn.Parameter] = []
    for name in weights:
        module = encoder.get_submodule(name.rpartition(".")[0])
        if isinstance(module, nn.Linear) and name.endswith(".weight"):
            module.weight.requires_grad_(False)
            change = LowRank(module.weight, min(rank, *module.weight.shape), draw)
            parametrize.register_parametrization(module, "weight", change)
            trained += [change.a, change.b]
    return trained


def named(family: Family, module: str, a: Tensor, b: Tensor) -> dict[str, Tensor]:
    """The factors of a module's change under the names that peft gives them."""
    part, own = place_of(family, module)
    where = f"{part}.{family.stored_name(own)}"
    return {f"{where}.lora_A.weight": a, f"{where}.lora_B.weight": b}


def merge(family: Family, encoder: Any) -> dict[str, Tensor]:
    """Add the changes to the encoder's weights; returns their factors under the names that peft gives them.

    The factors are rounded to float16 first, as they are stored, so that the merged weights agree with the stored ones.
    """
    factors: dict[str, Tensor] = {}
    for name, module in list(encoder.named_modules()):
        if isinstance(module, nn.Linear) and parametrize.is_parametrized(module, "weight"):
            change: Any = module.parametrizations.weight[0]  # type: ignore[union-attr, index]
            change.a.data, change.b.data = change.a.data.half().float(), change.b.data.half().float()
            factors |= named(family, name, change.a.detach().clone(), change.b.detach().clone())
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
    return factors
