"""The unlearning methods by name. Looking one up, or checking its parameters, imports no torch.

A method is a module with `run(base, concepts, kept, parameters, seed, log) -> Unlearned`; add it to METHODS with the
parameters it reads, and the stage, the checks and the report know it.
"""

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from expunge.bases.edits import Edit
    from expunge.concepts.lists import Concept


@dataclass(frozen=True)
class ConceptData:
    """A concept as a method sees it."""

    concept: "Concept"
    latents: "Tensor"  # (N, C, h, w) float32: the few-shot images, as the denoiser sees them
    names: tuple[str, ...]  # the words that fill the templates
    templates: tuple[str, ...]  # "{}" stands for a name; a prompt without it is used as it is
    prompts: tuple[str, ...] = ()  # for which the images were drawn, N of them
    anchors: tuple[str, ...] = ()  # what it may become: its anchor, or the base's candidates for its kind


@dataclass(frozen=True)
class Unlearned:
    """What a method gives."""

    edit: "Edit"
    losses: list[float]  # one a step
    changed_parameters: int  # numbers of encoder and denoiser that differ from the original's once stored
    notes: dict[str, Any] = field(default_factory=dict)  # what the method found out, for the record


@dataclass(frozen=True)
class Parameter:
    """One knob of a method: its default and what it may be."""

    default: Any
    allowed: str  # in words, for the error
    accepts: Callable[[Any], bool]


@dataclass(frozen=True)
class Method:
    module: str
    images: str = ""  # the images that it trains on: "target", "anchor", or "" for none
    anchor: str = ""  # what a concept should become: it must be "given", may be "found", or is "" not read
    parameters: dict[str, Parameter] = field(default_factory=dict)
    joint: Mapping[str, float] = field(default_factory=lambda: {"steps": 1.0})  # see `for_several`

    @property
    def defaults(self) -> dict[str, Any]:
        return {name: parameter.default for name, parameter in self.parameters.items()}

    @property
    def run(self) -> Callable[..., Unlearned]:
        return importlib.import_module(self.module).run


def one_of(*choices: str) -> tuple[str, Callable[[Any], bool]]:
    return f"one of {', '.join(choices)}", lambda value: isinstance(value, str) and value in choices


def number(low: float, high: float) -> tuple[str, Callable[[Any], bool]]:
    def accepts(value: Any) -> bool:
        real = isinstance(value, int | float) and not isinstance(value, bool)
        return real and low <= value <= high  # which a NaN is not

    return f"a number from {low:g} to {high:g}", accepts


def whole(low: int, high: int) -> tuple[str, Callable[[Any], bool]]:
    def accepts(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return f"a whole number from {low} to {high}", accepts


METHODS: dict[str, Method] = {
    "few-shot": Method(
        "expunge.methods.few_shot",
        images="target",
        parameters={
            "parameters": Parameter("full", *one_of("full", "mlp-final-attn", "mlp", "attn")),
            "learning_rate": Parameter(1e-5, *number(1e-9, 1.0)),
            "steps": Parameter(10, *whole(1, 100_000)),
            "batch": Parameter(2, *whole(1, 1024)),
            "unconditional": Parameter("edited", *one_of("edited", "original")),
            "keep": Parameter(0.0, *number(0.0, 1e6)),
            "keep_batch": Parameter(8, *whole(1, 1024)),
        },
    ),
    "distil": Method(
        "expunge.methods.distil",
        anchor="found",
        joint={"steps": 0.25, "rank": 1.0, "learning_rate": -1 / 3},
        parameters={
            "parameters": Parameter("qkv-mlp", *one_of("full", "mlp-final-attn", "mlp", "attn", "late", "qkv-mlp")),
            "rank": Parameter(2, *whole(0, 1024)),
            "learning_rate": Parameter(1e-2, *number(1e-9, 1.0)),
            "steps": Parameter(60, *whole(1, 100_000)),
            "batch": Parameter(4, *whole(1, 1024)),
            "keep": Parameter(1.0, *number(0.0, 1e6)),
            "keep_batch": Parameter(24, *whole(1, 1024)),
            "beyond": Parameter(0.5, *number(0.0, 10.0)),
            "others": Parameter(512, *whole(0, 100_000)),
            "alike": Parameter(0.3, *number(0.0, 1.0)),
        },
    ),
    "ablate": Method(
        "expunge.methods.ablate",
        images="anchor",
        anchor="given",
        parameters={
            "objective": Parameter("model", *one_of("model", "noise")),
            "regularise": Parameter(0.0, *number(0.0, 1e6)),
            "parameters": Parameter(
                "full", *one_of("full", "mlp-final-attn", "mlp", "attn", "embedding", "cross-attention", "unet")
            ),
            "learning_rate": Parameter(1.6e-5, *number(1e-9, 1.0)),
            "steps": Parameter(100, *whole(1, 100_000)),
            "batch": Parameter(8, *whole(1, 1024)),
        },
    ),
    "esd": Method(
        "expunge.methods.esd",
        images="target",
        parameters={
            "eta": Parameter(1.0, *number(0.0, 100.0)),
            "parameters": Parameter("full", *one_of("full", "mlp-final-attn", "mlp", "attn")),
            "learning_rate": Parameter(1e-5, *number(1e-9, 1.0)),
            "steps": Parameter(100, *whole(1, 100_000)),
            "batch": Parameter(2, *whole(1, 1024)),
        },
    ),
    "uce": Method(
        "expunge.methods.uce",
        anchor="given",
        parameters={
            "keep": Parameter(1.0, *number(0.0, 1e6)),
            "ridge": Parameter(0.1, *number(1e-9, 1e6)),
        },
    ),
    "negative": Method("expunge.methods.negative"),
}


def for_several(method: str, parameters: Mapping[str, Any], concepts: int) -> dict[str, Any]:
    """The parameters of an encoder that forgets so many concepts jointly: those of one, times concepts ** power.

    The power is the method's, by parameter: 1 gives each concept as many steps as if it were alone.
    """
    found = dict(parameters)
    for name, power in METHODS[method].joint.items():
        if name in found:
            value = found[name] * concepts**power
            found[name] = round(value) if isinstance(found[name], int) else value
    return found


def check_parameters(method: str, parameters: Mapping[str, Any]) -> list[str]:
    """What is wrong with a method's name and parameters, as "what; what to write instead"; [] where nothing is."""
    known = METHODS.get(method)
    if known is None:
        return [f"there is no method {method!r}; write one of {', '.join(METHODS)}"]
    problems = []
    for name, value in parameters.items():
        parameter = known.parameters.get(name)
        if parameter is None:
            problems.append(f"{method} has no parameter {name!r}; it has {', '.join(known.parameters)}")
        elif not parameter.accepts(value):
            hint = " (YAML reads 1e-5 as text: write 1.0e-5)" if isinstance(value, str) and _numeric(value) else ""
            problems.append(f"{method}: {name} is {value!r}; write {parameter.allowed}{hint}")
    return problems


def _numeric(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
