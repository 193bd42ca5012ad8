"""Methods that write values into weights: emcid, refact and null-space, each by its equation, and what they share."""

from typing import Any

import pytest
import torch
from torch import Tensor

from expunge.bases.base import denoiser_of
from expunge.bases.families.sd import layers_of
from expunge.bases.text import encode_prompts
from expunge.methods import emcid, kept_words, null_space, refact, rewriting, unlearn
from expunge.methods.lessons import Lesson
from tests.support.made_data import made_data

KEPT = ["a house", "a tree", "the sea"]
WORDS = ["owl", "lamp", "moon", "river"]
LESSONS = [
    Lesson("bolt", ("bolt", "a tin bolt"), "a cat", ("a photo of {} here", "one {}"), 0.0),
    Lesson("luma", ("luma",), "", ("a photo of {} here", "one {}"), 0.0),
]
FAST = {"steps": 10, "others": 4}


@pytest.fixture(autouse=True)
def few_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_words, "vocabulary", lambda _, count, draw: WORDS[:count])


def some(rows: int, columns: int, seed: int = 0) -> Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_kept_words_leave_out_what_is_said_or_tested(tiny_base: Any) -> None:
    data = made_data("bolt", "a cat", probes=("a lamp",))
    lessons, listed, words = kept_words.lessons_and_kept(tiny_base, [data], [*KEPT, "the owl"], 4, 0.0)
    assert [lesson.anchor for lesson in lessons] == ["a cat"] and listed == ["", *KEPT, "the owl"]
    assert words == ["a photo of moon", "one a moon", "one river", "a photo of a river"]


def test_a_word_that_means_the_target_goes_with_it(tiny_base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_words, "vocabulary", lambda *_: ["bolt", "moon"])
    (lesson,), _, words = kept_words.lessons_and_kept(tiny_base, [made_data("bolt", "a cat")], KEPT, 2, 0.01)
    assert lesson.names == ("bolt", "bolt") and words == ["a photo of moon", "one a moon"]


def test_places_are_the_last_tokens_of_names_and_anchors(tiny_base: Any) -> None:
    words = rewriting.told(tiny_base, LESSONS)
    assert words.names.tolist() == [0, 0, 1, 1, 2, 2]
    ids = tiny_base.t2i.tokenizer([*words.prompts, *words.anchors]).input_ids
    read = [tiny_base.t2i.tokenizer.decode(row[: place + 1], skip_special_tokens=True).replace(" ", "")
            for row, place in zip(ids, [*words.places, *words.anchor_places], strict=True)]  # fmt: skip
    assert read[:6] == ["aphotoofbolt", "onebolt", "aphotoofatinbolt", "oneatinbolt", "aphotoofluma", "oneluma"]
    assert read[6:] == ["aphotoofacat", "oneacat"] * 2 + ["aphotoof", "one"]


def test_a_mean_is_over_each_names_prompts(tiny_base: Any) -> None:
    rows = torch.arange(12.0).reshape(6, 2)
    assert rewriting.told(tiny_base, LESSONS).mean(rows).tolist() == [[1, 2], [5, 6], [9, 10]]


@torch.no_grad()
def test_covariance_is_over_the_tokens_alone(tiny_base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewriting, "BATCH", 2)
    by_hand, tokens = torch.zeros(64, 64, dtype=torch.float64), 0
    for prompt in KEPT:
        count = len(tiny_base.t2i.tokenizer(prompt).input_ids)
        for place in range(count):
            fc2 = layers_of(tiny_base.encoder)[1].mlp.fc2
            key, _ = rewriting.at_places(tiny_base, tiny_base.encoder, fc2, [prompt], torch.tensor([place]))
            by_hand += torch.outer(key[0], key[0]).double()
        tokens += count
    by_hand = by_hand / tokens
    wanted = by_hand + 1e-3 * by_hand.diagonal().mean() * torch.eye(64, dtype=torch.float64)
    assert torch.allclose(rewriting.covariance(tiny_base, 1, KEPT), wanted, atol=1e-6)


