"""The prompts of a concept: what the few-shot images show, what training reads, and what is drawn and judged.

    samples = samples_of(concept, read_prompts(file), {"images": {"target": 4}, "videos": {}}, seed=0)

Pure functions over plain data. The templates come from the base's prompts file (prompt_file.py).
"""

from collections.abc import Iterable, Mapping, Sequence

from expunge.concepts.concept import Concept
from expunge.concepts.kinds import KINDS
from expunge.concepts.prompt_file import FarPrompt, Prompts
from expunge.concepts.samples import COUNTS, FORGET, Asks, PlannedSample
from expunge.core.seeds import derive_seed
from expunge.core.words import holds, plain


def spread(words: Sequence[str], templates: Sequence[str], count: int) -> list[tuple[str, str, int]]:
    """`count` times (word, prompt, repetition), round-robin so that words and templates vary at once.

    Every pair is used once before any is used twice; a longer plan begins with the shorter one. A template without
    "{}" is a prompt as it is. [] where there are no words or no templates.
    """
    if not words or not templates:
        return []
    pairs = [(w, (w + turn) % len(templates)) for turn in range(len(templates)) for w in range(len(words))]
    plan, seen = [], dict[str, int]()
    for index in range(count):
        word, template = pairs[index % len(pairs)]
        prompt = templates[template].replace("{}", words[word])
        seen[prompt] = seen.get(prompt, -1) + 1  # two templates can give one prompt; each time is a new seed
        plan.append((words[word], prompt, seen[prompt]))
    return plan


def target_words(concept: Concept) -> tuple[str, ...]:
    """What a prompt calls the target: the phrases of the sense that goes, or the name."""
    return concept.sense.forget if concept.sense else (concept.name,)


def forgotten_words(concept: Concept) -> tuple[str, ...]:
    """Every phrase that must lose its meaning: target words, then aliases."""
    return tuple(dict.fromkeys((*target_words(concept), *concept.aliases)))


def near_words(concept: Concept) -> tuple[str, ...]:
    """What is nearest to the target and must stay: its neighbours, and the parts of a composition."""
    return tuple(dict.fromkeys((*concept.neighbours, *concept.parts)))


def kept_senses(concept: Concept) -> tuple[str, ...]:
    """The other meaning of the target's word, which must stay."""
    return concept.sense.keep if concept.sense else ()


def target_asks(concept: Concept, name: str) -> Asks:
    """What the judge is asked of a picture of the target: of a composition, whether both parts are there."""
    return Asks("both", name, concept.parts) if concept.parts else Asks(KINDS[concept.kind].axis, name)


def training_templates(concept: Concept, prompts: Prompts) -> tuple[str, ...]:
    """The concept's own few-shot prompts, or the base's templates for its kind."""
    return concept.prompts or prompts.fewshot[concept.kind]


def eval_templates(kind: str, prompts: Prompts, modality: str) -> tuple[str, ...]:
    """What is drawn of a kind, in images or videos."""
    return prompts.videos[kind] if modality == "video" and kind in prompts.videos else prompts.eval[kind]


def fewshot_prompts(words: Sequence[str], templates: Sequence[str], count: int, seed: int) -> list[tuple[str, int]]:
    """(prompt, seed) of each image to train on: of the target's words, or of the anchor."""
    return [
        (prompt, derive_seed(seed, "fewshot", prompt, again)) for _, prompt, again in spread(words, templates, count)
    ]


def anchors_of(concept: Concept, prompts: Prompts) -> tuple[str, ...]:
    """The concept's own anchor, or else candidates: the base's for its kind, and for an object its neighbours.

    Another person, another artist's style or another character would be no less of a problem.
    """
    if concept.anchor is not None:
        return (concept.anchor,)
    neighbours = concept.neighbours if KINDS[concept.kind].near_anchors else ()
    return tuple(dict.fromkeys((*prompts.anchors.get(concept.kind, ()), *neighbours)))


def kept_prompts(concepts: Sequence[Concept], prompts: Prompts) -> list[str]:
    """Prompts whose meaning should stay: neighbours and kept senses in training templates, then the general ones.

    What one of the concepts calls its target is left out: in a joint encoder one's neighbour can be another's target,
    and a general prompt can be about any of them.
    """
    forgotten = {plain(word) for concept in concepts for word in forgotten_words(concept)}
    kept: dict[str, None] = {}
    for concept in concepts:
        words = [w for w in (*near_words(concept), *kept_senses(concept)) if plain(w) not in forgotten]
        for template in prompts.fewshot[concept.kind]:
            kept.update({template.replace("{}", word): None for word in words})
    kept.update({prompt: None for prompt in prompts.general if not holds(prompt, forgotten)})
    return list(kept)


def samples_of(
    concept: Concept, prompts: Prompts, counts: Mapping[str, Mapping[str, int]], seed: int
) -> list[PlannedSample]:
    """What is drawn of a concept, images first, group by group. Groups without words (no aliases, ...) have none.

    :param counts: {"images": {group: samples}, "videos": {...}}; a group that is not named has none.
    """
    words = {
        "target": target_words(concept), "aliases": concept.aliases, "near": near_words(concept),
        "sense": kept_senses(concept),
    }  # fmt: skip
    all_words = (*forgotten_words(concept), *words["near"], *words["sense"])
    far = {each.prompt: each.asks for each in prompts.far if not touches(each, all_words)}
    kind, samples = KINDS[concept.kind], []
    for modality, key in COUNTS.items():
        for group in kind.groups(modality):
            if group == "far":
                drawn = spread(list(far), ["{}"], counts[key].get(group, 0))
            else:
                templates = eval_templates(concept.kind, prompts, modality)
                drawn = spread(words[group], templates, counts[key].get(group, 0))
            for word, prompt, again in drawn:
                if group == "far":
                    asks = far[prompt]
                elif group in FORGET:
                    # The judge knows what an alias stands for by the target's name.
                    asks = target_asks(concept, word if group == "target" else words["target"][0])
                else:
                    asks = Asks(kind.near_axis, word)
                samples.append(PlannedSample(group, prompt, derive_seed(seed, prompt, again), modality, asks))
    return samples


def stays(sample: PlannedSample, concepts: Iterable[Concept]) -> bool:
    """Does a sample make sense for an encoder that forgets all of `concepts`?

    A neighbour or far prompt of one that is itself a target of another is neither kept nor a failure: leave it out.
    """
    if sample.group in FORGET:
        return True
    return not touches(sample, [word for concept in concepts for word in forgotten_words(concept)])


def touches(asked: PlannedSample | FarPrompt, words: Iterable[str]) -> bool:
    """Does a prompt ask about one of the words, or hold it as whole words?"""
    words = list(words)
    return plain(asked.asks.name) in map(plain, words) or holds(asked.prompt, words)
