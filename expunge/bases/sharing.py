"""Is the text encoder in a folder a loaded one? Told tensor by tensor: a large one must not be loaded twice."""

from pathlib import Path
from typing import Any

from safetensors import safe_open

from expunge.bases.edits import tensor_digests
from expunge.bases.families import Family
from expunge.bases.families.names import weights_name
from expunge.bases.parts import weight_files


def differing_from(family: Family, encoder: Any, folder: Path, part: str, variant: str | None = None) -> list[str]:
    """The normalised names of tensors that only one of the two has or that differ, in order.

    :param encoder: a text encoder. :param folder: of a pipeline. :param part: the encoder's name in the pipeline.
    """
    own = tensor_digests({n: tensor for n, tensor in encoder.state_dict().items() if not n.endswith(family.TIED)})
    other: dict[str, str] = {}
    for file in weight_files(folder / part, weights_name(family.MODELS[part], variant)):
        with safe_open(file, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 (no iterator)
                if not name.endswith(family.TIED):
                    other |= tensor_digests({name: tensors.get_tensor(name)})
    return sorted(name for name in own.keys() | other.keys() if own.get(name) != other.get(name))
