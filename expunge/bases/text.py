"""Prompts as embeddings, and the distance between two embeddings as the denoiser sees it.

The text enters a denoiser only through matrices W, such as the key and value projections of its cross-attention. So

    d(a, b) = mean over positions of ||W (a - b)||^2

measures the whole difference between the embeddings a and b that the denoiser can see. Closed-form edits weight their
terms in the same way (UCE, arXiv 2308.14761). The method distil is trained on d, the attack inversion starts from d,
and drift is measured in d.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from expunge.bases.base import Base, denoiser_of


def tokens_of(base: Base, prompts: Sequence[str]) -> Any:
    """What the base's tokenizer makes of prompts: `input_ids`, `attention_mask`, N lists of L each, padded and cut."""
    texts = base.spec.family.texts(prompts)
    if base.spec.inversions:  # a textual inversion of several vectors is as many tokens
        texts = base.t2i.maybe_convert_prompt(texts, base.t2i.tokenizer)
    length = base.t2i.tokenizer.model_max_length
    return base.t2i.tokenizer(texts, padding="max_length", max_length=length, truncation=True)


def encode_prompts(base: Base, prompts: Sequence[str], encoder: Any | None = None, skip: int | None = None) -> Tensor:
    """(N, L, D) float32: what the base's pipeline feeds its denoiser, the last hidden state of the encoder.

    With the base's `clip_skip`, the hidden state so many layers before the last one. Where the denoiser has a mask,
    positions of padding are zero.

    :param encoder: an unlearned encoder in place of the base's own; gradients reach its parameters.
    :param skip: so many layers in place of the base's `clip_skip`.
    """
    encoder = base.encoder if encoder is None else encoder
    skip = base.spec.clip_skip if skip is None else skip
    tokens = tokens_of(base, prompts)
    ids, mask = (torch.tensor(each, device=base.device) for each in (tokens.input_ids, tokens.attention_mask))
    return base.spec.family.encode(encoder, ids, mask, skip)


def encode_empty(base: Base, encoder: Any, video: bool) -> Tensor:
    """(1, L, D): what the pipeline of pictures or of videos feeds its denoiser as the empty prompt, for guidance."""
    tokens = tokens_of(base, [""])
    ids, mask = (torch.tensor(each, device=base.device) for each in (tokens.input_ids, tokens.attention_mask))
    pipe = base.t2v if video else base.t2i
    return base.spec.family.encode_empty(pipe, encoder, ids, mask, base.spec.clip_skip, video)


def alignment(base: Base, prompts: Sequence[str], others: Sequence[str]) -> Tensor | None:
    """(N, L): for each position of a prompt, that of the other prompt whose meaning it should have; None: its own.

    Two prompts differ in a name. A denoiser that reads padding sees all positions, so each is its own counterpart. One
    with a mask sees as many positions as the prompt has tokens: what stands before and after the name is matched with
    the same, and the name's tokens with the last ones of the other name, in which its noun is, or its last one again.
    """
    if base.spec.family.READS_PADDING:
        return None
    ids, other_ids = tokens_of(base, prompts), tokens_of(base, others)
    rows = torch.arange(len(ids.input_ids[0])).repeat(len(prompts), 1)
    for row, (own, mask, other, other_mask) in enumerate(
        zip(ids.input_ids, ids.attention_mask, other_ids.input_ids, other_ids.attention_mask, strict=True)
    ):
        own, other = own[: sum(mask)], other[: sum(other_mask)]
        shorter = min(len(own), len(other))
        after = next((i for i in range(shorter) if own[-1 - i] != other[-1 - i]), shorter)
        before = next((i for i in range(shorter - after) if own[i] != other[i]), shorter - after)
        for place in range(before, len(own)):
            shifted = place - len(own) + len(other)
            if place < len(own) - after:  # in the name: no further back than the other's begins
                shifted = max(shifted, min(before, len(other) - after - 1))
            rows[row, place] = max(shifted, 0)
    return rows.to(base.device)


def read_states(base: Base, embeddings: Tensor) -> tuple[Tensor, Tensor]:
    """((N, L, K) what the T2I denoiser's key and value projections receive for embeddings (N, L, D), (N, L) bool: at
    which positions a prompt's own tokens or, if the denoiser reads it, padding stand; a start token is none)."""
    family = base.spec.family
    read = torch.ones_like(embeddings[..., 0], dtype=torch.bool) if family.READS_PADDING else (embeddings != 0).any(-1)
    read[:, : family.STARTS] = False
    return family.text_states(denoiser_of(base), embeddings), read


def text_gram(base: Base) -> Tensor:
    """W^T W, (D, D) float32, of all key and value projections W of both denoisers' cross-attention, stacked."""
    family = base.spec.family
    denoisers = [getattr(pipe, family.DENOISER) for pipe in (base.t2i, base.t2v) if pipe is not None]
    maps = (each.float() for denoiser in denoisers for each in family.text_maps(denoiser))
    return reduce(torch.add, (each.T @ each for each in maps))  # one by one: 64 MiB each at T5-XXL's width


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
