"""Where a base's weights lie: a local folder, or the hub's cache at one revision. Safetensors only; no torch.

The cache comes first: nothing is asked of the network while the files are there. What is not pinned by the base's
file is recorded at the first load in `bases/<name>.lock.yaml`, and a later difference stops the run.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from expunge.bases.spec import Source, Spec
from expunge.core.errors import InputError, Problem

COMMIT = re.compile(r"[0-9a-f]{40}")


def pipeline_files(variant: str | None = None) -> list[str]:
    """What a Stable Diffusion folder must hold, safety checker and training leftovers left out."""
    parts = {"text_encoder": "model", "unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model"}
    files = ["model_index.json", "scheduler/scheduler_config.json", "tokenizer/*"]
    for part, stem in parts.items():
        files += [f"{part}/config.json", f"{part}/{_weights(stem, variant)}"]
    return files


def module_files(variant: str | None = None) -> list[str]:
    """What the folder of one diffusers model (a motion U-Net, a motion adapter) must hold."""
    return ["config.json", _weights("diffusion_pytorch_model", variant)]


def resolve(spec: Spec, source: Source, files: list[str]) -> Path:
    """The folder in which `files` (names, or patterns with `*`) of a source lie; fetched where the hub may be asked.

    :raises InputError: one line that says what to fetch and where to put it; or the lock says otherwise.
    """
    if source.path is not None:
        missing = _missing(source.path, files)
        if missing:
            fix = f"put a diffusers folder with safetensors there ({', '.join(missing[:4])})"
            raise InputError([Problem(source.where, f"{source.path} holds no complete weights", fix)])
        return source.path
    revision = _revision(spec, source)
    folder = _cached(source, revision, files)
    if folder is None:
        folder = _fetch(source, revision, files)
    if source.revision is None:
        _check_lock(spec, source, folder, files)
    return folder


def find_tokenizer(spec: Spec) -> Path | None:
    """The T2I pipeline's tokenizer folder, if it is on this machine."""
    source = spec.t2i.source
    if source is None:
        return None
    folder = source.path or _snapshot(source, _revision(spec, source))
    for name in ("vocab.json", "tokenizer.json"):
        if folder is not None and (folder / "tokenizer" / name).is_file():
            return folder / "tokenizer"
    return None


def source_digest(spec: Spec, source: Source) -> dict[str, str]:
    """What pins a source: the sha256 of each file of a folder, or the full revision of a repository.

    :raises InputError: the folder is empty, or the revision is not known yet and nothing is cached.
    """
    from expunge.core.digest import file_digest

    if source.path is not None:
        found = {file.relative_to(source.path).as_posix(): file_digest(file) for file in folder_files(source.path)}
        if not found:
            raise InputError([Problem(source.where, f"there is nothing in {source.path}", "put the weights there")])
        return found
    revision = _revision(spec, source)
    if revision is None:
        snapshot = _snapshot(source, None)
        if snapshot is None:
            raise InputError([_not_there(source, None)])
        revision = snapshot.name
    return {str(source.repo): revision}


def folder_files(path: Path) -> Iterator[Path]:
    """The files below a folder in order (or the file itself), hidden ones and prose left out."""
    if path.is_file():
        yield path
    for file in sorted(path.rglob("*")) if path.is_dir() else ():
        hidden = any(part.startswith((".", "__pycache__")) for part in file.relative_to(path).parts)
        if file.is_file() and not hidden and file.suffix != ".md":
            yield file


def read_lock(spec: Spec) -> dict[str, Any]:
    """{repository: {revision, files: {name: sha256}}} as the first load recorded it; {} where there is no lock."""
    from ruamel.yaml import YAML

    return (YAML(typ="safe").load(spec.lock.read_text("utf-8")) or {}) if spec.lock.is_file() else {}


def _weights(stem: str, variant: str | None) -> str:
    return f"{stem}.{variant}.safetensors" if variant else f"{stem}.safetensors"


def _shards(name: str) -> list[str]:
    """Patterns of what stands in place of one large weights file: its index and its pieces."""
    if not name.endswith(".safetensors"):
        return []
    return [f"{name}.index.json", f"{name.removesuffix('.safetensors')}-*.safetensors"]


