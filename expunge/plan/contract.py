"""The plan: everything that the other stages do, as one typed value. Written by the stage plan, read by all others.

    plan = read_plan(Path("build/plan/index.json"))
    plan.encoders["characters/bolt"].method

Concepts and encoders are keyed by "list/id", the text of `expunge.core.unit_names.Name`.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from expunge.concepts.concept import Concept
from expunge.concepts.samples import PlannedSample
from expunge.core.digest import Fingerprint
from expunge.core.errors import InputError, Problem
from expunge.core.files import BROKEN_JSON, write_text
from expunge.core.unit_names import GENERAL_SET, Name, UnitName


@dataclass(frozen=True)
class PlannedBase:
    """The base as this run uses it."""

    name: str  # bases/<name>.yaml
    models: Fingerprint  # of everything that decides what its two models draw
    judge: Fingerprint  # of the judge and its vocabulary
    device: str  # kind of the device that the models run on: cpu, cuda, mps
    dtype: str  # of the denoiser's arithmetic, such as bfloat16
    frames: int  # of a video
    threads: int | None = None  # CPU threads per worker; None: one process, all cores


@dataclass(frozen=True)
class PlannedList:
    """One file of concepts/."""

    title: str
    owner: str
    concepts: tuple[str, ...]  # ids
    encoders: tuple[str, ...]  # ids
    gate: dict[str, Any] = field(default_factory=dict)
    keep: tuple[str, ...] = ()  # what each of its encoders must leave alone
    kept: tuple[str, ...] = ()  # training prompts with these phrases


@dataclass(frozen=True)
class Training:
    """The words that training fills in."""

    names: tuple[str, ...]
    templates: tuple[str, ...]
    anchors: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """An image that the T2I model draws for training. `copy`: it shows a memorised picture, to recognise copies by."""

    prompt: str
    seed: int
    copy: bool = False


@dataclass(frozen=True)
class EncoderJob:
    """One encoder to unlearn: which concepts, by which method."""

    concepts: tuple[str, ...]  # "list/id"
    method: str
    parameters: dict[str, Any]
    seed: int
    kept: tuple[str, ...] = ()  # prompts whose meaning must stay, besides those of its list
    left_out: dict[str, tuple[int, ...]] = field(default_factory=dict)  # {concept: places of samples not drawn}
    over_budget: dict[str, tuple[int, ...]] = field(default_factory=dict)  # the same: another encoder draws these
    stored: str = "whole"  # whole, or its change alone (bases/change.py)


@dataclass(frozen=True)
class NotAsked:
    """Words that one part of a release keeps and another forgets, so that nobody asks for them."""

    words: str
    kept_by: str  # a concept ("list/id"), a list, or "" for the base
    forgotten_by: str  # a concept


@dataclass(frozen=True)
class PlannedRelease:
    """What is known of a release beside the job of its encoder, "releases/<name>"."""

    lists: tuple[str, ...]
    without: tuple[str, ...] = ()  # concepts of these lists that it need not forget
    gate: dict[str, Any] = field(default_factory=dict)  # over all others
    attack: dict[str, Any] | None = None  # budgets by attack; None: those of params.yaml
    attacked: tuple[str, ...] = ()  # the concepts that are attacked
    keep: tuple[str, ...] = ()  # what its lists keep
    not_asked: tuple[NotAsked, ...] = ()


@dataclass(frozen=True)
class Plan:
    base: PlannedBase
    lists: dict[str, PlannedList]
    concepts: dict[str, Concept]
    encoders: dict[str, EncoderJob]
    fewshot: dict[str, tuple[Picture, ...]]  # by unit of the stage fewshot
    training: dict[str, Training]  # by concept
    samples: dict[str, tuple[PlannedSample, ...]]  # by concept, and the general set of releases
    keep: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by concept: what its samples show of its list's
    releases: dict[str, PlannedRelease] = field(default_factory=dict)  # by name

    def encoders_of(self, list_: str) -> list[str]:
        """The encoders of a list, as "list/id", in the list's order."""
        return [str(Name(list_, encoder)) for encoder in self.lists[list_].encoders]

    def release_of(self, encoder: str) -> PlannedRelease | None:
        """The release that an encoder is; None where it is a list's."""
        name = Name.parse(encoder)
        return self.releases[name.id] if name.is_release else None

    def kept_by(self, encoder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(all prompts whose meaning an encoder keeps, the phrases of `keep:` that some of them show)."""
        job, own = self.encoders[encoder], self.release_of(encoder)
        if own is not None:
            return job.kept, own.keep
        list_ = self.lists[Name.parse(encoder).list]
        return (*job.kept, *list_.kept), list_.keep

    def sets_of(self, encoder: str) -> tuple[str, ...]:
        """What an encoder draws: its concepts and, if it is a release, the general set."""
        job = self.encoders[encoder]
        drawn = len(self.samples.get(GENERAL_SET, ())) > len(job.left_out.get(GENERAL_SET, ()))
        return (*job.concepts, GENERAL_SET) if Name.parse(encoder).is_release and drawn else job.concepts

    def not_drawn(self, encoder: str, drawn: str) -> frozenset[int]:
        """The places of the samples of a concept, or of the general set, that an encoder does not draw."""
        job = self.encoders[encoder]
        return frozenset((*job.left_out.get(drawn, ()), *job.over_budget.get(drawn, ())))


def pictures_unit(concept: str, shown: str) -> str:
    """The unit of the stage fewshot with the images of a concept ("list/id"): of its target or of its anchor."""
    return str(UnitName(concept=Name.parse(concept), part="" if shown == "target" else shown))


def public(concept: Concept) -> Concept:
    """A concept reduced to what an encoder or an attack may depend on.

    Who asked for it, whether it is confidential, its gate and its place in the file change neither. Its method and
    parameters are in the encoder's job.
    """
    return replace(concept, request=None, confidential=False, gate={}, where="", method=None, parameters={})


def write_plan(file: Path, plan: Plan) -> None:
    text = msgspec.json.format(msgspec.json.encode(plan), indent=1).decode()  # faster than json for a thousand concepts
    write_text(file, f"{text}\n")


def read_plan(file: Path) -> Plan:
    """:raises InputError: the file is missing, or is no plan of this version: which value, and why."""
    fix = "run `dvc repro plan`, or `dvc pull`"
    try:
        return msgspec.json.decode(file.read_bytes(), type=Plan)
    except OSError:
        raise InputError([Problem(file.as_posix(), "is missing", fix)]) from None
    except BROKEN_JSON as error:
        raise InputError([Problem(file.as_posix(), f"is no plan of this version ({error})", fix)]) from None
