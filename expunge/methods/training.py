"""Shared by the methods that train: the choice of parameters, the training loop with its checks, random draws."""

import copy
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from expunge.bases.base import Base, denoiser_of, deterministic
from expunge.bases.edits import Edit, changed_parameters
from expunge.bases.encoders import name_of, parts_of
from expunge.bases.families import Family
from expunge.bases.families.names import normal_name
from expunge.bases.stored import made_float32
from expunge.methods import ConceptData, Log, Unlearned, low_rank

T = TypeVar("T")


def select_parameters(family: Family, encoder: Any, which: str) -> dict[str, torch.nn.Parameter]:
    """The parameters to train: `full`, `mlp`, `attn`, or `mlp-final-attn` (every MLP and the last self-attention);
    `qkv-mlp`: every MLP and the query, key and value projections, without attention's output projection, which only
    multiplies the values again; `late`: the second half of the layers."""
    chosen: dict[str, torch.nn.Parameter] = {}
    for part, each in parts_of(family, encoder).items():
        pattern = re.compile(family.trained(which, len(family.layers_of(each))))
        own = {n: p for n, p in each.named_parameters() if pattern.match(normal_name(n))}
        chosen |= {name_of(family, part, name): parameter for name, parameter in own.items()}
    return chosen


def student(
    base: Base, which: str, rank: int = 0, draw: torch.Generator | None = None
) -> tuple[Any, list[torch.nn.Parameter]]:
    """(a copy of the encoder, its trainable parameters: its own, or those of changes of rank `rank` to its weights)."""
    encoder = copy.deepcopy(base.encoder).eval().requires_grad_(False)
    chosen = select_parameters(base.spec.family, encoder, which)
    if rank:
        return encoder, low_rank.attach(encoder, list(chosen), rank, draw or torch.Generator().manual_seed(0))
    trained = made_float32(chosen.values())
    for parameter in trained:
        parameter.requires_grad_(True)
    return encoder, trained


def require_cross_attention(base: Base) -> None:
    """:raises ValueError: text and pictures share all projections of the denoiser."""
    family = base.spec.family
    if not family.CROSS_ATTENTION:
        what = f"the denoiser of {family.NAME} has no key and value projections of the text alone"
        raise ValueError(f"{what}; use a method that changes the text encoder, such as solve")


def denoiser_student(base: Base, which: Callable[[str], bool]) -> tuple[Any, list[torch.nn.Parameter]]:
    """(a copy of the denoiser, its trainable parameters: those of the modules whose names `which` chooses)."""
    denoiser = copy.deepcopy(denoiser_of(base))
    modules = [module for name, module in denoiser.named_modules() if which(name)]
    trained = [parameter for module in modules for parameter in module.parameters(recurse=False)]
    for parameter in trained:
        parameter.requires_grad_(True)
    return denoiser, trained


def noised(base: Base, latents: Sequence[Tensor], draw: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """z_0 (B, C, h, w), eps ~ N(0, 1) like z_0, and t (B,) uniform over the schedule, on the base's device."""
    z0 = torch.stack(list(latents))
    t = torch.randint(base.timesteps, (len(z0),), generator=draw)
    noise = torch.randn(z0.shape, generator=draw)
    return z0.to(base.device), noise.to(base.device), t.to(base.device)


def descend(
    base: Base,
    name: str,
    optimizer: torch.optim.Optimizer,
    loss_of: Callable[[int], Tensor | Iterator[Tensor]],
    steps: int,
    log: Log,
) -> list[float]:
    """Minimise `loss_of(step)`; returns the losses, one per step.

    :param loss_of: gives the loss, or its summands one after another. Each summand's graph is freed before the next is
        made, so that memory does not grow with the size of a batch.

    :raises FloatingPointError: the loss, or a trained parameter at the end, is no longer finite.
    """
    losses: list[float] = []
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    lower = f"lower learning_rate ({optimizer.param_groups[0]['lr']}) or steps ({steps})"
    with deterministic(base), torch.enable_grad():
        for step in range(steps):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(step)
            losses.append(0.0)
            for summand in [loss] if isinstance(loss, Tensor) else loss:
                losses[-1] += float(summand.detach())
                if not math.isfinite(losses[-1]):
                    raise FloatingPointError(f"{name}: the loss is {losses[-1]} at step {step + 1}; {lower}")
                summand.backward()
            optimizer.step()
            log(step, losses[-1])
    if not all(bool(torch.isfinite(parameter).all()) for parameter in trained):
        raise FloatingPointError(f"{name}: the encoder is no longer finite; {lower}")
    return losses


def unlearned(
    base: Base,
    losses: list[float],
    encoder: Any | None = None,
    unconditional: Tensor | None = None,
    denoiser: Any | None = None,
    adapter: Mapping[str, Tensor] | None = None,
    notes: Mapping[str, Any] | None = None,
) -> Unlearned:
    """The result of a method that changed copies of the encoder, of the denoiser, or of both."""
    encoder = copy.deepcopy(base.encoder) if encoder is None else encoder
    encoder.requires_grad_(False)
    changes = {}
    if denoiser is not None:
        own = dict(denoiser_of(base).named_parameters())
        pairs = ((name, (tensor.detach() - own[name]).float()) for name, tensor in denoiser.named_parameters())
        changes = {name: change for name, change in pairs if bool(change.any())}
    count = changed_parameters(base.encoder, encoder, base.encoder_dtype)
    count += sum(int(change.count_nonzero()) for change in changes.values())
    return Unlearned(Edit(encoder, unconditional, changes, adapter or {}), losses, count, dict(notes or {}))


def samples(concepts: Sequence[ConceptData], draw: torch.Generator) -> Iterator[tuple[str, Tensor]]:
    """(prompt, z_0) without end: concepts in turn, images in a new order per epoch, names and templates at random."""
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
