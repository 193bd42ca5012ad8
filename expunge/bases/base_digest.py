"""What decides the pixels that a base draws, as one digest and as its parts. Imports torch for `auto` alone."""

from importlib.metadata import version
from typing import Any

from expunge.bases.arithmetic import arithmetic_of
from expunge.bases.hub import loaded_files, pin_of
from expunge.bases.sources import needed_sources
from expunge.bases.spec import Spec
from expunge.core.digest import digest, file_digest

PACKAGES = ("torch", "diffusers", "transformers")
# `batch` is one of them, since matrix products of another size round differently. Measured on bases/emoji (CPU, one
# thread, float32): of 16 images drawn in batches of 5 and of 1 instead of 16, 5 and 7 differ; of 8 videos drawn in
# batches of 3 and of 1 instead of 4, 4 and 8 differ. Fewer than 0.005 % of their numbers differ, each by 1 of 255.
SAMPLING = ("pipeline", "scheduler", "scheduler_options", "steps", "guidance", "batch")


def base_digest(spec: Spec) -> str:
    """sha256 of `base_parts`; the same wherever the files lie.

    :raises InputError: as `base_parts`.
    """
    return digest(base_parts(spec))


def base_parts(spec: Spec) -> dict[str, Any]:
    """Everything that decides what the two models draw on this machine, as plain data.

        {"t2i.steps": 12, ..., "resolution": 64, "frames": 8, "device": "cpu", "dtype": "float32",
         "versions": {"torch": "2.15", ...}, "files": {"t2i/vae/config.json": sha256, "t2v.unet": "owner/name@commit"}}

    Left out is what cannot change a pixel: the base's name, where its files lie, fps, threads, the device's index, and
    files that no loader opens. The judge and the prompts have digests of their own, so that a new vocabulary does not
    redo the unlearning.

    :raises InputError: files are missing, a revision is neither pinned, locked nor cached, or the device is not there.
    """
    arithmetic = arithmetic_of(spec)
    parts: dict[str, Any] = {
        f"{kind}.{key}": getattr(pipeline, key)
        for kind, pipeline in (("t2i", spec.t2i), ("t2v", spec.t2v))
        for key in SAMPLING
    }
    return {
        **parts,
        "resolution": spec.resolution,
        "frames": spec.frames,
        "device": arithmetic.device,
        "dtype": arithmetic.dtype,
        "versions": minor_versions(*PACKAGES),
        "files": _files(spec),
    }


def minor_versions(*packages: str) -> dict[str, str]:
    """{package: "major.minor"} of what is installed."""
    return {package: ".".join(version(package).split(".")[:2]) for package in packages}


def _files(spec: Spec) -> dict[str, str]:
    """{part/name: sha256} of local files, {part: repository@revision} of the hub's."""
    digests: dict[str, str] = {}
    for part, needed in needed_sources(spec).items():
        folder = needed.source.path
        if folder is None:
            digests[part] = pin_of(spec, needed.source)
            continue
        for name in loaded_files(needed.source, folder, needed.files, needed.optional):
            digests[f"{part}/{name}"] = file_digest(folder / name)
    return digests
