"""Models that a stage's units share. A process loads each at its first use, and then uses the base's thread count."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from expunge.bases.spec import Spec, load_spec

SUMS = Path(".expunge/sums")  # what methods compute once a base; outside git


@lru_cache(maxsize=1)
def loaded_judge(name: str) -> Any:
    """The judge of the base `bases/<name>.yaml`."""
    from expunge.judging.judges import load_judge

    return load_judge(_with_threads(load_spec(name)))


@lru_cache(maxsize=2)
def loaded_base(name: str, videos: bool = False) -> Any:
    """The base's pipelines, including the T2V one if `videos` is set."""
    from expunge.bases.base import load

    return load(_with_threads(load_spec(name)), t2v=videos, sums=SUMS)


@lru_cache(maxsize=1)
def loaded_edit(name: str, videos: bool, folder: Path) -> Any:
    """An encoder's edit. Only the last one is kept, because the units of one encoder follow each other."""
    from expunge.bases.base import load_edit

    return load_edit(loaded_base(name, videos), folder)


def _with_threads(spec: Spec) -> Spec:
    import torch

    if spec.threads is not None:
        torch.set_num_threads(spec.threads)
    return spec
