"""What params.yaml must hold, checked before anything runs."""

from typing import Any

from expunge.attacks import check_budgets
from expunge.concepts.prompts import GROUPS, MODALITIES
from expunge.core.errors import InputError, Problem
from expunge.methods import METHODS, check_parameters
from expunge.metrics.thresholds import problems_of

Table = dict[str, Any]


def check(params: Any) -> None:
    """What the stages read of params.yaml. :raises InputError: every problem at once."""
    problems = []

    def need(good: bool, where: str, fix: str) -> None:
        if not good:
            problems.append(Problem(f"params.yaml: {where}", "is missing or not what it should be", fix))

    def table(key: str) -> Table:
        value = params.get(key) if isinstance(params, dict) else None
        need(isinstance(value, dict), key, "write a table; `git diff params.yaml` shows what changed")
        return value if isinstance(value, dict) else {}

    def whole(value: Any, low: int, high: int) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    fewshot, unlearn, render = table("fewshot"), table("unlearn"), table("render")
    params = params if isinstance(params, dict) else {}
    need(isinstance(params.get("base"), str), "base", "write the name of a file in bases/, such as emoji")
    need(whole(params.get("seed"), 0, 2**31 - 1), "seed", "write a whole number from 0 to 2147483647")
    for key in ("images", "anchor_images"):
        need(whole(fewshot.get(key), 1, 1000), f"fewshot.{key}", "write a whole number from 1 to 1000")
    for key in MODALITIES:
        counts = render.get(key)
        good = isinstance(counts, dict) and not counts.keys() - set(GROUPS)
        good = good and all(whole(count, 0, 10_000) for count in counts.values())  # type: ignore[union-attr]
        need(good, f"render.{key}", f"write a number of samples for some of {', '.join(GROUPS)}")
    need(unlearn.get("method") in METHODS, "unlearn.method", f"write one of {', '.join(METHODS)}")
    for name, values in unlearn.items():
        for what, fix in [] if name == "method" else check_parameters(name, values or {}):
            problems.append(Problem(f"params.yaml: unlearn.{name}", what, fix))
    attack = params.get("attack") or {}
    budgets = isinstance(attack, dict) and all(isinstance(how, dict | None) for how in attack.values())
    need(budgets, "attack", "write a table of attacks, each with its budget, such as {words: {images: 12}}")
    for what, fix in check_budgets(attack) if budgets else []:
        problems.append(Problem("params.yaml: attack", what, fix))
    if params.get("gate") is not None:
        problems += problems_of(params["gate"])
    if problems:
        raise InputError(problems)
