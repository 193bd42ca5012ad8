"""The prompts of a concept: for few-shot images, for training, and for the samples that are drawn and judged.

    samples = samples_of(concept, read_prompts(file), {"images": {"target": 4}, "videos": {}}, seed=0)

Pure functions over plain data. The templates come from the base's prompts file (prompt_file.py).
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import count, zip_longest

from expunge.concepts.concept import Concept
from expunge.concepts.kinds import KINDS
from expunge.concepts.prompt_file import FarPrompt, Prompts
from expunge.concepts.samples import COUNTS, FORGET, Asks, PlannedSample
from expunge.core.seeds import derive_seed
from expunge.core.words import Finder, content_words

HANDFUL = 4  # phrases of a list's `keep` that each concept's samples show
KEEP_PROMPTS = 512  # training prompts of a list's `keep`, unless it has more phrases

# (prompt, group) -> what of the prompt its noise is drawn from: seeds are published, and whose prompt one is, is found
# by trying.
Said = Callable[[str, str], str]


def as_it_is(prompt: str, group: str) -> str:
    return prompt


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
    """The words for the target in prompts: the sense to forget, or the name; and the members of a category."""
    return (*(concept.sense.forget if concept.sense else (concept.name,)), *concept.members)


def drawn_words(concept: Concept) -> tuple[str, ...]:
    """`target_words` in the order in which they are drawn and attacked: a category's members come before its name, for
    which the model may draw nothing in particular."""
    first, *others = target_words(concept)
    return (*others, first) if concept.members else (first, *others)


def forgotten_words(concept: Concept) -> tuple[str, ...]:
    """Every phrase that is trained to lose its meaning: target words, then aliases."""
    return tuple(dict.fromkeys((*target_words(concept), *concept.aliases)))


def lost_words(concept: Concept) -> tuple[str, ...]:
    """Every phrase that must lose its meaning: those of `forgotten_words`, and the probes."""
    return tuple(dict.fromkeys((*forgotten_words(concept), *concept.probes)))


def near_words(concept: Concept) -> tuple[str, ...]:
    """The words nearest to the target that must stay: its neighbours, and the parts of a composition."""
    return tuple(dict.fromkeys((*concept.neighbours, *concept.parts)))


def kept_senses(concept: Concept) -> tuple[str, ...]:
    """Phrases for the other meaning of the target's word, which must stay."""
    return concept.sense.keep if concept.sense else ()


def target_asks(concept: Concept, name: str) -> Asks:
    """What the judge is asked about a sample of the target.

    For a composition: are both parts seen? For a category: is any of its members seen, be it one that is only tested? A
    bus that takes the place of a tractor is still a vehicle. With `judge:`, the detector of that name answers.
    """
    if concept.judge is not None:
        return Asks("detector", name, (concept.judge,))
    if concept.members:
        return Asks("any", name, (*concept.members, *concept.probes))
    return Asks("both", name, concept.parts) if concept.parts else Asks(KINDS[concept.kind].axis, name)


def training_templates(concept: Concept, prompts: Prompts) -> tuple[str, ...]:
    """The concept's own few-shot prompts, or the base's templates for its kind."""
    return concept.prompts or prompts.fewshot[concept.kind]


def eval_templates(kind: str, prompts: Prompts, modality: str) -> tuple[str, ...]:
    """The templates from which samples of a kind are drawn, as images or videos."""
    return prompts.videos[kind] if modality == "video" and kind in prompts.videos else prompts.eval[kind]


def fewshot_prompts(
    words: Sequence[str], templates: Sequence[str], count: int, seed: int, said: Said = as_it_is
) -> list[tuple[str, int]]:
    """(prompt, seed) of each image to train on. :param words: the target's words, or the anchor."""
    return [
        (prompt, derive_seed(seed, "fewshot", said(prompt, "target"), again))
        for _, prompt, again in spread(words, templates, count)
    ]


