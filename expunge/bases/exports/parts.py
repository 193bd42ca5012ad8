"""What the formats share: the edit, its base, tensors in the dtype that is asked for."""

from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from expunge.bases.exports import Order
from expunge.bases.families import sd
from expunge.bases.pipelines import load_t2i, quiet
from expunge.core.errors import InputError, Problem


def encoder_tensors(order: Order) -> dict[str, Tensor]:
    """{name as files hold it: tensor as stored} of the unlearned encoder."""
    tensors = load_file(order.folder / "model.safetensors")
    return {order.spec.family.stored_name(name): tensor for name, tensor in tensors.items()}


def denoiser_changes(order: Order) -> dict[str, Tensor]:
    """{diffusers' name: change, float32}; empty where the method changed the encoder alone."""
    file = order.folder / "denoiser.safetensors"
    return {name: tensor.float() for name, tensor in load_file(file).items()} if file.is_file() else {}


def own_pipeline(order: Order) -> tuple[Any, torch.dtype]:
    """(the base's T2I pipeline in float32 on the CPU, the dtype of its files).

    :raises InputError: the base cannot be loaded.
    """
    with quiet():
        return load_t2i(order.spec)


def original_tensors(pipe: Any) -> dict[str, Tensor]:
    """{name that begins with "text_model.": float32 tensor} of a pipeline's own encoder, without position ids."""
    state = pipe.text_encoder.state_dict().items()
    return {sd.stored_name(name): tensor for name, tensor in state if not name.endswith("position_ids")}


def cast(tensors: Mapping[str, Tensor], dtype: torch.dtype | None, where: str) -> dict[str, Tensor]:
    """The tensors in a dtype; None: as they are.

    :raises InputError: a number is too large for the dtype.
    """
    made = {name: tensor.to(dtype or tensor.dtype).contiguous() for name, tensor in tensors.items()}
    lost = [name for name, tensor in made.items() if not bool(torch.isfinite(tensor).all())]
    if lost:
        what = f"{len(lost)} tensors do not fit into {dtype} ({lost[0]})"
        raise InputError([Problem(where, what, "write --dtype float32")])
    return made


def dtype_of(order: Order) -> torch.dtype | None:
    return getattr(torch, order.dtype) if order.dtype is not None else None
