"""The units of a release in each stage."""

from dataclasses import replace
from pathlib import Path

from stages import attack, render, score, unlearn
from tests.support.made_releases import FOX, LISTS, PROMPTS, listed, planned


def test_stages_have_units_for_it_and_another_concept_changes_no_other_encoder() -> None:
    release = {"a": {"lists": "all", "attack": {"seeds": {"images": 1}}, "attacked": 1}}
    plan, more = planned(release), planned(release, (*LISTS, listed("more", replace(FOX, id="owl", name="an owl"))))
    keys = {**dict.fromkeys(plan.encoders, "k"), **dict.fromkeys(more.encoders, "k")}
    drawn, pictures = render.units_of(plan, keys), {"styles/monet": "k"}
    assert "original/releases/general" in drawn and "releases/a/releases--general" in drawn
    assert drawn["releases/a/fruit--pear"].reads["encoder"] == Path("build/encoders/releases/a")
    for make in (lambda p: unlearn.units_of(p, pictures), lambda p: render.units_of(p, keys)):
        before, after = make(plan), make(more)
        changed = {name for name, unit in before.items() if after[name] != unit}
        assert changed and all(name.startswith("releases/a") for name in changed)
    scored = score.units_of(plan, dict.fromkeys(drawn, "k"), {})
    assert scored["releases/a/fruit--pear"].inputs.columns["encoder"] == "releases/a"
    assert scored["releases/a/releases--general"].reads_units == {"before": "original/releases/general"}
    originals = {name: "k" for name in drawn}
    attacks = attack.units_of(plan, PROMPTS, {"words": {}}, [], {**keys, **originals}, "judge")
    (own,) = [unit for name, unit in attacks.items() if name.startswith("releases/")]
    assert own.inputs.attack == "seeds" and own.inputs.concepts == plan.releases["a"].attacked
    assert len(own.inputs.concepts) == 1 and "animals/fox/words" in attacks
    assert set(own.reads) == {"encoder", *own.inputs.concepts}


def test_a_release_with_a_larger_budget_leaves_the_units_of_lists_as_they_are() -> None:
    large = {"images": {"target": 6, "near": 3}, "videos": {"target": 2}}
    plan = planned({"a": {"lists": "all", "render": large}})
    keys = dict.fromkeys(plan.encoders, "k")
    first, then = render.units_of(planned({}), keys), render.units_of(plan, keys)
    assert all(then[name].inputs == unit.inputs for name, unit in first.items() if not name.startswith("original/"))
    names = [sample.file for sample in then["releases/a/animals--fox"].inputs.samples]
    drawn = {sample.file: sample for sample in then["original/animals/fox"].inputs.samples}
    assert len(set(names)) == len(names) == 11
    assert all(drawn[s.file] == s for s in then["releases/a/animals--fox"].inputs.samples)
