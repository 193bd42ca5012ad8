"""What a list asks for: its encoders, each with a method and parameters, and the images that these train on."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from expunge.concepts.concept import Concept, ConceptList
from expunge.concepts.prompt_file import Prompts
from expunge.concepts.prompts import Said, anchors_of, as_it_is, fewshot_prompts, target_words, training_templates
from expunge.core.errors import InputError, Problem
from expunge.core.unit_names import Name
from expunge.methods import METHODS, for_several, has_anchor
from expunge.plan.contract import EncoderJob, Picture


def jobs_of(each: ConceptList, unlearn: Mapping[str, Any]) -> dict[str, EncoderJob]:
    """{"list/encoder": its job}; a joint encoder takes the method and the parameters that all its concepts agree on.

    :param unlearn: the section of params.yaml: "method" for concepts that name none, parameters by method, "stored".
    """
    concepts = {concept.id: concept for concept in each.concepts}
    jobs = {}
    for name, members in each.members().items():
        own = {concepts[member].method or unlearn["method"] for member in members}
        method = own.pop() if len(own) == 1 else unlearn["method"]
        first, *others = (concepts[member].parameters for member in members)
        agreed = {key: value for key, value in first.items() if key in METHODS[method].knobs}
        agreed = {k: v for k, v in agreed.items() if all(k in other and other[k] == v for other in others)}
        parameters = {**METHODS[method].defaults, **(unlearn.get(method) or {}), **agreed}
        parameters = for_several(method, parameters, len(members))
        names = tuple(str(Name(each.id, member)) for member in members)
        job = EncoderJob(names, method, parameters, 0)
        jobs[str(Name(each.id, name))] = replace(job, stored="change") if stores_change(job, unlearn) else job
    return jobs


def stores_change(job: EncoderJob, unlearn: Mapping[str, Any]) -> bool:
    """Is the change alone asked for, and has it low rank?"""
    low = METHODS[job.method].low_rank and job.parameters.get("rank") != 0
    return unlearn.get("stored") == "change" and low


def require_anchors(encoders: Mapping[str, EncoderJob], concepts: Mapping[str, Concept], prompts: Prompts) -> None:
    """:raises InputError: a concept has no anchor, but its method needs one and the base has no candidates for it."""
    pairs = {(concept, job.method) for job in encoders.values() for concept in job.concepts}
    fix = "write `anchor:`, what it should become, such as a wider word"
    problems = [
        Problem(concepts[name].where, f"{name} has no anchor, and the method {method} needs one", fix)
        for name, method in sorted(pairs)
        if not has_anchor(METHODS[method], concepts[name], anchors_of(concepts[name], prompts))
    ]
    if problems:
        raise InputError(problems)


def pictures_of(
    concept: Concept, shown: str, prompts: Prompts, counts: Mapping[str, int], seed: int, said: Said = as_it_is
) -> list[Picture]:
    """What the T2I model draws for a concept: of its target or of its anchor.

    A memorised picture's anchor is its paraphrases, twice as many pictures as are wanted: copies are dropped. Before
    them come pictures of the caption itself, which are only there to recognise copies.

    :param counts: {"images", "anchor_images"}.
    """
    words = target_words(concept) if shown == "target" else (str(concept.anchor),)
    count = counts["images" if shown == "target" else "anchor_images"]
    if shown == "anchor" and concept.paraphrases:
        caption = fewshot_prompts((concept.name,), ("{}",), counts["images"], seed, said)
        others = fewshot_prompts(("",), concept.paraphrases, 2 * count, seed, said)
        return [Picture(*row, copy=True) for row in caption] + [Picture(*row) for row in others]
    return [Picture(*row) for row in fewshot_prompts(words, training_templates(concept, prompts), count, seed, said)]
