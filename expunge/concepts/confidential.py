"""Turns words into what may be published. Everything that a run writes goes through a `Veil`.

    veil = veil_of(lists)                       of all lists of a folder; it hides nothing where nothing is confidential
    veil.hide("a photo of mira holt")           "[confidential 5d0f3a9c1b7e2486]"
    veil.closed(samples, about)                 the same of every text in plain data
    veil.masked("mira holt is kept")            "[confidential] is kept", for messages
    veil.codes                                  {code: text} of a plan, for who has the words (`core.codes.opened`)

A text that names a confidential concept in any spelling is hidden everywhere, as a whole: what stands around a name
can tell whose it is. What only says more about a concept (its anchor, neighbours, parts, own prompts) is an everyday
word elsewhere: "a bus" is hidden in what is about that concept, and nowhere else. Of data that are about such a concept
alone, every text is hidden, since a misspelt name, or a prompt that a search found, names it as well.

A code is a digest with the salt of the private file, so that nobody can find the words by trying.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from expunge.concepts.concept import Concept, ConceptList, Request, Sense
from expunge.concepts.private import private_of
from expunge.concepts.samples import COUNTS, GENERAL, GROUPS, MODALITIES, Asks, PlannedSample
from expunge.concepts.spellings import Spellings
from expunge.core.codes import CODE
from expunge.core.errors import Problem
from expunge.core.unit_names import ORIGINAL, Name

MASK = "[confidential]"
FOR_ALL = ("far", GENERAL)  # groups of samples that are the base's, the same for every concept
# Keys whose values are no words of a concept: ids, and words of expunge's own.
OWN_KEYS = frozenset({
    "id", "list", "lists", "encoder", "encoders", "concept", "concepts", "attacked", "without", "kept_by",
    "forgotten_by", "modality", "group", "metric", "axis", "kind", "judge", "method", "attack", "file", "solver",
    "versions", "device", "dtype", "digest", "key", "code", "confidential",
})  # fmt: skip
# Settings, and what the list in git says of a request: only words of a concept are hidden in them.
LOOSE_KEYS = frozenset({"parameters", "budget", "detector", "drawn_with", "gate", "request"})
# Keys of tables, which stay even if a concept is called like one.
FIELDS = OWN_KEYS | LOOSE_KEYS | {*MODALITIES, *COUNTS.values(), *GROUPS, GENERAL} | {
    "plain", "seen", "n", "share", "moved", "nearest", "nearest_noun", "weight_change", "total", "layers", "before",
    "after", "names", "templates", "anchors", "words", "notes", "loss", "seed", "kept", "keep", "target", "targets",
    "training",
} | {
    each.name for kind in (Concept, Sense, Request, PlannedSample, Asks) for each in fields(kind)
}  # fmt: skip


@dataclass(frozen=True)
class Secret:
    """The words of one confidential concept."""

    words: tuple[str, ...]  # they name it, and are hidden everywhere
    more: tuple[str, ...] = ()  # they say more about it, and are hidden in what is about it
    whole: tuple[str, ...] = ()  # the same, as whole texts: its prompts and its request
    person: bool = False


@dataclass(frozen=True)
class Veil:
    """What hides the words of confidential concepts. It can be sent to other processes."""

    salt: str = ""
    secrets: Mapping[str, Secret] = field(default_factory=dict)  # by "list/id"
    encoders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # confidential concepts of an encoder
    codes: Mapping[str, str] = field(default_factory=dict)  # of the plan: {code: text}

    def __bool__(self) -> bool:
        return bool(self.secrets)

    def __reduce__(self) -> Any:
        return Veil, (
            self.salt,
            dict(self.secrets),
            dict(self.encoders),
            dict(self.codes),
        )  # without what is computed from them

    @cached_property
    def _naming(self) -> Spellings:
        return _spellings(self.secrets.values(), lambda secret: secret.words)

    @cached_property
    def _about(self) -> dict[str, Spellings]:
        return {name: _spellings([own], lambda each: (*each.words, *each.more)) for name, own in self.secrets.items()}

    @cached_property
    def _owner(self) -> dict[str, str]:
        """How keys call a concept: "list/id", "id", "list--id", "list/id--anchor"."""
        names = {name: Name.parse(name) for name in self.secrets}
        forms = ((form, name) for name, p in names.items() for form in (name, p.id, p.stem, f"{name}--anchor"))
        return dict(forms)

    def names(self, text: str) -> bool:
        """Does a text name a confidential concept?"""
        return self._naming.within(text)

    def named(self, text: str) -> list[str]:
        """The confidential concepts ("list/id") that a text names."""
        own = {name: _spellings([secret], lambda each: each.words) for name, secret in self.secrets.items()}
        return [name for name, words in own.items() if words.within(text)] if self.names(text) else []

    def code(self, text: str) -> str:
        """What stands in a text's place: the same for the same text."""
        return f"[confidential {hashlib.sha256(f'{self.salt} {text}'.encode()).hexdigest()[:16]}]"

    def hide(self, text: str, about: Collection[str] = (), strict: bool = False) -> str:
        """The text, or its code where it may not be shown.

        :param about: confidential concepts whose further words are hidden, too. :param strict: hide any words.
        """
        if not self.secrets or CODE.fullmatch(text):
            return text
        shown = not (strict and any(map(str.isalpha, text))) and not self.names(text)
        for name in about if shown else ():
            shown = shown and not self._about[name].within(text) and text not in self.secrets[name].whole
        return text if shown else self.code(text)

    def masked(self, text: str) -> str:
        """A sentence without its words that name a confidential concept."""
        return self._naming.masked(text, MASK) if self.secrets else text

    def masked_problem(self, problem: Problem) -> Problem:
        where, what, fix = map(self.masked, (problem.where, problem.what, problem.fix))
        return Problem(where, what, fix, problem.also)

    def about(self, unit: str) -> tuple[tuple[str, ...], bool]:
        """(the confidential concepts that a unit is about, is it about one alone?). :param unit: a `UnitName`."""
        first, *rest = unit.split("/")
        if first == ORIGINAL:
            return self._only("/".join(rest))
        if len(rest) == 2 and "--" in rest[1]:
            return self._only(rest[1].replace("--", "/"))
        own = "/".join([first, *rest[:1]])
        concept = own.removesuffix("--anchor")
        if own != concept:
            return self._only(concept)
        members = dict.fromkeys((*self.encoders.get(own, ()), *([own] if own in self.secrets else [])))
        return tuple(members), False

    def _only(self, concept: str) -> tuple[tuple[str, ...], bool]:
        return ((concept,), True) if concept in self.secrets else ((), False)

    def closed(self, value: Any, about: Collection[str] = (), strict: bool = False, codes: Any = None) -> Any:
        """Plain data in which every text that may not be shown is its code.

        A table with a value that is the name of a confidential concept is about it; so is what lies under such a key.

        :param about, strict: as in `hide`. :param codes: a dict that the hidden texts are added to, {code: text}.
        """
        if not self.secrets:
            return value
        if isinstance(value, str):
            hidden = self.hide(value, about, strict)
            if codes is not None and hidden != value:
                codes[hidden] = value
            return hidden
        if isinstance(value, list | tuple):
            return [self.closed(each, about, strict, codes) for each in value]
        if not isinstance(value, Mapping):
            return value
        about, strict = self._of_table(value, about, strict)
        return {
            self._key(key, about): each if key in OWN_KEYS and not isinstance(each, Mapping) and not _tables(each)
            else self.closed(each, *self._under(key, about, strict), codes)
            for key, each in value.items()
        }  # fmt: skip

    def _key(self, key: str, about: Collection[str]) -> str:
        return key if key in FIELDS or key in self._owner else self.hide(key, about)

    def _under(self, key: str, about: Collection[str], strict: bool) -> tuple[Collection[str], bool]:
        if key in LOOSE_KEYS:
            return about, False
        owner = self._owner.get(key)
        return ({*about, owner}, True) if owner is not None else (about, strict)

    def _of_table(self, table: Mapping[str, Any], about: Collection[str], strict: bool) -> tuple[Collection[str], bool]:
        if table.get("group") in FOR_ALL:
            return (), False
        alone = [each for each in table.values() if isinstance(each, str) and each in self.secrets]
        lists = [each for each in table.values() if isinstance(each, list | tuple) and each]
        several = [name for each in lists for name in each if isinstance(name, str) and name in self.secrets]
        return ({*about, *alone, *several}, strict or bool(alone)) if alone or several else (about, strict)


