"""The prompts file of a base, `bases/<name>/prompts.yaml`: prompts to draw, to train on and to keep, by kind.

    fewshot:  {kind: ["a photo of {}", ...]}      few-shot images and training
    eval:     {kind: ["{} on the beach", ...]}    rendering; never in training
    videos:   {kind: ["{} spinning", ...]}        as eval, for videos; a missing kind uses eval's
    far:      [{prompt: "a teapot", asks: {axis: subject, name: teapot}}, ...]
    beside:   {prompts: ["{} beside {other}", ...], others: ["a teapot", ...]}    in company; without it there is none
    general:  ["a house", ...]                    kept prompts
    anchors:  {kind: ["a toy", ...]}              anchors for concepts without one; "" leaves the concept's words out

"{}" stands for the concept's name. A kind without templates in `fewshot` or `eval` uses those of `kinds.KINDS`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from expunge.concepts.kinds import KINDS
from expunge.concepts.samples import Asks
from expunge.core.errors import InputError, Problem, shown
from expunge.core.names import same
from expunge.core.schema import schema_problems, validator_of
from expunge.core.yamlfile import Node, load

AXES = ("subject", "style", "background", "motion")  # on which the judge can be asked about a far prompt
Templates = Mapping[str, tuple[str, ...]]  # by kind


@dataclass(frozen=True)
class FarPrompt:
    """A prompt that has nothing to do with any concept, and what the judge should see."""

    prompt: str
    asks: Asks


@dataclass(frozen=True)
class Beside:
    """Prompts that show the concept, "{}", and something else, "{other}", side by side."""

    prompts: tuple[str, ...] = ()
    others: tuple[str, ...] = ()  # what may stand there: things that the base draws well in company

    @property
    def templates(self) -> tuple[str, ...]:
        """Each prompt with each of the others."""
        return tuple(prompt.replace("{other}", other) for prompt in self.prompts for other in self.others)


@dataclass(frozen=True)
class Prompts:
    """The file as data; see the module's docstring."""

    fewshot: Templates
    eval: Templates
    far: tuple[FarPrompt, ...]
    videos: Templates = field(default_factory=dict)
    general: tuple[str, ...] = ()
    anchors: Templates = field(default_factory=dict)
    beside: Beside = Beside()


def read_prompts(file: Path, kinds: Iterable[str] = KINDS) -> Prompts:
    """Read and check a prompts file.

    :param kinds: the kinds of concepts for which the result must have templates.
    :raises InputError: every problem at once, each with its line.
    """
    where = shown(file)
    tree = load(file, where)
    problems = schema_problems(tree, where, validator_of(_schema()), "the prompts file")
    problems = problems or _trained_and_tested(tree, where)
    if problems:
        raise InputError(problems)
    raw = tree.value

    def by_kind(key: str) -> dict[str, tuple[str, ...]]:
        return {kind: tuple(texts) for kind, texts in raw.get(key, {}).items()}

    return Prompts(
        fewshot={kind: KINDS[kind].fewshot for kind in kinds} | by_kind("fewshot"),
        eval={kind: KINDS[kind].eval for kind in kinds} | by_kind("eval"),
        far=tuple(FarPrompt(each["prompt"], Asks(**each["asks"])) for each in raw["far"]),
        videos=by_kind("videos"),
        general=tuple(raw.get("general", ())),
        anchors=by_kind("anchors"),
        beside=Beside(**{key: tuple(texts) for key, texts in raw.get("beside", {}).items()}),
    )


