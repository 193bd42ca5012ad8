"""What `expunge validate` and the stage plan say beside mistakes: what was taken, and what the numbers cannot tell."""

from collections.abc import Mapping, Sequence

from expunge.bases.spec import Spec
from expunge.concepts.concept import Concept, ConceptList
from expunge.concepts.doubles import loosely, near_doubles
from expunge.concepts.prompt_file import Prompts
from expunge.concepts.prompts import (
    HANDFUL,
    KEEP_PROMPTS,
    forgotten_words,
    has_company,
    kept_senses,
    lost_words,
    near_words,
)
from expunge.concepts.samples import PlannedSample
from expunge.core.schema import short
from expunge.core.unit_names import Name
from expunge.core.words import plain
from expunge.judging.vocabulary import Label, read_vocabulary, unknown_to, unnamed_members
from expunge.plan.contract import Plan

SHOWN = 10  # names in a note

Labels = Mapping[str, Sequence[Label]]  # by axis


def labels_of(spec: Spec) -> Labels:
    """The answers that a base's judge may give, by axis; {} where its file names no vocabulary.

    :raises InputError: the vocabulary is missing or broken.
    """
    return read_vocabulary(spec.judge.vocabulary)[1] if spec.judge.vocabulary is not None else {}


def held_out_members(lists: Sequence[ConceptList], labels: Labels) -> dict[str, tuple[str, ...]]:
    """{"list/id" of a category: its members that only the judge's vocabulary names}. They are tested, never trained on.

    A word that any list keeps is no such member.
    """
    concepts = [concept for each in lists for concept in each.concepts]
    kept = [word for each in lists for word in each.keep]
    kept += [word for concept in concepts for word in (*near_words(concept), *kept_senses(concept))]
    found = {
        str(Name(each.id, concept.id)): unnamed_members(concept, labels.get("subject", ()), kept)
        for each in lists
        for concept in each.concepts
        if concept.members
    }
    return {name: members for name, members in found.items() if members}


def storage_notes(plan: Plan, stored: str) -> list[str]:
    """A note that names the encoders of lists that are stored whole although their change alone was asked for."""
    whole = [name for name, job in plan.encoders.items() if job.stored != stored and not Name.parse(name).is_release]
    if not whole:
        return []
    named = [f"{name} ({plan.encoders[name].method})" for name in whole]
    return [f"stored whole, since the change of their method has no low rank: {some(named)}"]


def unknown_notes(base: str, lists: Sequence[ConceptList], labels: Labels) -> list[str]:
    """A note that names the concepts that a base's judge does not know; [] where it knows all."""
    unknown = unknown_to(labels, [concept for each in lists for concept in each.concepts])
    if not unknown:
        return []
    one = len(unknown) == 1
    what = "this concept" if one else f"these {len(unknown)} concepts"
    why = f"the numbers about {'it' if one else 'them'} may say nothing"
    return [f"{base}: the judge's vocabulary does not know {what}, so {why}: {some([_called(c) for c in unknown])}"]


def member_notes(base: str, lists: Sequence[ConceptList], labels: Labels) -> list[str]:
    """A note for each category with members that the base's judge does not know: they would pass for gone.

    Of a category that it does not know at all, `unknown_notes` tells; a detector's needs no word.
    """
    known = {axis: {plain(n) for label in own for n in (label.id, *label.names)} for axis, own in labels.items()}
    things = known.get("subject", set())
    notes = []
    for concept in (
        concept for each in lists for concept in each.concepts if concept.members and concept.judge is None
    ):
        lost = [member for member in concept.members if plain(member) not in things]
        other = {m: axis for m in lost for axis in ("style", "motion") if plain(m) in known.get(axis, ())}
        lost = [] if unknown_to(labels, [concept]) else [member for member in lost if member not in other]
        if other:
            shown = _counted(concept, [f"{member} ({axis})" for member, axis in other.items()])
            what = "are styles or motions, and members are things in a picture: worst_member says nothing about them"
            notes.append(f"{base}: to the judge these members of {concept.id} {what}: {shown}")
        if lost:
            what = f"does not know these members of {concept.id}, so worst_member says nothing about them"
            notes.append(f"{base}: the judge's vocabulary {what}: {_counted(concept, lost)}")
    return notes


