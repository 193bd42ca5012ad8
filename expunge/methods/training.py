"""What the methods that train share: the loop with its checks, and endless draws of words and images."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from expunge.base import Base, deterministic
from expunge.encoders import changed_parameters
from expunge.methods import ConceptData, Unlearned

T = TypeVar("T")
Log = Callable[[int, float], None]


def descend(
    base: Base, name: str, optimizer: torch.optim.Optimizer, loss_of: Callable[[int], Tensor], steps: int, log: Log
) -> list[float]:
    """Minimise `loss_of(step)`; returns the losses, one a step.

    :raises FloatingPointError: the loss, or a trained parameter at the end, is no longer finite.
    """
    losses: list[float] = []
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    lower = f"lower learning_rate ({optimizer.param_groups[0]['lr']}) or steps ({steps})"
    with deterministic(base), torch.enable_grad():
        for step in range(steps):
            loss = loss_of(step)
            losses.append(float(loss.detach()))
            if not torch.isfinite(loss):
                raise FloatingPointError(f"{name}: the loss is {losses[-1]} at step {step + 1}; {lower}")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            log(step, losses[-1])
    if not all(bool(torch.isfinite(parameter).all()) for parameter in trained):
        raise FloatingPointError(f"{name}: the encoder is no longer finite; {lower}")
    return losses


def unlearned(base: Base, encoder: Any, losses: list[float], unconditional: Tensor | None = None) -> Unlearned:
    """The result of a method that edits the encoder."""
    encoder.requires_grad_(False)
    return Unlearned(encoder, unconditional, losses, changed_parameters(base.encoder, encoder, base.encoder_dtype))


def samples(concepts: Sequence[ConceptData], draw: torch.Generator) -> Iterator[tuple[str, Tensor]]:
    """(prompt, z_0) without end: concepts in turn, each one's images in a new order per epoch, words at random."""
    images = [shuffled(list(data.latents), draw) for data in concepts]
    while True:
        for data, latents in zip(concepts, images, strict=True):
            name, template = pick(data.names, draw), pick(data.templates, draw)
            yield template.replace("{}", name), next(latents)


def take(items: Iterator[T], count: int) -> list[T]:
    return [next(items) for _ in range(count)]


def shuffled(items: Sequence[T], draw: torch.Generator) -> Iterator[T]:
    """The items without end, in a new order each time."""
    while True:
        for index in torch.randperm(len(items), generator=draw).tolist():
            yield items[index]


def pick(words: Sequence[str], draw: torch.Generator) -> str:
    return words[int(torch.randint(len(words), (1,), generator=draw))]


def lacking(name: str, concepts: Iterable[ConceptData], images: bool) -> list[str]:
    """What the concepts lack that a method needs, in words."""
    concepts, wants = list(concepts), "at least one image, one name and one template" if images else "a name"
    problems = [] if concepts else [f"{name}: there is no concept to unlearn"]
    for data in concepts:
        if (images and not len(data.latents)) or not data.names or not data.templates:
            problems.append(f"{name}: {data.concept.id} needs {wants}")
    return problems
