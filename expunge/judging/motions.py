"""Which motions a base's judge can see. A motion classifier knows those that it was trained on; nothing here imports
torch."""

import json
from collections.abc import Iterable, Mapping, Sequence

from expunge.bases.spec import Spec
from expunge.concepts.concept import ConceptList
from expunge.concepts.kinds import KINDS
from expunge.concepts.prompts import kept_senses, near_words, target_words
from expunge.core.errors import Problem
from expunge.core.schema import short
from expunge.core.words import plain
from expunge.judging.vocabulary import Label


def motion_problems(spec: Spec, lists: Iterable[ConceptList], labels: Mapping[str, Sequence[Label]]) -> list[Problem]:
    """A problem for each motion of a list that the judge would be asked for and cannot answer.

    :param labels: the vocabulary, by axis: it gives the classifier's motions further names.
    """
    trained = _trained(spec)
    if trained is None:
        return []
    known = {plain(name) for name in trained}
    known |= {plain(name) for label in labels.get("motion", ()) if label.id in trained for name in label.names}
    problems = []
    for each in lists:
        for concept in each.concepts:
            kind = KINDS[concept.kind]
            near = (*near_words(concept), *kept_senses(concept), *each.keep) if kind.near_axis == "motion" else ()
            asked = (*(target_words(concept) if kind.axis == "motion" else ()), *near)
            for word in [word for word in dict.fromkeys(asked) if plain(word) not in known]:
                what = f"the judge of {spec.name} was not trained on the motion {short(word)}"
                problems.append(Problem(concept.where, what, f"write one of {', '.join(trained)}"))
    return problems


def _trained(spec: Spec) -> list[str] | None:
    """The motions of the base's classifier; None where it has none, or where the file cannot be read: the judge's own
    loader then says so."""
    if spec.judge.motion is None:
        return None
    try:
        trained = json.loads((spec.judge.motion / "config.json").read_text("utf-8"))["labels"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return [str(name) for name in trained] if isinstance(trained, list) else None
