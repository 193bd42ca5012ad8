"""Models that a stage's units share, each loaded at its first use in a process."""

from functools import lru_cache
from typing import Any

from expunge.spec import load_spec


@lru_cache(maxsize=1)
def loaded_judge(name: str) -> Any:
    """The judge of the base `bases/<name>.yaml`."""
    from expunge.judge import load_judge

    return load_judge(load_spec(name))


@lru_cache(maxsize=2)
def loaded_base(name: str, videos: bool = False) -> Any:
    """The base's pipelines; the T2V one where `videos` asks for it."""
    from expunge.base import load

    return load(load_spec(name), t2v=videos)
