"""Finds words in texts, however they are spelled there.

    found = Spellings(["a fire engine"])
    found.within("two Fire-Engines"), found.within("fireengine.png"), found.within("the FIRÉ  ENGINE")     all True
    found.within("a campfire engineer")                                                                   False

Case, accents, width, articles, hyphens, blanks or none of them, plural and singular do not tell words apart, nor do ae,
oe, ue, aa in place of ä, ö, ü, å. A word begins and ends where a word of the text does, so "holt" is not in
"upholstery"; a digit or a capital after a small letter begins one: "pikachu01.png", "miraHoltPhoto".
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import product

from expunge.concepts.doubles import IRREGULAR, LETTERS, singular

ARTICLES = ("a", "an", "the")
MOST_FORMS = 512  # of a phrase; of a longer one the last word alone is put into the plural
_SPELLED = {"ä": "ae", "ö": "oe", "ø": "oe", "ü": "ue", "å": "aa"}  # with more letters; ß is ss in any case
_HEX = re.compile(r"(?<![^\W_])[0-9a-fA-F]{12,}(?![^\W_])")  # of a digest: what letters it has are no words
_LETTERS_THEN_DIGIT = re.compile(r"([^\W\d_]{2})(?=\d)")
_DIGIT_THEN_LETTERS = re.compile(r"\d(?=[^\W\d_]{2})")
_PLURALS: dict[str, list[str]] = {}
for _many, _single in IRREGULAR.items():
    _PLURALS.setdefault(_single, []).append(_many)


class Spellings:
    """The spellings of some words."""

    def __init__(self, words: Iterable[str], turned: Iterable[str] = ()) -> None:
        """:param turned: names of people, whose last word may also stand first ("Holt, Mira")."""
        words = list(words)
        every = [form for word in words for runs in _spelled(word) for form in _forms(runs)]
        for name in turned:
            for *first, last in filter(None, _spelled(name)):
                every += _forms([last, *first])
        self._forms = frozenset(filter(None, every))
        ones = ("".join(map(_one, runs)) for word in words for runs in _spelled(word))
        self._ones = frozenset(filter(None, ones))
        self._longest = max(map(len, self._forms), default=0)
        self._signs = frozenset(_folded(word).strip() for word in words if not _runs(word)) - {""}

    def within(self, text: str) -> bool:
        return next(self.spans(text), None) is not None

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """(start, end) of each place that spells one of the words; of several that begin there, the longest."""
        if self._signs:
            folded = _folded(text)
            if any(sign in folded for sign in self._signs):  # words without a letter, such as an emoji
                yield 0, len(text)
                return
        if not self._forms:
            return
        found = list(self._spans(_skeleton(text)))
        if not text.isascii():
            found = _joined([*found, *self._spans(_skeleton(text, spelled=True))])
        yield from found

    def _spans(self, skeleton: tuple[str, list[int], list[int]]) -> Iterator[tuple[int, int]]:
        letters, places, starts = skeleton
        ends = [*starts[1:], len(letters)]
        ones = [_one(letters[start:end]) for start, end in zip(starts, ends, strict=False)]
        after = 0
        for first, start in enumerate(starts):
            if start < after:
                continue
            last = first
            while last < len(starts) and ends[last] - start <= self._longest:
                last += 1
            for end in range(last, first, -1):
                whole = ones[first] and ones[end - 1] and "".join(ones[first:end])
                if letters[start : ends[end - 1]] in self._forms or whole in self._ones:
                    after = ends[end - 1]
                    yield places[start], places[after - 1] + 1
                    break

    def masked(self, text: str, mask: str) -> str:
        """The text with each spelling in it replaced."""
        parts, last = [], 0
        for start, end in self.spans(text):
            parts += [text[last:start], mask]
            last = end
        return "".join([*parts, text[last:]])


def _forms(words: Sequence[str]) -> Iterator[str]:
    """The spellings of a phrase without blanks: each word in the singular and the plural, articles there or not."""
    if not words:
        return
    choices = [("", *ARTICLES) if word in ARTICLES and len(words) > 1 else _numbers(word) for word in words]
    count = 1
    for each in choices:
        count *= len(each)
    if count > MOST_FORMS:
        for kept in (list(words), [word for word in words if word not in ARTICLES]):
            for last in _numbers(kept[-1]) if kept else ():
                yield "".join([*kept[:-1], last])
        return
    for each in product(*choices):
        yield "".join(each)


@lru_cache(maxsize=10_000)
def _numbers(word: str) -> tuple[str, ...]:
    """A word in the singular and in the plural."""
    one = singular(word)
    forms = [word, one, *_PLURALS.get(one, ())]
    for base in dict.fromkeys((word, one)):
        forms += [f"{base}s", f"{base}es"]
        forms += [f"{base[:-1]}ies"] if base.endswith("y") else []
        forms += [f"{base[:-1]}ves"] if base.endswith("f") else [f"{base[:-2]}ves"] if base.endswith("fe") else []
    return tuple(dict.fromkeys(forms))


def _one(word: str) -> str:
    """A word in the singular; nothing of an article."""
    return "" if word in ARTICLES else singular(word)


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order; those that overlap are one."""
    result = list[tuple[int, int]]()
    for start, end in sorted(spans):
        if result and start < result[-1][1]:
            start, last = result.pop()
            end = max(end, last)
        result.append((start, end))
    return result


