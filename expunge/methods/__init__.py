"""The unlearning methods, one file each. Looking one up or checking its parameters does not import torch.

    result = unlearn("distil", base, concepts, kept, {"steps": 60}, seed=0)

A method is a file of this folder that declares METHOD (its fields: `Method`) and the function

    run(base, concepts, kept, knobs, draw, log) -> Unlearned

which contains its equations and nothing else. `unlearn` merges the defaults, checks everything and seeds `draw`, the
generator of all random draws, before it calls `run`. `log` is called with (step, loss) after each step.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from expunge.bases.families import families
from expunge.core.knobs import LAST, Advice, Registry, Schemas, defaults
from expunge.core.words import Finder

if TYPE_CHECKING:
    from torch import Tensor

    from expunge.bases.base import Base
    from expunge.bases.edits import Edit
    from expunge.concepts.concept import Concept

Log = Callable[[int, float], None]


@dataclass(frozen=True)
class ConceptData:
    """A concept as a method sees it."""

    concept: "Concept"
    latents: "Tensor"  # (N, C, h, w) float32: the few-shot images, as the denoiser sees them
    names: tuple[str, ...]  # the words that fill the templates
    templates: tuple[str, ...]  # "{}" stands for a name; a prompt without it is used as it is
    prompts: tuple[str, ...] = ()  # the N prompts that the images were drawn for
    anchors: tuple[str, ...] = ()  # what it may become: its anchor, or the base's candidates for its kind


@dataclass(frozen=True)
class Unlearned:
    """The result of a method."""

    edit: "Edit"
    losses: list[float]  # one per step
    changed_parameters: int  # numbers of encoder and denoiser that differ from the original's once stored
    notes: dict[str, Any] = field(default_factory=dict)  # what the method decided on the way, for the record


@dataclass(frozen=True)
class Method:
    """What a method's file declares as METHOD, and its name and module."""

    name: str
    module: str
    images: Literal["", "target", "anchor"] = ""  # the images that it trains on; "": none
    anchor: Literal["", "given", "chosen"] = ""  # given: each concept must name one; chosen: it may name none
    kept: str = ""  # the knob that, where it is not 0, needs kept prompts
    file: str = ""  # the knob that names a file to read; the plan adds the knob `digest` (plan/external.py)
    cross_attention: bool = False  # does it change the denoiser's projections of the text?
    low_rank: bool = False  # has the encoder's change low rank (unless a knob `rank` is 0)?
    joint: dict[str, float] = field(default_factory=lambda: {"steps": 1.0})  # {knob: power}: see `for_several`
    order: int = LAST
    knobs: Schemas = field(default_factory=dict)

    @property
    def defaults(self) -> dict[str, Any]:
        return defaults(self.knobs)


METHODS = Registry(
    Path(__file__).parent,
    "expunge.methods",
    "METHOD",
    Method,
    renamed={"parameters": "trained"},
    other_words={family.DENOISER: "denoiser" for family in families()},  # each calls its own otherwise
)


def check_parameters(method: str, values: Any) -> list[Advice]:
    """(what is wrong, what to write instead) of a method's name and of {knob: value}; [] where nothing is wrong."""
    return METHODS.problems(method, values)


def for_several(method: str, knobs: Mapping[str, Any], concepts: int) -> dict[str, Any]:
    """The knobs of an encoder that forgets `concepts` concepts jointly: those for one concept, times concepts ** power.

    The method declares the power of each knob (`Method.joint`). With power 1, each concept gets as many steps as if it
    were alone. No knob leaves its range.
    """
    scaled = dict(knobs)
    for name, power in METHODS[method].joint.items():
        if name in scaled:
            range_ = METHODS[method].knobs.get(name, {})
            value = scaled[name] * concepts**power
            value = min(max(value, range_.get("minimum", value)), range_.get("maximum", value))
            scaled[name] = round(value) if isinstance(scaled[name], int) else value
    return scaled


def has_anchor(method: Method, concept: "Concept", anchors: Sequence[str]) -> bool:
    """Does a concept have the anchor that a method needs? For methods that train on anchor images, the paraphrases of a
    memorised picture's caption count as its anchor.

    :param anchors: the concept's own, or the base's candidates for its kind.
    """
    if not method.anchor or (method.images == "anchor" and concept.paraphrases):
        return True
    return bool(anchors) if method.anchor == "chosen" else concept.anchor is not None


def unlearn(
    name: str,
    base: "Base",
    concepts: Sequence[ConceptData],
    kept: Sequence[str],
    knobs: Mapping[str, Any],
    seed: int,
    log: Log = lambda step, loss: None,
) -> Unlearned:
    """Unlearn one concept, or several jointly, by the method of that name.

    :param kept: prompts that should keep their meaning. :param knobs: the method's own; defaults fill in the rest.
    :raises ValueError: a knob is wrong, or something that the method needs is missing; one line per problem.
    :raises FloatingPointError: the loss is no longer finite.
    """
    import torch

    problems = check_parameters(name, knobs)
    if name in METHODS:
        knobs = {**METHODS[name].defaults, **knobs}
        problems += _missing(METHODS[name], concepts, kept, knobs)
    if problems:
        raise ValueError("\n".join(f"{what}; {fix}" for what, fix in problems))
    draw = torch.Generator().manual_seed(seed)
    return importlib.import_module(METHODS[name].module).run(base, concepts, kept, knobs, draw, log)


def _missing(
    method: Method, concepts: Sequence[ConceptData], kept: Sequence[str], knobs: Mapping[str, Any]
) -> list[Advice]:
    """A problem for each thing that a method needs and is not given."""
    problems = []
    if not concepts:
        problems.append((f"{method.name}: there is no concept to unlearn", "give at least one"))
    things = "at least one image, one name and one template" if method.images else "at least one name and one template"
    for data in concepts:
        id_ = data.concept.id
        if (method.images and not len(data.latents)) or not data.names or not data.templates:
            problems.append((f"{method.name}: {id_} needs {things}", "see `ConceptData`"))
        if not has_anchor(method, data.concept, data.anchors):
            chosen = ", or candidates in the base's prompts file" if method.anchor == "chosen" else ""
            fix = f"write what it should become, such as a wider word{chosen}"
            problems.append((f"{method.name}: {id_} has no anchor", fix))
        elif method.anchor and data.concept.anchor and Finder(data.names).has(data.concept.anchor):
            what = f"{method.name}: the anchor of {id_} is {data.concept.anchor!r}, one of its own names"
            problems.append((what, "write something else: it would stay what it is"))
    if method.kept and knobs.get(method.kept) and not kept:
        what = f"{method.name}: {method.kept} is set, but there are no kept prompts"
        problems.append((what, "give neighbours or general prompts"))
    return problems
