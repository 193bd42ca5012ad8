"""Where a record comes from: commit, dvc.lock, versions and hardware."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from expunge.core.digest import digest
from expunge.core.errors import InputError
from expunge.core.yamlfile import load

WRITTEN = ("metrics", "audit", "dvc.lock")  # what a run itself changes
PACKAGES = ("expunge", "dvc", "torch", "diffusers", "transformers", "open-clip-torch", "numpy", "safetensors")
LAST = "verdict"  # the stage before the records


def origin_of(root: Path) -> dict[str, Any]:
    """{"git", "dvcLock", "versions", "hardware"} of the machine that writes the records. Units may have come from
    another one, by `dvc pull`; their keys say which base, device and dtype made them."""
    return {
        "git": git_of(root),
        "dvcLock": lock_digest(root / "dvc.lock"),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "hardware": {"machine": platform.machine(), "processor": _processor(), "cores": os.cpu_count()},
    }


def git_of(root: Path) -> dict[str, Any]:
    """{"commit", "dirty"}: was anything else changed since the commit than what a run writes? None: there is no git."""
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return {"commit": None, "dirty": None}
    changed = _git(root, "status", "--porcelain", "--", ".", *(f":(exclude){name}" for name in WRITTEN))
    return {"commit": commit.strip(), "dirty": bool(changed)}


def commit_time(root: Path, commit: str | None) -> str | None:
    """When a commit was made, such as "2026-11-26T09:59:47Z"; None where there is none, or git does not have it."""
    if commit is None or (seconds := _git(root, "show", "--no-patch", "--format=%ct", commit, "--")) is None:
        return None
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def committed_bytes(root: Path, file: Path) -> bytes | None:
    """A file as the last commit has it; None: it is not in it, or there is no git.

    :param file: as seen from `root`.
    """
    try:
        done = subprocess.run(["git", "show", f"HEAD:./{file.as_posix()}"], cwd=root, capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def lock_digest(lock: Path) -> str | None:
    """Digest of what dvc.lock says of the stages that made what a record tells; None: there is none that can be read.

    The stages after them, and the order of the file, do not count.
    """
    if not lock.is_file():
        return None
    try:
        stages = load(lock).value["stages"]
        return digest({name: stage for name, stage in stages.items() if name not in ("attest", "report")})
    except (InputError, KeyError, TypeError, AttributeError, ValueError):  # it is broken, which others tell
        return None


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
