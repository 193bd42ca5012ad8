"""Nothing that is shown names a confidential concept."""

import pytest

from expunge.concepts.concept import Concept
from expunge.concepts.confidential import confidential_words, is_withheld

SECRET = Concept("p-17", "Mira Holt", "person", ("the redhead",), confidential=True)
ARMS = Concept("arms", "weapons", "category", probes=("a Sabre",), members=("a rifle",), confidential=True)
OPEN = Concept("owl", "owl", "object", ("night bird",))


def test_the_words_are_those_of_confidential_concepts_alone() -> None:
    assert confidential_words([SECRET, OPEN]) == ("mira holt", "the redhead")
    assert confidential_words([OPEN]) == ()
    assert confidential_words([ARMS]) == ("a rifle", "a sabre", "weapons")


@pytest.mark.parametrize(
    ("concept", "group", "text", "withheld"),
    [
        (SECRET, "target", "whatever", True),
        (SECRET, "far", "a teapot", False),
        (SECRET, "far", "the redhead's teapot", True),
        (OPEN, "near", "a photo of MIRA HOLT", True),
        (OPEN, "near", "a photo of mira holtz", False),
        (None, "near", "an owl", False),  # of a list of before
    ],
)
def test_what_is_withheld(concept: Concept | None, group: str, text: str, withheld: bool) -> None:
    assert is_withheld(concept, group, [text], confidential_words([SECRET, OPEN])) == withheld
