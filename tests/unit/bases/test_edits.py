"""Digests of tensors: the numbers count, not how they lie in memory."""

import torch

from expunge.bases.edits import differing, tensor_digests


def test_the_memory_layout_does_not_count() -> None:
    for shape in ((4, 3, 1, 1), (4, 3, 3, 3), (4, 1, 3, 3)):
        plain = {"conv.weight": torch.randn(shape, generator=torch.Generator().manual_seed(0))}
        last = {"conv.weight": plain["conv.weight"].to(memory_format=torch.channels_last)}
        assert tensor_digests(plain) == tensor_digests(last) and differing(plain, last) == []


def test_another_shape_or_number_counts() -> None:
    one = torch.arange(6.0)
    for other in (one.reshape(2, 3), one.flip(0), one + 1):
        assert differing({"a": one}, {"a": other}) == ["a"]
