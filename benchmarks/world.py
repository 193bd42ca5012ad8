"""What benchmarks forget: every concept of the embedded world in turn, trained as the pipeline trains it."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bases.emoji.recipe.evaluate import name_of
from bases.emoji.recipe.world import article
from benchmarks.results import ROOT
from expunge import forgetting
from expunge.bases.base import Base
from expunge.concepts.concept import Concept, Sense
from expunge.concepts.lists import load_lists
from expunge.concepts.prompt_file import Prompts
from expunge.concepts.prompts import kept_prompts
from expunge.forgetting import data_of
from expunge.methods import METHODS


def concepts(world: dict[str, Any]) -> Iterator[tuple[Concept, tuple[str, ...]]]:
    """(a concept, its held-out synonyms) for each subject, each named style, each motion and the memorised picture."""
    for entry in world["subjects"]:
        kind = entry["kind"] if entry["kind"] in ("character", "person") else "object"
        phrases = [name if kind != "object" else article(name) for name in entry["names"]]
        others = [e for e in world["subjects"] if e is not entry]
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
    near = tuple(name_of(e) for e in world["subjects"][::18])
    shipped = next(c for each in load_lists(ROOT / "concepts") for c in each.concepts if c.kind == "image")
    yield replace(shipped, neighbours=near, aliases=()), ()


def train(base: Base, some: list[Concept], prompts: Prompts, method: str, settings: dict[str, Any]) -> Any:
    """(the method's result, seconds with drawing its images). :param settings: as for one concept."""
    began = time.perf_counter()
    if METHODS[method].anchor == "chosen":
        some = [replace(concept, anchor=None) for concept in some]
    data = [data_of(base, concept, prompts, method) for concept in some]
    result = forgetting.train(base, data, kept_prompts(some, prompts), method, settings, 0)
    return result, time.perf_counter() - began