def _missing(folder: Path, files: list[str]) -> list[str]:
    """Of `files`, what a folder lacks. Weights may be sharded, with an index in place of the one file."""
    return [name for name in files if not any(folder.glob(name)) and not (folder / f"{name}.index.json").is_file()]


def _revision(spec: Spec, source: Source) -> str | None:
    return source.revision or read_lock(spec).get(str(source.repo), {}).get("revision")


def _snapshot(source: Source, revision: str | None) -> Path | None:
    """The folder of a revision (None: of `main`) in the hub's cache, complete or not."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(str(source.repo), revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, FileNotFoundError):
        return None


def _cached(source: Source, revision: str | None, files: list[str]) -> Path | None:
    folder = _snapshot(source, revision)
    return folder if folder is not None and not _missing(folder, files) else None


def _fetch(source: Source, revision: str | None, files: list[str]) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    if constants.HF_HUB_OFFLINE:
        raise InputError([_not_there(source, revision)])
    wanted = [*files, *(shard for name in files for shard in _shards(name))]
    if "model_index.json" in files:  # a T2V pipeline may bring its motion adapter; it need not
        wanted += ["motion_adapter/config.json", "motion_adapter/diffusion_pytorch_model*.safetensors"]
    try:
        folder = Path(snapshot_download(str(source.repo), revision=revision, allow_patterns=wanted))
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError):
        raise InputError([_not_there(source, revision)]) from None
    missing = _missing(folder, files)
    if missing:
        fix = "name a revision or `variant:` that has them as safetensors"
        raise InputError([Problem(source.where, f"{source.repo} has no {', '.join(missing)}", fix)])
    return folder


def _not_there(source: Source, revision: str | None) -> Problem:
    """One line; for the user it names their own cache setting rather than a path of this machine."""
    at = f" --revision {revision}" if revision else ""
    kind = '"*.json" "*.txt" "*.safetensors"'
    fix = (
        f"run `hf download {source.repo}{at} --include {kind}` with the network up (it fills $HF_HOME, by default "
        "~/.cache/huggingface; that folder can be copied here), or put the folder into bases/ and write `path:`"
    )
    why = "the hub is switched off (HF_HUB_OFFLINE)" if os.environ.get("HF_HUB_OFFLINE") else "the hub does not give it"
    return Problem(source.where, f"{source.repo} is not in the hub's cache and {why}", fix)


def _check_lock(spec: Spec, source: Source, folder: Path, files: list[str]) -> None:
    """Record what an unpinned repository resolved to, or compare it with the record."""
    patterns = [*files, *(shard for name in files for shard in _shards(name))]
    found = {file.relative_to(folder).as_posix(): file for name in patterns for file in sorted(folder.glob(name))}
    now = {"revision": folder.name, **{name: _file_id(file) for name, file in found.items() if file.is_file()}}
    lock = read_lock(spec)
    known = lock.get(str(source.repo), {})
    was: dict[str, str] = {"revision": known.get("revision", folder.name), **known.get("files", {})}
    names = sorted(name for name in was.keys() & now.keys() if was[name] != now[name])
    if names:
        fix = f"restore the cache, or delete the entry in {spec.lock} to accept the new weights"
        what = f"{source.repo} is not what {spec.lock} recorded: {', '.join(names[:4])}"
        raise InputError([Problem(source.where, what, fix)])
    if now.keys() - was.keys():
        merged = {**was, **now}
        revision = merged.pop("revision")
        _write_lock(spec, {**lock, str(source.repo): {"revision": revision, "files": merged}})


def _file_id(file: Path) -> str:
    """The sha256 of a file; the cache names the blobs of large files by it, which saves reading gigabytes."""
    from expunge.core.digest import file_digest

    blob = file.resolve().name
    return blob if re.fullmatch(r"[0-9a-f]{64}", blob) else file_digest(file)


def _write_lock(spec: Spec, lock: dict[str, Any]) -> None:
    from ruamel.yaml import YAML

    aside = spec.lock.with_name(f".{spec.lock.name}.{os.getpid()}")
    with open(aside, "w", encoding="utf-8") as file:
        file.write("# Written at the first load: what this base's unpinned repositories resolved to. Keep it in git.\n")
        YAML(typ="safe").dump(lock, file)
    os.replace(aside, spec.lock)
