"""Which tensors an encoder's folder changes, and by how much."""

from pathlib import Path
from typing import Any

from expunge.bases.families.names import ENCODER_FOLDER, weights_name
from expunge.bases.parts import parts_of
from expunge.bases.sources import needed_sources
from expunge.bases.spec import Spec
from expunge.records.tensors import changes_between, norms_of

OTHERS = ("denoiser", "unconditional")  # parts of an edit beside the encoder, each in a file of its own


def original_encoder(spec: Spec) -> Path | None:
    """The file of the base's own text encoder; None where it is not by itself in one file on this machine."""
    part = parts_of(spec).parts.get(f"t2i.{ENCODER_FOLDER}")
    if part is None:
        return None
    variant = needed_sources(spec)["t2i"].source.variant
    file = part.folder / weights_name(spec.family.MODELS[ENCODER_FOLDER], variant)
    return file if file.is_file() else None


def changes_of(original: Path | None, folder: Path) -> dict[str, Any]:
    """{part: norms of its changed tensors}; of the encoder alone where nothing else changes.

    :param original: the base's own encoder; None: the encoder's changes are not known, and the part is empty.
    :raises ValueError: a file is broken, or has other tensors than the original.
    """
    encoder = folder / "model.safetensors"
    own: dict[str, Any] = {"encoder": changes_between(original, encoder) if original is not None else {}}
    return own | {part: norms_of(file) for part in OTHERS if (file := folder / f"{part}.safetensors").is_file()}