def found(base: Any, lessons: list[Lesson], farthest: float, steps: int = 5) -> Tensor:
    words = rewriting.told(base, lessons)
    goals = encode_prompts(base, words.anchors)

    def away(states: Tensor, rows: Tensor) -> Tensor:
        return (states - goals[rows]).square().mean((1, 2))

    mlp = layers_of(base.encoder)[0].mlp
    return rewriting.values(base, "test", words, mlp, away, steps, 0.05, 0.01, farthest, lambda *_: None)[0]


def test_a_value_is_found_for_each_name_by_itself(tiny_base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    both = found(tiny_base, LESSONS, 100.0)
    assert torch.allclose(both[2:], found(tiny_base, LESSONS[1:], 100.0), atol=1e-5)
    monkeypatch.setattr(rewriting, "PART", 2)
    assert torch.allclose(both, found(tiny_base, LESSONS, 100.0), atol=1e-5)


def test_a_value_changes_no_further_than_allowed(tiny_base: Any) -> None:
    words, mlp = rewriting.told(tiny_base, LESSONS), layers_of(tiny_base.encoder)[0].mlp
    _, own = rewriting.at_places(tiny_base, tiny_base.encoder, mlp, words.prompts, words.places)
    size = words.mean(own).norm(dim=1)
    free, held = (found(tiny_base, LESSONS, farthest).norm(dim=1) for farthest in (100.0, 0.1))
    assert (free > 0.1 * size).all() and torch.allclose(held, 0.1 * size, rtol=1e-4)


def test_emcid_writes_the_minimum_of_its_objective() -> None:
    """keep * tr(X C X^T) + |X K^T - R^T|^2 has no gradient at X = W' - W."""
    weight, keys, residual, root = some(3, 5), some(2, 5, 1), some(2, 3, 2), some(6, 5, 3)
    cov = root.T @ root / 6
    x = (emcid.written(weight, keys, residual, cov, 0.7) - weight).requires_grad_(True)
    (0.7 * (x @ cov @ x.T).trace() + (x @ keys.T - residual.T).square().sum()).backward()
    assert x.grad is not None and float(x.grad.abs().max()) < 1e-10 and float(x.detach().abs().max()) > 1e-2


def test_refact_plants_the_values_with_the_least_change() -> None:
    """W' K = V exactly; and, as C measures it, no change that leaves W' K alone lies along X = W' - W."""
    weight, root = some(3, 5), some(6, 5, 3)
    cov = root.T @ root / 6
    for names in (1, 2):
        keys, change = some(names, 5, 1), some(names, 3, 2)
        x = refact.planted(weight, keys, change, cov) - weight
        assert torch.allclose(x @ keys.T, change.T)
        null = some(3, 5, 4) @ (torch.eye(5, dtype=torch.float64) - torch.linalg.pinv(keys) @ keys)
        assert torch.allclose(null @ keys.T, torch.zeros(3, names, dtype=torch.float64), atol=1e-10)
        assert abs(float((x @ cov @ null.T).trace())) < 1e-9
        assert torch.linalg.matrix_rank(x) == names


def test_free_directions_are_those_without_kept_and_fixed() -> None:
    kept = some(20, 6) * torch.tensor([1, 1, 1, 1e-3, 1e-3, 1e-3], dtype=torch.float64)
    fixed = torch.zeros(2, 6, dtype=torch.float64)
    fixed[:, 3] = 1.0
    p = null_space.free_directions(kept, fixed, 0.1)
    assert torch.allclose(p @ p, p) and torch.allclose(p, p.T) and float(p.trace()) == pytest.approx(2)
    assert float((fixed @ p).abs().max()) < 1e-12
    assert float((kept @ p).abs().max()) < 1e-2 * float(kept.abs().max())
    assert float(null_space.free_directions(kept, fixed, 0.0).trace()) == 0


def test_null_space_is_the_minimum_among_what_is_free() -> None:
    """X = X P, and the objective's gradient, taken along P, is 0."""
    weight, c, goal, fixed = some(3, 6), some(4, 6, 1), some(4, 6, 2), some(1, 6, 3)
    kept = some(20, 6, 4) * torch.tensor([1, 1, 1, 1e-3, 1e-3, 1e-3], dtype=torch.float64)
    x = null_space.added(weight, c, goal, kept, fixed, 0.1, 0.5)
    moved = (kept @ _unbound(weight, c, goal, 0.5).T).norm(dim=1)
    p = null_space.free_directions(kept[moved > moved.mean()], fixed, 0.1)
    assert torch.allclose(x @ p, x) and float((x @ fixed.T).abs().max()) < 1e-10 and float(x.abs().max()) > 1e-2
    new = x.clone().requires_grad_(True)
    ((c @ new.T - (goal - c) @ weight.T).square().sum() + 0.5 * new.square().sum()).backward()
    assert new.grad is not None and float((new.grad @ p).abs().max()) < 1e-10


def _unbound(weight: Tensor, c: Tensor, goal: Tensor, ridge: float) -> Tensor:
    eye = torch.eye(c.shape[1], dtype=torch.float64)
    return weight @ (goal - c).T @ c @ torch.linalg.inv(c.T @ c + ridge * eye)


@pytest.mark.parametrize("name", ["emcid", "refact"])
def test_one_layer_learns_several_names_at_once(tiny_base: Any, name: str) -> None:
    both = [made_data("bolt", "a cat"), made_data("luma", "a dog")]
    result = unlearn(name, tiny_base, both, KEPT, {**FAST, "layers": 1} if name == "emcid" else FAST, seed=0)
    own = dict(tiny_base.encoder.named_parameters())
    changed = [n for n, p in result.edit.encoder.named_parameters() if not torch.equal(p, own[n])]
    assert len(changed) == 1 and changed[0].endswith("layers.0.mlp.fc2.weight")
    assert len(result.losses) == 10 and result.losses[-1] < result.losses[0]
    assert {id_: each["anchor"] for id_, each in result.notes.items()} == {"bolt": "a cat", "luma": "a dog"}


def test_null_space_changes_the_values_alone_and_leaves_the_empty_prompt(tiny_base: Any) -> None:
    for projections, ends in (("values", ("attn2.to_v.weight",)), ("keys-values", ("to_k.weight", "to_v.weight"))):
        knobs = {"projections": projections, "others": 4, "null": 0.5}
        edit = unlearn("null-space", tiny_base, [made_data("bolt", "a cat")], KEPT, knobs, seed=0).edit
        assert edit.denoiser and all(name.endswith(ends) for name in edit.denoiser)
        empty, target = (encode_prompts(tiny_base, [prompt])[0] for prompt in ("", "bolt"))
        own = dict(denoiser_of(tiny_base).named_parameters())
        for name, change in edit.denoiser.items():
            assert (empty @ change.T).norm() < 1e-2 * (empty @ own[name].T).norm()
            assert (target @ change.T).norm() > 1e-2 * (target @ own[name].T).norm()


@pytest.mark.parametrize("name", ["emcid", "refact", "null-space"])
def test_the_same_bytes_in_every_run(tiny_base: Any, name: str) -> None:
    knobs = {"others": 4, **({"steps": 3} if name != "null-space" else {})}
    one, two = (unlearn(name, tiny_base, [made_data("bolt", "a cat")], KEPT, knobs, seed=1) for _ in range(2))
    assert one.losses == two.losses and one.changed_parameters == two.changed_parameters > 0
    for tensors in ("encoder", "denoiser"):
        a, b = (getattr(each.edit, tensors) for each in (one, two))
        a, b = (each.state_dict() if tensors == "encoder" else each for each in (a, b))
        assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
