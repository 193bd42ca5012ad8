"""The prompts of a concept: for few-shot images, for training, and for the samples that are drawn and judged.

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
    """`count` times (word, prompt, repetition), round-robin, so that both words and templates vary.

    Every pair is used once before any is used twice. A larger `count` only adds to the end. A template without "{}" is
    itself the prompt. [] if there are no words or no templates.
    """
    if not words or not templates:
        return []
    pairs = [(w, (w + turn) % len(templates)) for turn in range(len(templates)) for w in range(len(words))]
    plan, seen = [], dict[str, int]()
    for index in range(count):
        word, template = pairs[index % len(pairs)]
        prompt = templates[template].replace("{}", words[word])
        seen[prompt] = seen.get(prompt, -1) + 1  # two templates can give one prompt; each repetition gets a new seed
        plan.append((words[word], prompt, seen[prompt]))
    return plan


def target_words(concept: Concept) -> tuple[str, ...]:
    """The words for the target in prompts: the phrases of the sense to forget, or the name."""
    return concept.sense.forget if concept.sense else (concept.name,)


def forgotten_words(concept: Concept) -> tuple[str, ...]:
    """Every phrase that must lose its meaning: target words, then aliases."""
    return tuple(dict.fromkeys((*target_words(concept), *concept.aliases)))


def near_words(concept: Concept) -> tuple[str, ...]:
    """The words nearest to the target that must stay: its neighbours, and the parts of a composition."""
    return tuple(dict.fromkeys((*concept.neighbours, *concept.parts)))


def kept_senses(concept: Concept) -> tuple[str, ...]:
    """Phrases for the other meaning of the target's word, which must stay."""
    return concept.sense.keep if concept.sense else ()


def target_asks(concept: Concept, name: str) -> Asks:
    """What the judge is asked about a sample of the target. For a composition: are both parts seen?"""
    return Asks("both", name, concept.parts) if concept.parts else Asks(KINDS[concept.kind].axis, name)


def training_templates(concept: Concept, prompts: Prompts) -> tuple[str, ...]:
    """The concept's own few-shot prompts, or the base's templates for its kind."""
    return concept.prompts or prompts.fewshot[concept.kind]


def eval_templates(kind: str, prompts: Prompts, modality: str) -> tuple[str, ...]:
    """The templates from which samples of a kind are drawn, as images or videos."""
    return prompts.videos[kind] if modality == "video" and kind in prompts.videos else prompts.eval[kind]


def fewshot_prompts(words: Sequence[str], templates: Sequence[str], count: int, seed: int) -> list[tuple[str, int]]:
    """(prompt, seed) of each image to train on. :param words: the target's words, or the anchor."""
    return [
        (prompt, derive_seed(seed, "fewshot", prompt, again)) for _, prompt, again in spread(words, templates, count)
    ]


def anchors_of(concept: Concept, prompts: Prompts) -> tuple[str, ...]:
    """The concept's own anchor. Without one, candidates: the base's for its kind and, for an object, its neighbours.

    Neighbours are no candidates for other kinds: another person, artist's style or character would be a problem, too.
    """
    if concept.anchor is not None:
        return (concept.anchor,)
    neighbours = concept.neighbours if KINDS[concept.kind].near_anchors else ()
    return tuple(dict.fromkeys((*prompts.anchors.get(concept.kind, ()), *neighbours)))


def kept_prompts(concepts: Sequence[Concept], prompts: Prompts) -> list[str]:
    """Prompts whose meaning should stay: neighbours and kept senses in training templates, then the general ones.

    The words that any of the concepts forgets are left out: in a joint encoder, a neighbour of one concept can be the
    target of another, and a general prompt can be about any target.
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
    """The samples to draw for a concept: images first, group by group. A group without words has no samples.

    :param counts: {"images": {group: number of samples}, "videos": {...}}; a missing group has no samples.
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
                    # For an alias, the judge is asked about the target's name.
                    asks = target_asks(concept, word if group == "target" else words["target"][0])
                else:
                    asks = Asks(kind.near_axis, word)
                samples.append(PlannedSample(group, prompt, derive_seed(seed, prompt, again), modality, asks))
    return samples


def stays(sample: PlannedSample, concepts: Iterable[Concept]) -> bool:
    """Does a sample make sense for an encoder that forgets all of `concepts`?

    A sample that one concept keeps can show the target of another concept. Such a sample
    counts neither as kept nor as a failure, so it is left out.
    """
    if sample.group in FORGET:
        return True
    return not touches(sample, [word for concept in concepts for word in forgotten_words(concept)])


def touches(asked: PlannedSample | FarPrompt, words: Iterable[str]) -> bool:
    """Is the judge asked about one of the words, or does the prompt hold one as whole words?"""
    words = list(words)
    return plain(asked.asks.name) in map(plain, words) or holds(asked.prompt, words)
