"""The text input of a denoiser, as one value for every family of bases."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from expunge.bases.base import Base
from expunge.bases.text import encode_prompts


@dataclass(frozen=True)
class Condition:
    """The text input of a denoiser for N samples."""

    # (N, L, D) float32, the encoder's last hidden states; gradients flow through it. (N, F, L, D): of videos to be
    # sampled, a text for each frame
    embeddings: Tensor

    def __len__(self) -> int:
        return len(self.embeddings)

    def each(self, change: Callable[[Tensor], Tensor]) -> "Condition":
        """A copy with `change` applied to every tensor."""
        return Condition(change(self.embeddings))


def joined(parts: Sequence[Condition]) -> Condition:
    """The samples of several conditions, one after the other."""
    return Condition(torch.cat([part.embeddings for part in parts]))


def condition_of(base: Base, prompts: Sequence[str], encoder: Any | None = None) -> Condition:
    """The condition for each of N prompts. :param encoder: an unlearned encoder in place of the base's own."""
    return Condition(encode_prompts(base, prompts, encoder))
