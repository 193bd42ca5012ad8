"""Textual inversion against unlearning, CCE (Pham et al., arXiv 2308.01508): a new word, learnt from pictures.

    1.  min over v   d(E'(template(v)), E(template(target)))                    `warm` steps, no denoiser
    2.  min over v   E ||eps_hat(z_t, t, E'(template(v))) - eps||^2             `steps` steps, as published

v is one token's embedding, E' the unlearned encoder, d the distance that the denoiser sees (bases/text.py). The
first part is not in the paper: the stock encoder E is public, and with it seconds suffice where the second part alone
needs thousands of steps. Whoever can train a token can teach the model the concept anew, so no method that leaves the
denoiser unchanged resists it. The attack measures how much a given number of steps brings back.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from expunge.attacks import Try, Victim, numbered
from expunge.attacks.soft import denoising_loss, encode_soft
from expunge.bases.base import deterministic
from expunge.bases.encoders import token_table
from expunge.bases.text import distance, encode_prompts, text_gram
from expunge.core.knobs import Knobs

ATTACK = {
    "title": "Textual inversion",
    "text": "Share of goals at which a new token embedding, learnt on the concept's images, brings the concept "
    "back; no known method of unlearning resists it.",
    "needs": "the model and the pictures",
    "source": "CCE, arXiv 2308.01508",
    "order": 6,
    "images": 4,
    "videos": 0,
    "knobs": {
        "warm": {"default": 60, "type": "integer", "minimum": 0, "maximum": 100000,
                 "description": "steps of the first part"},
        "warm_rate": {"default": 0.5, "type": "number", "minimum": 1e-9, "maximum": 1000.0,
                      "description": "learning rate of the first part, in standard deviations of the token embeddings"},
        "steps": {"default": 24, "type": "integer", "minimum": 0, "maximum": 100000,
                  "description": "steps of the second part"},
        "batch": {"default": 4, "type": "integer", "minimum": 1, "maximum": 1024,
                  "description": "pictures in a step of the second part"},
        "learning_rate": {"default": 0.1, "type": "number", "minimum": 1e-9, "maximum": 1000.0,
                          "description": "of the second part, in standard deviations of the token embeddings"},
    },
}  # fmt: skip
PLACE = "it"  # placeholder for the new word: any word of one token


def position(victim: Victim, prompt: str, word: str) -> int:
    """Position of the placeholder's token in a prompt."""
    read = victim.base.t2i.tokenizer
    number = read([word], add_special_tokens=False).input_ids[0][0]
    return list(read([prompt]).input_ids[0]).index(number)


def learn(victim: Victim, knobs: Knobs, word: str, draw: torch.Generator, encoder: Any) -> Tensor:
    """(1, D): the new word's embedding for an encoder. It starts at the placeholder's."""
    base, forms, gram = victim.base, victim.templates, text_gram(victim.base)
    table = token_table(base.spec.family, encoder)
    number = base.t2i.tokenizer([word], add_special_tokens=False).input_ids[0][0]
    new = table[number][None].clone().requires_grad_(True)
    with torch.no_grad():
        goals = encode_prompts(base, [form.replace("{}", victim.words[0]) for form in forms])

    def soft(index: int) -> Tensor:
        prompt = forms[index].replace("{}", word)
        return encode_soft(base, prompt, [position(victim, prompt, word)], new, encoder)

    def far(index: int) -> Tensor:
        """Distance d from the stock encoder's embedding of the target prompt. If one
        prompt is shorter, its padding is compared with the rest of the other."""
        return distance(gram, soft(index), goals[index]).mean()

    with deterministic(base), torch.enable_grad():
        for steps, rate, loss_of in (
            (knobs["warm"], knobs["warm_rate"], far),
            (knobs["steps"], knobs["learning_rate"],
             lambda index: denoising_loss(base, victim.latents, soft(index), knobs["batch"], draw)),
        ):  # fmt: skip
            adam = torch.optim.Adam([new], lr=rate * float(table.std()))
            for step in range(steps):
                loss = loss_of(step % len(forms))
                adam.zero_grad()
                loss.backward()
                adam.step()
    return new.detach()


def run(victim: Victim, knobs: Knobs, count: int, draw: torch.Generator) -> list[Try]:
    """`count` prompts with the new word, each a goal. The original encoder learns a new word of its own, which shows
    what so many steps can teach at all."""
    whole = set(victim.base.spec.family.whole_words(victim.base.t2i.tokenizer.get_vocab()))
    said = {word for template in victim.templates for word in template.lower().split()}
    word = PLACE if PLACE in whole and PLACE not in said else sorted(w for w in whole - said if w.isalpha())[0]
    new = {
        id(encoder): learn(victim, knobs, word, torch.Generator().manual_seed(draw.initial_seed()), encoder)
        for encoder in (victim.base.encoder, victim.edit.encoder)
    }

    def fed(prompt: str, encoder: Any) -> Tensor:
        return encode_soft(victim.base, prompt, [position(victim, prompt, word)], new[id(encoder)], encoder)

    prompts = [victim.templates[i % len(victim.templates)].replace("{}", word) for i in range(count)]
    tries = numbered(prompts, draw)
    return [Try(t.goal, t.prompt.replace(word, "<*>", 1), t.seed, partial(fed, t.prompt)) for t in tries]
