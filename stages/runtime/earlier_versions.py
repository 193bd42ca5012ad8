"""Units of earlier versions of a stage's out, read from dvc's cache and remotes.

Before a stage runs, dvc deletes its out from the working folder. The versions named in dvc.lock, in the working folder
and in the last commit, can still be read. So nothing is computed again after a pull, or after an edit that was undone.
"""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from expunge.core.digest import file_digest
from expunge.core.index import Index, UnitRecord, parse_index
from stages.runtime.failures import in_a_line
from stages.runtime.store import Stored, commit, link, work_folder


class Previous:
    """The versions of an out that dvc.lock names: the working folder's, then the last commit's."""

    def __init__(self, out: Path) -> None:
        self.out = out.as_posix()
        self.versions: list[tuple[Any, Index]] = []  # (file system, its index)
        self.by_key: dict[str, list[tuple[Any, str, UnitRecord]]] = {}  # key: (file system, unit, its record)
        if not Path("dvc.lock").is_file():
            return
        for revision in (None, "HEAD"):
            with suppress(Exception):  # no repository, nothing cached, a remote that is down, an older form: no version
                from dvc.api import DVCFileSystem  # takes a second

                files = DVCFileSystem(".", rev=revision)
                index = parse_index(files.read_bytes(f"{self.out}/index.json"))
                self.versions.append((files, index))
                for name, record in index.units.items():
                    self.by_key.setdefault(record.key, []).append((files, name, record))

    def records(self, name: str) -> list[tuple[Index, UnitRecord]]:
        """What each version says of a unit."""
        return [(index, index.units[name]) for _, index in self.versions if name in index.units]

    def take(self, key: str, store: Path) -> Stored | None:
        """Bring a unit into the store; None where no version has it whole."""
        for files, name, record in self.by_key.get(key, ()):
            if (stored := self._bring(files, name, record, store)) is not None:
                return stored
        return None

    def _bring(self, files: Any, name: str, record: UnitRecord, store: Path) -> Stored | None:
        with work_folder(store) as folder:
            try:
                for path, sha in record.files.items():
                    _fetch(files, f"{self.out}/{name}/{path}", folder / path, sha)
                return commit(store, record.key, folder, record.facts)
            except Exception as error:
                text = f"{name}: the previous version cannot be used ({in_a_line(error)}); computing it again"
                print(text, file=sys.stderr)
                return None


def _fetch(files: Any, path: str, target: Path, sha: str) -> None:
    """Fetch one file; if dvc's cache has it, link it from there.

    :raises ValueError: its content is not what the index says.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    cached = Path(files.repo.cache.local.oid_to_path(files.info(path)["md5"]))
    if cached.is_file():
        link(cached, target)
        if file_digest(target) == sha:
            return
        target.unlink()
        cached.unlink()  # dvc would trust it, since it is read-only, and link it into the new out
    files.get_file(path, str(target))
    if file_digest(target) != sha:
        raise ValueError(f"{path} is not what its index says")
