"""Anchor distillation: the distance and the loss by hand, what it moves and what it holds."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from expunge.bases.edits import normal_name
from expunge.bases.families import sd
from expunge.bases.text import distance, encode_prompts, text_gram
from expunge.concepts.concept import Concept
from expunge.core.words import Finder, with_article
from expunge.methods import ConceptData, distil, for_several, unlearn
from expunge.methods.distil import vocabulary
from expunge.methods.lessons import Lesson, candidates_of, lessons_of, likeness
from tests.support.made_data import Named, made_data

KEPT = ["a house", "a tree", "the sea"]


def test_the_distance_is_what_the_projections_see(tiny_base: Any) -> None:
    a, b = encode_prompts(tiny_base, ["bolt", "a cat"]), encode_prompts(tiny_base, ["a dog", "the sea"])
    seen = []
    hooks = [
        module.register_forward_hook(lambda m, given, out: seen.append(out))
        for name, module in tiny_base.t2i.unet.named_modules()
        if name.endswith(("attn2.to_k", "attn2.to_v"))
    ]
    try:
        with torch.no_grad():
            for text in (a, b):
                tiny_base.t2i.unet(torch.zeros(2, 8, 16, 16), torch.tensor([1, 1]), text)
    finally:
        for hook in hooks:
            hook.remove()
    half = len(seen) // 2
    by_hand = sum(float((x - y).square().sum(-1).mean()) for x, y in zip(seen[:half], seen[half:], strict=True))
    gram = text_gram(replace(tiny_base, t2v=None))
    assert float(distance(gram, a, b).mean()) == pytest.approx(by_hand, rel=1e-4)


def test_the_first_loss_is_one(tiny_base: Any) -> None:
    """Before the first step the kept prompts are where they were, and d0 is the targets' distance."""
    one = ConceptData(Named("bolt", "a toy"), torch.zeros(0), ("bolt",), ("a photo of {}",), (), ("a toy",))  # type: ignore[arg-type]
    result = unlearn("distil", tiny_base, [one], KEPT, {"steps": 1, "beyond": 0.0}, seed=0)
    assert result.losses == [pytest.approx(1.0, rel=1e-4)]


def test_beyond_the_anchor(tiny_base: Any) -> None:
    """With goal = a + beyond (a - t), d(t, goal) = (1 + beyond)^2 d(t, a), and by hand it is met when t = goal."""
    one = ConceptData(Named("bolt", "a toy"), torch.zeros(0), ("bolt",), ("a photo of {}",), (), ("a toy",))  # type: ignore[arg-type]
    assert unlearn("distil", tiny_base, [one], KEPT, {"steps": 1, "beyond": 0.5}, seed=0).losses == [
        pytest.approx(2.25, rel=1e-4)
    ]


def test_what_slips_is_asked_more_often(tiny_base: Any) -> None:
    pool = distil.Pool(tiny_base, KEPT)
    assert torch.equal(pool.goals([0, 1, 2]), encode_prompts(tiny_base, KEPT))
    draw = torch.Generator().manual_seed(0)
    assert sorted(pool.draw(9, draw)) == [0, 1, 2]  # none twice in one batch
    pool.note([0, 1, 2], torch.tensor([0.0, 3.0, 1.0]))
    drawn = [pool.draw(1, draw)[0] for _ in range(400)]
    assert drawn.count(0) < 5 and 260 < drawn.count(1) < 340


def test_target_becomes_the_anchor_and_the_kept_stay(tiny_base: Any) -> None:
    gram = text_gram(tiny_base)
    result = unlearn(
        "distil",
        tiny_base,
        [made_data("bolt", "a cat")],
        KEPT,
        {"steps": 60, "learning_rate": 1e-3, "rank": 0, "beyond": 0.0},
        seed=0,
    )
    with torch.no_grad():
        before = encode_prompts(tiny_base, ["a photo of bolt", *KEPT])
        goal = encode_prompts(tiny_base, ["a photo of a cat"])
        after = encode_prompts(tiny_base, ["a photo of bolt", *KEPT], result.edit.encoder)
    start = float(distance(gram, before[:1], goal))
    assert distance(gram, after[:1], goal) < 0.2 * start
    assert distance(gram, after[1:], before[1:]).mean() < 0.2 * start
    assert result.edit.unconditional is None and result.changed_parameters > 0


def test_likeness_is_the_distance_to_the_nearest_name(tiny_base: Any) -> None:
    gram = text_gram(tiny_base)
    apart = likeness(tiny_base, gram, made_data("bolt", "a cat"), ["bolt", "the sea"])
    own, sea = (encode_prompts(tiny_base, [f"a photo of {word}"]) for word in ("bolt", "the sea"))
    assert apart.tolist() == pytest.approx([0, float(distance(gram, sea, own)[0])], abs=1e-4)
    both = replace(made_data("bolt", "a cat"), names=("bolt", "the sea"))
    assert likeness(tiny_base, gram, both, ["the sea"]).tolist() == pytest.approx([0], abs=1e-6)


