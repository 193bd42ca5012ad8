"""The judge's image embeddings of a unit's samples, encoded once for all metrics and kept in a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expunge.judging.samples import Sample

if TYPE_CHECKING:
    import numpy as np

Features = Mapping[int, "np.ndarray"]  # by Sample.index: (D,), or (F, D) for a video, of length 1


def encode(judge: Any, samples: Sequence[Sample]) -> "dict[int, np.ndarray]":
    """The judge's features of every sample, float32."""
    import numpy as np

    from expunge.judging.judge import features

    encoded: dict[int, np.ndarray] = {}
    for modality in sorted({s.modality for s in samples}):
        batch = [s for s in samples if s.modality == modality]
        pixels = np.stack([s.pixels for s in batch])
        encoded.update(zip((s.index for s in batch), features(judge, pixels), strict=True))
    return encoded


def write_features(file: Path, features: Features) -> None:
    """Write features as safetensors, for `read_features`."""
    import numpy as np
    from safetensors.numpy import save_file

    save_file({str(index): np.ascontiguousarray(each) for index, each in features.items()}, file)


def read_features(file: Path) -> "dict[int, np.ndarray]":
    """What `write_features` wrote."""
    from safetensors.numpy import load_file

    return {int(index): features for index, features in load_file(file).items()}


def by_place(originals: Sequence[Sample], features: Features) -> "dict[tuple[str, str, str, int], np.ndarray]":
    """Features of the original encoder's samples by `PlannedSample.place`, which a sample and its original share."""
    return {original.planned.place: features[original.index] for original in originals}
