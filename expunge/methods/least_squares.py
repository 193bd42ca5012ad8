"""One linear layer as a weighted least-squares problem, solved as factors of low rank (equations: solve.py)."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from expunge.bases.encoder_layers import Reached, gram


class LeastSquares:
    """The sums of one least-squares problem: S, C and R of the module's docstring."""

    def __init__(self, weight: Tensor) -> None:
        zeros = partial(torch.zeros, dtype=torch.float64, device=weight.device)
        rows, columns = weight.shape
        self.own, self.crossed, self.rest = zeros(columns, columns), zeros(columns, columns), zeros(rows, columns)

    def add(self, now: Reached, goal: Reached, weights: Tensor) -> None:
        """A batch of prompts as they are now, and what they should be like. :param weights: (N, L) of positions."""
        (x, s), (g, s_g) = now, goal
        self.own += gram(x, x, weights)
        self.crossed += gram(x, g, weights)
        if s is not None and s_g is not None:
            self.rest += gram(x, s_g - s, weights)

    def solve(self, weights: Sequence[Tensor], ridge: float, error: float) -> list[tuple[Tensor, Tensor]]:
        """(A (r, in), B (out, r)), float32, of W' = W + B A for each of the weights W, which share their input."""
        moved = self.crossed - self.own
        self.own.diagonal().add_(ridge * self.own.diagonal().mean())  # in place: T5-XXL's have 840 MB each
        lower = torch.linalg.cholesky(self.own)
        wanted = [weight.double() @ moved + self.rest for weight in weights]
        return [factors(torch.cholesky_solve(each.T, lower).T, lower, error) for each in wanted]


def factors(change: Tensor, lower: Tensor, error: float) -> tuple[Tensor, Tensor]:
    """(A (r, in), B (out, r)) with B A near `change` D (out, in), of the least rank r that suffices.

    The error tr((B A - D) S (B A - D)^T) is at most error^2 of tr(D S D^T). Of all matrices of rank r, B B^T D is the
    nearest in this norm if B are the first left singular vectors of D L, where S = L L^T.

    :param lower: L (in, in).
    """
    effect = change @ lower
    tall = effect.shape[0] > effect.shape[1]
    values, vectors = torch.linalg.eigh(effect.T @ effect if tall else effect @ effect.T)  # ascending
    left_out = values.clamp_min(0).cumsum(0)
    kept = left_out > error**2 * left_out[-1]
    b = effect @ vectors[:, kept] / values[kept].sqrt() if tall else vectors[:, kept]
    return (b.T @ change).half().float(), b.half().float()
