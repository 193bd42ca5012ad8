"""A text encoder in bfloat16 that computes in float32: drawn, walked, solved for and trained."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from expunge.bases import vocabulary_sums
from expunge.bases.base import load, load_edit, store_edit
from expunge.bases.encoders import layers_of
from expunge.bases.spec import load_spec
from expunge.bases.stored import StoredLinear, keep_stored
from expunge.bases.text import encode_prompts
from expunge.concepts.concept import Concept
from expunge.methods import ConceptData, unlearn
from tests.support import tiny_pixart
from tests.support.walked import assert_walked

PROMPTS = ["a photo of bolt", "a cat"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load(load_spec("tiny-pixart", tiny_pixart.make_base(tmp_path_factory.mktemp("stored") / "bases")))


@pytest.fixture(scope="module")
def base(whole: Any) -> Any:
    encoder = copy.deepcopy(whole.encoder)
    keep_stored(whole.spec.family, encoder, torch.bfloat16)
    return replace(whole, encoder=encoder, encoder_dtype=torch.bfloat16)


@pytest.fixture(scope="module")
def bolt() -> ConceptData:
    concept = Concept("bolt", "bolt", "object", anchor="a toy")
    return ConceptData(
        concept, torch.zeros(1, 8, 16, 16), ("bolt",), ("a photo of {}",), ("a photo of a toy",), ("a toy",)
    )


def test_half_of_the_bytes_give_nearly_the_same(whole: Any, base: Any) -> None:
    one, other = encode_prompts(whole, PROMPTS), encode_prompts(base, PROMPTS)
    assert other.dtype == torch.float32 and 0 < (one - other).norm() / one.norm() < 0.02
    linears = [
        m for layer in layers_of(base.spec.family, base.encoder) for m in layer.modules() if m.__class__ is StoredLinear
    ]
    assert linears and {each.weight.dtype for each in linears} == {torch.bfloat16}
    assert base.encoder.state_dict().keys() == whole.encoder.state_dict().keys()


def test_a_walk_gives_what_each_layer_receives(base: Any) -> None:
    assert_walked(base, PROMPTS, close=2e-2)


def test_solve_forgets_as_well(whole: Any, base: Any, bolt: ConceptData, tmp_path: Path) -> None:
    changes = []
    for each in (whole, base):
        result = unlearn("solve", each, [bolt], ["a cat", "the house"], {"others": 8}, seed=0)
        was, now = (encode_prompts(each, PROMPTS, encoder) for encoder in (each.encoder, result.edit.encoder))
        changes.append(now - was)
    (moved, kept), (same, also_kept) = changes
    assert torch.cosine_similarity(moved.flatten(), same.flatten(), dim=0) > 0.9
    assert also_kept.norm() < 0.2 * same.norm() and kept.norm() < 0.2 * moved.norm()
    store_edit(base, tmp_path / "edit", result.edit)
    again = load_edit(base, tmp_path / "edit")
    a, b = (encode_prompts(base, PROMPTS, encoder) for encoder in (again.encoder, result.edit.encoder))
    assert (a - b).norm() / a.norm() < 0.02  # it is loaded in float32


def test_what_is_trained_is_float32_and_nothing_else(base: Any, bolt: ConceptData) -> None:
    result = unlearn("distil", base, [bolt], ["a cat"], {"steps": 2, "batch": 2, "trained": "mlp", "rank": 0}, seed=0)
    kinds = {name: tensor.dtype for name, tensor in result.edit.encoder.named_parameters()}
    assert kinds["encoder.block.0.layer.1.DenseReluDense.wo.weight"] == torch.float32
    assert kinds["encoder.block.0.layer.0.SelfAttention.q.weight"] == torch.bfloat16
    assert not torch.equal(encode_prompts(base, PROMPTS), encode_prompts(base, PROMPTS, result.edit.encoder))


@torch.no_grad()
def test_sums_that_are_too_many_to_hold_are_computed_in_passing(whole: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    held = vocabulary_sums.vocabulary_means(whole, [*PROMPTS, "the house"], ["a cat"])
    monkeypatch.setattr(vocabulary_sums, "MOST_NUMBERS", 10)
    passing = vocabulary_sums.vocabulary_means(whole, [*PROMPTS, "the house"], ["a cat"])
    assert held and not isinstance(passing, dict)
    for key, own in held.items():
        assert (passing[key] - own).abs().max() <= 1e-5 * own.abs().max(), key
    with pytest.raises((KeyError, StopIteration)):
        passing[0, "layer.0.SelfAttention.q"]
