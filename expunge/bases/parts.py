"""The parts of a base as their files describe them: settings and tensors' names, read without torch."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from expunge.bases.families.names import MODEL, index_name, weights_name
from expunge.bases.hub import find_folder
from expunge.bases.sources import needed_sources
from expunge.bases.spec import Spec
from expunge.core.errors import Problem


@dataclass(frozen=True)
class Part:
    """One model, scheduler or tokenizer of a base. Only what lies on this machine is a part."""

    label: str  # "t2i.vae", for problems
    where: str  # "bases/emoji.yaml:5", for problems
    folder: Path
    config: dict[str, Any]
    tensors: dict[str, tuple[int, ...]] = field(default_factory=dict)  # {name in the file: shape}


@dataclass
class Found:
    """The parts of a base by label, and what is wrong with their files."""

    parts: dict[str, Part] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def parts_of(spec: Spec) -> Found:
    """The parts of both pipelines that lie on this machine, and problems with files that cannot be read."""
    found = Found()
    for name, needed in needed_sources(spec).items():
        folder = find_folder(spec, needed.source)
        if folder is None:
            continue
        where, variant = needed.source.where, needed.source.variant
        if needed.checkpoint is not None:
            _add_checkpoint(found, name, where, needed.checkpoint)
            continue
        if "." in name:  # a single model, such as t2v.motion_adapter
            _add(found, name, where, folder, "config.json", weights_name(MODEL, variant))
            continue
        for part, stem in spec.family.MODELS.items():
            if any(file.startswith(f"{part}/") for file in (*needed.files, *needed.optional)):
                weights = weights_name(stem, variant)
                _add(found, f"{name}.{part}", where, folder / part, "config.json", weights)
        _add(found, f"{name}.scheduler", where, folder / "scheduler", "scheduler_config.json")
        _add(found, f"{name}.index", where, folder, "model_index.json")
    return found


def _add(found: Found, label: str, where: str, folder: Path, config: str, weights: str = "") -> None:
    """Add a part whose settings exist. A file that is missing is reported by `hub.loaded_files`."""
    try:
        settings = read_json(folder / config)
        if settings is not None:
            tensors = _tensors(folder, weights) if weights else {}
            found.parts[label] = Part(label, where, folder, settings, tensors)
    except ValueError as error:
        found.problems.append(Problem(where, f"{label}: {error}", "copy the complete folder there again"))


def _add_checkpoint(found: Found, label: str, where: str, file: Path) -> None:
    """Add a checkpoint of one file. If it is missing, `sources.missing_checkpoint` reports it."""
    try:
        if file.is_file():
            found.parts[label] = Part(label, where, file.parent, {}, read_header(file))
    except ValueError as error:
        found.problems.append(Problem(where, f"{label}: {error}", "copy the file there again"))


def read_json(file: Path) -> dict[str, Any] | None:
    """The mapping in a JSON file; None where there is no such file.

    :raises ValueError: it holds no mapping.
    """
    if not file.is_file():
        return None
    try:
        raw = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        raw = None
    if not isinstance(raw, dict):
        raise ValueError(f"{file.name} is no JSON of settings")
    return raw


def _tensors(folder: Path, weights: str) -> dict[str, tuple[int, ...]]:
    """The tensors of a weights file, or of the pieces that its index names; {} where it is missing."""
    tensors: dict[str, tuple[int, ...]] = {}
    for file in weight_files(folder, weights):
        tensors |= read_header(file)
    return tensors


def weight_files(folder: Path, weights: str) -> list[Path]:
    """A weights file, or the pieces that its index names, as far as they are there.

    :raises ValueError: the index is no JSON of settings."""
    index = read_json(folder / index_name(weights))
    names = {weights} if index is None else {str(name) for name in (index.get("weight_map") or {}).values()}
    return [folder / name for name in sorted(names) if (folder / name).is_file()]


def read_header(file: Path) -> dict[str, tuple[int, ...]]:
    """{tensor's name: shape} of a safetensors file. Without torch, and without reading a tensor.

    :raises ValueError: it is no safetensors file, or it ends before its last tensor.
    """
    try:
        with safe_open(file, "np") as opened:  # the library compares the header with the file's length
            return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{file.name} is no safetensors file, or a part of one ({error})") from None
