"""Does the encoder read the whole of every phrase, filled into the longest template of its kind?"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from expunge.concepts.phrases import kept_by_list, phrases_of
from expunge.concepts.rules import Words
from expunge.concepts.source import ConceptNode, Source
from expunge.core.errors import Problem
from expunge.core.names import bad_character
from expunge.core.schema import short

_UNKNOWN_LETTERS = "cannot be spelled by the base's tokenizer"


def spelling_problems(sources: Sequence[Source], concepts: Sequence[ConceptNode], words: Words) -> Iterator[Problem]:
    """Every phrase that the base's tokenizer cannot spell or that its encoder would cut short."""
    if words.tokenizer is None:
        return
    words = replace(words, tokenizer=cache(words.tokenizer))  # concepts share anchors and templates
    longest: dict[str, str] = {}  # by kind
    bare = {"{}": 0}  # template -> how many tokens it has without the phrase
    by_list: dict[str, str] = {}  # list -> the longest of its concepts' templates
    for concept in concepts:
        value = concept.node.value
        kind = str(value.get("kind"))
        if kind not in longest:
            templates = words.templates.get(kind) or ["{}"]
            longest[kind] = max(templates, key=lambda template: len(_spell(words, template.replace("{}", "x"))))
            bare.setdefault(longest[kind], len(_spell(words, longest[kind].replace("{}", " "))))
        before = by_list.setdefault(concept.source.where, longest[kind])
        by_list[concept.source.where] = max(before, longest[kind], key=len)
        for phrase in phrases_of(concept):
            yield from _problem(words, phrase.where, phrase.role, phrase.text, longest[kind], bare[longest[kind]])
        anchor, name = value.get("anchor"), value.get("name")
        if isinstance(anchor, str):
            yield from _problem(words, concept.place("anchor"), "anchor", anchor, longest[kind])
        name = name if isinstance(name, str) else "x"
        for key, role in (("paraphrases", "paraphrase"), ("prompts", "prompt")):
            texts = value.get(key)
            for i, text in enumerate(texts) if isinstance(texts, list) else ():
                if isinstance(text, str) and text.strip():
                    whole = text.replace("{}", name) if key == "prompts" else text
                    yield from _problem(words, concept.place(key, i), role, whole)
    for number, source in enumerate(sources):
        for phrase in kept_by_list(source, number):
            form = by_list.get(source.where, "{}")
            yield from _problem(words, phrase.where, "phrase to keep", phrase.text, form, bare[form])


def too_long(words: Words, text: str, template: str = "{}", bare: int | None = None) -> str | None:
    """Why the encoder does not read all of a phrase, as the end of a sentence; None where it does.

    :param bare: how many tokens the template has without the phrase, if known: it saves half of the time.
    """
    count = len(_spell(words, template.replace("{}", text)))
    if (bare is None or count <= bare) and not _spell(words, text):
        return _UNKNOWN_LETTERS
    if words.max_tokens is None or count <= words.max_tokens:
        return None
    inside = f" in the prompt {short(template)}" if template != "{}" else ""
    return f"has {count} tokens{inside}, but the encoder reads only {words.max_tokens}"


def _problem(
    words: Words, where: str, role: str, text: str, template: str = "{}", bare: int | None = None
) -> Iterator[Problem]:
    if not text.strip() or bad_character(text):
        return  # the other checks report it
    why = too_long(words, text, template, bare)
    if why is not None:
        letters = why == _UNKNOWN_LETTERS
        fix = "write it in letters that the base knows" if letters else "write fewer or shorter words"
        yield Problem(where, f"the {role} {short(text)} {why}", fix)


def _spell(words: Words, text: str) -> list[int]:
    return (words.tokenizer(text) if words.tokenizer is not None else None) or []
