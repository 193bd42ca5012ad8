"""The method solve: each layer by the normal equations, what it moves and what it holds, in any batches."""

import copy
from typing import Any
from weakref import WeakKeyDictionary

import pytest
import torch

from expunge.bases import encoder_layers, vocabulary_sums
from expunge.bases.encoder_layers import Walk, batch_of, gram, position_weights, tokens_in
from expunge.bases.families.sd import LINEARS, layers_of
from expunge.bases.text import distance, encode_prompts, text_gram
from expunge.methods import solve, unlearn
from expunge.methods.least_squares import LeastSquares
from expunge.methods.lessons import Lesson
from tests.support.made_data import made_data

KEPT = ["a house", "a tree", "the sea"]
WORDS = ["owl", "lamp", "moon", "river"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few words; and all positions, since a random encoder's differ too much for a few to stand for the rest."""
    monkeypatch.setattr(solve, "vocabulary", lambda *_: WORDS)
    monkeypatch.setattr(vocabulary_sums, "PADDING", 100)
    monkeypatch.setattr(vocabulary_sums, "_ONCE", WeakKeyDictionary())  # no sums made with other constants


def states(base: Any, encoder: Any, prompts: list[str]) -> list[torch.Tensor]:
    """What reaches each layer, by transformers' own account."""
    tokens = base.t2i.tokenizer(prompts, padding="max_length", max_length=base.t2i.tokenizer.model_max_length,
                                truncation=True, return_tensors="pt")  # fmt: skip
    with torch.no_grad():
        return list(encoder(tokens.input_ids, output_hidden_states=True).hidden_states)


@torch.no_grad()
def test_a_walk_sees_what_reaches_each_linear_layer(tiny_base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = ["a photo of bolt", "the sea", "a cat"]
    reached = states(tiny_base, tiny_base.encoder, prompts)
    monkeypatch.setattr(encoder_layers, "BATCH", 2)
    size = reached[0][:2, :6].numel()
    for held, length in ((9 * size, None), (size, None), (0, 6), (9 * size, 6)):  # all batches are held, one, none
        monkeypatch.setattr(encoder_layers, "MOST_HELD", held)
        walk = Walk(tiny_base, tiny_base.encoder, prompts, length)
        for layer, before, after in zip(layers_of(tiny_base.encoder), reached[:-1], reached[1:], strict=True):
            seen, pairs = [], [list(walk.inputs()) for _ in LINEARS]
            inputs = [torch.cat([x for x, _ in pair]) for pair in pairs]
            added_to = [torch.cat([s for _, s in pair]) for pair in pairs if pair[0][1] is not None]
            hooks = [
                layer.get_submodule(name).register_forward_pre_hook(lambda _, args, seen=seen: seen.append(args[0]))
                for name, *_ in LINEARS
            ]
            output = layer(before, attention_mask=None, is_causal=True)
            for hook in hooks:
                hook.remove()
            for ours, theirs in zip(inputs, seen, strict=True):
                assert torch.allclose(ours, theirs[:, :length], atol=1e-5)
            reached_here = [added_to[0] + layer.self_attn.out_proj(inputs[1]), added_to[1] + layer.mlp.fc2(inputs[3])]
            assert torch.allclose(added_to[0], before[:, :length], atol=1e-5)
            assert torch.allclose(reached_here[0], added_to[1], atol=1e-5)
            assert torch.allclose(reached_here[1], output[:, :length], atol=1e-5)
            if layer is not layers_of(tiny_base.encoder)[-1]:  # the last state is what the final norm gives
                assert torch.allclose(output, after, atol=1e-5)
            walk.step()


def test_a_step_uses_the_weights_as_they_are_then(tiny_base: Any) -> None:
    encoder = copy.deepcopy(tiny_base.encoder)
    prompts, values = ["a photo of bolt"], layers_of(encoder)[0].self_attn.v_proj
    walk, plain = Walk(tiny_base, encoder, prompts), Walk(tiny_base, tiny_base.encoder, prompts)
    with torch.no_grad():
        assert torch.equal(*(next(each.inputs())[0] for each in (walk, plain)))
        values.weight.mul_(2)
        changed, unchanged = (next(each.inputs())[0] for each in (walk, plain))
        again = Walk(tiny_base, encoder, prompts)
        assert torch.equal([next(again.inputs())[0] for _ in range(2)][1], changed)
    assert not torch.allclose(changed, unchanged)


def test_padding_that_is_left_out_is_stood_for(tiny_base: Any) -> None:
    counts = tokens_in(tiny_base, ["", "a cat"])
    assert counts.tolist() == [2, 6]  # the tiny tokenizer has a token for each letter
    weights = position_weights(counts, 8, 20)
    assert weights.tolist() == [[1, 1, 3, 3, 3, 3, 3, 3], [1, 1, 1, 1, 1, 1, 7, 7]]
    assert position_weights(counts, 20, 20).eq(1).all()


def test_a_gram_is_a_weighted_sum_of_outer_products() -> None:
    x, y = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(0)), torch.ones(3, 2, 4)
    weights = torch.tensor([[1.0, 0.5], [2.0, 0.0], [1.0, 3.0]])
    by_hand = sum(weights[i, j] * torch.outer(y[i, j], x[i, j]) for i in range(3) for j in range(2))
    assert torch.allclose(gram(x, y, weights), by_hand.double(), atol=1e-6)


def test_the_first_layer_is_the_least_squares_solution(tiny_base: Any) -> None:
    """Nothing before it has changed, so x' = x, and a solver for stacked rows must find the same weight."""
    knobs = {"keep": 3.0, "ridge": 0.01, "listed": 0.25, "beyond": 0.5, "error": 0.0, "left": 1.0, "narrow": 1.0}
    aims = [solve.Aim("a photo of bolt", "a photo of a cat", 0.5, 0.75), solve.Aim("one bolt", "one a cat", 0.5, 0.25)]
    general = {key: each / 2 for key, each in vocabulary_sums.sums_of(tiny_base, ["an owl", "the moon"]).items()}
    encoder, adapter = solve.solved(tiny_base, aims, ["", *KEPT], general, knobs)
    name, layer = LINEARS[0][0], layers_of(tiny_base.encoder)[0]

    def inputs(prompts: list[str]) -> torch.Tensor:
        with torch.no_grad():
            return next(Walk(tiny_base, tiny_base.encoder, prompts).inputs())[0].double()

    x_t, x_a = inputs([aim.prompt for aim in aims]), inputs([aim.anchor for aim in aims])
    weight = layer.get_submodule(name).weight.double()
    kept, words = inputs(["", *KEPT]), inputs(["an owl", "the moon"])
    rows, goals = [], []
    more = layer.mlp.fc2.in_features / layer.mlp.fc1.in_features  # this layer's input is so much narrower than fc2's
    assert more > 1
    for x, goal, shares in (
        (x_t, x_a + 0.5 * (x_a - x_t), [0.75, 0.25]),
        (kept, kept, [more * 3 * 0.25 / 4] * 4),
        (words, words, [more * 3 * 0.75 / 2] * 2),
    ):  # fmt: skip
        for i, share in enumerate(shares):
            rows.append(share**0.5 * x[i])
            goals.append(share**0.5 * goal[i] @ weight.T)
    stacked = torch.cat(rows)
    e = 0.01 * stacked.square().sum(0).mean()
    stacked = torch.cat([stacked, e.sqrt() * torch.eye(stacked.shape[1], dtype=torch.float64)])
    wanted = torch.linalg.lstsq(stacked, torch.cat([*goals, e.sqrt() * weight.T])).solution.T
    assert torch.allclose(layers_of(encoder)[0].get_submodule(name).weight.double(), wanted, atol=1e-4)
    assert not torch.allclose(wanted, weight, atol=1e-3)
    where = f"text_encoder.text_model.encoder.layers.0.{name}"
    change = adapter[f"{where}.lora_B.weight"] @ adapter[f"{where}.lora_A.weight"]
    assert torch.equal(weight.float() + change, layers_of(encoder)[0].get_submodule(name).weight)


def test_the_target_becomes_its_anchor_and_the_rest_stays(tiny_base: Any) -> None:
    both = [made_data("bolt", "a cat"), made_data("luma", "a dog")]
    for some in ([both[0]], both):
        result = unlearn("solve", tiny_base, some, KEPT, {"keep": 4.0, "alike": 0.0}, seed=0)
        metric = text_gram(tiny_base)
        targets, goals = ["a photo of bolt", "one bolt"], ["a photo of a cat", "one a cat"]
        stays = [*KEPT, *(f"a photo of a {word}" for word in WORDS)]
        with torch.no_grad():
            before, goal = encode_prompts(tiny_base, targets), encode_prompts(tiny_base, goals)
            after = encode_prompts(tiny_base, targets, result.edit.encoder)
            kept = [encode_prompts(tiny_base, stays, encoder) for encoder in (None, result.edit.encoder)]
        start = distance(metric, before, goal)
        assert (distance(metric, after, goal) < 0.5 * start).all()
        assert (distance(metric, *kept) < 0.25 * start.mean()).all()
        assert result.losses == [] and result.notes["bolt"]["anchor"] == "a cat"


def test_the_same_bytes_whatever_came_before_and_whatever_the_seed(tiny_base: Any) -> None:
    def weights(seed: int) -> dict[str, torch.Tensor]:
        return dict(
            unlearn(
                "solve", tiny_base, [made_data("bolt", "a cat")], KEPT, {}, seed=seed
            ).edit.encoder.named_parameters()
        )

    first = weights(0)
    unlearn("solve", tiny_base, [made_data("luma", "a dog")], ["an owl"], {}, seed=0)
    again = weights(1)
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_many_batches_give_the_same(tiny_base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def weights() -> dict[str, torch.Tensor]:
        vocabulary_sums._ONCE.clear()
        some = [made_data(f"bolt {i}", "a cat") for i in range(3)]
        return dict(
            unlearn(
                "solve", tiny_base, some, KEPT, {"beyond": 0.5, "ridge": 0.01}, seed=0
            ).edit.encoder.named_parameters()
        )

    whole = weights()
    assert batch_of(tiny_base) == encoder_layers.BATCH
    monkeypatch.setattr(encoder_layers, "POSITIONS", 3 * tiny_base.t2i.tokenizer.model_max_length - 1)
    assert batch_of(tiny_base) == 2
    monkeypatch.setattr(encoder_layers, "MOST_HELD", 1)
    for name, weight in weights().items():
        assert torch.allclose(weight, whole[name], atol=1e-4), name


def test_words_that_are_said_or_tested_are_not_kept_as_words(tiny_base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    sums = vocabulary_sums.sums_of
    monkeypatch.setattr(
        vocabulary_sums,
        "sums_of",
        lambda base, prompts, *more: asked.append(list(prompts)) or sums(base, prompts, *more),
    )
    unlearn(
        "solve", tiny_base, [made_data("bolt", "a cat", probes=("a lamp",))], [*KEPT, "the owl"], {"alike": 0.0}, seed=0
    )
    whole, gone = asked
    assert len(whole) == 8 and {word for prompt in gone for word in WORDS if word in prompt} == {"owl", "lamp"}


def test_a_composition_becomes_the_part_that_it_begins_with() -> None:
    lesson = Lesson("x", ("a dog beside a cat", "pets"), "a toy", ("a photo of {}", "one {}"), 0.0, ("a dog", "a cat"))
    aims = solve.aims_of([lesson, lesson], [1, 3])
    assert [aim.anchor for aim in aims[:4]] == ["a photo of a dog", "one a dog", "a photo of a toy", "one a toy"]
    assert [sum(a.weight for a in some) for some in (aims[:4], aims[4:])] == pytest.approx([0.25, 0.75])


def test_a_name_stands_among_words_of_the_vocabulary() -> None:
    words = ("owl", "lamp", "moon", "river", "apple", "tin", "sea", "rose")
    assert solve.contexts(words, 2) == ("{} an owl", "tin sea {} rose")
    assert solve.contexts(words, 0) == () and len(solve.contexts(words, 8)) == 2  # there are words for two


def test_too_few_words_for_the_contexts_are_told(tiny_base: Any, capsys: pytest.CaptureFixture[str]) -> None:
    unlearn("solve", tiny_base, [made_data("bolt", "a cat")], KEPT, {"contexts": 3}, seed=0)
    assert "the vocabulary has words for 1 of 3 contexts" in capsys.readouterr().err
    unlearn("solve", tiny_base, [made_data("bolt", "a cat")], KEPT, {"contexts": 1}, seed=0)
    assert capsys.readouterr().err == ""


def test_what_is_left_of_the_way() -> None:
    goal, original = torch.zeros(2, 2, 1), torch.tensor([[[2.0], [2.0]], [[1.0], [1.0]]])
    now = torch.tensor([[[1.0], [2.0]], [[1.0], [9.0]]])
    looked = torch.tensor([[1.0, 3.0], [1.0, 0.0]])
    assert solve.left_of(now, goal, original, looked).tolist() == pytest.approx([13 / 16, 1.0])
    assert solve.left_of(goal, goal, goal, looked).tolist() == [0.0, 0.0]  # a prompt that is its own anchor's


@pytest.mark.parametrize("power", [0.0, 1.0])
def test_a_prompt_that_lags_behind_weighs_more(tiny_base: Any, monkeypatch: pytest.MonkeyPatch, power: float) -> None:
    """What is kept holds the second prompt back."""
    aims = [solve.Aim("a photo of bolt", "a photo of a cat", 0.5, 0.75), solve.Aim("one luma", "one a cat", 0.0, 0.25)]
    knobs = {"keep": 3.0, "ridge": 1e-4, "listed": 1.0, "error": 0.0, "left": power, "narrow": 0.0}
    seen: list[torch.Tensor] = []
    left: list[torch.Tensor] = []
    add, left_of = LeastSquares.add, solve.left_of
    monkeypatch.setattr(LeastSquares, "add", lambda self, *args: seen.append(args[2][:, 0]) or add(self, *args))
    monkeypatch.setattr(solve, "left_of", lambda *args: left.append(left_of(*args)) or left[-1])
    with torch.no_grad():
        solve.solved(tiny_base, aims, ["", "a luma", "one lumas"], {}, knobs)
    weights = seen[::2]  # between them those of what is kept
    assert all(torch.allclose(each, torch.tensor([0.75, 0.25])) for each in weights[: None if power == 0 else 2])
    assert len(weights) == 2 * len(left) and torch.allclose(left[0], torch.ones(2))  # no layer has changed yet
    for each, before in zip(weights[2::2], left, strict=False):
        wanted = torch.tensor([0.75, 0.25]) * before.clamp(0.02, 4.0) ** power
        assert torch.allclose(each, wanted / wanted.sum())
    assert left[-1][1] > left[-1][0]


def test_several_together_pull_harder_than_one_and_eight_as_hard_as_more(
    tiny_base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    solved = solve.solved

    def note(base: Any, aims: Any, listed: Any, general: Any, knobs: Any) -> Any:
        seen.append((knobs["keep"], knobs["left"], knobs["narrow"]))
        return solved(base, aims, listed, general, knobs)

    monkeypatch.setattr(solve, "solved", note)
    for count in (1, 4, 20):
        some = [made_data(f"bolt {i}", "a cat") for i in range(count)]
        unlearn("solve", tiny_base, some, KEPT, {"keep": 60.0}, seed=0)
    assert seen == [(60, 0, 0), (15, 1, 1), (7.5, 1, 1)]  # alone, no prompt lags behind and no layer is crowded


def test_an_anchor_is_needed(tiny_base: Any) -> None:
    with pytest.raises(ValueError, match="bolt has no anchor"):
        unlearn("solve", tiny_base, [made_data("bolt", None)], KEPT, {}, seed=0)


def test_a_concept_cannot_become_itself(tiny_base: Any) -> None:
    with pytest.raises(ValueError, match="the anchor of bolt is 'Bolt', one of its own names"):
        unlearn("solve", tiny_base, [made_data("bolt", "Bolt")], KEPT, {}, seed=0)
