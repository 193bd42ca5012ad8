"""The change alone: a text encoder kept as the low-rank factors of its change, and made whole again to the byte.

    save_change(edit, folder, family, base.encoder, dtype)
    edit = read_change(folder, family, base.encoder, dtype, device)
    write_whole(edit, folder, out, family, dtype)          the folder that `save_edit` would have written

The folder holds what `save_edit` writes but for the encoders' weights, and change.json (bases/change_mark.py).

A whole T5-XXL, 19 GB in float32, for each of many concepts would fill a disk.

Sums of floating-point numbers depend on their order, and that on the machine. Here they do not: each row of A and each
column of B lies on a grid of its own, of 2048 steps up and down, so a product has 22 bits; what is 2^18 times smaller
than the largest is left out; and a sum of at most 2^13 such products fits into the 53 bits of float64.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from expunge.bases.change_mark import MARK, whole_digests
from expunge.bases.edits import Edit, edit_of, save_edit
from expunge.bases.encoders import parts_of, together
from expunge.bases.families import Family
from expunge.bases.families.names import encoder_folders, normal_name
from expunge.core.digest import file_digest
from expunge.core.errors import InputError, Problem
from expunge.core.files import write_json

A, B = ".lora_A.weight", ".lora_B.weight"
SMALLEST = 2.0**-18  # of a product against the largest, to be kept


def save_change(edit: Edit, folder: Path, family: Family, original: Any, dtype: torch.dtype) -> Edit:
    """Write an edit without its encoders' weights; returns the edit that will be read.

    The weights are written once, for their digests, and removed.

    :param edit: one with an adapter. :param original: the text encoder that it changes, or all of them.
    :param dtype: of the whole encoder's file, that of the base's.
    """
    adapter = on_grid(edit.adapter)
    stored = replace(edit, adapter=adapter, encoder=made_whole(family, original, adapter, dtype))
    save_edit(stored, folder, family, dtype)
    weights = [(Path(place) / "model.safetensors").as_posix() for place in encoder_folders(family)]
    write_json(folder / MARK, {"whole": {name: file_digest(folder / name) for name in weights}})
    for name in weights:
        (folder / name).unlink()
    return stored


def read_change(folder: Path, family: Family, original: Any, dtype: torch.dtype, device: torch.device) -> Edit:
    """Read what `save_change` wrote. :raises InputError: the change does not fit the original encoder."""
    edit = edit_of(None, folder, device)
    try:
        encoder = made_whole(family, original, edit.adapter, dtype)
    except (ValueError, RuntimeError, KeyError) as error:
        fix = "run `dvc repro`: the base is another one than at the run"
        raise InputError([Problem(str(folder), f"does not fit the base ({error})", fix)]) from None
    return replace(edit, encoder=encoder.to(device))


def write_whole(edit: Edit, folder: Path, out: Path, family: Family, dtype: torch.dtype) -> None:
    """Write the whole of what a folder of `save_change` stands for.

    :param edit: of `read_change`. :raises InputError: the bytes are not those that were tested.
    """
    save_edit(edit, out, family, dtype)
    for name, sha256 in whole_digests(folder).items():
        if file_digest(out / name) != sha256:
            fix = "take the base that it was made with, or run `dvc repro`"
            raise InputError([Problem(str(folder), f"{name}, made whole here, is not what was tested", fix)])


@torch.no_grad()
def on_grid(adapter: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The factors, float32 on the CPU, in the form in which float16 holds them exactly and B A has no rounding.

    :param adapter: as of `Edit`.
    """
    made: dict[str, Tensor] = {}
    for name, a in adapter.items():
        if name.endswith(A):
            other = name.removesuffix(A) + B
            a, b = a.detach().cpu().double(), adapter[other].detach().cpu().double()
            powers, theirs = _power_below(a.abs().amax(1)), _power_below(b.abs().amax(0))
            both = powers * theirs
            own = 2.0 ** torch.floor(torch.log2(both) / 2)  # of A; B's is as large, so float16 holds both
            kept = both > both.max() * SMALLEST
            a, b = a * (kept * own / powers)[:, None], b * (kept * powers / own)
            made[name], made[other] = _rounded(a, own[:, None]), _rounded(b, both / own)
    return made


def _power_below(largest: Tensor) -> Tensor:
    """The power of two at or below each number; that of the smallest number for 0."""
    return 2.0 ** torch.floor(torch.log2(largest.clamp(min=1e-150)))


def _rounded(numbers: Tensor, power: Tensor) -> Tensor:
    step = (power * 2.0**-10).clamp(min=2.0**-24)  # float16 knows no smaller one
    return (torch.round(numbers / step) * step).float()


@torch.no_grad()
def made_whole(family: Family, original: Any, adapter: Mapping[str, Tensor], dtype: torch.dtype) -> Any:
    """A copy of the original text encoder, or of all of them, with the change added to it; frozen, where it lay.

    Every number is what a file of `dtype` would give back. What changes is float32; the rest has the dtype in which the
    original is held.

    :param adapter: of `on_grid`. :raises ValueError: the encoder has no module of a name in it.
    """
    left = {name.removesuffix(A) for name in adapter if name.endswith(A)}
    made = {}
    for part, encoder in parts_of(family, original).items():
        state = {}
        for name, own in encoder.state_dict().items():
            module = f"{part}.{family.stored_name(name.removesuffix('.weight'))}"
            if name.endswith(".weight") and module in left:
                left.remove(module)
                change = adapter[module + B].cpu().double() @ adapter[module + A].cpu().double()
                state[name] = (own.cpu().double() + change).float().to(dtype).float().to(own.device)
            elif own.is_floating_point():
                state[name] = own.to(dtype).to(own.dtype)
            else:
                state[name] = own
        made[part] = _filled(encoder, state)
    if left:
        raise ValueError(f"the encoder has no {', '.join(sorted(left)[:3])}")
    return together(made).eval().requires_grad_(False)


def _filled(encoder: Any, state: Mapping[str, Tensor]) -> Any:
    """Another of the encoder's class with these tensors. A deep copy would share the hooks that offload it."""
    with torch.device("meta"):
        new = type(encoder)(encoder.config)
    new.load_state_dict(state, assign=True)
    new.tie_weights()
    for name, buffer in encoder.named_buffers():  # those that no file holds
        if normal_name(name) not in map(normal_name, state):
            place, _, own = name.rpartition(".")
            new.get_submodule(place).register_buffer(own, buffer.clone(), persistent=False)
    return new
