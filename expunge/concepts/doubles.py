"""When are two texts one name, and when are they nearly one?

loosely("a Fire-Engine") == loosely("fire engines")     one name, where one is forgotten and the other kept
near_doubles(["Gustave Doré", "Gustave Dore"])          said, because they may be two spellings of one person
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

from expunge.core.names import same

T = TypeVar("T")
LETTERS = {ord(a): b for a, b in {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i"}.items()}
IRREGULAR = {  # plural: singular
    "knives": "knife", "wives": "wife", "wolves": "wolf", "leaves": "leaf", "shelves": "shelf", "scarves": "scarf",
    "calves": "calf", "elves": "elf", "loaves": "loaf", "thieves": "thief", "halves": "half", "hooves": "hoof",
    "men": "man", "women": "woman", "children": "child", "people": "person", "mice": "mouse", "geese": "goose",
    "feet": "foot", "teeth": "tooth", "oxen": "ox", "cacti": "cactus", "octopi": "octopus", "policemen": "policeman",
    "policewomen": "policewoman", "firemen": "fireman", "snowmen": "snowman", "horsemen": "horseman",
}  # fmt: skip
_ARTICLE = re.compile(r"^(?:a|an|the)\s+(?=\S)")
_HYPHENS = re.compile(r"[\s_\-\u2010-\u2015]+")
_MARKS = re.compile(r"[^\w\s]")
_APOSTROPHES = re.compile(r"['’‘ʼ`´′]")


@lru_cache(maxsize=200_000)  # each name of a file is asked for several times
def loosely(text: str) -> str:
    """A text without case, a leading article, hyphens, and the plural of its last word."""
    words = _HYPHENS.sub(" ", _ARTICLE.sub("", same(text))).strip().split()
    return " ".join([*words[:-1], singular(words[-1])]) if words else ""


def singular(word: str) -> str:
    """An English plural without its ending; other words as they are ("glass", "bus", "Dries")."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and re.search(r"(?:x|ch|sh|ss|zz)es$", word):
        return word[:-2]
    return word[:-1] if len(word) > 3 and re.search(r"[^sui]s$", word) else word


def folded(text: str) -> str:
    """`loosely`, and without accents, apostrophes, width and the order of words."""
    text = _APOSTROPHES.sub("", text)
    if text.isascii():
        return " ".join(sorted(_MARKS.sub("", loosely(text)).split()))
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    letters = plain.translate(LETTERS)
    return " ".join(sorted(_MARKS.sub("", loosely(letters)).split()))


def near_doubles(texts: Iterable[tuple[str, T]]) -> list[tuple[tuple[str, T], tuple[str, T]]]:
    """Pairs of texts that differ in spelling alone, in order. :param texts: each with something that comes along."""
    first: dict[str, tuple[str, T]] = {}
    pairs = []
    for text, what in texts:
        key = folded(text)
        before = first.setdefault(key, (text, what)) if key else (text, what)
        if same(before[0]) != same(text):
            pairs.append((before, (text, what)))
    return pairs
