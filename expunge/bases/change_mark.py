"""The file by which a folder says that it holds an encoder's change alone (bases/change.py). Imports no torch.

change.json      {"whole": {"model.safetensors": sha256}}        of each text encoder, made whole
"""

import json
from pathlib import Path

MARK = "change.json"


def is_change(folder: Path) -> bool:
    """Does a folder hold an encoder's change alone?"""
    return (folder / MARK).is_file()


def whole_digests(folder: Path) -> dict[str, str]:
    """{file: sha256} of the encoders of a folder, made whole; {} where they lie in it."""
    if not is_change(folder):
        return {}
    whole: dict[str, str] = json.loads((folder / MARK).read_text("utf-8"))["whole"]
    return whole
