"""The concepts that must be forgotten, and their lists, as data. `expunge.concepts.lists` reads the lists."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Sense:
    """The senses of a word with two meanings: phrases for the meaning to forget and for the meaning to keep."""

    forget: tuple[str, ...]
    keep: tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """Why a concept is on a list. `received`, `decided` and `due` are days or times as in `core.times`."""

    id: str
    received: str
    basis: str
    decision: str
    decided: str | None = None
    due: str | None = None  # until when it must be done; nothing works it out


@dataclass(frozen=True)
class Concept:
    """A concept that must be forgotten. Texts are NFC with single blanks. No digest includes `where` ("file:line")."""

    id: str
    name: str
    kind: str  # one of kinds.KINDS
    aliases: tuple[str, ...] = ()
    anchor: str | None = None
    neighbours: tuple[str, ...] = ()
    sense: Sense | None = None
    parts: tuple[str, ...] = ()  # of a composition: its two things, each of which must stay by itself
    probes: tuple[str, ...] = ()  # other words that must go too; they are only tested, never trained on
    members: tuple[str, ...] = ()  # of a category: the things that belong to it, each of which must go
    judge: str | None = None  # of a category: the detector that looks for it, in place of the base's judge
    prompts: tuple[str, ...] = ()
    paraphrases: tuple[str, ...] = ()  # other wordings of a memorised picture's caption
    request: Request | None = None
    confidential: bool = False
    method: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    gate: dict[str, Any] = field(default_factory=dict)  # thresholds by modality and metric, as written
    where: str = field(default="", compare=False)


@dataclass(frozen=True)
class Encoders:
    """Which encoders a list trains: one per concept if `single`, and one per group of `joint` (name -> concept ids)."""

    single: bool
    joint: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class ConceptList:
    """One file of concepts/."""

    id: str
    title: str
    owner: str
    encoders: Encoders
    concepts: tuple[Concept, ...]
    path: Path
    gate: dict[str, Any] = field(default_factory=dict)
    keep: tuple[str, ...] = ()  # what every encoder of the list must leave alone

    def members(self) -> dict[str, tuple[str, ...]]:
        """{encoder: the ids of its concepts}: the single ones, then the joint ones."""
        single = {concept.id: (concept.id,) for concept in self.concepts} if self.encoders.single else {}
        return {**single, **self.encoders.joint}
