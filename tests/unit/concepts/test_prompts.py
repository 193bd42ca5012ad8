"""Which prompts a concept gets: groups, counts, seeds."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.concepts.lists import KINDS, Concept, Sense
from expunge.concepts.prompts import (
    anchors_of,
    derive_seed,
    fewshot_prompts,
    forgotten_words,
    kept_prompts,
    read_prompts,
    rows_of,
    spread,
    stays,
    training_templates,
)
from expunge.core.errors import InputError
from tests.support.paths import ROOT

PROMPTS: dict[str, Any] = {
    "fewshot": {kind: ["a photo of {}", "one {}"] for kind in KINDS},
    "eval": {kind: ["a picture of {}", "{} on the moon", "{} at sea"] for kind in KINDS},
    "far": [
        {"prompt": f"{word} on a table", "asks": {"axis": "subject", "name": word}}
        for word in ("a teapot", "the owl", "a cat", "a lamp")
    ],
    "general": ["a house"],
}
COUNTS = {
    "images": {"target": 4, "aliases": 2, "near": 5, "far": 3, "sense": 2},
    "videos": {"target": 2, "aliases": 1, "near": 2, "far": 1, "sense": 1},
}
BOLT = Concept("bolt", "bolt the robot", "character", ("tin robot", "tin man"), None, ("owl", "lamp"))
MOUSE = Concept("mouse", "mouse", "object", ("rodent",), sense=Sense(("field mouse",), ("computer mouse",)))

names = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=4)


@given(names, names, st.integers(0, 40))
def test_spread(words: list[str], templates: list[str], count: int) -> None:
    patterns = [f"{{}} {template}" for template in templates]
    found = spread(words, patterns, count)
    pairs = len(words) * len(templates)
    assert len(found) == (count if pairs else 0)
    assert found == spread(words, patterns, count + 5)[: len(found)]
    assert len({(prompt, again) for _, prompt, again in found}) == len(found)
    assert len({prompt for _, prompt, _ in found}) == min(pairs, len(found))
    uses = [sum(word == w for w, _, _ in found) for word in words]
    assert not found or max(uses) - min(uses) <= 1


@given(st.integers(0, 2**31), st.text(), st.integers(0, 99))
def test_seeds_are_what_numpy_and_torch_take(seed: int, prompt: str, again: int) -> None:
    assert 0 <= derive_seed(seed, prompt, again) < 2**31
    assert derive_seed(seed, prompt, again) == derive_seed(seed, prompt, again) != derive_seed(seed, prompt, again + 1)


def test_rows() -> None:
    rows = rows_of(BOLT, PROMPTS, COUNTS, 0)
    for modality, key in (("image", "images"), ("video", "videos")):
        for group, count in COUNTS[key].items():
            found = [row for row in rows if (row["modality"], row["group"]) == (modality, group)]
            assert len(found) == (count if group != "sense" else 0)
    asked = {group: {row["asks"]["name"] for row in rows if row["group"] == group} for group in COUNTS["images"]}
    assert asked == {
        "target": {"bolt the robot"}, "aliases": {"bolt the robot"}, "near": {"owl", "lamp"},
        "far": {"a teapot", "a cat"}, "sense": set(),
    }  # fmt: skip
    assert {row["prompt"] for row in rows if row["group"] == "aliases"} == {
        "a picture of tin robot",
        "tin man on the moon",
    }
    training = {prompt for prompt, _ in fewshot_prompts(["bolt the robot"], training_templates(BOLT, PROMPTS), 9, 0)}
    assert not training & {row["prompt"] for row in rows}
    images, videos = ([r for r in rows if r["modality"] == m and r["group"] == "target"] for m in ("image", "video"))
    assert [(r["prompt"], r["seed"]) for r in images[:2]] == [(r["prompt"], r["seed"]) for r in videos]


def test_senses() -> None:
    rows = rows_of(MOUSE, PROMPTS, COUNTS, 0)
    asked = {(row["group"], row["asks"]["name"]) for row in rows if row["group"] != "far"}
    assert asked == {("target", "field mouse"), ("aliases", "field mouse"), ("sense", "computer mouse")}
    assert forgotten_words(MOUSE) == ("field mouse", "rodent")  # the word itself keeps its other meaning
    assert "a photo of computer mouse" in kept_prompts([MOUSE], PROMPTS)


def test_style_and_motion_ask_about_their_axis() -> None:
    for kind, axis in (("style", "style"), ("motion", "motion"), ("person", "subject"), ("image", "copy")):
        rows = rows_of(Concept("x", "x", kind), PROMPTS, COUNTS, 0)
        asked = {row["modality"]: row["asks"] for row in rows if row["group"] == "target"}
        assert asked.pop("video") == {"axis": axis, "name": "x"}
        assert asked == ({} if kind == "motion" else {"image": {"axis": axis, "name": "x"}})


def test_a_composition_asks_for_both_parts_and_keeps_each() -> None:
    both = Concept(
        "x", "an owl beside a lamp", "object", ("a lamp beside an owl",), "an owl", parts=("an owl", "a lamp")
    )
    rows = rows_of(both, PROMPTS, COUNTS, 0)
    asked = {"axis": "both", "name": "an owl beside a lamp", "parts": ["an owl", "a lamp"]}
    assert all(row["asks"] == asked for row in rows if row["group"] in ("target", "aliases"))
    near = [row["asks"] for row in rows if row["group"] == "near"]
    assert near and all(asks["axis"] == "subject" and asks["name"] in both.parts for asks in near)
    assert "a photo of an owl" in kept_prompts([both], PROMPTS)


def test_of_a_memorised_picture_its_subjects_are_near() -> None:
    rows = rows_of(Concept("x", "a comet", "image", (), "a sky", ("a lamp",)), PROMPTS, COUNTS, 0)
    assert {(row["group"], row["asks"]["axis"]) for row in rows} == {
        ("target", "copy"), ("near", "subject"), ("far", "subject")
    }  # fmt: skip


def test_a_joint_encoder_asks_not_for_its_own_targets() -> None:
    owl = Concept("owl", "owl", "object", ("night bird",))
    rows = rows_of(BOLT, PROMPTS, COUNTS, 0)
    left = [row for row in rows if stays(row, [BOLT, owl])]
    assert {row["asks"]["name"] for row in rows} - {row["asks"]["name"] for row in left} == {"owl"}
    assert {row["group"] for row in rows if row not in left} == {"near"}
    assert not any("owl" in prompt for prompt in kept_prompts([BOLT, owl], PROMPTS))
    assert all(stays(row, [BOLT]) for row in rows)


def test_a_general_prompt_about_the_target_is_not_kept() -> None:
    general = {**PROMPTS, "general": ["a bolting horse", "Bolt the Robot on a lion", "a lion spinning", "a lioness"]}
    lion = Concept("lion", "a lion", "object", ("a big cat",))
    kept = kept_prompts([lion], general)
    assert "a lioness" in kept and "a bolting horse" in kept
    assert "a lion spinning" not in kept and "Bolt the Robot on a lion" not in kept
    assert "Bolt the Robot on a lion" not in kept_prompts([BOLT], general)
    assert "a lion spinning" not in kept_prompts([Concept("spin", "spinning", "motion")], general)


def test_seed_and_far_are_shared_between_concepts() -> None:
    rows = [rows_of(concept, PROMPTS, COUNTS, 0) for concept in (BOLT, MOUSE)]
    far = [{(row["prompt"], row["seed"]) for row in some if row["group"] == "far"} for some in rows]
    assert {prompt for prompt, _ in far[0] & far[1]} == {"a teapot on a table", "a cat on a table"}
    assert rows_of(BOLT, PROMPTS, COUNTS, 0) != rows_of(BOLT, PROMPTS, COUNTS, 1)


def test_anchors_are_given_or_found() -> None:
    prompts = {**PROMPTS, "anchors": {"object": ["a tool", "a saw"], "person": ["a man"], "motion": [""]}}
    assert anchors_of(Concept("x", "x", "object", anchor="a y", neighbours=("z",)), prompts) == ("a y",)
    assert anchors_of(Concept("x", "x", "object"), prompts) == ("a tool", "a saw")
    assert anchors_of(Concept("x", "x", "object", neighbours=("z", "a saw")), prompts) == ("a tool", "a saw", "z")
    assert anchors_of(Concept("x", "x", "object", neighbours=("z", "w")), PROMPTS) == ("z", "w")
    assert anchors_of(Concept("x", "x", "person", neighbours=("z",)), prompts) == ("a man",)
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


def test_shipped_prompts_files_are_good() -> None:
    for file in ROOT.glob("bases/*/prompts.yaml"):
        read_prompts(file, KINDS)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[1]", "other keys"),
        ("fewshot: {object: [a photo]}\neval: {object: ['{}']}\nfar: []", "no template"),
        ("fewshot: {object: ['{}']}\neval: {plant: ['{}']}\nfar: []", "eval is no table by kind"),
        (
            "fewshot: {object: ['{}']}\neval: {}\nfar: [{prompt: x, asks: {axis: subject, name: x}}]",
            "for the kind object",
        ),
        ("fewshot: {object: ['{}']}\neval: {object: ['{}']}\nfar: [x]", "far holds 'x'"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_wrong_prompts_file_says_so(tmp_path: Path, text: str, what: str) -> None:
    file = tmp_path / "prompts.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=what):
        read_prompts(file, ["object"])
