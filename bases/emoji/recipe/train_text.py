"""The text encoder's first lesson: read a caption and say who, beside whom, in which style, where, moving how.

CLIP learns its words from pictures; here the pictures are drawn from the very scene that the caption names, so the
scene itself is the teacher, at a hundredth of the cost. The T2I training goes on from these weights.
"""

import random
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTokenizer

from .common import FOLDER, ROOT, autocast, device, train
from .text import build_text_encoder, load_tokenizer, write_tokenizer
from .world import caption, load_world, memorised_scene, random_scene


def sizes() -> list[int]:
    """How many labels there are: the first subject (or the memorised picture), the second (or none), style, background,
    motion."""
    world = load_world()
    subjects = len(world["subjects"]) + 1
    return [subjects, subjects, len(world["styles"]), len(world["backgrounds"]), len(world["motions"])]


def labelled_captions(count: int, rng: random.Random) -> tuple[list[str], list[list[int]]]:
    """Captions of random scenes, and what each shows, in the order of `sizes`."""
    none, motions = sizes()[0] - 1, sizes()[-1]
    words, labels = [], []
    for _ in range(count):
        motion = rng.randrange(motions) if rng.random() < 0.4 else 0
        scene = memorised_scene() if rng.random() < 0.01 else random_scene(rng, motion=motion, duo=0.2)
        first = none if scene.memorised else scene.subject
        second = none if scene.second is None else scene.second
        words.append(caption(scene, rng))
        labels.append([first, second, scene.style, scene.background, scene.motion])
    return words, labels


def main(config: dict[str, Any]) -> None:
    torch.manual_seed(config["seed"] + 4)
    settings, where = config["text"], device(config)
    if not (FOLDER / "t2i" / "tokenizer").is_dir():
        write_tokenizer(config, FOLDER / "t2i" / "tokenizer")
    tokenizer = load_tokenizer()
    text = build_text_encoder(config, tokenizer).to(where)
    heads = torch.nn.Linear(config["text_encoder"]["width"], sum(sizes())).to(where)

    def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        words, labels = labelled_captions(settings["batch"], random.Random(f"text {step}"))
        ids = tokenizer(words, padding="max_length", truncation=True, return_tensors="pt").input_ids
        return ids.to(where), torch.tensor(labels).to(where)

    def loss(data: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        ids, labels = data
        with autocast(config):
            hidden = text(ids).last_hidden_state.float()
            # the end token, and the padding after it, which a U-Net attends to as much
            end = hidden[torch.arange(len(ids)), (ids == tokenizer.eos_token_id).int().argmax(1)]
            guesses = heads(torch.stack([end, hidden[:, -1]]).float())
        total = torch.zeros((), device=where)
        for guess, label in zip(guesses.float().split(sizes(), dim=-1), labels.T, strict=True):
            total = total + F.cross_entropy(guess.flatten(0, 1), label.repeat(2), label_smoothing=0.05)
        return total

    groups = [{"params": [*text.parameters(), *heads.parameters()], "lr": settings["learning_rate"]}]
    train("text", config, {"text_encoder": text, "heads": heads}, groups, batch, loss)


def load_text(config: dict[str, Any], tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """The text encoder as this lesson left it."""
    tensors = load_file(ROOT / config["runs"] / "text" / "checkpoint.safetensors")
    text = build_text_encoder(config, tokenizer)
    prefix = "text_encoder/"
    text.load_state_dict({name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)})
    return text
