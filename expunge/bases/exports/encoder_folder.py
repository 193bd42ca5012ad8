"""The text encoder in a folder of its own, for `from_pretrained` of its class, or for a repository on the hub."""

import shutil
from pathlib import Path

from safetensors.torch import save_file

from expunge.bases.exports import Order
from expunge.bases.exports.parts import cast, dtype_of, encoder_tensors


def write(order: Order, out: Path) -> list[str]:
    shutil.copyfile(order.folder / "config.json", out / "config.json")
    if order.dtype is None:  # the very bytes that were tested
        shutil.copyfile(order.folder / "model.safetensors", out / "model.safetensors")
    else:
        tensors = cast(encoder_tensors(order), dtype_of(order), order.name)
        save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    return []
