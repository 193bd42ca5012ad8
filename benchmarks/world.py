"""What benchmarks forget: every concept of the embedded world in turn, trained as the pipeline trains it.

Every method gets the same anchor, the one that `distil` chooses, and no method sees the same few things of the world,
neither among its kept prompts nor among the vocabulary's words: what becomes of those is measured as `unseen`.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from bases.emoji.recipe.evaluate import name_of
from bases.emoji.recipe.world import article, load_world
from benchmarks.results import ROOT
from expunge import forgetting
from expunge.bases.base import Base
from expunge.bases.text import text_gram
from expunge.concepts.concept import Concept, Sense
from expunge.concepts.lists import load_lists
from expunge.concepts.prompt_file import Prompts
from expunge.concepts.prompts import kept_prompts, lost_words
from expunge.core.words import Finder
from expunge.forgetting import data_of
from expunge.methods.lessons import lessons_of

# Things of the world that no training sees, except to forget them: their names are one word each, none of the base's
# prompts says one, and they are nobody's neighbours.
UNSEEN = ("dog", "tiger", "owl", "flamingo", "butterfly", "pear", "taxi", "violin")
_ANCHORS: dict[tuple[str, ...], tuple[str, ...]] = {}  # by the ids of what is forgotten together


def concepts(world: dict[str, Any]) -> Iterator[tuple[Concept, tuple[str, ...]]]:
    """(a concept, its held-out synonyms) for each subject, each named style, each motion and the memorised picture."""
    for entry in world["subjects"]:
        kind = entry["kind"] if entry["kind"] in ("character", "person") else "object"
        phrases = [name if kind != "object" else article(name) for name in entry["names"]]
        others = [e for e in world["subjects"] if e is not entry and e["id"] not in UNSEEN]
        near = tuple(name_of(other) for other in others if other["family"] == entry["family"])[:6]
        word = entry.get("word")
        keep = tuple(name_of(other) for other in others if word and other.get("word") == word)
        phrases = [phrase for phrase in phrases if phrase not in (word, f"a {word}", f"an {word}")]  # says either sense
        sense = Sense((phrases[0],), keep) if keep else None
        trained_on, held_out = tuple(phrases[2::2]), tuple(phrases[1::2])
        yield Concept(entry["id"], phrases[0], kind, trained_on, article(entry["family"]), near, sense), held_out
    for entry in world["styles"]:
        if entry["names"]:
            near = tuple(e["names"][0] for e in world["styles"] if e["names"] and e is not entry)
            yield Concept(entry["id"], entry["names"][0], "style", anchor="plain", neighbours=near), ()
    for entry in world["motions"]:
        if entry["names"]:
            near = tuple(e["names"][0] for e in world["motions"] if e["names"] and e is not entry)
            held_out = tuple(entry["names"][1:])
            yield Concept(entry["id"], entry["names"][0], "motion", anchor="still", neighbours=near), held_out
    near = tuple(name_of(e) for e in world["subjects"][::18] if e["id"] not in UNSEEN)
    shipped = next(c for each in load_lists(ROOT / "concepts") for c in each.concepts if c.kind == "image")
    yield replace(shipped, neighbours=near, aliases=()), ()


def unseen(some: Sequence[Concept]) -> list[tuple[str, ...]]:
    """The names of each of UNSEEN, with and without article, but for those that these concepts forget."""
    lost = Finder(word for concept in some for word in lost_words(concept))
    named = [entry["names"] for entry in load_world()["subjects"] if entry["id"] in UNSEEN]
    hidden = [names for names in named if not any(map(lost.has, names))]
    return [tuple(form for name in names for form in (article(name), name)) for names in hidden]


def anchored(base: Base, some: Sequence[Concept], prompts: Prompts) -> list[Concept]:
    """The concepts that are forgotten together, each with the anchor that `distil` chooses for it."""
    ids = tuple(concept.id for concept in some)
    if ids not in _ANCHORS:
        free = [data_of(base, replace(concept, anchor=None), prompts, "distil") for concept in some]
        lessons, _ = lessons_of(base, text_gram(base), free, (), 0.0, 0.0)
        _ANCHORS[ids] = tuple(lesson.anchor for lesson in lessons)
    return [replace(concept, anchor=anchor) for concept, anchor in zip(some, _ANCHORS[ids], strict=True)]


def train(base: Base, some: Sequence[Concept], prompts: Prompts, method: str, settings: dict[str, Any]) -> Any:
    """(the method's result, seconds with drawing its images). :param settings: as for one concept.

    The unseen things are probes of the first concept: no method trains on what is only tested, not even to keep it.
    """
    first, *others = anchored(base, some, prompts)
    hidden = tuple(form for forms in unseen(some) for form in forms)
    trained = [replace(first, probes=(*first.probes, *hidden)), *others]
    began = time.perf_counter()
    data = [data_of(base, concept, prompts, method) for concept in trained]
    result = forgetting.train(base, data, kept_prompts(trained, prompts), method, settings, 0)
    return result, time.perf_counter() - began
