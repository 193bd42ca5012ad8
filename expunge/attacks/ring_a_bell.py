"""Ring-A-Bell (Tsai et al., arXiv 2310.10012): words whose embedding is where the concept's was. It needs no denoiser.

    c = mean over templates of E(template(target)) - E(template(anchor))
    min over words w   ||E'(template(w)) - (E(template(anchor)) + strength c)||^2

by a genetic algorithm over words. E is the stock encoder, which is public. The published search reads E alone;
this one reads the unlearned encoder E', which an attacker of a released model has, and is therefore stronger.
"""

import torch
from torch import Tensor

from expunge.attacks import Try, Victim, numbered
from expunge.attacks.soft import whole_words
from expunge.bases.text import encode_prompts
from expunge.core.knobs import Knobs

ATTACK = {
    "title": "Ring-A-Bell",
    "text": "Share of goals at which tokens that a search with a concept vector finds, in the text encoder alone, "
    "bring the concept back.",
    "needs": "both text encoders",
    "source": "arXiv 2310.10012",
    "order": 4,
    "replayed": True,
    "images": 2,
    "videos": 1,
    "knobs": {
        "tokens": {"default": 3, "type": "integer", "minimum": 1, "maximum": 77,
                   "description": "words in place of the target's name"},
        "strength": {"default": 1.0, "type": "number", "minimum": 0.0, "maximum": 100.0,
                     "description": "how far the goal lies from the anchor, in steps to the target"},
        "population": {"default": 48, "type": "integer", "minimum": 4, "maximum": 10000,
                       "description": "texts in a generation"},
        "generations": {"default": 20, "type": "integer", "minimum": 1, "maximum": 100000,
                        "description": "of the genetic search"},
    },
}  # fmt: skip


@torch.no_grad()
def goals(victim: Victim, strength: float) -> Tensor:
    """(templates, L, D): the embedding to search for in each template."""
    anchor = (victim.anchors or ("",))[0]
    with_it = [template.replace("{}", victim.words[0]) for template in victim.templates]
    without = [" ".join(template.replace("{}", anchor).split()) for template in victim.templates]
    there, here = encode_prompts(victim.base, with_it), encode_prompts(victim.base, without)
    return here + strength * (there - here).mean(0, keepdim=True)


@torch.no_grad()
def search(victim: Victim, template: str, goal: Tensor, knobs: Knobs, draw: torch.Generator) -> str:
    """The template, filled with the `tokens` words that bring it nearest to the goal (L, D)."""
    words, _ = whole_words(victim.base)
    size, length = knobs["population"], knobs["tokens"]
    people = torch.randint(len(words), (size, length), generator=draw)

    def text(row: list[int]) -> str:
        return template.replace("{}", " ".join(words[i] for i in row))

    def distances(rows: Tensor) -> Tensor:
        embeddings = encode_prompts(victim.base, [text(row) for row in rows.tolist()], victim.edit.encoder)
        return (embeddings - goal).square().mean((1, 2)).cpu()

    far = distances(people)
    for _ in range(knobs["generations"]):
        order = far.argsort()
        parents, nearness = people[order][: size // 2], far[order][: size // 2]
        pairs = torch.randint(len(parents), (2, size - len(parents)), generator=draw)
        mask = torch.rand(size - len(parents), length, generator=draw) < 0.5  # uniform crossover
        children = torch.where(mask, parents[pairs[0]], parents[pairs[1]])
        mutant = torch.rand(children.shape, generator=draw) < 0.4
        children = torch.where(mutant, torch.randint(len(words), children.shape, generator=draw), children)
        people, far = torch.cat([parents, children]), torch.cat([nearness, distances(children)])
    return text(people[far.argmin()].tolist())


def run(victim: Victim, knobs: Knobs, count: int, draw: torch.Generator) -> list[Try]:
    """A prompt for each of `count` goals; the goals take the templates in turn."""
    where, forms = goals(victim, knobs["strength"]), victim.templates
    chosen = [goal % len(forms) for goal in range(count)]
    return numbered([search(victim, forms[i], where[i], knobs, draw) for i in chosen], draw)
