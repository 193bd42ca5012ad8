"""What `auto` means on this machine, remembered: torch takes seconds to say so, and the stage plan needs it for nothing
else.

The answer is torch's own. It is asked again after a reboot, with another torch, and where a GPU has come or gone.
"""

import os
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import msgspec
import psutil

from expunge.bases.arithmetic import AUTO, Arithmetic, arithmetic_of
from expunge.bases.spec import Spec
from expunge.core.digest import digest
from expunge.core.files import BROKEN_JSON, write_json

FILE = Path(".expunge/arithmetic.json")
SEEN = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")


def resolved(spec: Spec) -> Spec:
    """The spec with the device and the dtype that `auto` stands for here. :raises InputError: as `arithmetic_of`."""
    if AUTO not in (spec.device, spec.dtype):
        return spec
    told, key = _read(), _key(spec)
    if key not in told:
        told[key] = arithmetic_of(spec)
        write_json(FILE, {name: asdict(each) for name, each in told.items()})
    device = told[key].device if spec.device == AUTO else spec.device
    return replace(spec, device=device, dtype=told[key].dtype)


def forget() -> None:
    """Where a worker finds that this machine computes otherwise."""
    FILE.unlink(missing_ok=True)


def _key(spec: Spec) -> str:
    nodes = sorted(str(node) for name in ("nvidia*", "kfd", "dxg", "dri/*") for node in Path("/dev").glob(name))
    around = [os.environ.get(name) for name in SEEN]
    return digest([spec.device, spec.dtype, version("torch"), round(psutil.boot_time()), nodes, around])


def _read() -> dict[str, Arithmetic]:
    try:
        return msgspec.json.decode(FILE.read_bytes(), type=dict[str, Arithmetic])
    except (OSError, *BROKEN_JSON):
        return {}
