"""What a list asks for: its encoders, each with a method and parameters, and the images that these train on."""

from collections.abc import Mapping
from typing import Any

from expunge.concepts.lists import Concept, ConceptList
from expunge.concepts.prompts import anchors_of, fewshot_prompts, target_words, training_templates
from expunge.core.errors import InputError, Problem
from expunge.methods import METHODS, for_several, has_anchor

Table = dict[str, Any]


def encoders_of(each: ConceptList, unlearn: Mapping[str, Any]) -> dict[str, Table]:
    """{"list/encoder": {"concepts", "method", "parameters"}}; a joint encoder takes what all its concepts agree on.

    :param unlearn: the section of params.yaml: "method" for concepts that name none, and parameters by method.
    """
    known = {concept.id: concept for concept in each.concepts}
    found = {}
    for name, members in each.members().items():
        own = {known[member].method or unlearn["method"] for member in members}
        method = own.pop() if len(own) == 1 else unlearn["method"]
        first, *others = (known[member].parameters for member in members)
        agreed = {key: value for key, value in first.items() if key in METHODS[method].knobs}
        agreed = {k: v for k, v in agreed.items() if all(k in other and other[k] == v for other in others)}
        parameters = {**METHODS[method].defaults, **(unlearn.get(method) or {}), **agreed}
        parameters = for_several(method, parameters, len(members))
        concepts = [f"{each.id}/{member}" for member in members]
        found[f"{each.id}/{name}"] = {"concepts": concepts, "method": method, "parameters": parameters}
    return found


def require_anchors(encoders: Mapping[str, Table], concepts: Mapping[str, Concept], prompts: Mapping[str, Any]) -> None:
    """:raises InputError: a concept has no anchor, but its method needs one and the base has no candidates for it."""
    pairs = {(concept, how["method"]) for how in encoders.values() for concept in how["concepts"]}
    lacking = [
        (name, method)
        for name, method in sorted(pairs)
        if not has_anchor(METHODS[method], concepts[name], anchors_of(concepts[name], prompts))
    ]
    fix = "write `anchor:`, what it should become, such as a wider word"
    if lacking:
        raise InputError(
            [
                Problem(concepts[name].where, f"{name} has no anchor, and the method {method} needs one", fix)
                for name, method in lacking
            ]
        )


def drawn(
    concept: Concept, shown: str, prompts: Mapping[str, Any], counts: Mapping[str, int], seed: int
) -> list[Table]:
    """What the T2I model draws for a concept: [{"prompt", "seed"}] of its target or of its anchor.

    A memorised picture's anchor is its paraphrases, twice as many pictures as are wanted: copies are dropped. Before
    them stand those of the caption itself, which show what a copy is; they have "copy": true and train nothing.

    :param prompts: the base's prompts file. :param counts: {"images", "anchor_images"}.
    """
    words = target_words(concept) if shown == "target" else (str(concept.anchor),)
    count = counts["images" if shown == "target" else "anchor_images"]
    if shown == "anchor" and concept.paraphrases:
        caption = fewshot_prompts((concept.name,), ("{}",), counts["images"], seed)
        other = fewshot_prompts(("",), concept.paraphrases, 2 * count, seed)
        copies = [{"prompt": prompt, "seed": seed, "copy": True} for prompt, seed in caption]
        return copies + [{"prompt": prompt, "seed": seed} for prompt, seed in other]
    rows = fewshot_prompts(words, training_templates(concept, prompts), count, seed)
    return [{"prompt": prompt, "seed": seed} for prompt, seed in rows]
