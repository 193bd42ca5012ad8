"""Detectors by name: judges of one thing that CLIP does not know well, such as nudity, faces or logos. To add one, add
one file to this folder:

    # expunge/judging/detectors/faces.py, for concepts with `judge: faces`
    PACKAGES = ("a-distribution",)                   its version enters the detector's digest
    EXTRA = "expunge[faces]"                         what to install where the packages are missing
    def load() -> Detector: ...                      imports of the packages stand inside it

`Detector` has one method, `score`. A hyphen in `judge:` becomes an underscore in the module's name.
"""

import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Protocol

from expunge.core.errors import InputError, Problem
from expunge.core.schema import did_you_mean, short

if TYPE_CHECKING:
    import numpy as np

    from expunge.judging.zero_shot import Seen

THRESHOLD = 0.5  # of `score`; a detector whose scores mean something else rescales them


class Detector(Protocol):
    def score(self, frames: "np.ndarray") -> "np.ndarray":
        """(N,) float, 0 to 1, of pictures (N, H, W, 3) uint8 in RGB: from THRESHOLD on, the picture shows the thing."""


def names() -> list[str]:
    """What a concept's `judge:` may name."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def problems_of(name: str, where: str) -> list[Problem]:
    """What is wrong with `judge: name`: there is no such detector, or its packages are not installed. Imports none."""
    if name not in names():
        return [Problem(where, f"there is no detector {short(name)}", did_you_mean(name, names()))]
    module = _module(name)
    missing = [package for package in module.PACKAGES if _version(package) is None]
    if not missing:
        return []
    what = f"`judge: {name}` needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed"
    return [Problem(where, what, f"install {module.EXTRA}: `uv sync --extra {module.EXTRA.partition('[')[2][:-1]}`")]


def detector_parts(name: str | None) -> dict[str, str | None]:
    """{package: version} of what decides a detector's answers, weights included, for a unit's key; {} without one."""
    return {package: _version(package) for package in _module(name).PACKAGES} if name is not None else {}


def detector_modules(name: str | None) -> tuple[str, ...]:
    """The module of a detector, for a unit's code version; () without one."""
    return (_module(name).__name__,) if name is not None else ()


def load_detector(name: str) -> Detector:
    """The detector of that name; it is loaded once in a process.

    :raises InputError: as `problems_of`.
    """
    if problems := problems_of(name, "judge"):
        raise InputError(problems)
    return _loaded(name)


def seen_by_detector(name: str, frames: "np.ndarray") -> "Seen":
    """What a detector sees in pictures (N, H, W, 3) or videos (N, F, H, W, 3) uint8, in the form of `zero_shot.sees`.

    `judging.seen.look` asks it about the target, aliases and probes of a category with `judge: name`. `top1` is whether
    the thing is there, `confidence` its score, `margin` the score from -1 to 1, 0 at the threshold.

    :raises InputError: as `problems_of`. :raises ValueError: the frames have another shape or type.
    """
    import numpy as np

    from expunge.judging.zero_shot import Seen

    if frames.dtype != np.uint8 or frames.ndim not in (4, 5) or frames.shape[-1] != 3:
        raise ValueError(f"frames must be uint8 (N, [F,] H, W, 3), not {frames.dtype} {frames.shape}")
    score = load_detector(name).score(frames.reshape(-1, *frames.shape[-3:])).reshape(frames.shape[:-3])
    return Seen(score >= THRESHOLD, 2.0 * score - 1, score)


def _module(name: str) -> Any:
    return import_module(f"{__name__}.{name.replace('-', '_')}")


@cache
def _loaded(name: str) -> Detector:
    return _module(name).load()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
