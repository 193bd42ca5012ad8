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
def loaded_base(name: str, videos: bool = False, draws_only: bool = False) -> Any:
    """The base's pipelines, including the T2V one if `videos` is set. :param draws_only: as in `bases.base.load`."""
    from expunge.bases.base import load

    return load(_with_threads(load_spec(name)), t2v=videos, sums=SUMS, draws_only=draws_only)


@lru_cache(maxsize=1)
def loaded_edit(name: str, videos: bool, folder: Path, draws_only: bool = False) -> Any:
    """An encoder's edit. Only the last one is kept, because the units of one encoder follow each other."""
    from expunge.bases.base import load_edit

    return load_edit(loaded_base(name, videos, **({"draws_only": True} if draws_only else {})), folder)


def drawing_base(name: str, *videos: bool) -> Any:
    """`loaded_base` for a stage that only draws: the base's `offload` and `storage` hold."""
    return loaded_base(name, *videos, **_placed(name))


def drawing_edit(name: str, videos: bool, folder: Path) -> Any:
    """`loaded_edit` for a stage that only draws."""
    return loaded_edit(name, videos, folder, **_placed(name))


def _placed(name: str) -> dict[str, bool]:
    """A base that asks for no placement is the same in all stages."""
    spec = load_spec(name)
    return {} if (spec.offload, spec.storage) == ("none", "auto") else {"draws_only": True}


def _with_threads(spec: Spec) -> Spec:
    import torch

    if spec.threads is not None:
        torch.set_num_threads(spec.threads)
    return spec
