"""How far an unlearned encoder's embeddings are from the original's. No picture is drawn.

    texts = texts_of(["characters/bolt"], plan.concepts, names, prompts, labels)      expunge.judging.drift_texts
    drift = measure_drift(base, edit, texts)

For the prompts p of a group (target, near, general; from the base's evaluation templates, which no training reads):

    plain = mean of ||E'(p) - E(p)|| / ||E(p)||                    over all L x D numbers
    seen  = sqrt(mean of d(E'(p), E(p)) / d0)                      the part that the denoiser can see

d(a, b) is the distance that the denoiser can see (bases/text.py); d0 is the mean d between the target prompts and the
same prompts without the target's words. So `seen` of near prompts is in units of what the target's words mean to the
denoiser: 1 is a change as large as leaving the words out. Both are 0 for the original encoder. `nearest_noun` is
the share of kept words whose embedding is still nearest to their own original one.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from expunge.bases.base import Base
from expunge.bases.edits import Edit
from expunge.bases.families.names import normal_name
from expunge.bases.text import encode_prompts, projected_distance, projection, text_gram
from expunge.judging.drift_texts import Texts

Table = dict[str, Any]
Originals = dict[str, Tensor]  # prompt -> (L, D) of the original encoder
PART = 32  # prompts in one pass


def measure_drift(base: Base, edit: Edit, texts: Texts, originals: Originals | None = None) -> Table:
    """{"encoder": {group: {"plain", "seen", "n"}, "nearest_noun": {"share", "n", "moved": {word: the nearest now}},
    "weight_change": {"total", "layers": {layer: ...}}}, "concepts": {concept: {group: ..., "nearest": {"before",
    "after"}}}}, groups target, near and general. Groups without prompts are absent.

    :param originals: the original encoder's embeddings by prompt. This call adds those of general prompts and words,
        because the next encoder needs them as well.
    """
    view, originals = projection(text_gram(base)), {} if originals is None else originals

    def before(prompts: Sequence[str]) -> Tensor:
        encoded = originals.keys() >= set(prompts)
        return torch.stack([originals[p] for p in prompts]) if encoded else embed(base, prompts)

    def after(prompts: Sequence[str]) -> Tensor:
        return embed(base, prompts, edit.encoder)

    new = [prompt for prompt in dict.fromkeys((*texts.general, *texts.nouns)) if prompt not in originals]
    originals.update(zip(new, embed(base, new), strict=True))
    units, concepts = list[Tensor](), dict[str, Table]()
    for concept, target in texts.target.items():
        own = before(target)
        units.append(projected_distance(view, own, before(texts.bare[concept])).mean())
        scale = max(float(units[-1]), 1e-12)
        concepts[concept] = {"target": shift(own, after(target), view, scale)}
        if near := texts.near[concept]:
            concepts[concept]["near"] = shift(before(near), after(near), view, scale)
    unit = float(torch.stack(units).mean().clamp_min(1e-12))
    encoder = {group: _mean([c[group] for c in concepts.values() if group in c]) for group in ("target", "near")}
    encoder = {group: table for group, table in encoder.items() if table}
    if texts.general:
        encoder["general"] = shift(before(texts.general), after(texts.general), view, unit)
    if texts.nouns:
        own, now = (_flat(each, view) for each in (before(texts.nouns), after(texts.nouns)))
        encoder["nearest_noun"] = nearest_nouns(own, now, texts.words, texts.meanings)
        prompts = [prompt for _, prompt in texts.names.values()]
        pairs = torch.stack([_flat(each, view) for each in (before(prompts), after(prompts))], 1)
        for (concept, (name, _)), here in zip(texts.names.items(), pairs, strict=True):
            words = (name, *texts.words)  # the name itself is no kept word
            first, then = torch.cdist(here, torch.cat([here[:1], own])).argmin(1).tolist()
            concepts[concept]["nearest"] = {"before": words[first], "after": words[then]}
    encoder["weight_change"] = weight_change(base.encoder, edit.encoder)
    return {"encoder": encoder, "concepts": concepts}


def shift(before: Tensor, after: Tensor, view: Tensor, unit: float) -> Table:
    """{"plain", "seen", "n"} of embeddings (N, L, D) before and after; `view` is `projection`, `unit` d0."""
    plain_shift = ((after - before).flatten(1).norm(dim=1) / before.flatten(1).norm(dim=1)).mean()
    seen = (projected_distance(view, before, after).mean() / unit).sqrt()
    return {"plain": round(float(plain_shift), 6), "seen": round(float(seen), 6), "n": len(before)}


def nearest_nouns(own: Tensor, now: Tensor, words: Sequence[str], meanings: Sequence[str]) -> Table:
    """{"share", "n", "moved": {word: the nearest now}}: is each word still nearest to what it was, or to a synonym?

    :param own: (N, K), what the denoiser sees of each word with the original encoder. :param now: the same with the
        unlearned encoder. :param meanings: the label of each word; synonyms share one.
    """
    nearest = torch.cdist(now, own).argmin(1).tolist()
    moved = {words[i]: words[j] for i, j in enumerate(nearest) if meanings[i] != meanings[j]}
    return {"share": round(1 - len(moved) / len(words), 6), "n": len(words), "moved": moved}


def weight_change(original: Any, encoder: Any) -> Table:
    """{"total", "layers": {layer: ...}}: ||W' - W|| / ||W|| over all weights, and over those of each layer."""
    own, new = dict(original.named_parameters()), dict(encoder.named_parameters())
    sums: dict[str, list[float]] = {}
    for name, weight in own.items():
        layer = re.search(r"(?:layers|block)\.(\d+)\.", name)
        key = f"layer {layer[1]}" if layer else normal_name(name).split(".")[0]
        change = (new[name].detach().double() - weight.detach().double()).square().sum().item()
        both = sums.setdefault(key, [0.0, 0.0])
        both[0], both[1] = both[0] + change, both[1] + weight.detach().double().square().sum().item()
    total = _root(sums.values())
    return {"total": total, "layers": {key: _root([both]) for key, both in sums.items()}}


@torch.no_grad()
def embed(base: Base, prompts: Sequence[str], encoder: Any = None) -> Tensor:
    """(N, L, D) embeddings of prompts; without `encoder`, with the original one.

    All parts have the same size, because a matrix product's rounding depends on its size, and a prompt's embedding
    should not depend on what else is encoded.
    """
    parts = [list(prompts[start : start + PART]) for start in range(0, len(prompts), PART)]
    encoded = [encode_prompts(base, part + [""] * (PART - len(part)), encoder)[: len(part)] for part in parts]
    return torch.cat(encoded) if encoded else torch.zeros(0)


def _flat(embeddings: Tensor, view: Tensor) -> Tensor:
    return (embeddings @ view).flatten(1)


def _mean(groups: Sequence[Table]) -> Table:
    """The mean over several concepts, weighted by their numbers of prompts."""
    n = sum(group["n"] for group in groups)
    return {
        **{key: round(sum(g[key] * g["n"] for g in groups) / n, 6) for key in ("plain", "seen")}, "n": n,
    } if n else {}  # fmt: skip


def _root(sums: Iterable[Sequence[float]]) -> float:
    pairs = list(sums)
    change, own = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    return round((change / max(own, 1e-30)) ** 0.5, 8)
