"""The text encoders of a base as one module: what a method changes, and what an edit holds.

Most pipelines have one text encoder, which is that module. Stable Diffusion XL has two, which `Encoders` holds by their
names in the pipeline; what is said of an encoder's layers is then said of the layers of both, one after the other.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from expunge.bases.families import Family


class Encoders(nn.Module):
    """Several text encoders, each an attribute by its part of the pipeline."""

    def __init__(self, parts: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for part, encoder in parts.items():
            self.add_module(part, encoder)


def together(parts: Mapping[str, Any]) -> Any:
    """The module of a base's text encoders. :param parts: {part of the pipeline: encoder}, in the family's order."""
    return Encoders(parts) if len(parts) > 1 else next(iter(parts.values()))


def encoder_in(family: Family, pipe: Any) -> Any:
    """The module of a pipeline's text encoders."""
    return together({part: getattr(pipe, part) for part in family.ENCODERS})


def parts_of(family: Family, encoder: Any) -> dict[str, Any]:
    """{part of the pipeline: encoder}, of `together`."""
    if isinstance(encoder, Encoders):
        return {part: getattr(encoder, part) for part in family.ENCODERS}
    return {next(iter(family.ENCODERS)): encoder}


def layers_of(family: Family, encoder: Any) -> list[Any]:
    """The layers of all text encoders, in order."""
    return [layer for each in parts_of(family, encoder).values() for layer in family.layers_of(each)]


def stacks(family: Family, encoder: Any) -> list[range]:
    """Where the layers of each text encoder stand in `layers_of`."""
    counts = [len(family.layers_of(each)) for each in parts_of(family, encoder).values()]
    return [range(sum(counts[:i]), sum(counts[: i + 1])) for i in range(len(counts))]


def token_tables(family: Family, encoder: Any) -> list[Any]:
    """The modules that look up tokens, one a text encoder."""
    return [family.token_embeddings(each) for each in parts_of(family, encoder).values()]


def token_table(family: Family, encoder: Any) -> Tensor:
    """(V, K): each token's embedding in all text encoders, side by side."""
    return torch.cat([each.weight.detach() for each in token_tables(family, encoder)], dim=1)


def name_of(family: Family, part: str, name: str) -> str:
    """The name in `together` of what a text encoder calls `name`."""
    return f"{part}.{name}" if len(family.ENCODERS) > 1 else name


def place_of(family: Family, name: str) -> tuple[str, str]:
    """(part of the pipeline, name there) of a module or tensor of `together`: `name_of`, turned round."""
    part, _, own = name.partition(".")
    several = len(family.ENCODERS) > 1 and part in family.ENCODERS
    return (part, own) if several else (next(iter(family.ENCODERS)), name)
