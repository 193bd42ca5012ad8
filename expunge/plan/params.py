"""params.yaml: every section, checked before anything runs, with the line of each mistake.

params = read_params(Path("params.yaml"))
params.render["images"]["target"]
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from expunge.attacks import check_budgets
from expunge.concepts.schema import list_schema
from expunge.core.errors import InputError, Problem
from expunge.core.schema import schema_problems, validator_of
from expunge.core.yamlfile import Node, load
from expunge.methods import check_parameters
from expunge.metrics.gate_schema import gate_schema
from expunge.plan.release_params import ReleaseParams, releases_of
from expunge.plan.validate_lists import check_gate

FILE = Path("params.yaml")


@dataclass(frozen=True)
class RunParams:
    """How units are computed on this machine; it changes no result."""

    executor: str = "processes"
    workers: int | None = None  # processes; None: as many as the machine, or the cluster, has room for
    ray: dict[str, Any] = field(default_factory=dict)  # stages/runtime/ray_cluster.py
    slurm: dict[str, Any] = field(default_factory=dict)  # stages/runtime/slurm.py


@dataclass(frozen=True)
class Params:
    base: str
    seed: int
    fewshot: dict[str, int]
    unlearn: dict[str, Any]
    render: dict[str, dict[str, int]]
    attack: dict[str, Any] = field(default_factory=dict)
    gate: dict[str, Any] = field(default_factory=dict)
    releases: dict[str, ReleaseParams] = field(default_factory=dict)  # by name
    report: dict[str, Any] = field(default_factory=dict)
    run: RunParams = RunParams()


def read_params(file: Path = FILE, problems: Sequence[Problem] = ()) -> Params:
    """Read and check the file.

    :param problems: problems of other files, to report together with those of this one.
    :raises InputError: every problem at once, each with its line.
    """
    tree = load(file)
    if wrong := [*problems, *params_problems(tree, file.as_posix())]:
        raise InputError(wrong)
    sections = {key: value for key, value in tree.value.items() if value is not None}
    typed = {"run": RunParams(**sections.get("run", {})), "releases": releases_of(tree.value)}
    return Params(**{**sections, **typed})


def read_run_params(file: Path = FILE) -> RunParams:
    """The section `run` alone."""
    return read_params(file).run


def params_problems(tree: Node, where: str) -> list[Problem]:
    """Everything that is wrong with the file's values."""
    refused = schema_problems(tree, where, _validator(), "params.yaml")
    if not isinstance(tree.value, dict):
        return refused
    found = [*refused, *_methods(tree, where), *_attacks(tree, where), *_gates(tree, where)]
    releases = tree.value.get("releases")
    for name, release in releases.items() if isinstance(releases, dict) else ():
        if isinstance(release, dict):
            at = ("releases", name)
            found += [*_own_method(tree, where, at), *_attacks(tree, where, at), *_gates(tree, where, at)]
    return found


def _methods(tree: Node, where: str) -> Iterator[Problem]:
    unlearn = tree.value.get("unlearn")
    for method, values in unlearn.items() if isinstance(unlearn, dict) else ():
        if method == "stored":
            continue
        if method == "method":
            values = {}
            problems = check_parameters(unlearn["method"], {}) if isinstance(unlearn["method"], str) else []
        else:
            problems = check_parameters(method, {}) if isinstance(values, dict | None) else []
        for what, fix in problems:
            yield Problem(f"{where}:{tree.at(['unlearn', method]).line}", what, fix)
        for knob, value in values.items() if isinstance(values, dict) and not problems else ():
            for what, fix in check_parameters(method, {knob: value}):
                yield Problem(f"{where}:{tree.at(['unlearn', method, knob]).line}", what, fix)


def _own_method(tree: Node, where: str, at: Sequence[str]) -> Iterator[Problem]:
    """The method and the parameters of a release."""
    release, unlearn = tree.at(at).value, tree.value.get("unlearn")
    default = unlearn.get("method") if isinstance(unlearn, dict) else None
    method, values = release.get("method", default), release.get("parameters")
    if not isinstance(method, str):
        return
    unknown = check_parameters(method, {})
    for what, fix in unknown if "method" in release else ():
        yield Problem(f"{where}:{tree.at([*at, 'method']).line}", what, fix)
    for knob, value in values.items() if isinstance(values, dict) and not unknown else ():
        for what, fix in check_parameters(method, {knob: value}):
            yield Problem(f"{where}:{tree.at([*at, 'parameters', knob]).line}", what, fix)


def _attacks(tree: Node, where: str, at: Sequence[str] = ()) -> Iterator[Problem]:
    """:param at: the keys of the release whose section it is; (): the file's own."""
    attacks = tree.at(at).value.get("attack")
    for attack, budget in attacks.items() if isinstance(attacks, dict) else ():
        unknown = check_budgets({attack: {}})
        for what, fix in unknown:
            yield Problem(f"{where}:{tree.at([*at, 'attack', attack]).line}", what, fix)
        for knob, value in budget.items() if isinstance(budget, dict) and not unknown else ():
            for what, fix in check_budgets({attack: {knob: value}}):
                yield Problem(f"{where}:{tree.at([*at, 'attack', attack, knob]).line}", what, fix)


def _gates(tree: Node, where: str, at: Sequence[str] = ()) -> Iterator[Problem]:
    """Thresholds that make no sense for their metric. The schema reports those of a wrong form."""
    gate = tree.at(at).value.get("gate")
    for modality, thresholds in gate.items() if isinstance(gate, dict) else ():
        for metric, text in thresholds.items() if isinstance(thresholds, dict) else ():
            mistake = check_gate(modality, metric, text) if isinstance(text, str) else None
            if mistake is not None:
                what, fix = mistake
                yield Problem(f"{where}:{tree.at([*at, 'gate', modality, metric]).line}", f"`{metric}` {what}", fix)


@cache
def _validator() -> Any:
    schema = json.loads(Path(__file__).with_name("params.schema.json").read_text("utf-8"))
    lists = list_schema(gate_schema(releases=True))
    for gate in (schema["properties"]["gate"], schema["$defs"]["release"]["properties"]["gate"]):
        gate |= lists["$defs"]["gate"] | {"type": ["object", "null"]}
    schema["$defs"]["threshold"] = lists["$defs"]["threshold"]
    return validator_of(schema)
