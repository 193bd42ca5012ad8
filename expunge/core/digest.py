"""Digests: of values (canonical JSON), of files and of folders. All are sha256, in hex."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Fingerprint:
    """A digest with its parts, so that two fingerprints can be compared part by part."""

    digest: str = ""
    parts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: dict[str, Any]) -> "Fingerprint":
        return cls(digest(parts), parts)


def canonical(value: Any) -> bytes:
    """A value in its one canonical JSON form: sorted keys, no blanks, UTF-8; tuples become lists.

    :raises ValueError: NaN or infinity. :raises TypeError: what JSON cannot hold, and keys that are not text.
    """
    _check_keys(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(value: Any) -> str:
    """sha256 of the canonical JSON of a value."""
    return hashlib.sha256(canonical(value)).hexdigest()


def file_digest(path: Path | str) -> str:
    """sha256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(path: Path | str) -> str:
    """Digest of the names and contents of all files below a folder."""
    return digest(folder_files(path))


def folder_files(path: Path | str) -> dict[str, str]:
    """{path relative to the folder, with forward slashes: sha256} of all files below it."""
    root = Path(path)
    return {file.relative_to(root).as_posix(): file_digest(file) for file in sorted(root.rglob("*")) if file.is_file()}


def _check_keys(value: Any) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):  # json would write 1 and "1" the same
                raise TypeError(f"{key!r} is not text, so it cannot be a key")
            _check_keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_keys(item)
