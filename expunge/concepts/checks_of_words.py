"""Words that contradict each other, within a concept, between concepts and between lists.

A phrase is forgotten (a name, an alias, a member, a probe, a sense's `forget`) or kept (a neighbour, a part, a sense's
`keep`, a list's `keep`), never both. A probe is never trained on.
"""

from collections.abc import Iterator, Sequence

from expunge.concepts.doubles import loosely
from expunge.concepts.phrases import FORGOTTEN, KEPT, TRAINED, Phrase, kept_by_list, phrases_of
from expunge.concepts.source import ConceptNode, Source
from expunge.core.errors import Problem
from expunge.core.schema import short
from expunge.core.words import with_article

_KEYS = {"neighbour": "neighbours", "part": "parts"}  # role -> key of the file, if the two differ


def word_problems(sources: Sequence[Source], concepts: Sequence[ConceptNode]) -> Iterator[Problem]:
    """Every contradiction between the concepts of all lists, and what the lists keep."""
    phrases = [phrase for concept in concepts for phrase in phrases_of(concept)]
    phrases += [phrase for number, source in enumerate(sources) for phrase in kept_by_list(source, number)]
    yield from _ids(concepts)
    yield from _braces(phrases)
    yield from _names(phrases)
    yield from _trained(phrases)
    yield from _kept(phrases)
    yield from _anchors(concepts, phrases)


def _one(phrase: Phrase) -> str:
    """ "the name", "an alias", "a member": a concept has one name and several of the others."""
    return f"the {phrase.role}" if phrase.role == "name" or "." in phrase.role else with_article(phrase.role)


def _ids(concepts: Sequence[ConceptNode]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for concept in concepts:
        value = concept.node.value.get("id")
        if not isinstance(value, str) or not value:
            continue
        where = concept.place("id")
        taken = first.setdefault(value.lower(), where)
        if taken is not where:
            what = f"the id {short(value)} is taken ({taken})"
            yield Problem(where, what, "write another id, unique in all lists", (taken,))


def _braces(phrases: Sequence[Phrase]) -> Iterator[Problem]:
    for phrase in phrases:
        if "{" in phrase.text or "}" in phrase.text:
            what = f"the {phrase.role} {short(phrase.text)} holds a brace, and {{}} stands for the name in prompts"
            yield Problem(phrase.where, what, "write it without braces")


def _names(phrases: Sequence[Phrase]) -> Iterator[Problem]:
    """Repeated phrases. Names and aliases must be unique in all lists, other phrases in their own list of words."""
    first: dict[str, Phrase] = {}
    within: dict[tuple[int, str, str], Phrase] = {}
    # Names come first: if an alias repeats a name, the mistake is reported at the alias.
    for phrase in sorted(phrases, key=lambda each: each.role != "name"):
        if phrase.role not in ("name", "alias"):
            before = within.setdefault((phrase.owner, phrase.role, phrase.key), phrase)
            if before is not phrase:
                what = f"the {phrase.role} {short(phrase.text)} is repeated"
                yield Problem(phrase.where, what, "keep one of them")
            continue
        before = first.setdefault(phrase.key, phrase)
        if before is not phrase:
            taken = f"{_one(before)} of {before.label} ({before.where})"
            fix = "merge the two concepts, or write a different name" if phrase.role == "name" else "take it out"
            what = f"the {phrase.role} {short(phrase.text)} is already {taken}"
            yield Problem(phrase.where, what, fix, (before.where,))


def _trained(phrases: Sequence[Phrase]) -> Iterator[Problem]:
    """Members that repeat a concept's own words, and probes that a concept of their own list is trained on."""
    trained: dict[tuple[str, str], list[Phrase]] = {}
    for phrase in phrases:
        if phrase.role in TRAINED:
            trained.setdefault((phrase.file, phrase.key), []).append(phrase)
    for phrase in phrases:
        others = [other for other in trained.get((phrase.file, phrase.key), ()) if other.role != phrase.role]
        own = next((other for other in others if other.owner == phrase.owner), None)
        if phrase.role == "member" and own is not None:
            what = f"the member {short(phrase.text)} is also {_one(own)} of {own.label}"
            yield Problem(phrase.where, what, "take it out of members")
        elif phrase.role == "probe" and others:
            what = f"the probe {short(phrase.text)} is trained on: it is {_one(others[0])} of {others[0].label}"
            yield Problem(phrase.where, f"{what} ({others[0].where})", "write it in one of them")


def _kept(phrases: Sequence[Phrase]) -> Iterator[Problem]:
    """Phrases that are both forgotten and kept, in one list or in two. A composition's parts are kept."""
    forgotten: dict[str, list[Phrase]] = {}
    for phrase in phrases:
        if phrase.role in FORGOTTEN:
            forgotten.setdefault(phrase.loose, []).append(phrase)
    for phrase in phrases:
        if phrase.role not in KEPT:
            continue
        text, rivals = short(phrase.text), forgotten.get(phrase.loose, [])
        own = next((rival for rival in rivals if rival.owner == phrase.owner), None)
        if own is not None and own.role == "sense.forget":
            what = f"{text} is to be forgotten (sense.forget) and kept ({phrase.role})"
            yield Problem(phrase.where, what, "write it in one of them")
        elif own is not None:
            what = f"{text} is {_one(phrase)} of {phrase.label} and its own {own.role}"
            yield Problem(phrase.where, what, f"take it out of {_KEYS.get(phrase.role, phrase.role)}")
        for other in [rival for rival in rivals if rival.owner != phrase.owner][:1]:
            by_list = phrase.owner < 0
            stays = f"is kept by {phrase.label}" if by_list else f"must survive {phrase.label} ({phrase.role})"
            what = f"{text} {stays}, but is {_one(other)} of {other.label}"
            yield Problem(phrase.where, f"{what} ({other.where})", "remove one of the two", (other.where,))


def _anchors(concepts: Sequence[ConceptNode], phrases: Sequence[Phrase]) -> Iterator[Problem]:
    forgotten = {phrase.loose: phrase for phrase in reversed(phrases) if phrase.role in FORGOTTEN}
    for concept in concepts:
        anchor = concept.node.value.get("anchor")
        taken = forgotten.get(loosely(anchor)) if isinstance(anchor, str) else None
        if taken is not None:
            what = f"the anchor {short(anchor)} is itself forgotten, as {_one(taken)} of {taken.label}"
            fix = "write something that stays, such as a wider word"
            yield Problem(concept.place("anchor"), what, fix, (taken.where,))
