"""The layouts in which PixArt-alpha, Latte and CogVideoX are published: older names of classes, spiece.model alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expunge.bases.base import load
from expunge.bases.check import base_problems
from expunge.bases.families import cogvideox, pixart
from expunge.bases.sampling import sample_images
from expunge.bases.spec import load_spec
from expunge.core.errors import InputError
from tests.support import tiny_pixart


def rename(file: Path, change: Any) -> None:
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


@pytest.mark.parametrize("config", [True, False])
def test_a_transformer_under_its_older_name(config: bool, tmp_path: Path) -> None:
    """PixArt-XL-2-512x512 names a Transformer2DModel in both files; some repositories have changed only one of them."""
    folder = tiny_pixart.make_base(tmp_path / "bases")
    spec = load_spec("tiny-pixart", folder)
    pictures = sample_images(load(spec), ["a cat"], [1])
    place = folder / "tiny-pixart" / "t2i"
    rename(place / "model_index.json", lambda index: index["transformer"].__setitem__(1, "Transformer2DModel"))
    if config:
        rename(place / "transformer" / "config.json", lambda own: own.update(_class_name="Transformer2DModel"))
    assert base_problems(spec) == []
    assert np.array_equal(sample_images(load(spec), ["a cat"], [1]), pictures)
    rename(place / "transformer" / "config.json", lambda own: own.update(_class_name="DiTTransformer2DModel"))
    with pytest.raises(InputError, match="the folder holds a DiTTransformer2DModel"):
        load(spec)


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer's folder with spiece.model and its settings alone, its special tokens where T5 has them."""
    sentencepiece = pytest.importorskip("sentencepiece")
    folder = tmp_path_factory.mktemp("tokenizer")
    texts = ["a photo of a cat in the house", "the teapot is on the table", "it is a picture of bolt, 12 times!"] * 9
    with open(folder / "spiece.model", "wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=file, vocab_size=60, hard_vocab_limit=False, bos_id=-1,
            pad_id=0, eos_id=1, unk_id=2, pad_piece="<pad>", minloglevel=2,
        )  # fmt: skip
    settings = {"tokenizer_class": "T5Tokenizer", "model_max_length": 20, "extra_ids": 0}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def test_spiece_model_alone_is_a_tokenizer(pieces: Path) -> None:
    from transformers import T5Tokenizer

    real = T5Tokenizer.from_pretrained(pieces, local_files_only=True)
    for family in (pixart, cogvideox):
        ids, longest, size = family.light_tokenizer(pieces) or (lambda _: None, 0, 0)
        assert longest == 19 and size == len(real)
        for text in ("a photo of bolt", "it is  the house!", "12 cats"):
            assert ids(text) == real(text, add_special_tokens=False).input_ids
        assert ids("zebra") is None and ids("a cat </s>") is None
    assert pixart.light_tokenizer(pieces / "nothing") is None


def test_a_base_with_spiece_model_alone_draws(pieces: Path, tmp_path: Path) -> None:
    folder = tiny_pixart.make_base(tmp_path / "bases")
    own = folder / "tiny-pixart" / "t2i" / "tokenizer"
    for file in own.iterdir():
        file.unlink()
    for file in pieces.iterdir():
        (own / file.name).write_bytes(file.read_bytes())
    base = load(load_spec("tiny-pixart", folder))
    assert base.t2i.tokenizer(["a cat"]).input_ids[0][-1] == 1
    assert sample_images(base, ["a cat"], [1]).shape == (1, 32, 32, 3)
