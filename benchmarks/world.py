"""What benchmarks forget: every concept of the embedded world in turn, trained as the pipeline trains it."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from bases.emoji.recipe.evaluate import name_of
from bases.emoji.recipe.world import article
from benchmarks.results import ROOT
from expunge.bases.base import Base
from expunge.bases.sampling import sample_images
from expunge.concepts.concept import Concept, Sense
from expunge.concepts.lists import load_lists
from expunge.concepts.prompt_file import Prompts
from expunge.concepts.prompts import anchors_of, forgotten_words, kept_prompts, training_templates
from expunge.core.seeds import derive_seed
from expunge.methods import METHODS, ConceptData, unlearn
from expunge.plan.jobs import pictures_of
from stages.fewshot import not_copied


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
    """(the method's result, seconds with drawing its images). `settings` for several concepts: see `for_several`."""
    began, declared, data = time.perf_counter(), METHODS[method], []
    for concept in some:
        if declared.anchor == "chosen":
            concept = replace(concept, anchor=None)
        templates, latents, texts = training_templates(concept, prompts), torch.zeros(0), tuple[str, ...]()
        if declared.images:
            pictures = pictures_of(concept, declared.images, prompts, {"images": 4, "anchor_images": 16}, 0)
            shown = [picture.prompt for picture in pictures]
            images, latents = sample_images(base, shown, [picture.seed for picture in pictures], return_latents=True)
            copies = sum(picture.copy for picture in pictures)
            chosen = not_copied(images, copies) if copies else list(range(len(pictures)))
            texts, latents = tuple(shown[i] for i in chosen), latents[chosen]
        data.append(
            ConceptData(concept, latents, forgotten_words(concept), templates, texts, anchors_of(concept, prompts))
        )
    kept = kept_prompts(some, prompts)
    seed = derive_seed(0, method, *(concept.id for concept in some))
    result = unlearn(method, base, data, kept, settings, seed)
    return result, time.perf_counter() - began
