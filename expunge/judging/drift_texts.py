"""The texts that `expunge.judging.drift` encodes to see how far an encoder moved. Nothing here imports torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from expunge.concepts.concept import Concept
from expunge.concepts.kinds import KINDS
from expunge.concepts.prompt_file import Prompts
from expunge.core.words import Finder
from expunge.judging.vocabulary import Label


@dataclass(frozen=True)
class Texts:
    """The texts that are encoded for one encoder."""

    target: Mapping[str, tuple[str, ...]]  # by concept
    bare: Mapping[str, tuple[str, ...]]  # the same, with the target's words left out
    near: Mapping[str, tuple[str, ...]]
    general: tuple[str, ...]
    words: tuple[str, ...]  # words of the judge's vocabulary that must stay
    nouns: tuple[str, ...]  # the prompt of each of `words`
    meanings: tuple[str, ...]  # the label of each of `words`; synonyms share one
    names: Mapping[str, tuple[str, str]]  # by concept: its first name, and the prompt with it


def texts_of(
    members: Sequence[str],
    concepts: Mapping[str, Concept],
    names: Mapping[str, Sequence[str]],
    prompts: Prompts,
    labels: Mapping[str, Sequence[Label]],
    keep: Mapping[str, Sequence[str]] | None = None,
) -> Texts:
    """The texts of an encoder that forgets `members` ("list/concept").

    :param concepts: by "list/concept". :param names: of each concept, the names that training fills into templates.
    :param labels: the judge's vocabulary by axis; may be empty.
    :param keep: of each concept, what else is near: phrases that its list keeps.
    """
    gone = [word for concept in members for word in (*names[concept], *concepts[concept].probes)]
    lost = Finder(gone)
    target, bare, near, called = {}, {}, {}, {}
    forms = {"subject": "a picture of {}"}
    for concept in members:
        entry, own = concepts[concept], names[concept]
        templates = prompts.eval[entry.kind]
        kept = [*entry.neighbours, *entry.parts, *(entry.sense.keep if entry.sense else ())]
        kept = [word for word in (*kept, *(keep or {}).get(concept, ())) if not lost.has(word)]
        target[concept] = tuple(template.replace("{}", name) for name in own for template in templates)
        bare[concept] = tuple(" ".join(template.replace("{}", "").split()) for _ in own for template in templates)
        near[concept] = tuple(dict.fromkeys(t.replace("{}", word) for word in kept for t in templates))
        axis = KINDS[entry.kind].near_axis
        called[concept] = own[0], forms.setdefault(axis, templates[0]).replace("{}", own[0])
    nouns: dict[str, tuple[str, str]] = {}
    for axis, form in forms.items():
        own_labels = labels.get(axis, ())
        for label in (label for label in own_labels if not any(lost.has(word) for word in (label.id, *label.names))):
            nouns.update({word: (form.replace("{}", word), f"{axis} {label.id}") for word in label.names})
    every = (*prompts.general, *(far.prompt for far in prompts.far))
    general = tuple(dict.fromkeys(prompt for prompt in every if not lost.within(prompt)))
    filled, meanings = (tuple(pair[i] for pair in nouns.values()) for i in (0, 1))
    return Texts(target, bare, near, general, tuple(nouns), filled, meanings, called)
