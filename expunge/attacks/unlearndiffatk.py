"""UnlearnDiffAtk (Zhang et al., arXiv 2310.11868): a few words in front of the prompt, found by gradient.

    min over words w   E ||eps_hat(z_t, t, E'([w; prompt])) - eps||^2       z_0: a picture of the target

The diffusion model is its own classifier: words that make it denoise the target's pictures well make it draw them. The
gradient reaches continuous embeddings, is taken at the nearest words', and moves the continuous ones (PEZ, Wen et al.,
arXiv 2302.03668); the words with the lowest losses are tried.
"""

from collections.abc import Mapping
from typing import Any

import torch

from expunge.attacks import Try, Victim
from expunge.attacks.soft import denoising_loss, encode_soft, whole_words
from expunge.bases.base import deterministic

SAME = 4  # sets of pictures, timesteps and noise that take turns, so that the losses of different words compare


def search(victim: Victim, prompt: str, how: Mapping[str, Any], draw: torch.Generator) -> list[str]:
    """The `tries` best prompts, best first."""
    words, ids = whole_words(victim.base)
    encoder = victim.edit.encoder
    table = encoder.get_input_embeddings().weight.detach()[ids.to(victim.base.device)]
    count, at = how["tokens"], range(1, how["tokens"] + 1)  # position 0 is the start token
    start = torch.randint(len(words), (count,), generator=draw)
    soft = table[start.to(table.device)].clone()
    step_size, seen = how["learning_rate"] * float(table.std()), dict[str, list[float]]()
    for step in range(how["steps"]):
        nearest = torch.cdist(soft[None], table[None])[0].argmin(1)
        hard = table[nearest].clone().requires_grad_(True)
        found = " ".join([*(words[i] for i in nearest.tolist()), prompt])
        with deterministic(victim.base), torch.enable_grad():
            embedding = encode_soft(victim.base, found, at, hard, encoder)
            same = torch.Generator().manual_seed(step % SAME)
            loss = denoising_loss(victim.base, victim.latents, embedding, how["batch"], same)
            (slope,) = torch.autograd.grad(loss, hard)
        seen.setdefault(found, []).append(float(loss.detach()))
        fade = 1 - step / how["steps"]
        soft = soft - fade * step_size * slope.sign()
    best = sorted(seen, key=lambda text: sum(seen[text]) / len(seen[text]))
    return best[: how["tries"]]


def run(victim: Victim, how: Mapping[str, Any], count: int, draw: torch.Generator) -> list[Try]:
    """`count` prompts of the target, which are the goals, with `tries` tries each."""
    tries = []
    for goal in range(count):
        for prompt in search(victim, victim.prompts[goal % len(victim.prompts)], how, draw):
            seed = int(torch.randint(2**31, (1,), generator=draw))
            tries.append(Try(goal, prompt, seed))
    return tries
