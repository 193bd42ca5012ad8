"""The catalogue: every metric that a file of this folder declares.

METRICS["near"].title
metrics_of("video")        what a gate may name there
formulas()                 what is measured of one sample, by name
"""

import importlib
import inspect
import pkgutil
from pathlib import Path

from expunge.metrics.metric import THEMES, Formula, Metric

OTHERS = {
    "catalogue",
    "sample_choices",
    "gate_schema",
    "markdown",
    "metric",
    "thresholds",
}  # files that declare no metric


def _declared() -> dict[str, Metric]:
    """By theme, in it by file, in it as the file has them.

    :raises ValueError: two files declare one name, or a theme does not exist.
    """
    declared: dict[str, Metric] = {}
    for module in sorted(pkgutil.iter_modules([str(Path(__file__).parent)]), key=lambda module: module.name):
        if module.name in OTHERS:
            continue
        own: dict[str, Metric] = importlib.import_module(f"expunge.metrics.{module.name}").METRICS
        if twice := declared.keys() & own.keys():
            raise ValueError(f"expunge/metrics/{module.name}.py declares {', '.join(twice)}, as another file does")
        if lost := [name for name, metric in own.items() if metric.theme not in THEMES]:
            raise ValueError(f"expunge/metrics/{module.name}.py: {', '.join(lost)} has no theme of metric.THEMES")
        declared |= own
    themes = list(THEMES)
    return dict(sorted(declared.items(), key=lambda item: themes.index(item[1].theme)))


METRICS = _declared()


def direction(name: str) -> str:
    """ "lower" or "higher" is better, or "" where neither is, as of a name that the catalogue lacks."""
    return METRICS[name].better if name in METRICS else ""


def metrics_of(modality: str, releases: bool = True) -> list[str]:
    """The metrics that a gate may name in a modality. :param releases: also those that a release alone has."""
    return [
        name
        for name, metric in METRICS.items()
        if metric.gateable and modality in metric.modalities and (releases or not metric.of_releases)
    ]


def formulas() -> dict[str, Formula]:
    """What is measured of each sample, by name; the first paragraph of a formula's docstring says what it is."""
    return {name: metric.measure for name, metric in METRICS.items() if metric.measure is not None}


def formula_modules() -> list[str]:
    """The modules of `formulas`, by name: the version of the code that measures samples depends on them."""
    return sorted({formula.__module__ for formula in formulas().values()})


def measures() -> dict[str, str]:
    """`formulas` in words: "range: what it is of one sample"."""
    return {name: " ".join((inspect.getdoc(formula) or "").split()) for name, formula in formulas().items()}
