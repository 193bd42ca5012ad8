"""How far embeddings move: by hand on small tensors, and on a small base."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from expunge.bases.edits import Edit
from expunge.bases.text import projection, text_gram
from expunge.concepts.concept import Concept, Sense
from expunge.concepts.prompt_file import FarPrompt, Prompts
from expunge.concepts.samples import Asks
from expunge.judging import drift
from expunge.judging.drift_texts import Texts, texts_of
from expunge.judging.vocabulary import Label

CONCEPTS = {
    "l/bolt": Concept("bolt", "bolt", "character", neighbours=("a zorb", "the tin one")),
    "l/bat": Concept("bat", "a bat", "object", neighbours=("an owl",), sense=Sense(("a bat",), ("a cricket bat",))),
    "l/spin": Concept("spin", "spinning", "motion", neighbours=("sliding",)),
}
NAMES = {"l/bolt": ["bolt", "the tin one"], "l/bat": ["a bat"], "l/spin": ["spinning"]}
PROMPTS = Prompts(
    fewshot={},
    eval={"character": ("{} in the sea", "{}"), "object": ("a {}",), "motion": ("a dog {}",)},
    far=tuple(FarPrompt(f"a {word}", Asks("subject", word)) for word in ("teapot", "house")),
    general=("a house", "a bolt of lightning"),
)
LABELS = {
    "subject": (
        Label("bolt", ("bolt the robot", "bolt")),
        Label("owl", ("owl", "night bird")),
        Label("zorb", ("zorb",)),
    ),
    "motion": (Label("spinning", ("spinning",)), Label("sliding", ("sliding",))),
}


def test_texts_are_those_of_evaluation_and_leave_out_what_must_go() -> None:
    texts = texts_of(["l/bolt"], CONCEPTS, NAMES, PROMPTS, LABELS)
    assert texts.target["l/bolt"] == ("bolt in the sea", "bolt", "the tin one in the sea", "the tin one")
    assert texts.bare["l/bolt"] == ("in the sea", "", "in the sea", "")
    assert texts.near["l/bolt"] == ("a zorb in the sea", "a zorb")  # a neighbour that is an alias must go
    assert texts.general == ("a house", "a teapot")  # "a bolt of lightning" holds the name
    assert texts.words == ("owl", "night bird", "zorb")
    assert texts.nouns == ("a picture of owl", "a picture of night bird", "a picture of zorb")
    assert texts.meanings[0] == texts.meanings[1] != texts.meanings[2]
    assert texts.names["l/bolt"] == ("bolt", "a picture of bolt")


def test_what_the_list_keeps_is_near_and_a_probe_is_no_word_that_stays() -> None:
    texts = texts_of(["l/bolt"], CONCEPTS, NAMES, PROMPTS, LABELS, {"l/bolt": ("a bus", "bolt")})
    assert texts.near["l/bolt"] == ("a zorb in the sea", "a zorb", "a bus in the sea", "a bus")
    probed = {**CONCEPTS, "l/bolt": replace(CONCEPTS["l/bolt"], probes=("zorb", "a night bird", "teapot"))}
    texts = texts_of(["l/bolt"], probed, NAMES, PROMPTS, LABELS)
    assert texts.near["l/bolt"] == () and texts.words == () and texts.general == ("a house",)
    assert texts.target["l/bolt"] == ("bolt in the sea", "bolt", "the tin one in the sea", "the tin one")


def test_texts_of_a_joint_encoder_have_the_axes_of_its_concepts() -> None:
    texts = texts_of(list(CONCEPTS), CONCEPTS, NAMES, PROMPTS, LABELS)
    assert texts.near["l/bat"] == ("a an owl", "a a cricket bat")  # the sense that stays
    assert texts.words == ("owl", "night bird", "zorb", "sliding") and texts.nouns[-1] == "a dog sliding"
    assert texts.names["l/spin"] == ("spinning", "a dog spinning")
    assert texts_of(["l/bolt"], CONCEPTS, NAMES, PROMPTS, {}).nouns == ()


def test_shifts_by_hand() -> None:
    before = torch.zeros(2, 2, 2)
    before[:, :, 0] = 1  # norm sqrt(2) each
    after = before.clone()
    after[0, 0] = torch.tensor([1.0, 2.0])  # one position of two moves by 2 in the second dimension
    view = torch.diag(torch.tensor([1.0, 3.0]))  # which the denoiser sees three times as large
    found = drift.shift(before, after, view, unit=2.0)
    assert found["plain"] == pytest.approx((2 / 2**0.5 + 0) / 2, abs=1e-6)
    assert found["seen"] == pytest.approx(
        ((36 / 2 + 0) / 2 / 2.0) ** 0.5, abs=1e-6
    )  # mean over positions, prompts; / d0
    assert found["n"] == 2
    assert drift.shift(before, before, view, 2.0) == {"plain": 0, "seen": 0, "n": 2}


def test_the_projection_is_what_the_denoiser_sees() -> None:
    weights = torch.randn(7, 4, generator=torch.Generator().manual_seed(0))
    change = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    seen = (change @ projection(weights.T @ weights)).norm(dim=1)
    torch.testing.assert_close(seen, (change @ weights.T).norm(dim=1), rtol=1e-4, atol=1e-5)


def test_nearest_nouns_by_hand() -> None:
    own = torch.tensor([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0], [9.0, 0.0]])
    now = torch.tensor([[0.9, 0.0], [1.1, 0.0], [8.0, 0.0], [9.0, 1.0]])
    found = drift.nearest_nouns(own, now, ["taxi", "cab", "owl", "bat"], ["0", "0", "1", "2"])
    assert found == {"share": 0.75, "n": 4, "moved": {"owl": "bat"}}  # a taxi that becomes a cab has not moved


def test_weight_change_by_hand(tiny_base: Any) -> None:
    encoder = copy.deepcopy(tiny_base.encoder)
    assert set(drift.weight_change(tiny_base.encoder, encoder)["layers"].values()) == {0}
    name, weight = next((n, w) for n, w in encoder.named_parameters() if "layers.1." in n and w.ndim == 2)
    weight.data *= 1.5
    found = drift.weight_change(tiny_base.encoder, encoder)
    own = dict(tiny_base.encoder.named_parameters())
    layer = sum(float(w.square().sum()) for n, w in own.items() if "layers.1." in n) ** 0.5
    assert found["layers"]["layer 1"] == pytest.approx(0.5 * float(own[name].norm()) / layer, rel=1e-4)
    assert found["layers"]["layer 0"] == 0 and 0 < found["total"] < found["layers"]["layer 1"]
    assert set(found["layers"]) == {"embeddings", "layer 0", "layer 1", "final_layer_norm"}


@pytest.fixture(scope="module")
def texts() -> Texts:
    return texts_of(["l/bolt"], CONCEPTS, NAMES, PROMPTS, LABELS)


def test_the_original_encoder_has_not_moved(tiny_base: Any, texts: Texts) -> None:
    found = drift.measure_drift(tiny_base, Edit(tiny_base.encoder), texts)
    whole = found["encoder"]
    assert {group: (whole[group]["plain"], whole[group]["seen"]) for group in ("target", "near", "general")} == {
        group: (0, 0) for group in ("target", "near", "general")
    }  # fmt: skip
    assert whole["nearest_noun"] == {"share": 1, "n": 3, "moved": {}} and whole["weight_change"]["total"] == 0
    assert found["concepts"]["l/bolt"]["nearest"] == {"before": "bolt", "after": "bolt"}
    assert [whole[group]["n"] for group in ("target", "near", "general")] == [4, 2, 2]


def test_an_encoder_that_lost_everything_has(tiny_base: Any, texts: Texts) -> None:
    """Every prompt comes to mean the same."""
    encoder = copy.deepcopy(tiny_base.encoder)
    for name, weight in encoder.named_parameters():
        if "embedding" in name:
            weight.data.zero_()
    found = drift.measure_drift(tiny_base, Edit(encoder), texts)
    whole = found["encoder"]
    assert min(whole[group]["plain"] for group in ("target", "near", "general")) > 0.3
    assert whole["nearest_noun"]["share"] < 0.7 and whole["weight_change"]["layers"]["embeddings"] == 1
    own = drift.embed(tiny_base, texts.target["l/bolt"])
    lost, bare = drift.embed(tiny_base, texts.target["l/bolt"], encoder), drift.embed(tiny_base, texts.bare["l/bolt"])
    gram = text_gram(tiny_base)
    apart = [(((a - b) @ gram) * (a - b)).sum(-1).mean() for a, b in ((own, lost), (own, bare))]
    assert whole["target"]["seen"] == pytest.approx(float((apart[0] / apart[1]).sqrt()), rel=1e-3)
    assert found["concepts"]["l/bolt"]["target"] == whole["target"]


def test_numbers_do_not_depend_on_what_else_was_encoded(tiny_base: Any, texts: Texts) -> None:
    encoder = copy.deepcopy(tiny_base.encoder)
    for index, weight in enumerate(encoder.parameters()):
        weight.data += 0.02 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(index))
    originals: dict[str, torch.Tensor] = {}
    joint = texts_of(list(CONCEPTS), CONCEPTS, NAMES, PROMPTS, LABELS)
    drift.measure_drift(tiny_base, Edit(encoder), joint, originals)
    assert originals.keys() == {*joint.general, *joint.nouns}
    found = drift.measure_drift(tiny_base, Edit(encoder), texts, originals)
    assert found == drift.measure_drift(tiny_base, Edit(encoder), texts)
    json.dumps(found, allow_nan=False)
    assert drift.embed(tiny_base, []).shape[0] == 0
