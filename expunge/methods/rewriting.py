"""What `emcid` and `refact` share: the value that a name should have in the encoder, and the keys by which it is found.

Both see a layer's MLP as a memory: fc2, W, gives a value v = W k for a key k, its input. The key of a name is taken at
the name's last token; the value that makes the prompt mean the anchor is found by gradient, as a change d there of the
output of the MLP or, which is the same, of its layer; then W is changed in closed form, so that it gives the new value
for the key and the old ones for others.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from expunge.bases.base import Base
from expunge.bases.encoder_layers import tokens_in
from expunge.bases.encoders import layers_of
from expunge.bases.text import encode_prompts
from expunge.methods import Log
from expunge.methods.lessons import Lesson, encode_all, fill
from expunge.methods.training import descend

BATCH = 256  # prompts that are encoded at once
RIDGE = 1e-3
PART = 32  # prompts whose gradient is taken at once


@dataclass(frozen=True)
class Told:
    """Each name in each template, N prompts, and what each should mean."""

    prompts: list[str]
    anchors: list[str]  # the same with the anchor in the name's place
    places: Tensor  # (N,) the position of the name's last token
    anchor_places: Tensor  # (N,) of the anchor's; of an empty anchor, the position before
    names: Tensor  # (N,) which of the names it is

    def mean(self, rows: Tensor) -> Tensor:
        """(names, D): the mean over each name's prompts of rows (N, D)."""
        total = rows.new_zeros(int(self.names.max()) + 1, rows.shape[1]).index_add(0, self.names, rows)
        return total / self.names.bincount()[:, None]


def told(base: Base, lessons: Sequence[Lesson]) -> Told:
    """The lessons' names in their templates; a template without a place for a name says nothing of it."""
    rows: list[tuple[str, str, str, str, int]] = []
    pairs = [(lesson, name) for lesson in lessons for name in lesson.names]
    for index, (lesson, name) in enumerate(pairs):
        for template in [each for each in lesson.templates if "{}" in each] or ["{}"]:
            begin, both = template.partition("{}")[0] + "{}", (name, lesson.becomes(name))
            prompt, anchor = (fill(template, word) for word in both)
            upto, anchor_upto = (fill(begin, word) for word in both)
            rows.append((prompt, anchor, upto, anchor_upto, index))
    prompts, anchors, *begins = ([str(row[column]) for row in rows] for column in range(4))
    places, anchor_places = ((tokens_in(base, texts) - 2).to(base.device) for texts in begins)
    names = torch.tensor([row[4] for row in rows], device=base.device)
    return Told(prompts, anchors, places, anchor_places, names)


@contextmanager
def hooked(module: Any, look: Callable[[Tensor, Tensor], Tensor | None]) -> Iterator[None]:
    """Call `look` with a module's input and output; what it returns takes the output's place."""

    def hook(_: Any, inputs: Any, output: Any) -> Any:
        whole = output[0] if isinstance(output, tuple) else output
        new = look(inputs[0], whole)
        return None if new is None else (new, *output[1:]) if isinstance(output, tuple) else new

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@torch.no_grad()
def at_places(base: Base, encoder: Any, module: Any, prompts: Sequence[str], places: Tensor) -> tuple[Tensor, Tensor]:
    """(inputs (N, in), outputs (N, out)) of a module of the encoder at one position of each prompt."""
    seen: list[tuple[Tensor, Tensor]] = []
    for start in range(0, len(prompts), BATCH):
        here = places[start : start + BATCH]
        rows = torch.arange(len(here), device=here.device)

        def look(x: Tensor, y: Tensor, rows: Tensor = rows, here: Tensor = here) -> None:
            seen.append((x[rows, here], y[rows, here]))

        with hooked(module, look):
            encode_prompts(base, prompts[start : start + BATCH], encoder)
    inputs, outputs = zip(*seen, strict=True)
    return torch.cat(inputs), torch.cat(outputs)


@torch.no_grad()
def covariance(base: Base, depth: int, prompts: Sequence[str]) -> Tensor:
    """C (in, in) float64: the mean of k k^T over all tokens of the prompts, k the input of fc2 in a layer of the
    original encoder, and RIDGE times the mean of its diagonal: fewer prompts than C has rows leave it singular."""
    family, sums, tokens = base.spec.family, [], 0
    fc2 = layers_of(family, base.encoder)[depth].get_submodule(family.MEMORY)
    for start in range(0, len(prompts), BATCH):
        some = prompts[start : start + BATCH]
        counts = tokens_in(base, some).to(base.device)
        tokens += int(counts.sum())

        def look(x: Tensor, _: Tensor, counts: Tensor = counts) -> None:
            keys = x[torch.arange(x.shape[1], device=x.device) < counts[:, None]]
            sums.append((keys.T @ keys).double())

        with hooked(fc2, look):
            encode_prompts(base, some)
    mean = torch.stack(sums).sum(0) / tokens
    return mean + RIDGE * mean.diagonal().mean() * torch.eye(len(mean), dtype=mean.dtype, device=mean.device)


def values(
    base: Base,
    method: str,
    words: Told,
    module: Any,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    steps: int,
    learning_rate: float,
    decay: float,
    farthest: float,
    log: Log,
) -> tuple[Tensor, list[float]]:
    """(d (names, D), the losses): the change of a module's output v at each name's last token, found by Adam.

    The loss of a name is the mean of `loss_of` over its prompts, and decay * |d| / |v|^2 with v as a mean over them.
    Names do not touch each other. After each step |d| is at most `farthest` * |v|.

    :param module: of the original encoder.
    :param loss_of: (embeddings (B, L, D) with d in them, the rows (B,) of `words` that they belong to) -> (B,).
    """
    encoder = base.encoder
    _, own = at_places(base, encoder, module, words.prompts, words.places)
    size = words.mean(own).norm(dim=1)
    change = torch.nn.Parameter(torch.zeros(len(size), own.shape[1], device=base.device))
    share = 1 / words.names.bincount()[words.names]

    def hold() -> None:
        with torch.no_grad():
            change.mul_((farthest * size / change.norm(dim=1).clamp_min(1e-12)).clamp_max(1)[:, None])

    def losses_of(step: int) -> Iterator[Tensor]:
        hold()
        for rows in torch.arange(len(words.prompts), device=base.device).split(PART):

            def add(_: Tensor, y: Tensor, rows: Tensor = rows) -> Tensor:
                new = y.clone()
                line = torch.arange(len(rows), device=y.device)
                new[line, words.places[rows]] = y[line, words.places[rows]] + change[words.names[rows]]
                return new

            with hooked(module, add):
                states = encode_prompts(base, [words.prompts[row] for row in rows.tolist()], encoder)
            yield (loss_of(states, rows) * share[rows]).sum()
        # the norm has no gradient at 0, where d begins
        yield decay * (change.square().sum(1).clamp_min(1e-24).sqrt() / size.square()).sum()

    losses = descend(base, method, torch.optim.Adam([change], lr=learning_rate), losses_of, steps, log)
    hold()
    return change.detach(), losses


def end_places(base: Base, prompts: Sequence[str]) -> Tensor:
    """(N,) the position of each prompt's end token."""
    return (tokens_in(base, prompts) - 1).to(base.device)


def encoded(base: Base, prompts: Sequence[str]) -> Tensor:
    """(N, L, D) of prompts in the original encoder; each different prompt is encoded once."""
    once = list(dict.fromkeys(prompts))
    rows = {prompt: row for row, prompt in enumerate(once)}
    return encode_all(base, once)[[rows[prompt] for prompt in prompts]]
