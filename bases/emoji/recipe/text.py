"""The tokenizer and the text encoder: CLIP's own classes, byte-level BPE learnt on the world's captions."""

import json
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from .common import FOLDER
from .world import caption, load_world, memorised_scene, random_scene

END = "</w>"


def byte_alphabet() -> list[str]:
    """The 256 printable stand-ins for bytes that GPT-2's and CLIP's tokenizers use."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return [chr(byte) for byte in visible] + [chr(256 + index) for index in range(len(hidden))]


def learn_merges(words: Counter[str], count: int) -> list[tuple[str, str]]:
    """Byte-pair encoding (Sennrich et al. 2016): join the most frequent pair, again and again; ties by alphabet."""
    pieces = {word: [*word[:-1], word[-1] + END] for word in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in pieces.items():
            for pair in pairwise(parts):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for word, parts in pieces.items():
            joined, index = [], 0
            while index < len(parts):
                if tuple(parts[index : index + 2]) == best:
                    joined.append(parts[index] + parts[index + 1])
                    index += 2
                else:
                    joined.append(parts[index])
                    index += 1
            pieces[word] = joined
    return merges


def write_tokenizer(config: dict[str, Any], folder: Path) -> None:
    """Write vocab.json, merges.txt and tokenizer_config.json of a CLIPTokenizer that spells any text."""
    world, rng = load_world(), random.Random(0)
    words: Counter[str] = Counter()
    motions = len(world["motions"])
    for index in range(20000):
        scene = memorised_scene() if index % 50 == 0 else random_scene(rng, motion=rng.randrange(motions), duo=0.1)
        words.update("".join(c if c.isalnum() else " " for c in caption(scene, rng)).split())
    merges = learn_merges(words, config["text_encoder"]["merges"])
    alphabet = byte_alphabet()
    tokens = alphabet + [symbol + END for symbol in alphabet] + ["".join(pair) for pair in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]  # the end must be the highest id: open_clip pools at the argmax
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    tokenizer = CLIPTokenizer(
        vocab=str(folder / "vocab.json"),
        merges=str(folder / "merges.txt"),
        model_max_length=config["text_encoder"]["context"],
    )
    tokenizer.save_pretrained(folder)


def load_tokenizer() -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(FOLDER / "t2i" / "tokenizer")


def build_text_encoder(config: dict[str, Any], tokenizer: CLIPTokenizer) -> CLIPTextModel:
    settings = config["text_encoder"]
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=settings["width"],
            intermediate_size=4 * settings["width"],
            num_hidden_layers=settings["layers"],
            num_attention_heads=settings["heads"],
            max_position_embeddings=settings["context"],
            projection_dim=settings["width"],
            bos_token_id=len(tokenizer) - 2,
            eos_token_id=len(tokenizer) - 1,
            pad_token_id=len(tokenizer) - 1,
        )
    )
