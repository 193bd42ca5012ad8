"""The text encoder in a folder of its own, for `from_pretrained` of its class, or for a repository on the hub.

Of several text encoders, those after the first lie in folders within, by their names in the pipeline.
"""

import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from expunge.bases.exports import Order
from expunge.bases.exports.parts import cast, dtype_of
from expunge.bases.families.names import encoder_folders


def write(order: Order, out: Path) -> list[str]:
    for place in encoder_folders(order.spec.family):
        own, new = order.folder / place, out / place
        new.mkdir(exist_ok=True)
        shutil.copyfile(own / "config.json", new / "config.json")
        if order.dtype is None:  # the very bytes that were tested
            shutil.copyfile(own / "model.safetensors", new / "model.safetensors")
        else:
            tensors = cast(load_file(own / "model.safetensors"), dtype_of(order), order.name)
            save_file(tensors, new / "model.safetensors", metadata={"format": "pt"})
    return []
