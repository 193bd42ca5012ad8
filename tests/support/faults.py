"""Ways to spoil the files of the base `tiny`, as they are found in the world."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from expunge.bases.spec import load_spec
from tests.support import tiny


def change_json(file: Path, **changes: Any) -> None:
    """Replace keys of a JSON file; a value of None removes the key."""
    data = {**json.loads(file.read_text("utf-8")), **changes}
    file.write_text(json.dumps({key: value for key, value in data.items() if value is not None}), "utf-8")


def change_tensors(file: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Rewrite a safetensors file."""
    from safetensors.torch import load_file, save_file

    save_file(change(load_file(file)), file, {"format": "pt"})


def change_base(folder: Path, base: str = "tiny", /, **changes: Any) -> None:
    """Replace top-level keys of a base's file."""
    raw = load_spec(base, folder).raw
    tiny.write_yaml(folder / f"{base}.yaml", {**raw, **changes})
