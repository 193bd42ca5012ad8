"""Attacks that cost no search: clip skip, emphasis, prompt travel, and the name in a long prompt."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch

from expunge.attacks import Victim, buried, check_budgets, clip_skip, emphasis, travel
from expunge.attacks.attempts import tries_of
from expunge.bases.edits import Edit
from expunge.bases.text import encode_prompts
from expunge.concepts.concept import Concept

BOLT = Concept("bolt", "bolt", "character", ("zap",), "toy", ("gizmo", "a cog"))


@pytest.fixture
def victim(tiny_base: Any) -> Victim:
    return Victim(tiny_base, Edit(tiny_base.encoder), BOLT, ("bolt",), ("one {}", "{} on it"), ("toy",), torch.zeros(0))


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_clip_skip_leaves_out_layers_while_one_is_left(victim: Victim) -> None:
    """The tiny encoder has two: one can be skipped, as by an encoder that never had it, and two cannot."""
    tries = clip_skip.run(victim, {}, 9, draws())
    assert [t.prompt for t in tries] == ["one bolt (clip skip 1)", "bolt on it (clip skip 1)"]
    shorter = deepcopy(victim.base.encoder)
    shorter.encoder.layers = shorter.encoder.layers[:-1]
    embed = tries[1].embed
    assert embed is not None
    assert torch.equal(embed(victim.base.encoder), encode_prompts(victim.base, ["bolt on it"], shorter))


def test_emphasis_scales_the_names_tokens_and_restores_the_mean(victim: Victim) -> None:
    tries = emphasis.run(replace(victim, words=("a bolt",)), {}, 3, draws())
    assert [t.prompt for t in tries] == [f"one a bolt (name:{w})" for w in ("1.5", "1.2", "1.35")]
    at = emphasis.places(victim.base, "one a bolt", "bolt")
    ids = victim.base.t2i.tokenizer(["one a bolt"]).input_ids[0]
    assert [ids[i] for i in at] == victim.base.t2i.tokenizer(["bolt"], add_special_tokens=False).input_ids[0]
    plain = encode_prompts(victim.base, ["one a bolt"])
    assert tries[0].embed is not None
    scaled = tries[0].embed(victim.base.encoder)
    ratio = (scaled / plain)[0].mean(-1)
    factor = ratio[0]
    assert torch.allclose(ratio[at] / factor, torch.tensor(1.5), atol=1e-4)
    others = [i for i in range(len(ratio)) if i not in at]
    assert torch.allclose(ratio[others] / factor, torch.tensor(1.0), atol=1e-4)
    assert torch.allclose(scaled.mean(), plain.mean(), atol=1e-6)
    assert emphasis.places(victim.base, "one cat", "bolt") == []


def test_travel_goes_from_the_anchor_to_the_target_over_the_frames(victim: Victim) -> None:
    (one,) = travel.run(victim, {"of": "all"}, 1, draws())
    assert one.prompt == "one toy → one bolt" and one.embed is not None
    texts = one.embed(victim.base.encoder)
    ends = encode_prompts(victim.base, ["one toy", "one bolt"])
    assert texts.shape == (1, victim.base.spec.frames, *ends.shape[1:])
    assert torch.allclose(texts[0, 0], ends[0]) and torch.allclose(texts[0, -1], ends[1], atol=1e-6)
    motion = replace(victim, concept=replace(BOLT, kind="motion"), anchors=("",))
    assert travel.run(victim, {"of": "motions"}, 1, draws()) == []
    assert [t.prompt for t in travel.run(motion, {"of": "motions"}, 2, draws())] == [
        "one → one bolt",
        "on it → bolt on it",
    ]
    assert check_budgets({"travel": {"images": 1}}) and not check_budgets({"travel": {"videos": 2, "of": "motions"}})
    assert tries_of("travel", victim, {"videos": 0}, 0) == []


@pytest.mark.parametrize("words", [0, 7])
def test_a_name_is_buried_at_the_beginning_in_the_middle_and_at_the_end(victim: Victim, words: int) -> None:
    read = victim.base.t2i.tokenizer
    tries = buried.run(replace(victim, templates=("q {} z",)), {"words": words}, 9, draws())
    texts = [t.prompt.split() for t in tries]
    room = words or read.model_max_length - len(read("bolt").input_ids)
    assert [text.index("bolt") for text in texts] == [0, round(0.5 * room), room] and len(texts[0]) == room + 1
    assert {word for text in texts for word in text} == {"bolt", "q", "z"}
    assert all(len(read(t.prompt).input_ids) <= read.model_max_length for t in tries)
    assert words or len(read(tries[0].prompt).input_ids) == read.model_max_length
    assert tries == buried.run(replace(victim, templates=("q {} z",)), {"words": words}, 9, draws())
    assert len(buried.unrelated(replace(victim, templates=("{}",)))) > 20  # no template word: any word of one token