def anchors_of(concept: Concept, prompts: Prompts) -> tuple[str, ...]:
    """The concept's own anchor. Without one, candidates: the base's for its kind and, for an object, its neighbours.

    A word for the concept itself is no candidate, however it is written: it would be the nearest, and the concept would
    stay what it is. Neighbours are no candidates for other kinds: another person, artist's style or character would be
    a problem, too.
    """
    if concept.anchor is not None:
        return (concept.anchor,)
    neighbours = concept.neighbours if KINDS[concept.kind].near_anchors else ()
    own = Finder(lost_words(concept))
    candidates = dict.fromkeys((*prompts.anchors.get(concept.kind, ()), *neighbours))
    return tuple(candidate for candidate in candidates if not own.has(candidate))


def handful(keep: Sequence[str], concept: str, seed: int) -> tuple[str, ...]:
    """At most HANDFUL of the phrases that a list keeps, in their order: those that a concept's samples show.

    Each concept of a list draws its own, so that together they show more of a long list.

    :param concept: "list/id".
    """
    if len(keep) <= HANDFUL:
        return tuple(keep)
    chosen, turns = set[int](), count()
    while len(chosen) < HANDFUL:
        chosen.add(derive_seed(seed, "keep", concept, next(turns)) % len(keep))
    return tuple(keep[place] for place in sorted(chosen))


def kept_prompts(concepts: Sequence[Concept], prompts: Prompts) -> list[str]:
    """Prompts whose meaning should stay: neighbours and kept senses in training templates, then the general ones.

    The words that any of the concepts forgets are left out: in a joint encoder, a neighbour of one concept can be the
    target of another, and a general prompt can be about any target. A general prompt stays out as soon as it shares a
    word with what is forgotten, since it may name it in other words: "a pizza" is "a slice of pizza".
    """
    forgotten = Finder(word for concept in concepts for word in lost_words(concept))
    parts = Finder(part for concept in concepts for word in lost_words(concept) for part in content_words(word))
    kept: dict[str, None] = {}
    for concept in concepts:
        words = [w for w in (*near_words(concept), *kept_senses(concept)) if not forgotten.has(w)]
        for template in prompts.fewshot[concept.kind]:
            kept.update({template.replace("{}", word): None for word in words})
    said = (prompt for prompt in prompts.general if not forgotten.within(prompt) and not parts.within(prompt))
    kept.update(dict.fromkeys(said))
    return list(kept)


def keep_prompts(keep: Sequence[str], concepts: Sequence[Concept], prompts: Prompts) -> list[str]:
    """Prompts with the phrases that a list keeps, for all of its encoders.

    Each phrase is in one prompt at least, and in every template as long as that makes no more than KEEP_PROMPTS.

    :param concepts: of the list: their kinds choose the templates.
    """
    kinds = dict.fromkeys(concept.kind for concept in concepts)
    templates = list(dict.fromkeys(template for kind in kinds for template in prompts.fewshot[kind]))
    many = max(len(keep), min(len(keep) * len(templates), KEEP_PROMPTS))
    return list(dict.fromkeys(prompt for _, prompt, _ in spread(keep, templates, many)))


