"""Compares words as people write them, with articles, hyphens and capital letters, and finds them in prompts."""

import re
from collections.abc import Iterable

from expunge.core.names import same

_ARTICLE = re.compile(r"^(?:an?|the) ")
_RUN = re.compile(r"\w+")
_SMALL = {"a", "an", "and", "at", "beside", "by", "for", "from", "in", "into", "of", "on", "or", "the", "to", "with"}


def plain(word: str) -> str:
    """The form in which words are compared: that of `names.same`, with blanks for - and _ and no article in front."""
    return _ARTICLE.sub("", same(re.sub(r"[-_]", " ", word)))


def content_words(phrase: str) -> list[str]:
    """Its words but for articles, prepositions and conjunctions: ["slice", "pizza"] of "a slice of pizza"."""
    return [word for word in _RUN.findall(plain(phrase)) if word not in _SMALL]


class Finder:
    """Finds any of many words in texts, as whole words, without a search for each word.

    within = Finder(["a bus", "owl"]).within("a photo of an owl")       True
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = {plain(word) for word in words}
        self._by_first: dict[str, list[str]] = {}  # by the first run of letters; "": words without any
        for word in self._words:
            first = _RUN.search(word)
            self._by_first.setdefault(first[0] if first else "", []).append(word)

    def has(self, word: str) -> bool:
        """Is it one of the words?"""
        return plain(word) in self._words

    def within(self, text: str) -> bool:
        """Does the text hold one of the words, as whole words?"""
        spread = plain(text)
        runs = {"", *_RUN.findall(spread)}
        return any(_whole(word, spread) for run in runs for word in self._by_first.get(run, ()))


def _whole(word: str, text: str) -> bool:
    """Does a text hold a word, with no letter right before or after it? Both are `plain`."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def with_article(word: str) -> str:
    """A word with "a" or "an" before it, by its first letter: "a cat", "an owl"."""
    return ("an " if word[0] in "aeiou" else "a ") + word


def split_article(word: str) -> tuple[str, str]:
    """ "a cat" -> ("a ", "cat"); ("", word) where there is no article."""
    article = next((each for each in ("a ", "an ", "the ") if word.lower().startswith(each)), "")
    return article, word[len(article) :]
