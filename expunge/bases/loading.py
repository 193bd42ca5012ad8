"""Loads one model of a base from its folder, and refuses it unless every tensor has found its place.

Without this check, transformers and diffusers draw what a file lacks at random, and only log it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from expunge.bases.families import families
from expunge.bases.families.names import RENAMED
from expunge.bases.parts import read_json
from expunge.bases.placement import placement_problems, some, wrong_class
from expunge.core.errors import InputError, Problem


def load_model(
    label: str, kind: str, folder: Path, where: str, variant: str | None = None, dtype: torch.dtype = torch.float32
) -> Any:
    """A model on the cpu, in evaluation mode.

    :param label: what problems call it, such as "t2i.vae". :param kind: its class in transformers or diffusers.
    :param where: the place in the base's file, for problems. :param variant: such as fp16.
    :raises InputError: the folder cannot be read; tensors are missing, found no place, have another shape or hold NaN
        or infinity.
    """
    import diffusers
    import transformers

    kind = RENAMED.get(kind, kind)
    of_transformers = any(kind in family.ENCODERS.values() for family in families())
    loader = getattr(transformers if of_transformers else diffusers, kind)
    options = {"dtype" if of_transformers else "torch_dtype": dtype}
    with readable(where, label, folder):
        given = (read_json(folder / "config.json") or {}).get("_class_name", kind)
        if RENAMED.get(given, given) != kind:
            raise InputError([wrong_class(where, label, given, kind)])
        model, found = loader.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, variant=variant, output_loading_info=True, **options
        )
    problems = placement_problems(where, label, found["missing_keys"], found["unexpected_keys"])
    problems += not_finite(where, label, model)
    if problems:
        raise InputError(problems)
    return model


def not_finite(where: str, label: str, model: nn.Module) -> list[Problem]:
    """One problem if a model's weights hold NaN or infinity, else none."""
    state = model.state_dict()
    loaded = {name: tensor for name, tensor in state.items() if tensor.is_floating_point() and not tensor.is_meta}
    wrong = [name for name, tensor in loaded.items() if not tensor.isfinite().all()]
    if not wrong:
        return []
    what = f"{label}: {len(wrong)} tensors hold NaN or infinity ({some(wrong)})"
    return [Problem(where, what, "copy the weights there again, or use the checkpoint before the training diverged")]


def load_all(loads: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Call every function, even if some fail.

    :raises InputError: the problems of all of them.
    """
    loaded, problems = dict[str, Any](), list[Problem]()
    for name, load in loads.items():
        try:
            loaded[name] = load()
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return loaded


@contextmanager
def readable(where: str, label: str, folder: Path | str) -> Iterator[None]:
    """Turn an error while weights or settings are read into an InputError of one line."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError, ImportError,
            SafetensorError) as error:  # fmt: skip
        what = f"{label}: {folder} cannot be loaded: {' '.join(str(error).split())[:300]}"
        fix = "put a complete diffusers folder with safetensors there"
        raise InputError([Problem(where, what, fix)]) from error
