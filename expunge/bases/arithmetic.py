"""The device and the dtype in which a base computes on this machine: what `auto` means here.

arithmetic_of(spec)      Arithmetic(device="cpu", dtype="bfloat16")
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from expunge.bases.spec import Spec
from expunge.core.errors import InputError, Problem

if TYPE_CHECKING:
    import torch

AUTO = "auto"


@dataclass(frozen=True)
class Arithmetic:
    """The device and the dtype of a base. They decide how its numbers are rounded."""

    device: str  # kind of the device: cuda, mps or cpu, without an index
    dtype: str  # of the denoiser: float32, bfloat16 or float16


def arithmetic_of(spec: Spec) -> Arithmetic:
    """The arithmetic with which `bases.base.load` loads a spec on this machine. Imports torch only for `auto`.

    :raises InputError: the device or the dtype is `auto`, and the spec's device does not exist on this machine.
    """
    if AUTO not in (spec.device, spec.dtype):
        return Arithmetic(spec.device.partition(":")[0], spec.dtype)
    device = choose_device(spec)
    return Arithmetic(device.type, str(choose_dtype(spec, device)).removeprefix("torch."))


def choose_device(spec: Spec) -> "torch.device":
    """The device of a spec; `auto` is cuda, then mps, then cpu.

    :raises InputError: the device does not exist on this machine.
    """
    import torch

    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if spec.device == AUTO:
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if available[name]))
    device = torch.device(spec.device)
    if not available[device.type] or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        fix = f"write `device: auto` (this machine has {', '.join(name for name, here in available.items() if here)})"
        raise InputError([Problem(str(spec.file), f"there is no device {spec.device}", fix)])
    return device


def choose_dtype(spec: Spec, device: "torch.device") -> "torch.dtype":
    """The dtype of the denoiser's arithmetic on a device; schema.json defines `auto`."""
    import torch

    if spec.dtype != AUTO:
        return getattr(torch, spec.dtype)
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    # A CPU without instructions for bfloat16 emulates it, which is slower than float32. With these instructions, a
    # video of the embedded base takes 0.9 s instead of 1.6 s (2 cores, AVX-512).
    features = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    fast = device.type == "cpu" and any(getattr(torch.cpu, name, lambda: False)() for name in features)
    return torch.bfloat16 if fast else torch.float32
