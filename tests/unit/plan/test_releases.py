"""What the plan makes of `releases` in params.yaml."""

from dataclasses import replace

from expunge.concepts.concept import Concept, Sense
from expunge.core.unit_names import GENERAL_SET
from expunge.methods import for_several
from expunge.plan.contract import NotAsked
from expunge.plan.general import general_samples
from expunge.plan.release_notes import release_notes
from tests.support.made_releases import LABELS, LISTS, PROMPTS, listed, planned

SMALL = {"images": {"target": 1, "near": 1}, "videos": {}}


def test_a_release_is_a_joint_encoder_of_its_lists() -> None:
    plan = planned({"all": {"lists": "all"}, "some": {"lists": ["styles", "fruit"], "without": ["fruit/pear"]}})
    every, some = plan.encoders["releases/all"], plan.encoders["releases/some"]
    assert every.concepts == ("animals/fox", "fruit/pear", "styles/monet") and every.method == "distil"
    assert some.concepts == ("styles/monet",)  # which alone would be forgotten by few-shot
    assert every.parameters["steps"] == for_several("distil", {"steps": 10}, 3)["steps"] != 10
    assert every.seed != some.seed
    assert plan.releases["some"].lists == ("styles", "fruit") and plan.releases["some"].without == ("fruit/pear",)
    assert [name for name in plan.encoders if not name.startswith("releases/")] == [
        "animals/fox", "fruit/pear", "styles/monet",
    ]  # fmt: skip


def test_its_own_method_and_parameters_go_over_the_usual_ones() -> None:
    plan = planned({"a": {"lists": "all", "method": "few-shot", "parameters": {"steps": 7}}})
    job = plan.encoders["releases/a"]
    assert job.method == "few-shot" and job.parameters["steps"] == 21  # as many for each concept
    assert {f"{name}" for name in ("animals/fox", "fruit/pear", "styles/monet")} <= set(plan.fewshot)


def test_it_keeps_what_its_lists_keep_but_nothing_that_it_forgets() -> None:
    plan = planned({"a": {"lists": "all"}})
    prompts, phrases = plan.kept_by("releases/a")
    assert "a photo of an owl" in prompts and phrases == ("an owl",)
    assert {"a photo of a wolf", "a photo of a lamp", "a house by klimt", "a house"} <= set(prompts)
    assert not any("pear" in prompt or "fox" in prompt for prompt in prompts)
    assert "a pear on a table" in plan.kept_by("animals/fox")[0]  # which alone forgets no pear
    assert plan.kept_by("fruit/pear")[0][-1] == "a photo of an owl"


def test_what_one_part_keeps_and_another_forgets_is_not_asked_for_and_said() -> None:
    bat = Concept("bat", "a fruit bat", "object", sense=Sense(("a fruit bat",), ("a pear bat",)), anchor="a toy")
    plan = planned({"a": {"lists": "all"}}, (*LISTS[1:], listed("animals", bat)))
    assert plan.releases["a"].not_asked == (
        NotAsked("a pear bat", "animals/bat", "fruit/pear"),
        NotAsked("a pear on a table", "", "fruit/pear"),
        NotAsked("a pear in the sun", "", "fruit/pear"),
    )
    place = next(i for i, s in enumerate(plan.samples["animals/bat"]) if s.prompt == "a pear in the sun")
    assert place in plan.not_drawn("releases/a", "animals/bat")
    assert place not in plan.not_drawn("animals/bat", "animals/bat")
    notes = release_notes(plan)
    assert any("not asked for" in note and "'a pear bat' (animals/bat; fruit/pear)" in note for note in notes)
    hidden = replace(bat, confidential=True)
    notes = release_notes(planned({"a": {"lists": "all"}}, (*LISTS[1:], listed("animals", hidden))))
    assert not any("pear bat" in note for note in notes) and any("1 that concern confidential" in n for n in notes)


def test_another_budget_is_a_part_of_the_samples_or_comes_after_them() -> None:
    usual = planned({}).samples
    small, large = {"lists": "all", "render": SMALL}, {"images": {"target": 6, "near": 2, "far": 2}, "videos": {}}
    plan = planned({"small": small, "large": {"lists": ["animals"], "render": large}})
    assert plan.samples["fruit/pear"] == usual["fruit/pear"]
    assert plan.samples["animals/fox"][: len(usual["animals/fox"])] == usual["animals/fox"]

    def drawn(encoder: str, concept: str) -> dict[tuple[str, str], int]:
        counts: dict[tuple[str, str], int] = {}
        for place, sample in enumerate(plan.samples[concept]):
            if place not in plan.not_drawn(encoder, concept):
                counts[sample.modality, sample.group] = counts.get((sample.modality, sample.group), 0) + 1
        return counts

    assert drawn("animals/fox", "animals/fox")["image", "target"] == 4
    assert drawn("releases/small", "animals/fox") == {("image", "target"): 1, ("image", "near"): 1}
    large_drawn = drawn("releases/large", "animals/fox")
    assert large_drawn["image", "target"] == 6 and ("video", "target") not in large_drawn


def test_the_general_set_is_the_base_s_and_a_release_draws_what_it_does_not_name() -> None:
    every = general_samples(PROMPTS, LABELS, None, 0)
    assert sorted(s.asks.name for s in every) == sorted(
        ["cup", "pear", "an owl", "a fox", "a wolf", "a lamp", "monet", "klimt"]
    )
    assert all(s.modality == "image" and s.group == "general" for s in every)
    assert general_samples(PROMPTS, LABELS, {"images": 3}, 0) == every[:3]
    twice = general_samples(PROMPTS, LABELS, {"images": 16, "videos": 2}, 0)
    assert twice[:8] == every and len({(s.prompt, s.seed) for s in twice[:16]}) == 16
    assert [s.modality for s in twice[16:]] == ["video", "video"]
    plan = planned({"a": {"lists": "all"}, "b": {"lists": ["animals"], "general": {"images": 3}}})
    assert plan.samples[GENERAL_SET] == tuple(every)
    assert plan.samples[GENERAL_SET] == planned({"a": {"lists": "all"}}, LISTS[:1]).samples[GENERAL_SET]

    def names(encoder: str) -> set[str]:
        out = plan.not_drawn(encoder, GENERAL_SET)
        return {s.asks.name for i, s in enumerate(plan.samples[GENERAL_SET]) if i not in out}

    assert names("releases/a") == {"cup", "an owl", "a wolf", "a lamp", "klimt"}
    assert names("releases/b") == {s.asks.name for s in every[:3]} - {"a fox"}
    none = planned({"a": {"lists": "all", "general": {"images": 0}}})
    assert GENERAL_SET not in none.samples and none.sets_of("releases/a") == none.encoders["releases/a"].concepts
    assert {s.asks.name for s in general_samples(PROMPTS, {}, None, 0)} == {"cup", "pear"}  # far prompts alone


def test_the_notes_say_what_a_release_takes() -> None:
    notes = release_notes(planned({"a": {"lists": "all", "attacked": 2}}))
    assert all(note.startswith("releases/a: ") for note in notes)
    text = "\n".join(notes)
    assert "one encoder forgets 3 concepts of 3 lists by distil" in text
    assert "takes distil also for concepts that name another method: styles/monet" in text
    assert "2 of them, chosen by the seed" in text and "5 of the 8 samples of the general set" in text
