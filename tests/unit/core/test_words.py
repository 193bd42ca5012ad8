"""Words are found in prompts as people write them, and many of them as one of them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.core.words import Finder, plain

TEXTS = st.text("ab- .'é1_A", max_size=12)


@given(st.lists(TEXTS.filter(str.strip), max_size=5), TEXTS)
def test_a_finder_finds_what_a_search_for_each_word_finds(words: list[str], text: str) -> None:
    finder = Finder(words)
    each = [re.search(rf"(?<!\w){re.escape(plain(word))}(?!\w)", plain(text)) for word in words]
    assert finder.within(text) == any(each)
    assert finder.has(text) == (plain(text) in {plain(word) for word in words})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a photo of An Owl in the snow", True), ("a photo of an owlet", False), ("a snow-owl", True),
        ("a soccer ball", True), ("a soccer-ball", True), ("soccer", False), ("", False),
    ],
)  # fmt: skip
def test_whole_words_are_found(text: str, found: bool) -> None:
    assert Finder(["an owl", "the soccer ball"]).within(text) == found
