"""The digest of a folder by which OpenSSF model signing cites it, made of the digests of its files."""

import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath


def folder_digest(files: Mapping[str, str]) -> str:
    """sha256 over the files' own sha256, in the order of their paths' parts (OpenSSF model signing, 1.0).

    :param files: {path below the folder: sha256 in hex}.
    """
    ordered = sorted(files, key=lambda name: PurePosixPath(name).parts)
    return hashlib.sha256(b"".join(bytes.fromhex(files[name]) for name in ordered)).hexdigest()