def test_anchors_are_chosen_and_words_are_shared_out(tiny_base: Any) -> None:
    gram, words = text_gram(tiny_base), ["bolt ", "luma ", "the moon"]
    bolt, luma = replace(made_data("bolt", "-"), anchors=("the sea", "bolts")), made_data("luma", "an animal")
    lessons, different = lessons_of(tiny_base, gram, [bolt, luma], words, alike=0.05, beyond=0.5)
    near = likeness(tiny_base, gram, bolt, bolt.anchors)
    assert lessons[0].anchor == bolt.anchors[int(near[1] < near[0])] and lessons[1].anchor == "an animal"
    assert [lesson.names for lesson in lessons] == [("bolt", "bolt "), ("luma", "luma ")]
    assert different == ["the moon"]
    assert [lesson.beyond for lesson in lessons] == [0.5, 0.5]
    sibling = replace(luma, concept=Named("luma", None, ("an animal",)))
    assert lessons_of(tiny_base, gram, [sibling], [], alike=0.05, beyond=0.5)[0][0].beyond == 0


def test_alone_no_lookalike_is_the_anchor() -> None:
    lion = ConceptData(
        Concept("lion", "a lion", "object", neighbours=("a bear", "a cat")), torch.zeros(0), ("a lion",), ("{}",), (),
        ("a key", "a bear", "a cat"),
    )  # fmt: skip
    gone = Finder(["lion", "a cat"])  # however they are written
    assert candidates_of(lion, gone, alone=True) == ("a key",)
    assert candidates_of(lion, gone, alone=False) == ("a key", "a bear")
    assert candidates_of(lion, Finder(["lion", "a cat", "A Key"]), alone=True) == ("a bear",)  # better than none
    assert candidates_of(replace(lion, anchors=("a cat",)), gone, alone=False) == ("a cat",)


def test_an_empty_anchor_leaves_the_words_out() -> None:
    lesson = Lesson("spin", ("spinning",), "", ("a dog {} in the snow",), 0.5)
    assert lesson.pair(torch.Generator()) == ("a dog spinning in the snow", "a dog in the snow")


def test_a_composition_becomes_what_it_begins_with() -> None:
    both = ("a teddy bear", "a rocket")
    names = ("a teddy bear beside a rocket", "a rocket beside a teddy bear", "the two of them")
    draw = torch.Generator().manual_seed(0)
    lesson = Lesson("x", names, "a teddy bear", ("a photo of {}",), 0.0, both)
    goals = dict(lesson.pair(draw) for _ in range(40))
    assert list(map(goals.get, [f"a photo of {name}" for name in names])) == [
        "a photo of a teddy bear", "a photo of a rocket", "a photo of a teddy bear"
    ]  # fmt: skip


def test_the_vocabulary_is_whole_words(tiny_base: Any) -> None:
    class Words:
        def get_vocab(self) -> dict[str, int]:
            return {"owl</w>": 0, "ow": 1, "cat</w>": 2, "it</w>": 3, "a1b</w>": 4, "été</w>": 5, "<|end|>": 6}

    base = SimpleNamespace(t2i=SimpleNamespace(tokenizer=Words()), spec=SimpleNamespace(family=sd))
    draw = torch.Generator().manual_seed(0)
    assert sorted(vocabulary(base, 9, draw)) == ["cat", "owl"]  # type: ignore[arg-type]
    assert len(vocabulary(base, 1, draw)) == 1  # type: ignore[arg-type]
    assert [with_article(word) for word in ("cat", "owl")] == ["a cat", "an owl"]


def test_a_word_that_means_the_target_goes_and_others_stay(tiny_base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distil, "vocabulary", lambda *_: ["bolt ", "the moon"])
    settings = {"steps": 60, "learning_rate": 1e-3, "rank": 0, "alike": 0.5, "beyond": 0.0}
    result = unlearn("distil", tiny_base, [made_data("bolt", "a cat")], [], settings, seed=0)
    gram, words = text_gram(tiny_base), ["a photo of bolt ", "a photo of the moon"]
    with torch.no_grad():
        before, after = encode_prompts(tiny_base, words), encode_prompts(tiny_base, words, result.edit.encoder)
        goal = encode_prompts(tiny_base, ["a photo of a cat"])
    start = float(distance(gram, before[:1], goal))
    assert distance(gram, after[:1], goal) < 0.2 * start and distance(gram, after[1:], before[1:]).mean() < 0.2 * start


