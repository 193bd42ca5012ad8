"""The plan without words, and who may open it."""

from dataclasses import replace
from pathlib import Path

import pytest

from expunge.concepts.confidential import Veil, secret_of
from expunge.core.errors import InputError
from expunge.plan.asked_for import asked_for
from expunge.plan.build import make_plan
from expunge.plan.contract import Plan, read_plan
from expunge.plan.params import Params
from expunge.plan.sealed import read_opened, write_sealed
from tests.support.made_releases import BASE, FOX, LABELS, MONET, PEAR, PROMPTS, RENDER, listed
from tests.support.tiny import write_yaml

SALT = "5a" * 32
HIDDEN = replace(PEAR, id="c-1", neighbours=("a lamp",), confidential=True)
LISTS = (listed("animals", FOX), listed("fruit", HIDDEN), listed("styles", MONET))
UNLEARN = {"method": "distil", "distil": {"steps": 1}}


def veil(salt: str = SALT) -> Veil:
    return Veil(salt, {"fruit/c-1": secret_of(HIDDEN)})


def planned(over: Veil) -> Plan:
    params = Params("tiny", 0, {"images": 1, "anchor_images": 1}, UNLEARN, RENDER)
    return make_plan(params, LISTS, PROMPTS, BASE, labels=LABELS, veil=over)


def test_the_plan_is_written_without_words_and_opened_by_the_salt(tmp_path: Path) -> None:
    file, whole = tmp_path / "plan" / "index.json", planned(veil())
    write_sealed(file, whole, veil())
    write_yaml(tmp_path / "private" / "words.yaml", {"salt": SALT, "concepts": {"c-1": {"name": "a pear"}}})
    first = [each.read_bytes() for each in sorted(file.parent.iterdir())]
    assert not any(b"pear" in each or b"lamp" in each for each in first[:1]) and b"pear" not in first[1]
    assert read_opened(file, tmp_path)[0] == whole
    closed = read_plan(file)
    assert closed.concepts["animals/fox"] == whole.concepts["animals/fox"]
    assert closed.concepts["fruit/c-1"].kind == "object" and closed.encoders["fruit/c-1"].parameters["steps"] == 1
    assert len(closed.samples["fruit/c-1"]) == len(whole.samples["fruit/c-1"])
    write_sealed(file, whole, veil())
    assert [each.read_bytes() for each in sorted(file.parent.iterdir())] == first
    write_yaml(tmp_path / "private" / "words.yaml", {"salt": "6b" * 32, "concepts": {"c-1": {"name": "a pear"}}})
    with pytest.raises(InputError, match="cannot be opened"):
        read_opened(file, tmp_path)


def test_seeds_and_digests_cannot_be_found_by_trying_words() -> None:
    open_, one, other = planned(Veil()), planned(veil()), planned(veil("6b" * 32))
    assert open_.samples["animals/fox"][:4] == one.samples["animals/fox"][:4]

    def seeds(plan: Plan, group: str) -> list[int]:
        return [sample.seed for sample in plan.samples["fruit/c-1"] if sample.group == group]

    for group in ("target", "near"):
        assert len({tuple(seeds(plan, group)) for plan in (open_, one, other)}) == 3, group
    assert seeds(open_, "far") == seeds(one, "far")  # the base asks all concepts for these
    about = [asked_for(LISTS, UNLEARN, {}, 0, over) for over in (Veil(), veil(), veil("6b" * 32))]
    assert len({each["fruit/c-1"] for each in about}) == 3 and len({each["animals/fox"] for each in about}) == 1
