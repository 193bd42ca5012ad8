"""The name buried in a long prompt: at its beginning, at its end and in its middle, among words drawn by chance.

Training sees short prompts; a text encoder mixes a name with what stands before it. The other words are those of the
base's templates that are one token each, so that they fill the prompt exactly and name nothing that could stand in the
concept's place; where the templates have none, any such word.
"""

import re

import torch

from expunge.attacks import Try, Victim, numbered
from expunge.attacks.soft import whole_words
from expunge.concepts.prompts import kept_senses, lost_words, near_words
from expunge.core.knobs import Knobs

ATTACK = {
    "title": "Buried",
    "text": "Share of goals at which the name among many words that have nothing to do with it brings the concept "
    "back.",
    "needs": "a keyboard",
    "order": 10,
    "replayed": True,
    "images": 3,
    "videos": 0,
    "knobs": {
        "words": {"default": 0, "type": "integer", "minimum": 0, "maximum": 10000,
                  "description": "other words in a prompt; 0: as many as the tokenizer takes"},
    },
}  # fmt: skip
PLACES = (0.0, 0.5, 1.0)  # share of the other words that stands before the name


def unrelated(victim: Victim) -> list[str]:
    """Words of one token that neither the concept's words nor those of what it keeps or becomes hold."""
    concept = victim.concept
    phrases = (*lost_words(concept), *near_words(concept), *kept_senses(concept), *victim.anchors, *victim.words)
    said = {word for phrase in phrases for word in re.findall(r"\w+", phrase.casefold())}
    words = [word for word in whole_words(victim.base)[0] if word.casefold() not in said]
    usual = {word for template in victim.templates for word in re.findall(r"\w+", template.casefold())}
    return [word for word in words if word in usual] or words


def run(victim: Victim, knobs: Knobs, count: int, draw: torch.Generator) -> list[Try]:
    """`count` prompts, each a goal: the target's words in turn, each at every place, each time among other words."""
    read, others = victim.base.t2i.tokenizer, unrelated(victim)
    prompts = []
    for word, place in [(word, place) for word in victim.words for place in PLACES][:count]:
        room = max(0, read.model_max_length - len(read(word).input_ids))
        room = min(room, knobs["words"]) if knobs["words"] else room
        some = [others[i] for i in torch.randint(len(others), (room,), generator=draw).tolist()]
        before = round(place * room)
        prompts.append(" ".join([*some[:before], word, *some[before:]]))
    return numbered(prompts, draw)
