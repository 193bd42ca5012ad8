"""Words as people write them: an article in front, a hyphen or a blank, capital letters; and prompts that hold them."""

import re
from collections.abc import Iterable

from expunge.core.names import same

_ARTICLE = re.compile(r"^(?:an?|the) ")


def plain(word: str) -> str:
    """The form in which words are compared: as `names.same`, blanks for - and _, no article in front."""
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
