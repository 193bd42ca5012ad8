"""What is published names no confidential concept."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.concepts.concept import Concept, Request, Sense
from expunge.concepts.confidential import OPEN, Secret, Veil, secret_of
from expunge.core.codes import CODE, is_open, opened

HOLT = Concept(
    "p-17", "mira holt", "person", ("the redhead",), "a teddy bear", ("elsa lind",), prompts=("{} at the weir",),
    sense=Sense(("the swimmer holt",), ("a holt of otters",)), request=Request("R-1", "2026-01-31", "the weir", "yes"),
    confidential=True,
)  # fmt: skip
VEIL = Veil("s", {"people/p-17": secret_of(HOLT)}, {"people/all": ("people/p-17",), "people/p-17": ("people/p-17",)})
ABOUT = ("people/p-17",)


def test_a_text_that_names_a_confidential_concept_is_hidden_as_a_whole() -> None:
    code = VEIL.hide("a photo of Mira-Holt at the weir")
    assert CODE.fullmatch(code) and VEIL.hide(code) == code
    assert VEIL.hide("an owl") == "an owl" and VEIL.hide("the REDHEADS") != "the REDHEADS"
    assert VEIL.hide("a swimmer holt") != "a swimmer holt"
    other = Veil("t", VEIL.secrets)
    assert other.hide("mira holt") != VEIL.hide("mira holt")  # who does not know the salt cannot try words


def test_everyday_words_of_a_concept_are_hidden_in_what_is_about_it() -> None:
    for text in ("a photo of a teddy bear", "Elsa Linds", "a holt of otters", "{} at the weir", "the weir"):
        assert VEIL.hide(text) == text and CODE.fullmatch(VEIL.hide(text, ABOUT)), text
    assert VEIL.hide("solve", ABOUT) == "solve" and VEIL.hide("mria hotl", ABOUT) == "mria hotl"
    assert CODE.fullmatch(VEIL.hide("mria hotl", ABOUT, strict=True)) and VEIL.hide("3.4", ABOUT, strict=True) == "3.4"


def test_data_about_a_concept_are_closed_and_opened_again() -> None:
    data = {
        "concepts": {"people/p-17": {"id": "p-17", "name": "mira holt", "kind": "person",
                                     "gate": {"image": {"near": ">= 1 of before"}}}},
        "samples": {"people/p-17": [{"group": "far", "prompt": "a teddy bear", "asks": {"axis": "both", "name": "cup"}},
                                    {"group": "near", "prompt": "elsa", "asks": {"axis": "subject", "name": "elsa"}}]},
        "attempts": [{"concept": "people/p-17", "attack": "words", "prompt": "mria hotl"},
                     {"concept": "people/two", "attack": "words", "prompt": "mria hotl"}],
        "moved": {"mira holt": "a cup"}, "kept": ["a teddy bear"],
    }  # fmt: skip
    codes: dict[str, str] = {}
    closed = VEIL.closed(data, codes=codes)
    own = closed["concepts"]["people/p-17"]
    assert own["id"] == "p-17" and own["kind"] == "person" and own["gate"] == {"image": {"near": ">= 1 of before"}}
    assert CODE.fullmatch(own["name"])
    far, near = closed["samples"]["people/p-17"]
    assert far == data["samples"]["people/p-17"][0] and near["group"] == "near" and near["asks"]["axis"] == "subject"  # type: ignore[index]
    assert CODE.fullmatch(near["prompt"]) and CODE.fullmatch(near["asks"]["name"])
    assert CODE.fullmatch(closed["attempts"][0]["prompt"]) and closed["attempts"][1]["prompt"] == "mria hotl"
    (key,) = closed["moved"]
    assert CODE.fullmatch(key) and closed["kept"] == ["a teddy bear"]
    codes[key] = "mira holt"
    assert opened(closed, codes) == data and VEIL.closed(closed) == closed
    assert OPEN.closed(data) is data


@pytest.mark.parametrize(
    ("unit", "about"),
    [
        ("people/all", (ABOUT, False)), ("people/all/words", (ABOUT, False)), ("people/p-17", (ABOUT, False)),
        ("people/p-17--anchor", (ABOUT, True)), ("original/people/p-17", (ABOUT, True)),
        ("releases/x/people--p-17", (ABOUT, True)), ("people/all/people--two", ((), False)),
        ("original/releases/general", ((), False)), ("people/two", ((), False)),
    ],
)  # fmt: skip
def test_which_concepts_a_unit_is_about(unit: str, about: object) -> None:
    assert VEIL.about(unit) == about


def test_messages_lose_the_words_alone_and_a_veil_can_be_sent() -> None:
    assert VEIL.masked("'Mira  Holts' must survive two") == "'[confidential]' must survive two"
    assert VEIL.named("the redhead") == ["people/p-17"] and VEIL.named("an owl") == []
    assert pickle.loads(pickle.dumps(VEIL)).hide("mira holt") == VEIL.hide("mira holt")
    assert not is_open(f"the worst: {VEIL.hide('mira holt')}") and is_open("the worst: owl")


PLAIN = st.text(st.characters(categories=["Ll", "Nd", "Zs"], max_codepoint=0x24F), max_size=20)


@given(PLAIN, PLAIN, st.sampled_from(["a fire engine", "mira holt", "Zoë"]))
def test_nothing_that_is_closed_names_it(before: str, after: str, word: str) -> None:
    veil = Veil("s", {"l/a": Secret((word,))})
    closed = veil.closed({"x": [f"{before} {word} {after}", after], before: {"y": word}})
    assert not any(veil.names(text) for text in _texts(closed))


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    items = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for each in items for text in _texts(each)]
