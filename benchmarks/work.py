"""What a call costs: seconds, multiplications and additions by kind of number, memory; and what the device can do.

with Work() as work: call()
work.flops                                  {"float32": 1.2e12, "float64": 3e9}
bound(work.flops, rates(device, work.flops))    the seconds that a device needs at the rate of its matrix products
"""

import resource
import time
from collections.abc import Callable, Iterable, Mapping
from multiprocessing import get_context
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, flop_registry

aten = torch.ops.aten


def _cholesky(a: Any, *_: Any, **__: Any) -> float:
    return a.numel() * a.shape[-1] / 3  # type: ignore[no-any-return]


def _cholesky_solve(b: Any, lower: Any, *_: Any, **__: Any) -> float:
    return 2 * b.numel() * lower.shape[-1]  # type: ignore[no-any-return]


def _eigh(a: Any, *_: Any, **__: Any) -> float:
    """Reduction to three diagonals 4/3 n^3, their eigenvectors 4/3 n^3, and back 2 n^3."""
    return a.numel() * a.shape[-1] * 14 / 3  # type: ignore[no-any-return]


def _solve(a: Any, b: Any, *_: Any, **__: Any) -> float:
    return a.numel() * a.shape[-1] * 2 / 3 + 2 * b.numel() * a.shape[-1]  # type: ignore[no-any-return]


# what torch's own counter leaves out
FACTORISATIONS: dict[Any, Callable[..., float]] = {
    aten.linalg_cholesky_ex: _cholesky,
    aten.cholesky_solve: _cholesky_solve,
    aten._linalg_eigh: _eigh,
    aten._linalg_solve_ex: _solve,
}


class Work(FlopCounterMode):
    """torch's counter of matrix products and convolutions, with factorisations, by the dtype of the results."""

    def __init__(self) -> None:
        self.flops: dict[str, float] = {}
        counted = {op: self._counted(op, count) for op, count in {**flop_registry, **FACTORISATIONS}.items()}
        super().__init__(display=False, custom_mapping=counted)

    def _counted(self, op: Any, count: Callable[..., float]) -> Callable[..., int]:
        def add(*args: Any, out_val: Any = None, **kwargs: Any) -> int:
            own = {} if op in FACTORISATIONS else {"out_val": out_val}
            done = float(count(*args, **own, **kwargs))
            result = out_val[0] if isinstance(out_val, (tuple, list)) else out_val
            kind = str(result.dtype).removeprefix("torch.")
            self.flops[kind] = self.flops.get(kind, 0.0) + done
            return int(done)

        add._get_raw = True  # type: ignore[attr-defined]  # the tensors themselves, for their dtype
        return add


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds(call: Callable[[], Any]) -> float:
    synchronise()
    start = time.perf_counter()
    call()
    synchronise()
    return time.perf_counter() - start


def peak(device: torch.device) -> int:
    """Bytes that this process held at most, on a GPU those that were allocated there."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def apart(device: torch.device, call: Callable[[], Any]) -> tuple[Any, int]:
    """(the result of a call, `peak`) in a process of its own, which begins with the memory of this one.

    A GPU cannot be used in such a process, and counts anew without it: there, the call runs in this one.

    :raises RuntimeError: the process ended without a result, as one does that needs too much memory.
    """
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        return call(), peak(device)
    here = get_context("fork")
    receive, send = here.Pipe(duplex=False)
    process = here.Process(target=lambda: send.send((call(), peak(device))))
    process.start()
    send.close()
    try:
        result: tuple[Any, int] = receive.recv()
        return result
    except EOFError as error:
        process.join()
        raise RuntimeError(f"the process ended with {process.exitcode} and without a result") from error
    finally:
        process.join()


def rates(device: torch.device, kinds: Iterable[str], size: int = 2048) -> dict[str, float]:
    """{dtype: FLOP/s of a product of two large matrices, the best of three}."""
    size = 8192 if device.type == "cuda" else size
    found = {}
    for kind in kinds:
        one = torch.randn(size, size, device=device).to(getattr(torch, kind))
        seconds(lambda one=one: one @ one)  # type: ignore[misc]
        found[kind] = 2 * size**3 / min(seconds(lambda one=one: one @ one) for _ in range(3))  # type: ignore[misc]
    return found


def bound(flops: Mapping[str, float], can: Mapping[str, float]) -> float:
    """Seconds that the work takes at these rates."""
    return sum(done / can[kind] for kind, done in flops.items())
