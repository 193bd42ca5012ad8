"""What the judge's vocabulary says of a list: which concepts it knows, and which members of a category."""

from pathlib import Path

import pytest

from expunge.concepts.concept import Concept
from expunge.judging.vocabulary import Label, read_vocabulary, unknown_to, unnamed_members

FRUIT = (
    Label("apple", ("apple",), kind="fruit"), Label("pear", ("pear",), kind="fruit"),
    Label("grapes", ("bunch of grapes", "grapes"), kind="fruit"), Label("fig", ("fig",), kind="Fruit"),
    Label("bus", ("bus",), kind="vehicle"), Label("stone", ("stone",)), Label("nameless", (), kind="fruit"),
)  # fmt: skip
LABELS = {"subject": FRUIT, "style": (Label("korda", ("ansel korda",)),), "motion": (Label("spin", ("spinning",)),)}


def category(**more: tuple[str, ...]) -> Concept:
    return Concept("fruit", "a fruit", "category", **{"members": ("an apple",), **more})


@pytest.mark.parametrize(
    ("concept", "kept", "found"),
    [
        (category(), (), ("a pear", "a bunch of grapes", "a fig")),
        (category(probes=("Grapes",)), (), ("a pear", "a fig")),
        (category(neighbours=("a pear",)), ("a pear",), ("a bunch of grapes", "a fig")),
        (category(members=("apple",)), (), ("pear", "bunch of grapes", "fig")),
        (Concept("v", "transport", "category", ("vehicle",), members=("tram",)), (), ("bus",)),
        (Concept("fruit", "fruit", "object"), (), ()),
    ],
)
def test_the_members_that_a_list_does_not_name(concept: Concept, kept: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert unnamed_members(concept, FRUIT, kept) == found


def test_what_the_judge_does_not_know() -> None:
    known = [
        Concept("a", "An apple", "object"), Concept("k", "Ansel Korda", "style"), Concept("s", "spinning", "motion"),
        Concept("p", "a comet", "image"), Concept("c", "fruit", "category", members=("a plum", "a pear")),
        Concept("b", "an apple beside a bus", "object", parts=("an apple", "a bus")),
    ]  # fmt: skip
    unknown = [
        Concept("m", "claude monet", "style"), Concept("o", "korda", "object"), Concept("j", "apple", "style"),
        Concept("w", "weapons", "category", members=("a rifle",)), Concept("f", "flipping", "motion"),
        Concept("d", "an apple beside a dog", "object", parts=("an apple", "a dog")),
    ]  # fmt: skip
    assert unknown_to(LABELS, known) == []
    assert unknown_to(LABELS, [*known, *unknown]) == unknown


def test_a_labels_kind_is_read(tmp_path: Path) -> None:
    file = tmp_path / "vocabulary.yaml"
    file.write_text("subject: [{id: bus, names: [bus], kind: vehicle}, {id: owl}]\n")
    assert [label.kind for label in read_vocabulary(file)[1]["subject"]] == ["vehicle", ""]
