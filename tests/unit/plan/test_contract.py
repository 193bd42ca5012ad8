"""The plan as a file: what is written is read again, and a broken one is one clear error."""

from pathlib import Path

import pytest

from expunge.concepts.concept import Concept, Request, Sense
from expunge.concepts.samples import Asks, PlannedSample
from expunge.core.digest import Fingerprint
from expunge.core.errors import InputError
from expunge.core.unit_names import Name, UnitName
from expunge.plan.contract import (
    EncoderJob,
    Picture,
    Plan,
    PlannedBase,
    PlannedList,
    Training,
    pictures_unit,
    public,
    read_plan,
    write_plan,
)

SECRET = Concept(
    "bolt", "bolt the robot", "character", ("the tin robot",), sense=Sense(("bolt the robot",), ("a bolt",)),
    request=Request("R-1", "2026-01-31", "law", "accepted"), confidential=True, method="distil", parameters={"rank": 3},
    gate={"image": {"target": "<= 0.1"}},
)  # fmt: skip
PLAN = Plan(
    base=PlannedBase("tiny", Fingerprint.of({"steps": 12}), Fingerprint.of({"a": "b"}), "cpu", "float32", 8, 1),
    lists={"l": PlannedList("T", "O", ("bolt",), ("bolt",), {}, ("a bus",), ("one a bus",))},
    concepts={"l/bolt": SECRET},
    encoders={
        "l/bolt": EncoderJob(("l/bolt",), "distil", {"rank": 3, "steps": 0.5}, 7, ("a house",), {"l/bolt": (1,)})
    },
    fewshot={"l/bolt": (Picture("a bolt", 3, True),)},
    training={"l/bolt": Training(("bolt the robot",), ("a photo of {}",), ("a toy",))},
    samples={"l/bolt": (PlannedSample("target", "bolt", 5, "image", Asks("both", "bolt", ("a", "b"))),)},
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_plan(tmp_path / "index.json", PLAN)
    assert read_plan(tmp_path / "index.json") == PLAN
    assert PLAN.encoders_of("l") == ["l/bolt"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"seed": 7', '"seed": "7"', r"\$\.encoders"),
        ('"axis": "both"', '"axes": "both"', r"axis"),
        ("}", "", "no plan of this version"),
    ],
)
def test_a_broken_plan_says_where(tmp_path: Path, old: str, new: str, says: str) -> None:
    file = tmp_path / "index.json"
    write_plan(file, PLAN)
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=says) as error:
        read_plan(file)
    assert "dvc repro plan" in str(error.value) and len(error.value.problems) == 1
    file.unlink()
    with pytest.raises(InputError, match="is missing"):
        read_plan(file)


def test_what_an_encoder_may_depend_on() -> None:
    bare = public(SECRET)
    assert (bare.request, bare.confidential, bare.gate, bare.method, bare.parameters) == (None, False, {}, None, {})
    assert (bare.name, bare.sense, bare.aliases) == (SECRET.name, SECRET.sense, SECRET.aliases)


def test_names_of_units() -> None:
    encoder, concept = Name.parse("l/all"), Name("l", "bolt")
    assert [str(UnitName(encoder)), str(UnitName(encoder, part="words"))] == ["l/all", "l/all/words"]
    assert str(UnitName(encoder, concept)) == "l/all/l--bolt"
    assert str(UnitName(concept=concept, original=True)) == "original/l/bolt"
    assert pictures_unit("l/bolt", "target") == "l/bolt" and pictures_unit("l/bolt", "anchor") == "l/bolt--anchor"
    assert UnitName.attack_of("l/all/words", encoder) == "words"
    assert UnitName.attack_of("l/all/l--bolt", encoder) is None and UnitName.attack_of("l/al/words", encoder) is None
    for wrong in ("bolt", "/bolt", "l/", "l/a/b", ""):
        with pytest.raises(ValueError, match="list/id"):
            Name.parse(wrong)
