"""Which tensors of a file found no place in a model, and which are missing, as problems. Imports no torch."""

from collections.abc import Collection, Iterable

from expunge.bases.families.names import IGNORED, normal_name
from expunge.core.errors import Problem

SHOWN = 4  # names in a message


def placement_problems(where: str, label: str, missing: Iterable[str], unplaced: Iterable[str]) -> list[Problem]:
    """The problems of a model for which the file lacks some tensors, or has some too many.

    :param label: what the problems call the model, such as "t2i.text_encoder".
    """
    lacks, extra = (_relevant(names) for names in (missing, unplaced))
    prefix = _prefix(lacks, extra)
    if prefix:
        what = f"{label}: {len(extra)} tensors find no place, because their names begin with `{prefix}` ({some(extra)})"
        return [Problem(where, what, f"rename them without `{prefix}`; what has no place would be drawn at random")]
    problems = []
    if lacks:
        what = f"{label}: the file lacks {len(lacks)} tensors that config.json asks for ({some(lacks)})"
        fix = "put the config.json and the weights of one model there; what is missing would be drawn at random"
        problems.append(Problem(where, what, fix))
    if extra:
        what = f"{label}: {len(extra)} tensors of the file have no place in the model of config.json ({some(extra)})"
        problems.append(Problem(where, what, "put the config.json and the weights of one model there"))
    return problems


def wrong_class(where: str, label: str, given: str, wanted: str) -> Problem:
    """The problem of a folder that holds a model of another class than the one that is needed there."""
    return Problem(where, f"{label}: the folder holds a {given}", f"name one with a {wanted}")


def some(names: Collection[str]) -> str:
    """The first names in order, with dots where there are more."""
    first = sorted(names)[:SHOWN]
    return ", ".join(first) + (", ..." if len(names) > SHOWN else "")


def _relevant(names: Iterable[str]) -> list[str]:
    """Normalised names in order, without those that no model reads any more."""
    return sorted({normal_name(name) for name in names if not name.endswith(IGNORED)})


def _prefix(lacks: list[str], extra: list[str]) -> str:
    """The prefix that all tensors without a place have in common and without which each fits; "" if there is none."""
    if not lacks or not extra:
        return ""
    for name in lacks:
        for other in extra:
            if other.endswith(f".{name}"):
                prefix = other.removesuffix(name)
                short = {each.removeprefix(prefix) for each in extra}
                return prefix if short <= set(lacks) and all(each.startswith(prefix) for each in extra) else ""
    return ""