OPEN = Veil()


def veil_of(lists: Sequence[ConceptList]) -> Veil:
    """The veil over the confidential concepts of some lists of one folder.

    :raises InputError: some are confidential, and the private file is missing or is none.
    """
    hidden = {str(Name(each.id, c.id)): c for each in lists for c in each.concepts if c.confidential}
    if not hidden:
        return OPEN
    private = private_of(lists[0].path.parent)
    own = {id_ for id_, entry in private.entries.items() if "request" in entry.value}
    return Veil(private.salt, {name: secret_of(c, c.id in own) for name, c in hidden.items()})


def secret_of(concept: Concept, request: bool = True) -> Secret:
    """What of a concept may not be published. :param request: nor its request."""
    sense, asked = concept.sense, concept.request if request else None
    names = (concept.name, *concept.aliases, *concept.probes, *concept.members, *concept.paraphrases)
    more = (*concept.neighbours, *concept.parts, *([concept.anchor] if concept.anchor else []))
    told = () if asked is None else (asked.id, asked.received, asked.basis, asked.decision, asked.decided or "")
    return Secret(
        (*names, *(sense.forget if sense else ())), (*more, *(sense.keep if sense else ())),
        (*concept.prompts, *told), concept.kind == "person",
    )  # fmt: skip


def _spellings(secrets: Iterable[Secret], of: Callable[[Secret], Sequence[str]]) -> Spellings:
    some = list(secrets)
    return Spellings((word for each in some for word in of(each)), (w for e in some if e.person for w in of(e)))


def _tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value)
