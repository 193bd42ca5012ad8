"""A text encoder layer by layer: what reaches its linear layers, without running more of it than that takes.

walk = Walk(base, encoder, ["a photo of a cat", ...])
for name, *others in LINEARS:
    for x in walk.inputs(name): ...        (N, L, in) of each batch, for the linear layers that share this input
walk.step()                                on to the next layer
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from expunge.bases.base import Base
from expunge.bases.text import encode_prompts

BATCH = 256  # prompts that are encoded at once
STORED = 64  # batches whose states are held; those of more are computed anew, so that memory does not grow
# The linear layers of a layer of CLIP's text encoder by the input that they share, in the order in which they compute.
# Attention's output projection is left out: it only multiplies the values again.
LINEARS = (("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), ("mlp.fc1",), ("mlp.fc2",))


def layers_of(encoder: Any) -> Sequence[Any]:
    """The transformer layers of an encoder, in order."""
    return getattr(encoder, "text_model", encoder).encoder.layers  # transformers 5 has no inner text_model


class _EnoughError(Exception):
    """Ends a forward pass once it has reached what was asked for."""


@contextmanager
def _watched(module: nn.Module, seen: list[Any]) -> Iterator[None]:
    """Collect (args, kwargs) of the module's next call, and end the pass there."""

    def hook(_: nn.Module, args: Any, kwargs: Any) -> None:
        seen.append((args, kwargs))
        raise _EnoughError

    handle = module.register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield
    except _EnoughError:
        pass
    finally:
        handle.remove()


@dataclass
class Walk:
    """Prompts on their way through an encoder, in batches of BATCH: their states before the layer at `depth`.

    The encoder may change between the calls: each call uses its weights as they are then.
    """

    base: Base
    encoder: Any
    prompts: Sequence[str]
    depth: int = 0
    _states: dict[int, tuple[Any, Any]] = field(default_factory=dict, repr=False)  # by batch: a layer's (args, kwargs)

    def inputs(self, name: str) -> Iterator[Tensor]:
        """(N, L, in) of each batch: what the linear layer of that name in the layer at `depth` receives."""
        layer = layers_of(self.encoder)[self.depth]
        for batch in self._batches():
            args, kwargs = self._before(batch)
            seen: list[Any] = []
            with _watched(layer.get_submodule(name), seen):
                layer(*args, **kwargs)
            yield seen[0][0][0]

    def step(self) -> None:
        """Go through the layer at `depth`."""
        layer = layers_of(self.encoder)[self.depth]
        for batch in self._batches():
            if batch < STORED:
                args, kwargs = self._before(batch)
                self._states[batch] = ((layer(*args, **kwargs), *args[1:]), kwargs)
        self.depth += 1

    def _batches(self) -> range:
        return range(-(-len(self.prompts) // BATCH))

    def _before(self, batch: int) -> tuple[Any, Any]:
        """(args, kwargs) with which the layer at `depth` is called for a batch."""
        if batch in self._states:
            return self._states[batch]
        seen: list[Any] = []
        layers = layers_of(self.encoder)
        with _watched(layers[0], seen):
            encode_prompts(self.base, self.prompts[batch * BATCH : (batch + 1) * BATCH], self.encoder)
        (states, *rest), kwargs = seen[0]
        for layer in layers[: self.depth]:
            states = layer(states, *rest, **kwargs)
        if batch < STORED:
            self._states[batch] = ((states, *rest), kwargs)
        return (states, *rest), kwargs


def gram(x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """sum over prompts and positions of w y x^T, (in, in) float64, of inputs (N, L, in) with weights (N,).

    The products are float32; their sums over batches are float64.
    """
    rows = weights.to(x.dtype).repeat_interleave(x.shape[1])[:, None]
    return ((y.flatten(0, 1) * rows).T @ x.flatten(0, 1)).double()
