"""Prompts as embeddings, and the distance between two embeddings as the denoiser sees it.

The text enters a denoiser only through the key and value projections W of its cross-attention. So

    d(a, b) = mean over positions of ||W (a - b)||^2

measures the whole difference between the embeddings a and b that the denoiser can see. Closed-form edits weight their
terms in the same way (UCE, arXiv 2308.14761). The method distil is trained on d, the attack inversion starts from d,
and drift is measured in d.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from expunge.bases.base import Base
from expunge.bases.families.stable_diffusion import DENOISERS, reads_text


def tokens_of(base: Base, prompts: Sequence[str]) -> Any:
    """What the base's tokenizer makes of prompts: `input_ids`, `attention_mask`, N lists of L each, padded and cut."""
    texts = list(prompts)
    if base.spec.inversions:  # a textual inversion of several vectors is as many tokens
        texts = base.t2i.maybe_convert_prompt(texts, base.t2i.tokenizer)
    length = base.t2i.tokenizer.model_max_length
    return base.t2i.tokenizer(texts, padding="max_length", max_length=length, truncation=True)


def encode_prompts(base: Base, prompts: Sequence[str], encoder: Any | None = None, skip: int | None = None) -> Tensor:
    """(N, L, D) float32: what the base's pipeline feeds its denoiser, the last hidden state after the final layer norm.

    With the base's `clip_skip`, the hidden state so many layers before the last one, after the same norm.

    :param encoder: an unlearned encoder in place of the base's own; gradients reach its parameters.
    :param skip: so many layers in place of the base's `clip_skip`.
    """
    encoder = base.encoder if encoder is None else encoder
    skip = base.spec.clip_skip if skip is None else skip
    tokens = tokens_of(base, prompts)
    masked = getattr(encoder.config, "use_attention_mask", False)
    mask = torch.tensor(tokens.attention_mask, device=base.device) if masked else None
    ids = torch.tensor(tokens.input_ids, device=base.device)
    if skip is None:
        return encoder(ids, attention_mask=mask)[0]
    states = encoder(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    norm = getattr(encoder, "text_model", encoder).final_layer_norm  # transformers 5 has no inner text_model
    return norm(states[-(skip + 1)])


def text_gram(base: Base) -> Tensor:
    """W^T W, (D, D) float32, of all key and value projections W of both denoisers' cross-attention, stacked."""
    denoisers = [getattr(pipe, DENOISERS[type(pipe).__name__]) for pipe in (base.t2i, base.t2v) if pipe is not None]
    grams = [
        module.weight.float().T @ module.weight.float()
        for denoiser in denoisers
        for name, module in denoiser.named_modules()
        if reads_text(name)
    ]
    return torch.stack(grams).sum(0)


def distance(gram: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """d(a, b) of the module's docstring, (N,), for embeddings (N, L, D); `gram` is `text_gram`.

    ||W (a - b)||^2 = (a - b)^T W^T W (a - b).
    """
    change = a - b
    return ((change @ gram) * change).sum(-1).mean(-1)


def projection(gram: Tensor) -> Tensor:
    """R (D, D) with R R^T = gram. a @ R is the embedding a as the denoiser sees it, in D numbers per position."""
    values, vectors = torch.linalg.eigh(gram.double())
    return (vectors * values.clamp_min(0).sqrt()).to(gram.dtype)


def projected_distance(view: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """`distance`, computed from `view`, the result of `projection`.

    The numbers equal those of `distance` except for rounding. They are exactly 0 for a = b.
    """
    return ((a - b) @ view).square().sum(-1).mean(-1)