def probe_notes(lists: Sequence[ConceptList]) -> list[str]:
    """A note that names probes which are nearly words that their list trains on: they test nothing new."""
    pairs = []
    for each in lists:
        trained = {loosely(word): word for concept in each.concepts for word in forgotten_words(concept)}
        for concept in each.concepts:
            near = [(probe, trained[loosely(probe)]) for probe in concept.probes if loosely(probe) in trained]
            named = [f"{probe!r} beside {word!r}" for probe, word in near if not concept.confidential]
            hidden = [f"{len(near)} of {concept.id}"] if near and concept.confidential else []
            pairs += [*(f"{pair} ({Name(each.id, concept.id)})" for pair in named), *hidden]
    what = "these probes differ from a word that is trained on by an article, a hyphen or a plural alone"
    return [f"{what}, so they test nothing new: {some(pairs)}"] if pairs else []


def decision_notes(lists: Sequence[ConceptList]) -> list[str]:
    """A note for each request on a list whose decision is not understood: `expunge requests` calls it undecided.

    Nothing is repeated of what is decided about a confidential concept.
    """
    asked = [(c, c.request) for each in lists for c in each.concepts if c.request is not None]
    if not asked:
        return []
    from expunge.concepts.outcomes import GRANTED, outcome  # its many patterns take time

    notes = []
    for concept, request in asked:
        if outcome(request.decision) != GRANTED:
            named = "a request" if concept.confidential else f"request {request.id}"
            said = "" if concept.confidential else f": {short(request.decision)}"
            what = f"{named}'s decision is not understood{said}; `expunge requests` calls it undecided"
            notes.append(f"{concept.where}: {what}. Begin it with granted")
    return notes


def double_notes(lists: Sequence[ConceptList]) -> list[str]:
    """A note that names words of two concepts that are nearly the same, if one of them at least is forgotten.

    They may be two spellings of one thing, or one of them may be kept while the other is forgotten.
    """
    words = [
        (word, (str(Name(each.id, concept.id)), role))
        for each in lists
        for concept in each.concepts
        if not concept.confidential
        for role, all_ in (
            ("forgotten", (*lost_words(concept), concept.name)), ("kept", (*near_words(concept), *kept_senses(concept)))
        )
        for word in dict.fromkeys(all_)
    ]  # fmt: skip
    words += [(word, (each.id, "kept")) for each in lists for word in each.keep]
    pairs = [
        f"{one!r} ({owner}, {role}) and {other!r} ({by}, {its})"
        for (one, (owner, role)), (other, (by, its)) in near_doubles(words)
        if owner != by and "forgotten" in (role, its)
    ]
    return [f"nearly the same words: {some(pairs)}"] if pairs else []


def taken_notes(lists: Sequence[ConceptList], held_out: Mapping[str, Sequence[str]]) -> list[str]:
    """What the plan took from `keep:` of each list, and from the vocabulary for each category."""
    notes = []
    for each in lists:
        if each.keep:
            phrases = "1 phrase" if len(each.keep) == 1 else f"{len(each.keep)} phrases"
            drawn = "all" if len(each.keep) <= HANDFUL else f"{HANDFUL}, chosen by the seed,"
            kept = f"{each.id}: keeps {phrases}. Every method that keeps prompts trains on each of them"
            notes.append(f"{kept} (in up to {KEEP_PROMPTS} prompts, or one each); {drawn} are drawn for each concept")
    hidden = {str(Name(each.id, c.id)) for each in lists for c in each.concepts if c.confidential}
    for name, members in held_out.items():
        words = f"{len(members)} more" if name in hidden else some(members)
        notes.append(f"{name}: the judge's vocabulary knows members that the list does not name; tested alone: {words}")
    return notes


def company_notes(
    base: str, concepts: Mapping[str, Concept], samples: Mapping[str, Sequence[PlannedSample]], prompts: Prompts
) -> list[str]:
    """A note about concepts that are never drawn beside something else, although they can be.

    :param concepts: by "list/id". :param samples: of each.
    """
    alone = [
        name
        for name, concept in concepts.items()
        if has_company(concept) and not any(sample.group == "beside" for sample in samples[name])
    ]
    if not alone:
        return []
    if not prompts.beside.others:
        what = "its prompts file has no `beside`, so no concept is drawn beside something else"
        return [f"{base}: {what}, and `beside` and `beside_target` are not measured"]
    what = "name all that its prompts file would put beside them, so they are drawn alone"
    return [f"{base}: these concepts {what}: {some(alone)}"]


def _called(concept: Concept) -> str:
    return concept.id if concept.confidential else f"{concept.name} ({concept.id})"


def _counted(concept: Concept, words: Sequence[str]) -> str:
    """Words of a concept; of a confidential one, how many they are."""
    return f"{len(words)} of them" if concept.confidential else some(words)


def some(words: Sequence[str]) -> str:
    """The first few of many words."""
    more = f", and {len(words) - SHOWN:,} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more
