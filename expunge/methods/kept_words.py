"""Which words mean a concept and which prompts stay, for methods in closed form: chosen as `distil` and `solve` do."""

from collections.abc import Sequence

import torch

from expunge.bases.base import Base
from expunge.bases.text import text_gram
from expunge.core.words import plain, with_article
from expunge.methods import ConceptData
from expunge.methods.distil import vocabulary
from expunge.methods.lessons import Lesson, fill, lessons_of


def lessons_and_kept(
    base: Base, concepts: Sequence[ConceptData], kept: Sequence[str], others: int, alike: float
) -> tuple[list[Lesson], list[str], list[str]]:
    """(what each concept's words should mean, the lists' prompts that stay, those of the vocabulary's words that stay).

    The empty prompt is the first of the lists'.

    A word of the vocabulary that means a concept goes with its names. Each other word stays in two prompts: by itself
    in one template of the concepts, and with an article in the next. The concepts' probes and the words of the lists'
    kept prompts are left out.

    :param others: words of the vocabulary, drawn with one seed for all encoders. :param alike: a word nearer to a
    concept than this share of its anchor's distance means the concept.
    """
    words = vocabulary(base, others, torch.Generator().manual_seed(0)) if others else []
    asked = asked_words(concepts, kept, words)
    lessons, different = lessons_of(base, text_gram(base), concepts, list(asked), alike, beyond=0.0)
    templates = list(dict.fromkeys(template for lesson in lessons for template in lesson.templates))
    prompts = in_prompts([asked[each] for each in different], templates)
    stay = dict.fromkeys(prompt for pair in prompts.values() for prompt in pair)
    return lessons, list(dict.fromkeys(["", *kept])), list(stay)


def asked_words(concepts: Sequence[ConceptData], kept: Sequence[str], words: Sequence[str]) -> dict[str, str]:
    """{a word as the concepts' names stand, with an article or without: the word}, of those that are free: neither in a
    kept prompt nor a concept's probe, which no training sees."""
    said = {word for prompt in kept for word in prompt.lower().split()}
    tested = {plain(word) for data in concepts for word in data.concept.probes}
    free = (word for word in words if word not in said and plain(word) not in tested)
    return {with_article(word) if are_nouns(concepts) else word: word for word in free}


def are_nouns(concepts: Sequence[ConceptData]) -> bool:
    """Do names begin with an article?"""
    return any(name.startswith(("a ", "an ")) for data in concepts for name in data.names)


def in_prompts(words: Sequence[str], templates: Sequence[str]) -> dict[str, tuple[str, str]]:
    """{word: its two prompts}: by itself in one template, and with an article in the next."""
    turns = {word: (templates[i % len(templates)], templates[(i + 1) % len(templates)]) for i, word in enumerate(words)}
    return {word: (fill(one, word), fill(other, with_article(word))) for word, (one, other) in turns.items()}


def pairs_of(lessons: Sequence[Lesson]) -> dict[tuple[str, str], tuple[str, str]]:
    """{(template, name): (target prompt, anchor prompt)} of each lesson's names in each of its templates."""
    return {
        (template, name): (fill(template, name), fill(template, lesson.becomes(name)))
        for lesson in lessons
        for name in lesson.names
        for template in lesson.templates
    }
