"""Does the encoder read the whole of every phrase, filled into the longest template of its kind?"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from expunge.concepts.phrases import phrases_of
from expunge.core.names import bad_character
from expunge.core.schema import short

if TYPE_CHECKING:
    from expunge.concepts.lists import Source, Words
    from expunge.core.yamlfile import Node

Found = Iterator[tuple[str, str, str]]  # where, what, fix


def spelling_problems(entries: Sequence[tuple["Source", "Node", str]], words: "Words") -> Found:
    """(where, what, fix) of every phrase that the base's tokenizer cannot spell or its encoder would cut short."""
    if words.tokenizer is None:
        return
    longest: dict[str, str] = {}
    for source, node, _ in entries:
        value = node.value
        kind = str(value.get("kind"))
        if kind not in longest:
            templates = [t for t in words.templates.get(kind, ()) if isinstance(t, str)] or ["{}"]
            longest[kind] = max(templates, key=lambda template: len(_spell(words, template.replace("{}", "x"))))
        for phrase in phrases_of(source, node, "", 0):
            yield from _one(words, phrase.where, phrase.role, phrase.text, longest[kind])
        anchor, prompts, name = value.get("anchor"), value.get("prompts"), value.get("name")
        for i, text in enumerate(value["paraphrases"]) if isinstance(value.get("paraphrases"), list) else ():
            if isinstance(text, str) and text.strip():
                where = f"{source.where}:{node.at(['paraphrases', i]).line}"
                yield from _one(words, where, "paraphrase", text, "{}")
        if isinstance(anchor, str) and anchor.strip():
            yield from _one(words, f"{source.where}:{node.at(['anchor']).line}", "anchor", anchor, longest[kind])
        for i, prompt in enumerate(prompts) if isinstance(prompts, list) else ():
            if isinstance(prompt, str) and prompt.strip():
                text = prompt.replace("{}", name if isinstance(name, str) else "x")
                yield from _one(words, f"{source.where}:{node.at(['prompts', i]).line}", "prompt", text, "{}")


def too_long(words: "Words", text: str, template: str = "{}") -> str | None:
    """Why the encoder does not read all of a phrase, as the end of a sentence; None where it does."""
    if not _spell(words, text):
        return "cannot be spelled by the base's tokenizer"
    count = len(_spell(words, template.replace("{}", text)))
    if words.max_tokens is None or count <= words.max_tokens:
        return None
    inside = f" in the prompt {short(template)}" if template != "{}" else ""
    return f"makes {count} tokens{inside} and the encoder reads {words.max_tokens}"


def _one(words: "Words", where: str, role: str, text: str, template: str) -> Found:
    if bad_character(text):
        return  # has been reported
    problem = too_long(words, text, template)
    if problem is not None:
        spelled = "spelled" not in problem
        fix = "write fewer or shorter words" if spelled else "write it in letters that the base knows"
        yield where, f"the {role} {short(text)} {problem}", fix


def _spell(words: "Words", text: str) -> list[Any]:
    return (words.tokenizer(text) if words.tokenizer is not None else None) or []
