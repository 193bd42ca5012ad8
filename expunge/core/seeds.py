"""Seeds: every random draw of a run follows from the run's seed and from what the draw is for."""

import hashlib
from typing import Any


def derive_seed(seed: int, *parts: Any) -> int:
    """A seed in [0, 2^31) of the run's seed and what the draw is for; the same for the same parts."""
    text = "\x1f".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:4], "big") >> 1
