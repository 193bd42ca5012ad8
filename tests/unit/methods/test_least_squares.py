"""A layer as a least-squares problem: what R makes up for, and factors no larger than the error allows."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from expunge.methods.least_squares import LeastSquares, factors


def test_a_block_puts_right_what_the_blocks_before_it_did_not_reach() -> None:
    """The state to which the output is added lacks `missing`: the solved weight's output makes up for it."""
    draw = torch.Generator().manual_seed(0)
    weight, x = torch.randn(3, 4, generator=draw), torch.randn(1, 4, 4, generator=draw)
    state, missing = torch.randn(1, 4, 3, generator=draw), torch.randn(1, 4, 3, generator=draw)
    problem = LeastSquares(weight)
    problem.add((x, state), (x, state + missing), torch.ones(1, 4))
    ((a, b),) = problem.solve([weight], 1e-9, 0.0)
    found = weight + b @ a
    assert torch.allclose(state + x @ found.T, state + missing + x @ weight.T, atol=1e-2)


@given(seed=st.integers(0, 2**32 - 1), error=st.floats(0.0, 0.95))
def test_factors_are_as_few_as_the_error_allows(seed: int, error: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    change = torch.randn(5, 7, generator=draw, dtype=torch.float64)
    x = torch.randn(7, 20, generator=draw, dtype=torch.float64)
    own = x @ x.T

    def effect(some: torch.Tensor) -> float:
        return float((some @ own @ some.T).trace())

    a, b = factors(change, torch.linalg.cholesky(own), error)
    assert effect(b.double() @ a.double() - change) <= (error + 0.01) ** 2 * effect(change)
    values = torch.linalg.svdvals(change @ torch.linalg.cholesky(own)).square()  # Eckart and Young, descending
    with_one_less = values[len(a) - 1 :].sum()
    assert len(a) == 0 or with_one_less > (error - 1e-6) ** 2 * values.sum() * (error > 1e-6)


def test_no_change_has_no_factors() -> None:
    a, b = factors(torch.zeros(2, 3), torch.eye(3), 0.5)
    assert (a.shape, b.shape) == ((0, 3), (2, 0))
