"""A text encoder layer by layer: what reaches its linear layers, computed once, and only as far as asked.

walk = Walk(base, encoder, ["a photo of a cat", ...])
for names in base.spec.family.LINEARS:
    for x, state in walk.inputs(): ...     (N, L, in) of each batch: what the linear layers `names` receive, and
                                           (N, L, D), to which their output is added; None where it is added to nothing
walk.step()                                on to the next layer
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from expunge.bases.base import Base
from expunge.bases.encoders import layers_of, stacks
from expunge.bases.families import Family
from expunge.bases.first_call import first_call
from expunge.bases.text import encode_prompts

BATCH = 256  # prompts that are encoded at once, at most
POSITIONS = 2**15  # and no more positions than so many: a wide MLP holds all of them at once
MOST_HELD = 2**27  # numbers of a walk's states that are held; those of further batches are computed anew each time
Reached = tuple[Tensor, Tensor | None]  # an input (N, L, in), and the state (N, L, D) to which the output is added


def batch_of(base: Base) -> int:
    """How many prompts a `Walk` encodes at once."""
    return max(1, min(BATCH, POSITIONS // base.t2i.tokenizer.model_max_length))


@dataclass
class Walk:
    """Prompts on their way through an encoder, in batches of `batch_of` prompts, layer by layer.

    For each layer, call `inputs` for each of the family's LINEARS and then `step`. The encoder's weights may change
    between the calls: each call uses them as they are then.

    :param length: positions that are looked at; None: all. What comes after a position cannot reach it.
    :param starts: of another walk of the same prompts through an encoder with the same token embeddings, to save time.
    """

    base: Base
    encoder: Any
    prompts: Sequence[str]
    length: int | None = None
    starts: dict[tuple[int, int], Any] = field(
        default_factory=dict, repr=False
    )  # by text encoder and batch: how its first layer is called
    depth: int = 0
    _next: int = 0  # which of the family's LINEARS
    _calls: dict[int, Any] = field(default_factory=dict, repr=False)  # by batch: how the layer at `depth` is called
    _running: dict[int, Iterator[Reached]] = field(
        default_factory=dict, repr=False
    )  # by batch: `through` that layer, of the family

    @property
    def family(self) -> Family:
        return self.base.spec.family

    def inputs(self) -> Iterator[Reached]:
        """Of each batch: what the next of the family's LINEARS receives, and the state to which its output is added."""
        place, self._next = self._next, self._next + 1
        for batch in self._batches():
            yield self._reached(batch, place)

    @property
    def _stack(self) -> range:
        """The depths of the layers of the text encoder to which the layer at `depth` belongs."""
        return next(stack for stack in stacks(self.family, self.encoder) if self.depth in stack)

    def step(self) -> None:
        """Go on to the next layer, which may be the first one of the next text encoder."""
        if self.depth + 1 == self._stack.stop:
            self._calls.clear()
        for batch in self._batches() if self._calls else ():
            if self._held(batch):
                _, rest, options = self._calls[batch]
                self._calls[batch] = (self._reached(batch, len(self.family.LINEARS))[0], rest, options)
        self.depth, self._next = self.depth + 1, 0
        self._running.clear()

    def _batches(self) -> range:
        return range(-(-len(self.prompts) // batch_of(self.base)))

    def _held(self, batch: int) -> bool:
        """Is a batch's state held between the calls?"""
        return batch == 0 or (batch + 1) * self._calls[0][0].numel() <= MOST_HELD

    def _reached(self, batch: int, place: int) -> Reached:
        """What `through` gives at a place of the layer at `depth`."""
        layer = layers_of(self.family, self.encoder)[self.depth]
        if batch in self._running:
            return next(self._running[batch])
        states, rest, options = self._call(batch)
        steps = self.family.through(layer, states, *rest, **options)
        if self._held(batch):
            self._running[batch] = steps
        return next(islice(steps, place, None))

    def _call(self, batch: int) -> Any:
        """(states, rest, options) with which the layer at `depth` is called for a batch."""
        if batch in self._calls:
            return self._calls[batch]
        begin = self._stack.start, batch
        states, rest, options = self.starts[begin] if begin in self.starts else self._start(batch)
        for layer in layers_of(self.family, self.encoder)[self._stack.start : self.depth]:
            steps = self.family.through(layer, states, *rest, **options)
            ((states, _),) = islice(steps, len(self.family.LINEARS), None)
        if not self._calls or self._held(batch):
            self._calls[batch] = states, rest, options
        return states, rest, options

    def _start(self, batch: int) -> Any:
        """(states, rest, options) with which the first layer is called for a batch."""
        size, stack = batch_of(self.base), self._stack
        some = self.prompts[batch * size : (batch + 1) * size]
        layers = layers_of(self.family, self.encoder)[stack.start : stack.stop]
        (states, *rest), options = first_call(layers[0], lambda: encode_prompts(self.base, some, self.encoder))
        if len(layers) > 1:  # the first layer of T5 makes the positions' bias for all others
            (_, *rest), options = first_call(layers[1], lambda: encode_prompts(self.base, some, self.encoder))
        options = {name: _cut(each, self.length) for name, each in options.items()}
        call = states[:, : self.length].clone(), [_cut(each, self.length) for each in rest], options
        if (batch + 1) * call[0].numel() <= MOST_HELD:
            self.starts[stack.start, batch] = call
        return call


def _cut(value: Any, length: int | None) -> Any:
    """An attention mask (N, 1, L, L) or a bias (1, H, L, L) of the first positions alone; anything else as it is."""
    return value[..., :length, :length] if isinstance(value, Tensor) and value.dim() == 4 else value


def token_ids(base: Base, prompts: Sequence[str]) -> list[list[int]]:
    """Each prompt's tokens, those of its beginning and its end included. The rest is padding."""
    tokenizer = base.t2i.tokenizer
    texts = base.spec.family.texts(prompts)
    texts = base.t2i.maybe_convert_prompt(texts, tokenizer) if base.spec.inversions else texts
    read: list[list[int]] = tokenizer(texts, max_length=tokenizer.model_max_length, truncation=True).input_ids
    return read


def tokens_in(base: Base, prompts: Sequence[str]) -> Tensor:
    """(N,) how many tokens each prompt has."""
    return torch.tensor([len(ids) for ids in token_ids(base, prompts)])


def position_weights(counts: Tensor, length: int, whole: int) -> Tensor:
    """(N, length): what each position counts for, if the padding after `length` is left out.

    A token counts 1. The padding within `length` stands for all of the prompt's padding up to `whole`; where nothing
    reads padding, `whole` is 0.
    """
    padding = torch.arange(length) >= counts[:, None]
    if not whole:
        return (~padding).float()
    share = (whole - counts) / (length - counts).clamp_min(1)
    return torch.where(padding, share[:, None], torch.ones(()))


def gram(x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """sum over prompts and positions of w y x^T, (in, in) float64, of inputs (N, L, in) with weights (N, L).

    The products are float32; their sums over batches are float64.
    """
    rows = weights.to(x.dtype).flatten()[:, None]
    return ((y.flatten(0, 1) * rows).T @ x.flatten(0, 1)).double()
