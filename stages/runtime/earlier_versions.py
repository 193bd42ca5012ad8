"""Units of earlier versions of a stage's out, read from dvc's cache and remotes.

Before a stage runs, dvc deletes its out from the working folder. The versions named in dvc.lock, in the working folder
and in the last commit, can still be read. So nothing is computed again after a pull, or after an edit that was undone.
"""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from expunge.core.digest import file_digest
from expunge.core.index import Index, UnitRecord, parse_index
from stages.runtime.failures import in_a_line
from stages.runtime.store import Stored, commit, link, work_folder


def readable_revisions(out: str) -> list[str | None]:
    """The dvc.lock files (None: the working folder's) whose version of an out dvc may still have, each version once.

    This spares a fresh clone, where nothing is cached, a second in every stage.
    """
    with suppress(Exception):  # no repository
        from dvc.config import Config

        config = Config(".dvc")
        cache = Path(".dvc", config["cache"].get("dir", "cache"), "files", "md5")
        versions: dict[str, str | None] = {}
        for revision in (None, "HEAD"):
            md5 = _locked(out, revision)
            if md5 is not None and (config["remote"] or (cache / md5[:2] / md5[2:]).is_file()):
                versions.setdefault(md5, revision)
        return list(versions.values())
    return []


def _locked(out: str, revision: str | None) -> str | None:
    """The md5 of an out in dvc.lock; None if there is none."""
    from dvc.utils.serialize import parse_yaml

    if revision is None:
        text = Path("dvc.lock").read_text("utf-8") if Path("dvc.lock").is_file() else ""
    else:
        text = git("show", f"{revision}:./dvc.lock")
    stages = (parse_yaml(text, "dvc.lock") or {}).get("stages", {})
    outs = [each for stage in stages.values() for each in stage.get("outs", [])]
    return next((each["md5"] for each in outs if each["path"] == out), None)


def git(*words: str) -> str:
    """What a git command prints; "" if it fails or there is no git."""
    try:
        return subprocess.run(["git", *words], capture_output=True, text=True).stdout
    except OSError:
        return ""


class Previous:
    """The versions of an out that dvc.lock names: the working folder's, then the last commit's."""

    def __init__(self, out: Path) -> None:
        self.out = out.as_posix()
        self.versions: list[tuple[Any, Index]] = []  # (file system, its index)
        self.by_key: dict[str, list[tuple[Any, str, UnitRecord]]] = {}  # key: (file system, unit's folder, its record)
        for revision in readable_revisions(self.out):
            with suppress(Exception):  # a remote that is down, a version that is not whole, an older form: no version
                from dvc.api import DVCFileSystem  # takes a second

                # Of a commit, dvc shows the whole git repository, in which this project may be a subfolder.
                prefix = "" if revision is None else git("rev-parse", "--show-prefix").strip()
                inside = f"{prefix}{self.out}"
                files = DVCFileSystem(".", rev=revision, subrepos=revision is not None)
                index = parse_index(files.read_bytes(f"{inside}/index.json"))
                self.versions.append((files, index))
                for name, record in index.units.items():
                    self.by_key.setdefault(record.key, []).append((files, f"{inside}/{name}", record))

    def records(self, name: str) -> list[tuple[Index, UnitRecord]]:
        """What each version says of a unit."""
        return [(index, index.units[name]) for _, index in self.versions if name in index.units]

    def take(self, key: str, store: Path) -> Stored | None:
        """Bring a unit into the store; None where no version has it whole."""
        for files, unit, record in self.by_key.get(key, ()):
            if (stored := self._bring(files, unit, record, store)) is not None:
                return stored
        return None

    def _bring(self, files: Any, unit: str, record: UnitRecord, store: Path) -> Stored | None:
        with work_folder(store) as folder:
            try:
                for path, sha in record.files.items():
                    _fetch(files, f"{unit}/{path}", folder / path, sha)
                return commit(store, record.key, folder, record.facts)
            except Exception as error:
                text = f"{unit}: the previous version cannot be used ({in_a_line(error)}); computing it again"
                print(text, file=sys.stderr)
                return None


def _fetch(files: Any, path: str, target: Path, sha: str) -> None:
    """Fetch one file; if dvc's cache has it, link it from there.

    :raises ValueError: its content is not what the index says.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    entry = files.info(path)
    cache = entry["repo"].cache.local  # None for a commit of a project in a subfolder
    cached = Path(cache.oid_to_path(entry["md5"])) if cache is not None else None
    if cached is not None and cached.is_file():
        link(cached, target)
        if file_digest(target) == sha:
            return
        target.unlink()
        cached.unlink()  # dvc would trust it, since it is read-only, and link it into the new out
    files.get_file(path, str(target))
    if file_digest(target) != sha:
        raise ValueError(f"{path} is not what its index says")
