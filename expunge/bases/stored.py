"""A large text encoder in a small dtype: its linear layers are stored as bfloat16 or float16, and compute in float32.

load_stored(family, "t2i.text_encoder", folder, "T5EncoderModel", ...)     T5-XXL: 10 GB in place of 19
keep_stored(family, encoder, torch.bfloat16)                               one that is loaded

The weights of one layer are float32 while it is called, no longer. What is trained is made float32 first
(`made_float32`), so an optimizer never has to add small steps to few bits.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

from expunge.bases.encoders import layers_of
from expunge.bases.families import Family
from expunge.bases.families.names import normal_name, weights_name
from expunge.bases.loading import load_model
from expunge.bases.parts import weight_files


class StoredLinear(nn.Linear):
    """A linear layer whose weights are cast to float32 for each call."""

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.float()
        return F.linear(x.float(), self.weight.float(), bias)


def dtype_of(storage: str) -> torch.dtype:
    """The dtype of the text encoder's layers by `storage:` of a base's file."""
    return torch.bfloat16 if storage == "bfloat16" else torch.float32


def keep_stored(family: Family, encoder: Any, dtype: torch.dtype) -> None:
    """Store the linear layers of an encoder's layers as `dtype`, in place. float32: leave them as they are."""
    if dtype == torch.float32:
        return
    for layer in layers_of(family, encoder):
        for module in layer.modules():
            if type(module) is nn.Linear:
                module.to(dtype)
                module.__class__ = StoredLinear


def load_stored(
    family: Family, label: str, kind: str, folder: Path, where: str, variant: str | None, dtype: torch.dtype
) -> Any:
    """`load_model` of a text encoder, stored as `dtype`: the whole of it is never in float32. What is no linear layer
    of its layers, such as the token embeddings, is float32, as the files have it."""
    encoder = load_model(label, kind, folder, where, variant, dtype)
    if dtype == torch.float32:
        return encoder
    linears = [each for layer in family.layers_of(encoder) for each in layer.modules() if type(each) is nn.Linear]
    stored = {id(parameter) for each in linears for parameter in each.parameters()}
    rest = {normal_name(n): p for n, p in encoder.named_parameters(remove_duplicate=False) if id(p) not in stored}
    for file in weight_files(folder, weights_name("model", variant)):
        with safe_open(file, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 (no iterator)
                if normal_name(name) in rest:
                    rest[normal_name(name)].data = tensors.get_tensor(name).float()
    made_float32(rest.values())
    for each in linears:
        each.__class__ = StoredLinear
    return encoder


def made_float32(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """The parameters, in place, as float32."""
    made = list(parameters)
    for parameter in made:
        parameter.data = parameter.data.float()
    return made
