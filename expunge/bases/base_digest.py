"""Everything that decides the pixels that a base draws: one digest, and its parts. Imports torch only for `auto`."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from expunge.bases.arithmetic import arithmetic_of
from expunge.bases.check_additions import addition_problems
from expunge.bases.hub import loaded_files, pin_of
from expunge.bases.lock import check_files
from expunge.bases.roots import lies_outside
from expunge.bases.sources import missing_checkpoint, needed_sources
from expunge.bases.spec import Source, Spec
from expunge.core.digest import digest, file_digest
from expunge.core.errors import InputError, Problem

PACKAGES = ("torch", "diffusers", "transformers")
# `batch` is included because the rounding of a matrix product depends on its size. Measured on bases/emoji (CPU, one
# thread, float32): of 16 images, 5 change with batches of 5 instead of 16, and 7 change with batches of 1. Of 8 videos,
# 4 change with batches of 3 instead of 4, and 8 change with batches of 1. Fewer than 0.005 % of their numbers change,
# each by 1 of 255.
SAMPLING = ("pipeline", "scheduler", "scheduler_options", "steps", "guidance", "batch")


def base_digest(spec: Spec) -> str:
    """sha256 of `base_parts`. It does not depend on where the files lie.

    :raises InputError: as `base_parts`.
    """
    return digest(base_parts(spec))


def base_parts(spec: Spec) -> dict[str, Any]:
    """Everything that decides what the two models draw on this machine, as plain data.

        {"t2i.steps": 12, ..., "resolution": 64, "frames": 8, "device": "cpu", "dtype": "float32",
         "versions": {"torch": "2.15", ...},
         "files": {"t2i/vae/config.json": sha256, "t2v.motion_adapter": "owner/name@commit"}}

    The parts exclude what cannot change a pixel: the base's name, where its files lie, fps, threads, offload, the
    device's index, and files that no loader opens. The judge and the prompts have their own digests, so a new
    vocabulary does not repeat the unlearning.

    Files outside bases/ are recorded in the lock, or compared with it.

    :raises InputError: files are missing or not the pinned ones, a revision is neither pinned, locked nor cached, or
        there is no such device.
    """
    arithmetic = arithmetic_of(spec)
    parts: dict[str, Any] = {
        f"{kind}.{key}": getattr(pipeline, key)
        for kind, pipeline in (("t2i", spec.t2i), ("t2v", spec.t2v))
        for key in SAMPLING
    }
    return {
        **parts,
        **_sizes(spec),
        **({} if spec.clip_skip is None else {"clip_skip": spec.clip_skip}),
        **({} if spec.storage == "auto" else {"storage": spec.storage}),
        **_additions(spec),
        "frames": spec.frames,
        "device": arithmetic.device,
        "dtype": arithmetic.dtype,
        "versions": minor_versions(*PACKAGES),
        "files": _files(spec),
    }


def _sizes(spec: Spec) -> dict[str, Any]:
    """The sizes of pictures and videos: one number where all four sides are equal, else [width, height] of each."""
    sizes = {kind: [each.width, each.height] for kind, each in (("t2i", spec.t2i), ("t2v", spec.t2v))}
    sides = {side for size in sizes.values() for side in size}
    return {"resolution": sides.pop()} if len(sides) == 1 else {f"{k}.resolution": size for k, size in sizes.items()}


def minor_versions(*packages: str) -> dict[str, str]:
    """{package: "major.minor"} of what is installed."""
    return {package: ".".join(version(package).split(".")[:2]) for package in packages}


def _files(spec: Spec) -> dict[str, str]:
    """{part/name: sha256} for local files, {part: repository@revision} for files from the hub.

    A checkpoint of one file is {part: sha256}, whatever the file is called.
    """
    digests: dict[str, str] = {}
    for part, needed in needed_sources(spec).items():
        source, folder = needed.source, needed.source.path
        if folder is None:
            digests[part] = pin_of(spec, source, needed.files)
            continue
        if problems := missing_checkpoint(needed):
            raise InputError(problems)
        if needed.checkpoint is not None:
            now = {needed.checkpoint.name: _checkpoint(source, needed.checkpoint)}
            digests[part] = now[needed.checkpoint.name]
        else:
            names = loaded_files(spec, source, folder, needed.files, needed.optional)
            now = {name: file_digest(folder / name) for name in names}
            digests |= {f"{part}/{name}": value for name, value in now.items()}
        if lies_outside(folder, spec.file.parent):
            check_files(spec, source.where, source.written, now)
    return digests


def _additions(spec: Spec) -> dict[str, Any]:
    """The LoRAs and textual inversions by digest; nothing where the base has none.

    :raises InputError: a file is missing or not the one of the lock.
    """
    if problems := addition_problems(spec):
        raise InputError(problems)
    digests = {each.written: file_digest(each.path) for each in (*spec.loras, *spec.inversions)}
    for each in (*spec.loras, *spec.inversions):
        if lies_outside(each.path, spec.file.parent):
            check_files(spec, each.where, each.written, {each.path.name: digests[each.written]})
    parts = {
        "loras": [{"sha256": digests[each.written], "scale": each.scale} for each in spec.loras],
        "inversions": [{"sha256": digests[each.written], "token": each.token} for each in spec.inversions],
    }
    return {key: value for key, value in parts.items() if value}


def _checkpoint(source: Source, file: Path) -> str:
    """The sha256 of a checkpoint. :raises InputError: it is not the one that the base's file pins."""
    now = file_digest(file)
    if source.sha256 not in (None, now):
        fix = "restore the file, or write the new digest to accept it"
        raise InputError([Problem(source.where, f"the checkpoint {source.written} has the sha256 {now}", fix)])
    return now
