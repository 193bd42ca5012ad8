"""The one call: what it changes, that it is what a list's encoder would be, and what it refuses."""

from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pytest
import torch

from expunge.bases import vocabulary_sums
from expunge.bases.base import load_edit, store_edit
from expunge.bases.text import distance, encode_prompts, text_gram
from expunge.concepts.concept import Concept
from expunge.concepts.prompt_file import read_prompts
from expunge.forgetting import data_of, forget

BOLT = Concept("one", "bolt", "character", anchor="a toy", neighbours=("dog",))
TEAPOT = Concept("two", "teapot", "object", anchor="a cup")


@pytest.mark.parametrize("some", [[BOLT], [BOLT, TEAPOT]])
def test_the_target_comes_nearer_to_its_anchor(
    tiny_base: Any, some: list[Concept], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary_sums, "PADDING", 100)  # all positions: those of a random encoder differ
    monkeypatch.setattr(vocabulary_sums, "_ONCE", WeakKeyDictionary())  # nothing that was summed with less padding
    edit, gram = forget(tiny_base, some, "solve", {"keep": 4.0}), text_gram(tiny_base)
    with torch.no_grad():
        target, anchor, kept = (encode_prompts(tiny_base, [f"a photo of {word}"]) for word in ("bolt", "a toy", "dog"))
        now, still = (encode_prompts(tiny_base, [f"a photo of {word}"], edit.encoder) for word in ("bolt", "dog"))
    assert distance(gram, now, anchor) < 0.5 * distance(gram, target, anchor)
    assert distance(gram, still, kept) < 0.25 * distance(gram, target, anchor)


def test_images_are_drawn_where_the_method_needs_them(tiny_base: Any, tmp_path: Path) -> None:
    edit = forget(tiny_base, [BOLT], "few-shot", {"steps": 1, "batch": 1})
    store_edit(tiny_base, tmp_path / "encoder", edit)
    read = load_edit(tiny_base, tmp_path / "encoder").encoder
    assert any(not torch.equal(a, b) for a, b in zip(read.parameters(), tiny_base.encoder.parameters(), strict=True))
    data = data_of(tiny_base, BOLT, read_prompts(tiny_base.spec.prompts), "ablate", counts={"anchor_images": 2})
    assert len(data.latents) == len(data.prompts) == 2 and all("a toy" in prompt for prompt in data.prompts)


def test_it_is_the_packages_own_call() -> None:
    import expunge

    assert expunge.forget is forget and not hasattr(expunge, "forgot")


def test_what_the_method_cannot_use_is_refused(tiny_base: Any) -> None:
    with pytest.raises(ValueError, match="there is no method 'distill'; write distil"):
        forget(tiny_base, [BOLT], "distill")
    with pytest.raises(ValueError, match="few-shot has no parameter 'step'; write steps"):
        forget(tiny_base, [BOLT], "few-shot", {"step": 2})
