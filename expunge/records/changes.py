"""Which tensors an encoder's folder changes, and by how much."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from expunge.bases.change_mark import is_change
from expunge.bases.families import Family
from expunge.bases.families.names import encoder_folders, encoder_name, weights_name
from expunge.bases.parts import parts_of, weight_files
from expunge.bases.sources import needed_sources
from expunge.bases.spec import Spec
from expunge.records.tensors import changes_between, digests_of, norms_of, norms_of_factors, sizes_of

OTHERS = ("denoiser", "unconditional")  # parts of an edit beside the encoder, each in a file of its own
Originals = Mapping[str, Sequence[Path]]  # {part of the pipeline: the files of its weights}


def original_encoders(spec: Spec) -> Originals:
    """The files of the base's own text encoders; {} where not all of them lie by themselves on this machine."""
    found, files = parts_of(spec).parts, dict[str, Sequence[Path]]()
    for part in spec.family.ENCODERS:
        own, variant = found.get(f"t2i.{part}"), needed_sources(spec)["t2i"].source.variant
        weights = weights_name(spec.family.MODELS[part], variant)
        files[part] = weight_files(own.folder, weights) if own is not None else []
    return files if all(files.values()) else {}


def tensors_of_encoders(originals: Originals) -> dict[str, str]:
    """{tensor: digest} of all text encoders; the names of those after the first begin with the part's."""
    own: dict[str, str] = {}
    for part, files in originals.items():
        own |= {encoder_name(name, part): sha256 for name, sha256 in digests_of(files).items()}
    return own


def sizes_of_originals(originals: Originals) -> dict[str, float]:
    """{tensor: its norm} of all text encoders, by the names that `changes_of` gives them."""
    return {encoder_name(name, part): n for part, files in originals.items() for name, n in sizes_of(files).items()}


def changes_of(originals: Originals, folder: Path, family: Family, sizes: Mapping[str, float]) -> dict[str, Any]:
    """{part: norms of its changed tensors}; of the encoder alone where nothing else changes.

    :param originals: the base's own; {}: the encoder's changes are not known, and the part is empty.
    :param sizes: `sizes_of_originals`.
    :raises ValueError: a file is broken, or has other tensors than the original.
    """
    encoder: dict[str, Any] = {}
    if is_change(folder):
        encoder = norms_of_factors(folder / "adapter.safetensors", sizes)
    else:
        for within, (part, files) in zip(encoder_folders(family), originals.items(), strict=False):
            changes = changes_between(files, [folder / within / "model.safetensors"])
            encoder |= {encoder_name(name, part): norms for name, norms in changes.items()}
    others = {part: folder / f"{part}.safetensors" for part in OTHERS}
    return {"encoder": encoder} | {part: norms_of(file) for part, file in others.items() if file.is_file()}
