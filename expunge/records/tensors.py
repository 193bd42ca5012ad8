"""Tensors of safetensors files by their digests, and how far two files differ. Imports no torch.

    digests_of([Path("text_encoder/model.safetensors")])    {"embeddings.token_embedding.weight": sha256, ...}
    changes_between(original, [Path("build/encoders/l/e/model.safetensors")])

A digest is over the shape and the numbers after a cast to float16, so that a float16 and a float32 copy of the same
weights are equal; `bases.edits.tensor_digests` gives the same with torch.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from expunge.bases.families import families
from expunge.bases.families.names import IGNORED, normal_name
from expunge.bases.parts import read_header

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I8": "i1", "U8": "u1"}
# Counts from 0 up, and the token embeddings once more: some versions of transformers store them.
NO_WEIGHT = (*IGNORED, *dict.fromkeys(end for family in families() for end in family.TIED))


def tensors_of(file: Path) -> Iterator[tuple[str, Any]]:
    """(normalised name, float64 or whole numbers of any shape) of each tensor, by name; memory-mapped until used.

    :raises ValueError: it is no safetensors file, ends before its last tensor, or holds numbers of an unknown type.
    """
    names, (header, start) = read_header(file), _header(file)
    data = np.memmap(file, np.uint8, "r", offset=start) if file.stat().st_size > start else np.zeros(0, "u1")
    for name in sorted(names):
        if name.endswith(NO_WEIGHT):
            continue
        kind, (first, end) = header[name]["dtype"], header[name]["data_offsets"]
        if kind not in TYPES:
            raise ValueError(f"{file.name}: {name} is of the type {kind}, which is not read")
        numbers = data[first:end].view(TYPES[kind]).reshape(names[name])
        if kind == "BF16":  # the upper half of a float32
            numbers = (numbers.astype("<u4") << 16).view("<f4")
        yield normal_name(name), numbers


def types_of(files: Iterable[Path]) -> list[str]:
    """The types of the numbers in files, such as "F16", sorted. :raises ValueError: one is no safetensors file."""
    kinds = set()
    for file in files:
        read_header(file)
        header, _ = _header(file)
        kinds |= {header[n]["dtype"] for n in header if n != "__metadata__" and not n.endswith(NO_WEIGHT)}
    return sorted(kinds)


def _header(file: Path) -> tuple[dict[str, Any], int]:
    """(the header, where the numbers begin). The library has looked at it before: it refuses one that lies."""
    with open(file, "rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        return json.loads(opened.read(length)), 8 + length


def digests_of(files: Iterable[Path]) -> dict[str, str]:
    """{normalised name: sha256 of its shape and its numbers in float16}. :raises ValueError: as `tensors_of`."""
    return {name: _digest(numbers) for file in files for name, numbers in tensors_of(file)}


def changes_between(original: Sequence[Path], new: Sequence[Path]) -> dict[str, dict[str, float]]:
    """{normalised name: {"norm": of the change, "relative": to the original's norm}} of each tensor that differs.

    :param original: the files of a model, one or its pieces. :param new: of another.
    :raises ValueError: as `tensors_of`, or the files hold tensors of other names or shapes.
    """
    before, after = ({n: t for file in files for n, t in tensors_of(file)} for files in (original, new))
    if {n: t.shape for n, t in before.items()} != {n: t.shape for n, t in after.items()}:
        raise ValueError(f"{new[0].name} has other tensors than {original[0].name}")
    changes = {}
    for name, own in before.items():
        change = np.subtract(after[name], own, dtype=np.float64)
        if norm := _norm(change):
            whole = _norm(own)
            changes[name] = {"norm": _short(norm), "relative": _short(norm / whole) if whole else 0.0}
    return changes


def norms_of(file: Path) -> dict[str, dict[str, float]]:
    """{name: {"norm"}} of a file that holds changes themselves, such as denoiser.safetensors."""
    return {name: {"norm": _short(_norm(numbers))} for name, numbers in tensors_of(file)}


def sizes_of(files: Iterable[Path]) -> dict[str, float]:
    """{normalised name: norm} of every tensor."""
    return {name: _norm(numbers) for file in files for name, numbers in tensors_of(file)}


def norms_of_factors(file: Path, sizes: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """{normalised name: {"norm", "relative"}} of what an adapter's factors B A add to each tensor.

    :param sizes: norms of the original's tensors by normalised name; of one that is not among them "relative" is left
        out.
    """
    factors, changes = dict(tensors_of(file)), {}
    for name in factors:
        if name.endswith(".lora_A.weight"):
            module = name.removesuffix(".lora_A.weight")
            a, b = (factors[f"{module}.lora_{letter}.weight"].astype(np.float64) for letter in "AB")
            # |B A|^2 is the trace of (B^T B)(A A^T); einsum takes no BLAS
            square = (np.einsum("or,os->rs", b, b) * np.einsum("ri,si->rs", a, a)).sum()
            norms = {"norm": _short(float(np.sqrt(max(square, 0.0))))}
            if size := sizes.get(f"{module}.weight"):
                norms["relative"] = _short(norms["norm"] / size)
            changes[f"{module}.weight"] = norms
    return changes


def _norm(numbers: Any) -> float:
    """The root of the sum of squares, in float64. NumPy's own norm takes BLAS, whose threads wait for busy cores."""
    return float(np.sqrt(np.square(numbers, dtype=np.float64).sum()))


def _digest(numbers: Any) -> str:
    with np.errstate(over="ignore"):
        half = np.ascontiguousarray(numbers.astype("<f2"))
    return hashlib.sha256(str(tuple(numbers.shape)).encode() + half.tobytes()).hexdigest()


def _short(value: float) -> float:
    """6 significant digits: the rest depends on the order of sums."""
    return float(f"{value:.6g}")