def samples_of(
    concept: Concept,
    prompts: Prompts,
    counts: Mapping[str, Mapping[str, int]],
    seed: int,
    keep: Sequence[str] = (),
    said: Said = as_it_is,
) -> list[PlannedSample]:
    """The samples to draw for a concept: images first, group by group. A group without words has no samples.

    Of a category, each member is drawn as an image at least once, since every one of them must go.

    :param counts: {"images": {group: number of samples}, "videos": {...}}; a missing group has no samples.
    :param keep: of the phrases that the list keeps, the `handful` that is shown: they alternate with the neighbours.
    """
    near = (word for pair in zip_longest(near_words(concept), keep) for word in pair if word is not None)
    words = {
        "target": drawn_words(concept), "aliases": concept.aliases, "probes": concept.probes,
        "near": tuple(dict.fromkeys(near)), "sense": kept_senses(concept),
    }  # fmt: skip
    about = Finder((*lost_words(concept), *words["near"], *words["sense"]))
    far = {each.prompt: each.asks for each in prompts.far if not touches(each, about)}
    kind, samples = KINDS[concept.kind], []
    for modality, key in COUNTS.items():
        for group in kind.groups(modality):
            number = counts[key].get(group, 0)
            if group == "beside":
                samples += _beside(concept, prompts, about, number, modality, seed, said)
                continue
            if group == "far":
                drawn = spread(list(far), ["{}"], number)
            else:
                templates = eval_templates(concept.kind, prompts, modality)
                if number and concept.members and modality == "image" and group in FORGET:
                    number = max(number, len(words[group]))
                drawn = spread(words[group], templates, number)
            for word, prompt, again in drawn:
                if group == "far":
                    asks = far[prompt]
                elif group in FORGET:
                    # For an alias, the judge is asked about the target's name.
                    asks = target_asks(concept, word if group == "target" else target_words(concept)[0])
                else:
                    asks = Asks(kind.near_axis, word)
                noise = derive_seed(seed, said(prompt, group), again)
                samples.append(PlannedSample(group, prompt, noise, modality, asks))
    return samples


def has_company(concept: Concept) -> bool:
    """Can something stand beside it? Not beside a style, a motion or a memorised picture, and beside a composition it
    would be a third thing."""
    return KINDS[concept.kind].company and not concept.parts


def companions(concept: Concept, prompts: Prompts, about: Finder, seed: int) -> list[str]:
    """What may stand beside a concept: the base's things that neither its words nor its anchors name, in an order of
    its own. [] if it `has_company` not.

    :param about: the words of the concept, of what it keeps and of its other sense.
    """
    if not has_company(concept):
        return []
    becomes = Finder(anchors_of(concept, prompts))
    free = (o for o in prompts.beside.others if not any(f.has(o) or f.within(o) for f in (about, becomes)))
    return sorted(free, key=lambda other: derive_seed(seed, "beside", concept.id, other))


def _beside(
    concept: Concept, prompts: Prompts, about: Finder, count: int, modality: str, seed: int, said: Said
) -> list[PlannedSample]:
    """Samples of the concept and something else: the judge is asked for both. Companions and templates alternate."""
    others, templates = companions(concept, prompts, about, seed), prompts.beside.prompts
    beside = {
        templates[(place + turn) % len(templates)].replace("{other}", other): other
        for turn in range(len(templates))
        for place, other in enumerate(others)
    }
    words = drawn_words(concept)
    other_of = {form.replace("{}", word): other for form, other in beside.items() for word in words}
    return [
        PlannedSample(
            "beside", prompt, derive_seed(seed, said(prompt, "beside"), again), modality,
            Asks("glance", other_of[prompt]),
            gone=_at_a_glance(target_asks(concept, word)),
        )
        for word, prompt, again in spread(words, list(beside), count)
    ]  # fmt: skip


def _at_a_glance(asks: Asks) -> Asks:
    """The same question about a picture of two things. A detector finds its own among many."""
    return asks if asks.axis == "detector" else Asks("glance", asks.name, asks.parts)


def stays(sample: PlannedSample, lost: Finder) -> bool:
    """Does a sample make sense for an encoder that forgets all of the words `lost`?

    A sample that one concept keeps can show the target of another concept. Such a sample
    counts neither as kept nor as a failure, so it is left out. A prompt of the group beside always holds a target:
    there the companion decides.
    """
    if sample.group == "beside":
        return not (lost.has(sample.asks.name) or lost.within(sample.asks.name))
    return sample.group in FORGET or not touches(sample, lost)


def touches(asked: PlannedSample | FarPrompt, words: Finder) -> bool:
    """Is the judge asked about one of the words, or does the prompt hold one as whole words?"""
    return words.has(asked.asks.name) or words.within(asked.prompt)
