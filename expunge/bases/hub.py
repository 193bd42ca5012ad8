"""Where a base's weights lie: a local folder, or the hub's cache at one revision. Safetensors only; no torch.

The cache comes first: if it holds all files, the network is not used. If the base's file does not pin a revision, the
first load records the revision (`bases.lock`). A later load of other weights stops the run.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from expunge.bases.advice import advice
from expunge.bases.families.names import TOKENIZER_FOLDER, index_name
from expunge.bases.lock import check_lock, read_lock
from expunge.bases.spec import Source, Spec
from expunge.core.errors import InputError, Problem

COMMIT = re.compile(r"[0-9a-f]{40}")


def resolve(spec: Spec, source: Source, files: Sequence[str], optional: Sequence[str] = ()) -> Path:
    """The folder that holds `files` (names, or patterns with `*`) of a source.

    If the hub's cache lacks some of them, they are downloaded, unless HF_HUB_OFFLINE is set.

    :param optional: files that are downloaded as well, where the repository has them.
    :raises InputError: files are missing (one line says what to download and where to put it), or the lock records
        other weights.
    """
    if source.path is not None:
        return _complete(source, source.path, files)
    revision = _revision(spec, source)
    folder = _snapshot(source, revision)
    if folder is None or _missing(source, folder, files):
        folder = _fetched(source, revision, files, optional, folder)
    if source.revision is None:
        check_lock(spec, source, folder, _patterns(files))
    return folder


def find_folder(spec: Spec, source: Source) -> Path | None:
    """The folder of a source, complete or not; None where a repository is not in the hub's cache."""
    return source.path or _snapshot(source, _revision(spec, source))


def find_tokenizer(spec: Spec) -> Path | None:
    """The T2I pipeline's tokenizer folder, if it is on this machine."""
    source = spec.t2i.source
    if source is None:
        return None
    folder = source.config or find_folder(spec, source)
    for name in spec.family.VOCABULARY_FILES:
        if folder is not None and (folder / TOKENIZER_FOLDER / name).is_file():
            return folder / TOKENIZER_FOLDER
    return None


def pin_of(spec: Spec, source: Source, files: Sequence[str] = ()) -> str:
    """The text that pins a hub repository: its name, its full revision and the variant of its weights.

    :raises InputError: the revision is neither pinned nor locked, and nothing is cached.
    """
    revision = _revision(spec, source)
    if revision is None:
        snapshot = _snapshot(source, None)
        if snapshot is None:
            raise InputError([_not_there(source, None, files)])
        revision = snapshot.name
    return f"{source.repo}@{revision}" + (f" ({source.variant})" if source.variant else "")


def loaded_files(
    spec: Spec, source: Source, folder: Path, files: Sequence[str], optional: Sequence[str] = ()
) -> list[str]:
    """The names of all files that a loader opens in a local folder. The files may be links.

    :raises InputError: some of `files` are missing, or the index of a sharded file cannot be read.
    """
    _complete(source, folder, files)
    names: set[str] = set()
    for name in (*files, *optional):
        if name.endswith("/*"):
            names.update(f"{name[:-1]}{each}" for each in spec.family.TOKENIZER_FILES)
        else:
            pieces = _shards(source, folder, name)
            names.update([name, *pieces, *([index_name(name)] if pieces else [])])
    return sorted(name for name in names if (folder / name).is_file())


def walk(path: Path) -> Iterator[Path]:
    """All files below a folder, in order, except hidden files, bytecode and Markdown. Links to folders are followed.

    If the path is a file, the file itself. A folder that a link leads back to is not entered again.
    """
    if path.is_file():
        yield path
    seen: set[Path] = set()
    for root, folders, files in os.walk(path, followlinks=True):
        here = Path(root).resolve()
        if here in seen:
            folders.clear()
            continue
        seen.add(here)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__pycache__")))
        for name in sorted(files):
            if not name.startswith(".") and not name.endswith(".md"):
                yield Path(root) / name


