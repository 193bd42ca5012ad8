"""A network's folder: `config.json` and `model.safetensors` (float16 on disk, float32 in memory). Safetensors only."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from expunge.bases.loading import not_finite
from expunge.core.errors import InputError, Problem
from expunge.core.files import write_aside, write_json


def save_network(folder: Path, config: Mapping[str, Any], model: nn.Module, dtype: torch.dtype) -> None:
    """Write both files. The same weights give the same bytes."""
    from safetensors.torch import save_file

    state = {
        name: (tensor.to(dtype) if tensor.is_floating_point() else tensor).detach().cpu().contiguous().clone()
        for name, tensor in model.state_dict().items()
    }
    write_aside(folder / "model.safetensors", lambda part: save_file(state, part, metadata={"format": "pt"}))
    write_json(folder / "config.json", config, indent=2)


def read_config(folder: Path) -> dict[str, Any]:
    """The content of `config.json`. :raises InputError: one of the two files is missing, or it holds no settings."""
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            fix = "restore the folder from git, or train it again with the base's recipe"
            raise InputError([Problem(str(folder), f"is not a judge's folder: {name} is missing", fix)])
    try:
        return dict(json.loads((folder / "config.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        fix = "restore the folder from git, or train it again with the base's recipe"
        raise InputError([Problem(f"{folder}/config.json", "is no JSON of settings", fix)]) from None


def load_network(folder: Path, model: nn.Module) -> None:
    """Read the weights into a network that was built from the folder's config.

    :raises InputError: the weights cannot be read, do not fit the config, or hold NaN or infinity.
    """
    load_weights(folder / "model.safetensors", model)


def load_weights(file: Path, model: nn.Module, fix: str = "restore the folder from git") -> None:
    """Read a safetensors file into a network, each tensor into its place. :param fix: what to do if that fails.

    :raises InputError: as `load_network`.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(file)
        state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
        model.load_state_dict(state)
    except RuntimeError as error:
        what = f"the weights are not those of config.json ({str(error).splitlines()[-1].strip()[:120]})"
        raise InputError([Problem(str(file), what, fix)]) from None
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError([Problem(str(file), f"cannot be read ({str(error)[:120]})", fix)]) from None
    if problems := not_finite(str(file), "the judge", model):
        raise InputError(problems)
