"""Shared by the attacks that search: words of one token, embeddings in place of tokens, and a loss."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from expunge.bases.base import Base
from expunge.bases.condition import Condition
from expunge.bases.denoising import add_noise, predict_noise, target
from expunge.bases.encoders import token_tables
from expunge.bases.text import encode_prompts


def whole_words(base: Base) -> tuple[list[str], Tensor]:
    """(words, their token ids (V,)): words of one token each, so that the result of a search can be written as text."""
    words = sorted(base.spec.family.whole_words(base.t2i.tokenizer.get_vocab()))
    words = [word for word in words if word.isascii() and word.isalpha()]
    ids = base.t2i.tokenizer(words, add_special_tokens=False).input_ids
    pairs = [(word, own[0]) for word, own in zip(words, ids, strict=True) if len(own) == 1]
    return [word for word, _ in pairs], torch.tensor([number for _, number in pairs])


def encode_soft(base: Base, prompt: str, at: Sequence[int], rows: Tensor, encoder: Any) -> Tensor:
    """(1, L, D): a prompt's embedding, with `rows` (len(at), K) in place of the token embeddings at positions `at`.

    :param rows: of all text encoders, side by side (`token_table`)."""
    tables = token_tables(base.spec.family, encoder)

    def replace(own: Tensor, module: Any, inputs: Any, out: Tensor) -> Tensor:
        return out.index_copy(1, torch.tensor(list(at), device=out.device), own.to(out).expand(len(out), -1, -1))

    parts = rows.split([table.weight.shape[1] for table in tables], dim=1)
    handles = [table.register_forward_hook(partial(replace, own)) for table, own in zip(tables, parts, strict=True)]
    try:
        return encode_prompts(base, [prompt], encoder)
    finally:
        for handle in handles:
            handle.remove()


def denoising_loss(base: Base, latents: Tensor, embedding: Tensor, batch: int, draw: torch.Generator) -> Tensor:
    """E ||eps_hat(z_t, t, c) - target||^2 over a batch of the target's latents, noise and timesteps: low where c makes
    the model draw them. :param embedding: (1, L, D), with a gradient."""
    chosen = torch.randint(len(latents), (min(batch, len(latents)),), generator=draw)
    z0 = latents[chosen].to(base.device)
    t = torch.randint(base.timesteps, (len(z0),), generator=draw).to(base.device)
    noise = torch.randn(z0.shape, generator=draw).to(base.device)
    condition = Condition(embedding.expand(len(z0), -1, -1))
    out = predict_noise(base, add_noise(base, z0, noise, t), t, condition)
    return F.mse_loss(out, target(base, z0, noise, t))