def _spelled(text: str) -> list[list[str]]:
    """The words of a text, and those with ae for ä, where there is one: all of them, and each alone."""
    plain, more = _runs(text), _runs(text, spelled=True)
    changed = [place for place, (a, b) in enumerate(zip(plain, more, strict=True)) if a != b]
    alone = [[more[i] if i == place else each for i, each in enumerate(plain)] for place in changed]
    return [plain, *([more] if changed else []), *(alone if len(changed) > 1 else [])]


def _runs(text: str, spelled: bool = False) -> list[str]:
    """The words of a text, as letters and digits; a capital or a digit within begins none."""
    letters, _, starts = _skeleton(text, spelled, split=False)
    return [letters[start:end] for start, end in zip(starts, [*starts[1:], len(letters)], strict=False)]


@lru_cache(maxsize=50_000)  # stages ask for the same prompts again and again
def _skeleton(text: str, spelled: bool = False, split: bool = True) -> tuple[str, list[int], list[int]]:
    """(letters and digits of a text, folded; the place of each in the text; where words begin among the letters).

    A word begins after anything else than a letter or a digit, and in scripts that write without blanks at each letter.

    :param spelled: with ae for ä. :param split: a word also begins within another, as `_within` says.
    """
    letters, places, starts, begins = list[str](), list[int](), list[int](), True
    within = _within(text) if split else frozenset[int]()
    for place, character in enumerate(text):
        begins = begins or place in within
        folded = character.lower() if character.isascii() else _folded(character)
        folded = _letters_of(text, place, folded) if spelled else folded
        own = [each for each in folded if each.isalnum()]
        alone = unicodedata.category(character) == "Lo"
        if own and (begins or alone):
            starts.append(len(letters))
        letters += own
        places += [place] * len(own)
        if own:
            begins = alone
        elif not unicodedata.combining(character):
            begins = True
    return "".join(letters), places, starts


def _within(text: str) -> frozenset[int]:
    """Where words begin within others: at a capital after a small letter, and between a digit and two letters."""
    found = {place for place in range(1, len(text)) if text[place].isupper() and text[place - 1].islower()}
    found |= {match.end() for each in (_LETTERS_THEN_DIGIT, _DIGIT_THEN_LETTERS) for match in each.finditer(text)}
    for digest in _HEX.finditer(text) if found else ():
        found -= set(range(digest.start(), digest.end()))
    return frozenset(found)


def _letters_of(text: str, place: int, folded: str) -> str:
    """The letters for the character at a place: ae for ä, be it one character or two."""
    whole = text[place]
    if place + 1 < len(text) and unicodedata.combining(text[place + 1]):
        whole = unicodedata.normalize("NFC", text[place : place + 2])
    return _SPELLED.get(whole.lower(), folded)


def _folded(text: str) -> str:
    """Without case, width, accents and letters that only look different: NFKD, case folded."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(each for each in folded if not unicodedata.combining(each)).translate(LETTERS)