def _trained_and_tested(tree: Node, where: str) -> list[Problem]:
    """Prompts that training uses as well as evaluation: what they measure was learnt by heart."""
    problems = []

    def line(*path: str | int) -> str:
        return f"{where}:{tree.at(path).line}"

    def own(key: str, kind: str) -> list[tuple[str, str]] | None:
        """(text, place) of the file's own templates; None where it has none for the kind."""
        texts = (tree.value.get(key) or {}).get(kind)
        return None if texts is None else [(text, line(key, kind, i)) for i, text in enumerate(texts)]

    for kind, each in KINDS.items():
        own_trained, own_tested = own("fewshot", kind), own("eval", kind)
        at = line("fewshot", kind)
        trained = {same(text): place for text, place in own_trained or [(text, "") for text in each.fewshot]}
        tested = own_tested or ([(text, at) for text in each.eval] if own_trained is not None else [])
        for text, place in [*tested, *(own("videos", kind) or ())]:
            if same(text) in trained:
                what = f"the {kind} prompt {text!r} is used in training (`fewshot`) and in evaluation"
                also = tuple(other for other in (trained[same(text)],) if other)
                problems.append(Problem(place, what, "write another one in one of the two places", also))
    general = {same(text): line("general", i) for i, text in enumerate(tree.value.get("general") or ())}
    for i, far in enumerate(tree.value["far"]):
        if same(far["prompt"]) in general:
            what = f"the prompt {far['prompt']!r} is kept by training (`general`) and used in evaluation (`far`)"
            also = (general[same(far["prompt"])],)
            problems.append(Problem(line("far", i), what, "write another one in one of the two places", also))
    return problems


def _schema() -> dict[str, Any]:
    line = {"type": "string", "minLength": 1, "description": "a prompt"}
    template = {"type": "string", "pattern": r"\{\}", "description": "a prompt with {} for the name"}

    def by_kind(texts: dict[str, Any], fewest: int, wants: str) -> dict[str, Any]:
        lists = {"type": "array", "minItems": fewest, "items": texts, "description": wants}
        wants = f"a table by kind ({', '.join(KINDS)})"
        tables = {kind: lists for kind in KINDS}
        return {"type": "object", "additionalProperties": False, "properties": tables, "description": wants}

    templates = by_kind(template, 1, 'a list of prompts with {} for the name, such as ["a photo of {}"]')
    asks = {
        "type": "object", "additionalProperties": False, "required": ["axis", "name"],
        "description": "what the judge should see, such as {axis: subject, name: teapot}",
        "properties": {
            "axis": {"enum": list(AXES), "description": f"an axis of the judge: {', '.join(AXES)}"},
            "name": {"type": "string", "minLength": 1, "description": "what should be seen, such as teapot"},
        },
    }  # fmt: skip
    far = {
        "type": "object", "additionalProperties": False, "required": ["prompt", "asks"],
        "description": "{prompt: a teapot, asks: {axis: subject, name: teapot}}",
        "properties": {"prompt": line, "asks": asks},
    }  # fmt: skip
    pair = {
        "type": "string",
        "pattern": r"^(?=.*\{\}).*\{other\}",
        "description": "a prompt with {} for the name and {other} for what stands at its side",
    }
    beside = {
        "type": "object", "additionalProperties": False, "required": ["prompts", "others"],
        "description": '{prompts: ["a photo of {} beside {other}"], others: [a teapot]}',
        "properties": {
            "prompts": {"type": "array", "minItems": 1, "items": pair, "description": "a list of such prompts"},
            "others": {"type": "array", "minItems": 1, "description": "a list of things, such as [a teapot, a chair]",
                       "items": {"type": "string", "minLength": 1, "description": "a thing, such as a teapot"}},
        },
    }  # fmt: skip
    word = {"type": "string", "description": 'words, or "" to leave the concept\'s words out'}
    return {
        "type": "object", "additionalProperties": False, "required": ["far"],
        "description": "fewshot, eval, videos, far, beside, general and anchors",
        "properties": {
            "fewshot": templates, "eval": templates, "videos": templates,
            "far": {"type": "array", "minItems": 1, "items": far,
                    "description": "a list of prompts such as {prompt: a teapot, asks: {axis: subject, name: teapot}}"},
            "beside": beside,
            "general": {"type": "array", "items": line, "description": "a list of prompts"},
            "anchors": by_kind(word, 0, "a list of words, such as [a toy]"),
        },
    }  # fmt: skip
