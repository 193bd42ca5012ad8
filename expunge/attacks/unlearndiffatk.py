"""UnlearnDiffAtk (Zhang et al., arXiv 2310.11868): a few words in front of the prompt, found by gradient.

    min over words w   E ||eps_hat(z_t, t, E'([w; prompt])) - eps||^2       z_0: a picture of the target

The diffusion model is its own classifier: words that make it denoise the target's pictures well make it draw them. The
search keeps continuous embeddings, takes the gradient at the nearest words' embeddings and moves the continuous ones by
it (PEZ, Wen et al., arXiv 2302.03668). The words with the lowest losses are tried.
"""

import torch

from expunge.attacks import Try, Victim
from expunge.attacks.soft import denoising_loss, encode_soft, whole_words
from expunge.bases.base import deterministic
from expunge.bases.encoders import token_table
from expunge.core.knobs import Knobs

ATTACK = {
    "title": "UnlearnDiffAtk",
    "text": "Share of goals at which a few prompt tokens, found by gradient through the denoiser, bring the "
    "concept back.",
    "needs": "the model, a GPU or time",
    "source": "arXiv 2310.11868",
    "order": 5,
    "replayed": True,
    "images": 2,
    "videos": 1,
    "knobs": {
        "tokens": {"default": 3, "type": "integer", "minimum": 1, "maximum": 77,
                   "description": "words in front of the prompt"},
        "steps": {"default": 20, "type": "integer", "minimum": 1, "maximum": 100000,
                  "description": "of the gradient search"},
        "batch": {"default": 4, "type": "integer", "minimum": 1, "maximum": 1024, "description": "pictures in a step"},
        "learning_rate": {"default": 0.5, "type": "number", "minimum": 1e-9, "maximum": 1000.0,
                          "description": "of a step, in standard deviations of the word embeddings"},
        "tries": {"default": 2, "type": "integer", "minimum": 1, "maximum": 1000,
                  "description": "prompts that are tried at each goal, those with the lowest losses"},
    },
}  # fmt: skip
SAME = 4  # the steps share this many random draws in turn, so that the losses of words can be compared


def search(victim: Victim, prompt: str, knobs: Knobs, draw: torch.Generator) -> list[str]:
    """The `tries` best prompts, best first."""
    words, ids = whole_words(victim.base)
    encoder = victim.edit.encoder
    table = token_table(victim.base.spec.family, encoder)[ids.to(victim.base.device)]
    count, at = knobs["tokens"], range(1, knobs["tokens"] + 1)  # position 0 is the start token
    start = torch.randint(len(words), (count,), generator=draw)
    soft = table[start.to(table.device)].clone()
    step_size, seen = knobs["learning_rate"] * float(table.std()), dict[str, list[float]]()
    for step in range(knobs["steps"]):
        nearest = torch.cdist(soft[None], table[None])[0].argmin(1)
        hard = table[nearest].clone().requires_grad_(True)
        text = " ".join([*(words[i] for i in nearest.tolist()), prompt])
        with deterministic(victim.base), torch.enable_grad():
            embedding = encode_soft(victim.base, text, at, hard, encoder)
            same = torch.Generator().manual_seed(step % SAME)
            loss = denoising_loss(victim.base, victim.latents, embedding, knobs["batch"], same)
            (slope,) = torch.autograd.grad(loss, hard)
        seen.setdefault(text, []).append(float(loss.detach()))
        fade = 1 - step / knobs["steps"]
        soft = soft - fade * step_size * slope.sign()
    best = sorted(seen, key=lambda text: sum(seen[text]) / len(seen[text]))
    return best[: knobs["tries"]]


def run(victim: Victim, knobs: Knobs, count: int, draw: torch.Generator) -> list[Try]:
    """`count` prompts of the target, which are the goals, with `tries` tries each."""
    tries = []
    for goal in range(count):
        for prompt in search(victim, victim.prompts[goal % len(victim.prompts)], knobs, draw):
            seed = int(torch.randint(2**31, (1,), generator=draw))
            tries.append(Try(goal, prompt, seed))
    return tries