def _complete(source: Source, folder: Path, files: Sequence[str]) -> Path:
    missing, called = _missing(source, folder, files), source.written or str(folder)
    if missing and not folder.is_dir():
        raise InputError([Problem(source.where, f"there is no folder {called}", "correct the path, or put it there")])
    if len(missing) == len(files) > 2 and not advice(folder, missing, ""):
        what = f"{called} is not a diffusers folder: it holds none of {', '.join(missing[:2])}, ..."
        raise InputError([Problem(source.where, what, "name the folder that holds model_index.json")])
    if missing:
        names = ", ".join(missing[:4]) + ", ..." * (len(missing) > 4)
        what = f"{called} lacks some of the weight files ({names})"
        raise InputError([Problem(source.where, what, advice(folder, missing))])
    return folder


def _missing(source: Source, folder: Path, files: Sequence[str]) -> list[str]:
    """Those of `files` that a folder lacks. Large weights may be in pieces: then their index and all pieces count.

    :raises InputError: an index cannot be read."""
    lacks = [name for name in files if not any(folder.glob(name))]
    pieces = [piece for name in lacks for piece in _shards(source, folder, name) or [name]]
    return [name for name in pieces if not (folder / name).is_file()]


def _shards(source: Source, folder: Path, name: str) -> list[str]:
    """The pieces of a weights file, as its index names them, in order; none where there is no index.

    :raises InputError: the index cannot be read."""
    if not name.endswith(".safetensors") or not (folder / index_name(name)).is_file():
        return []
    index = folder / index_name(name)
    try:
        pieces = {str(piece) for piece in json.loads(index.read_text("utf-8"))["weight_map"].values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        fix = "copy the complete folder there again"
        raise InputError([Problem(source.where, f"{index} is not an index of weights", fix)]) from None
    return sorted((Path(name).parent / piece).as_posix() for piece in pieces)


def _patterns(files: Sequence[str]) -> list[str]:
    """The files, and patterns of what may replace a large one of weights: its index and its pieces."""
    found = list(files)
    for name in files:
        if name.endswith(".safetensors"):
            found += [index_name(name), f"{name.removesuffix('.safetensors')}-*.safetensors"]
    return found


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


def _fetched(
    source: Source, revision: str | None, files: Sequence[str], optional: Sequence[str], cached: Path | None
) -> Path:
    """The folder of a revision after a download. If that fails, the message tells what the cache holds instead."""
    try:
        return _download(source, revision, files, optional)
    except InputError:
        missing = _missing(source, cached, files) if cached is not None else []
        found = advice(cached, missing, "") if cached is not None else ""
        if not found:
            raise
        what = f"{source.repo} lacks {', '.join(missing[:4])} in the hub's cache"
        raise InputError([Problem(source.where, what, found)]) from None


def _download(source: Source, revision: str | None, files: Sequence[str], optional: Sequence[str]) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    if constants.HF_HUB_OFFLINE:
        raise InputError([_not_there(source, revision, (*files, *optional))])
    wanted = _patterns((*files, *optional))
    try:
        folder = Path(snapshot_download(str(source.repo), revision=revision, allow_patterns=wanted))
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError):
        raise InputError([_not_there(source, revision, (*files, *optional))]) from None
    missing = _missing(source, folder, files)
    if missing:
        fix = advice(folder, missing, "name a revision or `variant:` that has them as safetensors")
        raise InputError([Problem(source.where, f"{source.repo} has no {', '.join(missing)}", fix)])
    return folder


def _not_there(source: Source, revision: str | None, files: Sequence[str]) -> Problem:
    """The problem as one line. It names the cache by the user's setting ($HF_HOME), not by a path of this machine.

    :param files: those that are loaded. A repository often holds the same weights several times.
    """
    at = f" --revision {revision}" if revision else ""
    at += "".join(f' --include "{name}"' for name in _patterns(files))  # hf takes one pattern an option
    fix = (
        f"run `hf download {source.repo}{at}` with the network up (it fills $HF_HOME, by default "
        "~/.cache/huggingface; that folder can be copied here), or put the folder into bases/ and write `path:`"
    )
    why = "the hub is switched off (HF_HUB_OFFLINE)" if os.environ.get("HF_HUB_OFFLINE") else "the download failed"
    return Problem(source.where, f"{source.repo} is not in the hub's cache and {why}", fix)
