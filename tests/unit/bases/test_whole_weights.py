"""Edits from whole weights and back: what goes in comes out; what does not fit is said."""

from typing import Any

import pytest
import torch

from expunge.bases.base import denoiser_of
from expunge.bases.edits import Edit
from expunge.bases.whole_weights import edit_of, weights_of
from expunge.core.errors import InputError


def test_there_and_back(tiny_base: Any) -> None:
    weights = weights_of(tiny_base, Edit(tiny_base.encoder))
    fc1 = next(name for name in weights["text_encoder"] if name.endswith("layers.0.mlp.fc1.weight"))
    to_k = next(name for name in weights["unet"] if name.endswith("attn2.to_k.weight"))
    assert fc1.startswith("text_model.")
    weights["text_encoder"][fc1] += 0.25
    weights["unet"][to_k] -= 0.5
    edit = edit_of(tiny_base, weights["text_encoder"], weights["unet"])
    assert set(edit.denoiser) == {to_k} and torch.allclose(edit.denoiser[to_k], torch.tensor(-0.5), atol=1e-3)
    again = weights_of(tiny_base, edit)
    for part, tensors in weights.items():
        assert tensors.keys() == again[part].keys()
        assert all(torch.allclose(tensor, again[part][name], atol=1e-3) for name, tensor in tensors.items())


def test_what_is_not_given_stays(tiny_base: Any) -> None:
    some = {name: tensor + 1 for name, tensor in list(denoiser_of(tiny_base).named_parameters())[:1]}
    edit = edit_of(tiny_base, denoiser=some)
    assert edit.encoder is tiny_base.encoder and set(edit.denoiser) == set(some)
    assert edit_of(tiny_base, tiny_base.encoder.state_dict()).denoiser == {}


def test_what_does_not_fit_is_said_at_once(tiny_base: Any) -> None:
    encoder = dict(tiny_base.encoder.named_parameters())
    first, second, *_ = encoder
    wrong = {**encoder, first: torch.zeros(1), "more.weight": torch.zeros(1)}
    del wrong[second]
    with pytest.raises(InputError) as error:
        edit_of(tiny_base, wrong, {"no.such": torch.zeros(1)})
    text = str(error.value)
    assert all(words in text for words in ("no place", "another shape", "lacks 1", "denoiser"))
    with pytest.raises(ValueError, match="empty prompt"):
        weights_of(tiny_base, Edit(tiny_base.encoder, unconditional=torch.zeros(1, 1, 1)))
