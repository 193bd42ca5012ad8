"""What reaches a module in a forward pass, without the rest of the pass."""

from collections.abc import Callable
from typing import Any

from torch import Tensor


class _Stop(Exception):
    """Ends a forward pass once it has reached what was asked for."""


def first_call(module: Any, forward: Callable[[], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """(args, kwargs) with which `forward` calls the module first; what comes after is not computed."""
    seen: list[Any] = []

    def hook(_: Any, args: Any, kwargs: Any) -> None:
        seen.append((args, kwargs))
        raise _Stop

    handle = module.register_forward_pre_hook(hook, with_kwargs=True)
    try:
        forward()
    except _Stop:
        pass
    finally:
        handle.remove()
    (call,) = seen
    return call


def first_input(module: Any, forward: Callable[[], Any]) -> Tensor:
    (x,), _ = first_call(module, forward)
    return x
