"""The tokenizer and the text encoder: T5's own classes, with a vocabulary learnt on the world's captions.

The encoder's first lesson is that of the emoji base (train_text.py): read a caption, and say what it shows.
"""

import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Metaspace, Sequence, WhitespaceSplit
from tokenizers.trainers import BpeTrainer
from transformers import T5Config, T5EncoderModel, T5Tokenizer

from ..common import ROOT, autocast, device, train
from ..train_text import labelled_captions, sizes
from ..world import caption, load_world, memorised_scene, random_scene

FOLDER = ROOT / "bases" / "emoji-dit"
SPECIAL = ["<pad>", "</s>", "<unk>"]
START = "▁"  # of a word


def write_tokenizer(config: dict[str, Any], folder: Path) -> None:
    """Learn pieces of words on captions, and write them as a T5Tokenizer.

    The pieces are those of byte-pair encoding, each with the logarithm of its share of the captions as its score: the
    trainer of Unigram (Kudo 2018) leaves 500 of so few words, most of them letters.
    """
    rng, motions = random.Random(0), len(load_world()["motions"])
    captions = []
    for index in range(20000):
        scene = memorised_scene() if index % 50 == 0 else random_scene(rng, motion=rng.randrange(motions), duo=0.1)
        captions.append(caption(scene, rng).lower())  # as the pipelines of PixArt and Latte do
    letters = [START, *(chr(code) for code in range(33, 127))]  # so that any plain text can be spelt
    learnt = Tokenizer(BPE())
    learnt.pre_tokenizer = Sequence([WhitespaceSplit(), Metaspace()])
    size = config["text_encoder"]["pieces"] - len(SPECIAL)
    learnt.train_from_iterator(captions, BpeTrainer(vocab_size=size, initial_alphabet=letters, show_progress=False))
    counts = Counter(piece for words in captions for piece in learnt.encode(words).tokens)
    total = sum(counts.values())
    # sorted: a dict of Rust's has another order each time
    pieces = [(piece, math.log(max(counts[piece], 0.5) / total)) for piece in sorted(learnt.get_vocab())]
    vocabulary = [(piece, 0.0) for piece in SPECIAL] + pieces
    T5Tokenizer(vocab=vocabulary, extra_ids=0, model_max_length=config["text_encoder"]["context"]).save_pretrained(
        folder
    )


def load_tokenizer() -> T5Tokenizer:
    return T5Tokenizer.from_pretrained(FOLDER / "t2i" / "tokenizer")


def build_text_encoder(config: dict[str, Any], tokenizer: T5Tokenizer) -> T5EncoderModel:
    settings = config["text_encoder"]
    return T5EncoderModel(
        T5Config(
            vocab_size=len(tokenizer),
            d_model=settings["width"],
            d_kv=settings["width"] // settings["heads"],
            d_ff=settings["inner"],
            num_layers=settings["layers"],
            num_heads=settings["heads"],
            feed_forward_proj="gated-gelu",  # T5 1.1, as T5-XXL of PixArt and Latte
            dropout_rate=0.0,
            pad_token_id=0,
            eos_token_id=1,
        )
    )


def tokens(tokenizer: T5Tokenizer, captions: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """(ids, attention mask), (N, L) each."""
    given = tokenizer([words.lower() for words in captions], padding="max_length", truncation=True, return_tensors="pt")
    return given.input_ids, given.attention_mask


def main(config: dict[str, Any]) -> None:
    torch.manual_seed(config["seed"] + 4)
    settings, where = config["text"], device(config)
    if not (FOLDER / "t2i" / "tokenizer").is_dir():
        write_tokenizer(config, FOLDER / "t2i" / "tokenizer")
    tokenizer = load_tokenizer()
    text = build_text_encoder(config, tokenizer).to(where)
    heads = torch.nn.Linear(config["text_encoder"]["width"], sum(sizes())).to(where)

    def batch(step: int) -> tuple[torch.Tensor, ...]:
        words, labels = labelled_captions(settings["batch"], random.Random(f"text {step}"))
        return (*(part.to(where) for part in tokens(tokenizer, words)), torch.tensor(labels).to(where))

    def loss(data: tuple[torch.Tensor, ...]) -> torch.Tensor:
        ids, mask, labels = data
        length = int(mask.sum(1).max())  # nothing attends to what is beyond
        ids, mask = ids[:, :length], mask[:, :length]
        with autocast(config):
            hidden = text(ids, attention_mask=mask).last_hidden_state.float()
            last = hidden[torch.arange(len(ids)), mask.sum(1) - 1]  # </s>
            mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
            guesses = heads(torch.stack([last, mean]))
        total = torch.zeros((), device=where)
        for guess, label in zip(guesses.float().split(sizes(), dim=-1), labels.T, strict=True):
            total = total + F.cross_entropy(guess.flatten(0, 1), label.repeat(2), label_smoothing=0.05)
        return total

    groups = [{"params": [*text.parameters(), *heads.parameters()], "lr": settings["learning_rate"]}]
    train("text", config, {"text_encoder": text, "heads": heads}, groups, batch, loss)


def load_text(config: dict[str, Any], tokenizer: T5Tokenizer) -> T5EncoderModel:
    """The text encoder as this lesson left it."""
    saved = load_file(ROOT / config["runs"] / "text" / "checkpoint.safetensors")
    text, prefix = build_text_encoder(config, tokenizer), "text_encoder/"
    text.load_state_dict({name.removeprefix(prefix): t for name, t in saved.items() if name.startswith(prefix)})
    return text
