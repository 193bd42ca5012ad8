"""Words are found in every spelling, and others are not taken for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.concepts.spellings import Spellings

ENGINE = Spellings(["a fire engine"])


@pytest.mark.parametrize(
    "text",
    [
        "fire engine", "A FIRE ENGINE", "the Fire-Engines", "fireengine", "fire_engine.png", "FireEngine",
        "fire  engine",
        "f i r e engine", "a photo of fire engines in the snow", "fire\u00a0engine", "fire\u2011engine",
        "fi\u0301re engine",
        "ｆｉｒｅ engine", "fire-engine's", "(fire engine:1.5)", "list/fire-engine--two", "fire\u200bengine",
    ],
)  # fmt: skip
def test_every_spelling_is_found(text: str) -> None:
    assert ENGINE.within(text), text


@pytest.mark.parametrize(
    "text", ["", "a campfire engine", "fire engineer", "engine", "fire", "engine fire", "fir engine"]
)
def test_other_words_are_not(text: str) -> None:
    assert not ENGINE.within(text), text


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("wolves", "a wolf"), ("a wolf", "two wolves"), ("a berry", "berries"), ("boxes", "box"), ("a bus", "buses"),
        ("a man with a hat", "men with hats"), ("a man with a hat", "a man with the hat"), ("O'Vint", "ovint"),
        ("O\u2019Vint", "O Vint"), ("Gustave Doré", "gustave dore"), ("Ærø", "aero"), ("Straße", "STRASSE"),
        ("消防车", "一辆消防车"), ("🦊", "a 🦊!"), ("R2-D2", "r2d2"),
        ("Jörg Müller", "joerg-mueller"), ("Jörg Müller", "Jorg Mueller"), ("Joerg Mueller", "Jörg Müller"),
        ("Joerg Mueller", "Jo\u0308rg Mu\u0308ller"), ("Jo\u0308rg", "joerg"), ("Åse Sørby", "aase-soerby"),
        ("Ärger", "AERGER"), ("Jörg Müller", "JÖRG MUELLER"), ("Straße", "strasse2"),
        ("pikachu", "pikachu2"), ("pikachu", "pikachu01.png"), ("pikachu", "01pikachu"), ("mira holt", "mira holt2"),
        ("mira holt", "miraHoltPhoto"), ("mira holt", "myPhotoOfMiraHolts"), ("Müller", "herrMüllerFoto"),
        ("A bright comet above an old castle", "bright comets above old castles"),
    ],
)  # fmt: skip
def test_spellings_of_other_words(word: str, text: str) -> None:
    assert Spellings([word]).within(text)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("ada", "9c00d1ada8e5f2740"), ("a pot", "a poet"), ("holt", "miraholt"), ("e", "1e-05"), ("x", "512x512"),
        ("chu", "pikachu01"),
    ],
)  # fmt: skip
def test_what_digits_and_letters_make_by_chance_is_no_word(word: str, text: str) -> None:
    assert not Spellings([word]).within(text)


def test_spelled_out_words_are_masked_where_they_stand() -> None:
    found = Spellings(["Joerg Mueller", "pikachu"])
    assert found.masked("ein Bild (Jörg Müllers) mit pikachu2, Jörg", "[x]") == "ein Bild ([x]) mit [x]2, Jörg"


def test_people_may_be_written_with_the_last_name_first() -> None:
    assert Spellings(["mira holt"], ["mira holt"]).within("Holt, Mira") and not Spellings(["mira holt"]).within(
        "Holt, Mira"
    )
    assert not Spellings([]).within("anything")


def test_words_are_masked_where_they_stand() -> None:
    assert ENGINE.masked("two fire-engines, one Fire Engine; an owl", "[x]") == "two [x], one [x]; an owl"


WORD = st.text(st.characters(categories=["Ll", "Lu"], max_codepoint=0x24F), min_size=1, max_size=8)
PHRASE = st.lists(WORD, min_size=1, max_size=3)


@given(PHRASE, st.sampled_from([" ", "-", "_", "", "  ", "\u2010"]), st.booleans(), st.sampled_from(["", "a ", "The "]))
def test_any_phrase_is_found_however_it_is_joined(words: list[str], joint: str, upper: bool, article: str) -> None:
    text = article + joint.join(words)
    assert Spellings([" ".join(words)]).within(f"a photo of {text.upper() if upper else text}, at night")


@given(PHRASE, st.text(max_size=30))
def test_what_is_masked_is_found_no_more(words: list[str], text: str) -> None:
    found = Spellings([" ".join(words)])
    masked = found.masked(f"{text} {' '.join(words)} {text}", "\u2014")
    assert all(0 <= start < end <= len(text) for start, end in found.spans(text))
    assert not found.within(masked)
