"""Make a base forget concepts by one call, without lists and without stages.

base = load(load_spec("emoji"))
edit = forget(base, [Concept("cat", "a cat", "object", neighbours=("a dog",))], method="solve")
images = sample_images(base, ["a photo of a cat"], seeds=[0], edit=edit)
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from expunge.bases.base import Base
from expunge.bases.edits import Edit
from expunge.concepts.concept import Concept
from expunge.concepts.prompt_file import Prompts, read_prompts
from expunge.concepts.prompts import anchors_of, forgotten_words, keep_prompts, kept_prompts, training_templates
from expunge.core.seeds import derive_seed
from expunge.judging.pictures import draw_pictures
from expunge.methods import METHODS, ConceptData, Log, Unlearned, for_several, unlearn
from expunge.plan.jobs import pictures_of

IMAGES = {"images": 4, "anchor_images": 16}  # few-shot images of a concept, or of its anchor


def forget(
    base: Base,
    concepts: Sequence[Concept],
    method: str = "solve",
    parameters: Mapping[str, Any] | None = None,
    keep: Sequence[str] = (),
    seed: int = 0,
) -> Edit:
    """The edit with which the base has forgotten all of the concepts; `expunge.bases.edits` writes and reads it.

    :param parameters: the method's own, as for one concept; defaults fill in the rest.
    :param keep: phrases that must keep their meaning, besides the concepts' neighbours and the base's general prompts.
    :raises ValueError: a parameter is wrong, or a concept lacks what the method needs; one line per problem.
    :raises FloatingPointError: the loss is no longer finite.
    """
    prompts = read_prompts(base.spec.prompts)
    data = [data_of(base, concept, prompts, method, seed) for concept in concepts]
    kept = [*kept_prompts(concepts, prompts), *keep_prompts(keep, concepts, prompts)]
    return train(base, data, kept, method, parameters or {}, seed).edit


def train(
    base: Base,
    data: Sequence[ConceptData],
    kept: Sequence[str],
    method: str,
    parameters: Mapping[str, Any],
    seed: int,
    log: Log = lambda step, loss: None,
) -> Unlearned:
    """The method's result.

    :param parameters: as for one concept; for several jointly they are scaled (`for_several`).
    """
    knobs = dict(parameters)
    if method in METHODS:
        knobs = for_several(method, {**METHODS[method].defaults, **parameters}, len(data))
    return unlearn(method, base, data, kept, knobs, derive_seed(seed, method, *(d.concept.id for d in data)), log)


def data_of(
    base: Base, concept: Concept, prompts: Prompts, method: str, seed: int = 0, counts: Mapping[str, int] = IMAGES
) -> ConceptData:
    """What a method sees of a concept; the images that it trains on are drawn."""
    shown = METHODS[method].images if method in METHODS else ""
    latents, texts = torch.zeros(0), tuple[str, ...]()
    if shown:
        pictures = pictures_of(concept, shown, prompts, counts, seed)
        asked, copies = [picture.prompt for picture in pictures], sum(picture.copy for picture in pictures)
        _, latents, chosen = draw_pictures(base, asked, [picture.seed for picture in pictures], copies)
        texts = tuple(asked[place] for place in chosen)
    names, templates = forgotten_words(concept), training_templates(concept, prompts)
    return ConceptData(concept, latents, names, templates, texts, anchors_of(concept, prompts))
