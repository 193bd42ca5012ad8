"""Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon): momentum whose matrices are made orthogonal.

torch.optim.Muon does the same in bfloat16, in which a CPU without it multiplies a hundred times more slowly.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonal(matrices: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Nearly U V^T of each matrix U S V^T of (N, A, B), by Newton-Schulz: most singular values end in 0.7 to 1.2."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """For matrices alone: Nesterov momentum, made orthogonal, as long as a step of AdamW (arXiv 2502.16982, 2.2)."""

    def __init__(self, groups: list[dict[str, Any]], momentum: float = 0.95, weight_decay: float = 0.01) -> None:
        super().__init__(groups, {"momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            alike = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike[parameter.shape].append(parameter)
            for shape, parameters in alike.items():
                pushes = []
                for parameter in parameters:
                    state = self.state[parameter]
                    if "momentum" not in state:
                        state["momentum"] = torch.zeros_like(parameter)
                    state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                    pushes.append(parameter.grad.lerp(state["momentum"], group["momentum"]))
                length = 0.2 * max(shape) ** 0.5
                for parameter, push in zip(parameters, orthogonal(torch.stack(pushes)), strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(push, alpha=-group["lr"] * length)


def groups(named: Iterable[tuple[str, torch.nn.Parameter]], rate: float) -> list[dict[str, Any]]:
    """Parameter groups: the matrices of transformer blocks for Muon, what is left for AdamW."""
    matrices, rest = list[torch.nn.Parameter](), list[torch.nn.Parameter]()
    for name, parameter in named:
        inside = "transformer_blocks" in name and name.endswith("weight")
        (matrices if inside else rest).append(parameter)
    return [{"params": matrices, "lr": rate, "muon": True}, {"params": rest, "lr": rate}]
