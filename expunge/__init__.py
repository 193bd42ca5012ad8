"""Make text-to-video diffusion models forget concepts: `expunge.forget` in Python, and the command `expunge`."""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    """`expunge.forget` is imported, with torch, when it is asked for, and by name: no unit's code version holds it."""
    if name != "forget":
        raise AttributeError(f"module 'expunge' has no attribute {name!r}")
    return importlib.import_module("expunge.forgetting").forget
