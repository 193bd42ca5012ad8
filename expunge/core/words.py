"""Compares words as people write them, with articles, hyphens and capital letters, and finds them in prompts."""

import re
from collections.abc import Iterable

from expunge.core.names import same

_ARTICLE = re.compile(r"^(?:an?|the) ")


def plain(word: str) -> str:
    """The form in which words are compared: that of `names.same`, with blanks for - and _ and no article in front."""
    return _ARTICLE.sub("", same(re.sub(r"[-_]", " ", word)))


def holds(text: str, words: Iterable[str]) -> bool:
    """Does a text hold one of the words, as whole words?"""
    spread = plain(text)
    return any(re.search(rf"(?<!\w){re.escape(plain(word))}(?!\w)", spread) for word in words)


def with_article(word: str) -> str:
    """A word with "a" or "an" before it, by its first letter: "a cat", "an owl"."""
    return ("an " if word[0] in "aeiou" else "a ") + word


def split_article(word: str) -> tuple[str, str]:
    """ "a cat" -> ("a ", "cat"); ("", word) where there is no article."""
    article = next((each for each in ("a ", "an ", "the ") if word.lower().startswith(each)), "")
    return article, word[len(article) :]