def test_a_low_rank_change_is_what_its_adapter_says(tiny_base: Any) -> None:
    settings = {"steps": 10, "learning_rate": 1e-2, "rank": 2, "trained": "late"}
    edit = unlearn("distil", tiny_base, [made_data("bolt", "a cat")], KEPT, settings, seed=0).edit
    before = {normal_name(name): tensor for name, tensor in tiny_base.encoder.state_dict().items()}
    after = {normal_name(name): tensor for name, tensor in edit.encoder.state_dict().items()}
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    downs = [name for name in edit.adapter if name.endswith(".lora_A.weight")]
    assert moved == {normal_name(name).replace("lora_A.weight", "weight") for name in downs} and moved
    for name in downs:
        a, b = edit.adapter[name], edit.adapter[name.replace("lora_A", "lora_B")]
        assert a.shape[0] == b.shape[1] == 2
        key = normal_name(name).replace("lora_A.weight", "weight")
        assert torch.equal(a, a.half().float()) and torch.equal(b, b.half().float())  # stored so, without a loss
        assert torch.allclose(after[key], before[key] + b @ a, atol=1e-6)
    layers = tiny_base.encoder.config.num_hidden_layers
    assert all(int(name.split(".")[2]) >= layers // 2 for name in moved)


def test_the_same_twice_and_joint(tiny_base: Any) -> None:
    both = [made_data("bolt", "a toy"), made_data("luma", "an animal")]
    runs = [unlearn("distil", tiny_base, both, KEPT, {"steps": 4}, seed=3).losses for _ in range(2)]
    assert runs[0] == runs[1] != unlearn("distil", tiny_base, both, KEPT, {"steps": 4}, seed=4).losses


def test_an_anchor_is_needed(tiny_base: Any) -> None:
    with pytest.raises(ValueError, match="bolt has no anchor"):
        unlearn("distil", tiny_base, [made_data("bolt", None)], KEPT, {}, seed=0)


def test_many_concepts_are_trained_on_in_parts_with_the_same_result(
    tiny_base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many names an encoder forgets, a pass holds few prompts, and the losses are those of one pass."""
    several = [made_data(f"bolt {i}", "a toy") for i in range(12)]
    sizes: list[int] = []

    def watched(base: Any, prompts: Any, encoder: Any = None) -> Any:
        sizes.append(len(prompts) if encoder is not None else 0)
        return encode_prompts(base, prompts, encoder)

    monkeypatch.setattr(distil, "encode_prompts", watched)
    knobs = {"steps": 2, "others": 16, "keep_batch": 12}
    whole = unlearn("distil", tiny_base, several, KEPT * 8, knobs, seed=0)
    assert max(sizes) == 24
    sizes.clear()
    monkeypatch.setattr(distil, "PART", 5)
    monkeypatch.setattr(distil, "STORED", 8)
    parts = unlearn("distil", tiny_base, several, KEPT * 8, knobs, seed=0)
    assert max(sizes) <= 6  # a part of either kind is rounded up by itself
    assert parts.losses == pytest.approx(whole.losses, rel=1e-4)
    for name, weight in whole.edit.encoder.named_parameters():
        assert torch.allclose(weight, parts.edit.encoder.get_parameter(name), atol=1e-3), name


@pytest.mark.parametrize(("count", "size"), [(0, 1), (3, 200), (12, 24), (100, 100), (1, 33)])
def test_a_batch_is_split_evenly_and_in_order(count: int, size: int) -> None:
    parts = distil.split(range(count), size)
    assert [item for part in parts for item in part] == list(range(count))
    assert len(parts) == -(-size // distil.PART)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_the_rank_of_many_concepts_is_capped_at_the_layers_width(tiny_base: Any) -> None:
    knobs = for_several("distil", {"rank": 2, "learning_rate": 0.01, "steps": 1}, 1000)
    assert knobs["rank"] == 1024  # no knob leaves its range
    result = unlearn("distil", tiny_base, [made_data("bolt", "a toy")], KEPT, {**knobs, "others": 0}, seed=0)
    ranks = {name: tensor.shape for name, tensor in result.edit.adapter.items()}
    for name, (rank, width) in ranks.items():
        if name.endswith("lora_A.weight"):
            other = ranks[name.replace("lora_A", "lora_B")][0]
            assert rank == min(width, other), name


def test_a_probe_is_not_among_the_words_that_are_held(tiny_base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["strawberry", "house", "lamp"]
    monkeypatch.setattr(distil, "vocabulary", lambda base, count, draw: words)
    one = made_data("bolt", "a toy")
    probed = replace(one, concept=replace(one.concept, probes=("A Strawberry",)))
    asked: list[str] = []

    def seen(base: Any, gram: Any, concepts: Any, others: Any, alike: float, beyond: float) -> Any:
        asked[:] = others
        return lessons_of(base, gram, concepts, others, alike, beyond)

    monkeypatch.setattr(distil, "lessons_of", seen)
    for data, held in ((one, ["strawberry", "lamp"]), (probed, ["lamp"])):
        unlearn("distil", tiny_base, [data], KEPT, {"steps": 1, "others": 16}, seed=0)
        assert asked == held
