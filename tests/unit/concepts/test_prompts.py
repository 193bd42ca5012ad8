"""Which prompts a concept gets: groups, counts, seeds."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from expunge.concepts.concept import Concept, Sense
from expunge.concepts.kinds import KINDS
from expunge.concepts.prompt_file import Beside, FarPrompt, Prompts
from expunge.concepts.prompts import (
    HANDFUL,
    KEEP_PROMPTS,
    anchors_of,
    derive_seed,
    fewshot_prompts,
    forgotten_words,
    handful,
    keep_prompts,
    kept_prompts,
    lost_words,
    samples_of,
    spread,
    stays,
    training_templates,
)
from expunge.concepts.samples import FORGET, GROUPS, MODALITIES, Asks, PlannedSample
from expunge.core.words import Finder

PROMPTS = Prompts(
    fewshot={kind: ("a photo of {}", "one {}") for kind in KINDS},
    eval={kind: ("a picture of {}", "{} on the moon", "{} at sea") for kind in KINDS},
    far=tuple(
        FarPrompt(f"{word} on a table", Asks("subject", word)) for word in ("a teapot", "the owl", "a cat", "a lamp")
    ),
    general=("a house",),
)
COUNTS = {
    "images": {"target": 4, "aliases": 2, "near": 5, "far": 3, "sense": 2},
    "videos": {"target": 2, "aliases": 1, "near": 2, "far": 1, "sense": 1},
}
WITH_PROBES = {key: {**counts, "probes": 3 - 2 * (key == "videos")} for key, counts in COUNTS.items()}
BOLT = Concept("bolt", "bolt the robot", "character", ("tin robot", "tin man"), None, ("owl", "lamp"))
MOUSE = Concept("mouse", "mouse", "object", ("rodent",), sense=Sense(("field mouse",), ("computer mouse",)))

names = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=4)


@given(names, names, st.integers(0, 40))
def test_spread(words: list[str], templates: list[str], count: int) -> None:
    patterns = [f"{{}} {template}" for template in templates]
    plan = spread(words, patterns, count)
    pairs = len(words) * len(templates)
    assert len(plan) == (count if pairs else 0)
    assert plan == spread(words, patterns, count + 5)[: len(plan)]
    assert len({(prompt, again) for _, prompt, again in plan}) == len(plan)
    assert len({prompt for _, prompt, _ in plan}) == min(pairs, len(plan))
    uses = [sum(word == w for w, _, _ in plan) for word in words]
    assert not plan or max(uses) - min(uses) <= 1


@given(st.integers(0, 2**31), st.text(), st.integers(0, 99))
def test_seeds_are_what_numpy_and_torch_take(seed: int, prompt: str, again: int) -> None:
    assert 0 <= derive_seed(seed, prompt, again) < 2**31
    assert derive_seed(seed, prompt, again) == derive_seed(seed, prompt, again) != derive_seed(seed, prompt, again + 1)


def test_rows() -> None:
    samples = samples_of(BOLT, PROMPTS, COUNTS, 0)
    for modality, key in (("image", "images"), ("video", "videos")):
        for group, count in COUNTS[key].items():
            some = [sample for sample in samples if (sample.modality, sample.group) == (modality, group)]
            assert len(some) == (count if group != "sense" else 0)
    asked = {group: {sample.asks.name for sample in samples if sample.group == group} for group in COUNTS["images"]}
    assert asked == {
        "target": {"bolt the robot"}, "aliases": {"bolt the robot"}, "near": {"owl", "lamp"},
        "far": {"a teapot", "a cat"}, "sense": set(),
    }  # fmt: skip
    assert {sample.prompt for sample in samples if sample.group == "aliases"} == {
        "a picture of tin robot",
        "tin man on the moon",
    }
    training = {prompt for prompt, _ in fewshot_prompts(["bolt the robot"], training_templates(BOLT, PROMPTS), 9, 0)}
    assert not training & {sample.prompt for sample in samples}
    targets = [sample for sample in samples if sample.group == "target"]
    images, videos = ([(s.prompt, s.seed) for s in targets if s.modality == m] for m in MODALITIES)
    assert images[:2] == videos


def test_senses() -> None:
    samples = samples_of(MOUSE, PROMPTS, COUNTS, 0)
    asked = {(sample.group, sample.asks.name) for sample in samples if sample.group != "far"}
    assert asked == {("target", "field mouse"), ("aliases", "field mouse"), ("sense", "computer mouse")}
    assert forgotten_words(MOUSE) == ("field mouse", "rodent")  # the word itself keeps its other meaning
    assert "a photo of computer mouse" in kept_prompts([MOUSE], PROMPTS)


def test_style_and_motion_ask_about_their_axis() -> None:
    for kind, axis in (("style", "style"), ("motion", "motion"), ("person", "subject"), ("image", "copy")):
        samples = samples_of(Concept("x", "x", kind), PROMPTS, COUNTS, 0)
        asked = {sample.modality: sample.asks for sample in samples if sample.group == "target"}
        assert asked.pop("video") == Asks(axis, "x")
        assert asked == ({} if kind == "motion" else {"image": Asks(axis, "x")})


def test_a_composition_asks_for_both_parts_and_keeps_each() -> None:
    both = Concept(
        "x", "an owl beside a lamp", "object", ("a lamp beside an owl",), "an owl", parts=("an owl", "a lamp")
    )
    samples = samples_of(both, PROMPTS, COUNTS, 0)
    asked = Asks("both", "an owl beside a lamp", ("an owl", "a lamp"))
    assert all(sample.asks == asked for sample in samples if sample.group in ("target", "aliases"))
    near = [sample.asks for sample in samples if sample.group == "near"]
    assert near and all(asks.axis == "subject" and asks.name in both.parts for asks in near)
    assert "a photo of an owl" in kept_prompts([both], PROMPTS)


def test_of_a_memorised_picture_its_subjects_are_near() -> None:
    samples = samples_of(Concept("x", "a comet", "image", (), "a sky", ("a lamp",)), PROMPTS, COUNTS, 0)
    assert {(sample.group, sample.asks.axis) for sample in samples} == {
        ("target", "copy"), ("near", "subject"), ("far", "subject")
    }  # fmt: skip


def test_a_joint_encoder_asks_not_for_its_own_targets() -> None:
    owl = Concept("owl", "owl", "object", ("night bird",))
    samples = samples_of(BOLT, PROMPTS, COUNTS, 0)
    both, alone = (Finder(w for c in some for w in lost_words(c)) for some in ([BOLT, owl], [BOLT]))
    left = [sample for sample in samples if stays(sample, both)]
    assert {sample.asks.name for sample in samples} - {sample.asks.name for sample in left} == {"owl"}
    assert {sample.group for sample in samples if sample not in left} == {"near"}
    assert not any("owl" in prompt for prompt in kept_prompts([BOLT, owl], PROMPTS))
    assert all(stays(sample, alone) for sample in samples)


def test_what_the_list_keeps_is_trained_on_whole_and_shown_in_part() -> None:
    assert {*keep_prompts(["a bus", "an owl"], [BOLT, MOUSE], PROMPTS)} == {
        "a photo of a bus", "one a bus", "a photo of an owl", "one an owl",
    }  # fmt: skip
    long = [f"thing {i}" for i in range(600)]
    many = keep_prompts(long, [BOLT], PROMPTS)
    assert all(any(prompt.endswith(f" {word}") for prompt in many) for word in long) and len(many) == 600
    assert len(keep_prompts(long[:300], [BOLT], PROMPTS)) == KEEP_PROMPTS
    assert keep_prompts([], [BOLT], PROMPTS) == []


def test_a_handful_of_what_the_list_keeps_is_shown() -> None:
    long = [f"thing {i}" for i in range(600)]
    some = handful(long, "l/bolt", 0)
    assert len({*some}) == HANDFUL and list(some) == [word for word in long if word in some]
    assert some == handful(long, "l/bolt", 0)
    assert len({some, handful(long, "l/zorb", 0), handful(long, "l/bolt", 1)}) == 3
    assert handful(long[:3], "l/bolt", 0) == tuple(long[:3]) and handful([], "l/bolt", 0) == ()


def test_what_the_list_keeps_is_near_and_adds_no_sample() -> None:
    plain, kept = (samples_of(BOLT, PROMPTS, COUNTS, 0, keep) for keep in ((), ("a bus", "owl", "a teapot")))
    assert len(plain) == len(kept)
    near = [sample.asks for sample in kept if sample.group == "near" and sample.modality == "image"]
    assert [asks.name for asks in near[:4]] == ["owl", "a bus", "lamp", "a teapot"]
    assert {asks.axis for asks in near} == {"subject"}
    # what is near is not far as well
    assert "a teapot" not in {sample.asks.name for sample in kept if sample.group == "far"}
    assert {s.group for s in samples_of(MOUSE, PROMPTS, COUNTS, 0, ("a bus",))} >= {"near"}


def test_probes_are_tested_and_never_trained_on() -> None:
    probed = replace(BOLT, probes=("metal man", "a house"))
    samples = [sample for sample in samples_of(probed, PROMPTS, WITH_PROBES, 0) if sample.group == "probes"]
    assert [sample.prompt for sample in samples if sample.modality == "image"] == [
        "a picture of metal man", "a house on the moon", "metal man on the moon",
    ]  # fmt: skip
    assert {sample.asks for sample in samples} == {Asks("subject", "bolt the robot")}
    assert not {"metal man", "a house"} & {*forgotten_words(probed)}
    assert {*lost_words(probed)} == {*forgotten_words(probed), "metal man", "a house"}
    assert "a house" in kept_prompts([BOLT], PROMPTS) and "a house" not in kept_prompts([probed], PROMPTS)
    rest = [sample for sample in samples_of(probed, PROMPTS, WITH_PROBES, 0) if sample.group != "probes"]
    assert rest == samples_of(BOLT, PROMPTS, COUNTS, 0)


def test_of_a_category_every_member_must_go() -> None:
    arms = Concept(
        "arms", "weapons", "category", ("arms",), "a toy", ("a saw",), probes=("a sabre",),
        members=("a rifle", "a pistol", "a bow", "a gun", "a mace"),
    )  # fmt: skip
    samples = samples_of(arms, PROMPTS, WITH_PROBES, 0)
    seen = (*arms.members, "a sabre")
    target = [s for s in samples if s.group == "target" and s.modality == "image"]
    assert [s.asks.name for s in target] == [*arms.members, "weapons"]  # each once, though 4 are asked for
    assert {s.asks.name for s in samples if s.group in ("aliases", "probes")} == {"weapons"}
    assert {s.asks.axis for s in samples if s.group in FORGET} == {"any"}
    assert {s.asks.parts for s in samples if s.group in FORGET} == {seen}
    assert {s.asks for s in samples if s.group == "near"} == {Asks("subject", "a saw")}
    assert len([s for s in samples if s.group == "target" and s.modality == "video"]) == 2
    assert forgotten_words(arms) == ("weapons", *arms.members, "arms")
    assert not samples_of(arms, PROMPTS, {"images": {}, "videos": {}}, 0)


def test_a_general_prompt_about_the_target_is_not_kept() -> None:
    general = replace(PROMPTS, general=("a bolting horse", "Bolt the Robot on a lion", "a lion spinning", "a lioness"))
    lion = Concept("lion", "a lion", "object", ("a big cat",))
    kept = kept_prompts([lion], general)
    assert "a lioness" in kept and "a bolting horse" in kept
    assert "a lion spinning" not in kept and "Bolt the Robot on a lion" not in kept
    assert "Bolt the Robot on a lion" not in kept_prompts([BOLT], general)
    assert "a lion spinning" not in kept_prompts([Concept("spin", "spinning", "motion")], general)


def test_a_general_prompt_that_shares_a_word_with_the_target_is_not_kept() -> None:
    general = replace(PROMPTS, general=("an image of a pizza", "a piece of cake", "one slice", "a photo of a dog"))
    pizza = Concept("pizza", "a slice of pizza", "object", neighbours=("a slice of cake",))
    kept = kept_prompts([pizza], general)
    assert {"a piece of cake", "a photo of a dog"} <= set(kept)  # "of" and "a" do not count
    assert not {"an image of a pizza", "one slice"} & set(kept)
    assert "a photo of a slice of cake" in kept  # what the list says itself stays
    probed = Concept("food", "food", "category", members=("an egg",), probes=("a slice of pizza",))
    assert "an image of a pizza" not in kept_prompts([probed], general)


def test_seed_and_far_are_shared_between_concepts() -> None:
    samples = [samples_of(concept, PROMPTS, COUNTS, 0) for concept in (BOLT, MOUSE)]
    far = [{(sample.prompt, sample.seed) for sample in some if sample.group == "far"} for some in samples]
    assert {prompt for prompt, _ in far[0] & far[1]} == {"a teapot on a table", "a cat on a table"}
    assert samples_of(BOLT, PROMPTS, COUNTS, 0) != samples_of(BOLT, PROMPTS, COUNTS, 1)


def test_anchors_are_given_or_candidates() -> None:
    prompts = replace(PROMPTS, anchors={"object": ("a tool", "a saw"), "person": ("a man",), "motion": ("",)})
    assert anchors_of(Concept("x", "x", "object", anchor="a y", neighbours=("z",)), prompts) == ("a y",)
    assert anchors_of(Concept("x", "x", "object"), prompts) == ("a tool", "a saw")
    assert anchors_of(Concept("x", "x", "object", neighbours=("z", "a saw")), prompts) == ("a tool", "a saw", "z")
    assert anchors_of(Concept("x", "x", "object", neighbours=("z", "w")), PROMPTS) == ("z", "w")
    assert anchors_of(Concept("x", "x", "person", neighbours=("z",)), prompts) == ("a man",)
    saw = Concept("saw", "Saw", "object", aliases=("handsaw",), neighbours=("a handsaw", "a file"))
    assert anchors_of(saw, prompts) == ("a tool", "a file")  # no word for itself, however it is written
    assert anchors_of(Concept("x", "x", "motion"), prompts) == ("",)
    assert anchors_of(Concept("x", "x", "style"), PROMPTS) == ()


def test_own_few_shot_prompts() -> None:
    own = Concept("x", "x", "object", prompts=("{} in my room", "x, signed"))
    assert [prompt for prompt, _ in fewshot_prompts(["x"], training_templates(own, PROMPTS), 3, 0)] == [
        "x in my room",
        "x, signed",
        "x in my room",
    ]
    assert len({seed for _, seed in fewshot_prompts(["x"], training_templates(own, PROMPTS), 3, 0)}) == 3


def test_each_kind_can_be_drawn_where_it_can_be_seen() -> None:
    for name, kind in KINDS.items():
        samples = samples_of(Concept("x", "x", name, ("y",), None, ("z",)), PROMPTS, COUNTS, 0)
        for modality in MODALITIES:
            groups = {sample.group for sample in samples if sample.modality == modality}
            shown = {group for group in GROUPS if group in kind.groups(modality)}
            assert groups == shown - {"sense", "probes", "beside"}
            assert ("beside" in shown) == (name in ("character", "object", "person", "category"))
        assert all("{}" in template for template in (*kind.fewshot, *kind.eval))
        assert not {*kind.fewshot} & {*kind.eval}  # what is drawn for scores is never in training


COMPANY = replace(PROMPTS, beside=Beside(("{} by {other}", "{other} and {}"), ("a lamp", "an owl", "a hat", "a rug")))


def in_company(concept: Concept, count: int = 4, prompts: Prompts = COMPANY, seed: int = 0) -> list[PlannedSample]:
    samples = samples_of(concept, prompts, {"images": {"target": 1, "beside": count}, "videos": {}}, seed)
    return [sample for sample in samples if sample.group == "beside"]


def test_company_is_what_the_concept_does_not_name_and_both_are_asked_for() -> None:
    first, second, third, fourth = some = in_company(replace(BOLT, anchor="a rug"))  # an owl and a lamp are neighbours
    assert [sample.asks for sample in some] == [Asks("glance", "a hat")] * 4
    assert [sample.gone for sample in some] == [Asks("glance", "bolt the robot")] * 4
    assert [first.prompt, second.prompt] == ["bolt the robot by a hat", "a hat and bolt the robot"]
    assert (third.prompt, fourth.prompt) == (first.prompt, second.prompt) and third.seed != first.seed
    assert in_company(replace(BOLT, neighbours=("a hat", "owl", "lamp", "rug"))) == []
    assert in_company(BOLT, prompts=PROMPTS) == [] and in_company(replace(BOLT, parts=("a cup", "a pot"))) == []


def test_companions_and_templates_alternate_and_more_only_add_to_the_end() -> None:
    cup = Concept("cup", "a cup", "object")
    some = in_company(cup, 8)
    assert len({sample.prompt for sample in some}) == 8 and in_company(cup, 3) == some[:3]
    assert [sample.asks.name for sample in some[:4]] == [sample.asks.name for sample in some[4:]]
    assert {sample.asks.name for sample in some[:4]} == set(COMPANY.beside.others)
    assert [" by " in sample.prompt for sample in some[:4]] == [True, False, True, False]
    orders = {tuple(s.asks.name for s in in_company(replace(cup, id=f"c{i}"), 4)) for i in range(20)}
    assert len(orders) > 5  # each concept has its own


def test_a_category_in_company_is_asked_for_by_its_members_and_by_its_detector() -> None:
    arms = Concept("arms", "weapons", "category", members=("a bow", "a sword"), probes=("a dart",))
    first, second = in_company(arms, 2)
    assert first.gone == Asks("glance", "a bow", ("a bow", "a sword", "a dart")) and "a sword" in second.prompt
    (judged,) = in_company(replace(arms, judge="nudity"), 1)
    assert judged.gone == Asks("detector", "a bow", ("nudity",)) and judged.asks.axis == "glance"


def test_a_joint_encoder_leaves_out_a_companion_that_it_forgets() -> None:
    for sample in in_company(Concept("cup", "a cup", "object"), 8):
        assert stays(sample, Finder(["a cup"])) and stays(sample, Finder(["cup", "teapot"]))
        assert stays(sample, Finder(["the hat"])) == (sample.asks.name != "a hat")
