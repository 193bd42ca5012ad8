"""The layouts in which PixArt-alpha, Latte and CogVideoX are published: older names of classes, spiece.model alone."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from expunge.bases import pipelines, stored
from expunge.bases.base import load
from expunge.bases.check import base_problems
from expunge.bases.families import cogvideox, pixart
from expunge.bases.loading import load_model
from expunge.bases.sampling import sample_images, sample_videos
from expunge.bases.spec import load_spec
from expunge.core.errors import InputError
from tests.support import tiny, tiny_pixart


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


def test_latte_in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its T5, in pieces and in another dtype, is compared and not loaded; its videos are decoded by its own VAE."""
    from diffusers import DDIMScheduler, LattePipeline, LatteTransformer3DModel

    folder = tiny_pixart.make_base(tmp_path / "bases")
    raw = load_spec("tiny-pixart", folder).raw
    images = load(load_spec("tiny-pixart", folder)).t2i
    vae: Any = copy.deepcopy(images.vae)
    torch.nn.init.constant_(vae.decoder.conv_out.bias, 0.5)
    own: Any = LattePipeline(
        images.tokenizer, images.text_encoder, vae, scheduler=DDIMScheduler(),
        transformer=LatteTransformer3DModel.from_pretrained(folder / "tiny-pixart" / "t2v" / "transformer"),
    )  # fmt: skip
    own.save_pretrained(folder / "latte", max_shard_size="16kB")
    pieces = sorted((folder / "latte" / "text_encoder").glob("model-*.safetensors"))
    assert len(pieces) > 1
    tiny.write_yaml(
        folder / "tiny-pixart.yaml",
        {**raw, "t2v": {"pipeline": "LattePipeline", "path": "latte", "scheduler": "DDIMScheduler", "guidance": 1.0}},
    )
    spec = load_spec("tiny-pixart", folder)
    assert base_problems(spec) == []
    read = []
    for module in (pipelines, stored):
        monkeypatch.setattr(
            module, "load_model", lambda label, *rest: (read.append(label), load_model(label, *rest))[1]
        )
    base = load(spec, t2v=True)
    assert "t2i.text_encoder" in read and "t2v.vae" in read and "t2v.text_encoder" not in read
    assert base.t2v is not None and base.t2v.text_encoder is base.t2i.text_encoder
    stock = own(
        "a cat", generator=[torch.Generator().manual_seed(1)], output_type="pt", video_length=2, height=32, width=32,
        num_inference_steps=2, guidance_scale=1.0, clean_caption=False,
    ).frames[0]  # fmt: skip
    drawn = sample_videos(base, ["a cat"], [1])[0]
    assert np.abs(drawn / 255 - stock.permute(0, 2, 3, 1).numpy()).max() < 0.01
    tensors = load_file(pieces[1])
    save_file({name: tensor * 1.1 for name, tensor in tensors.items()}, pieces[1], {"format": "pt"})
    with pytest.raises(InputError, match="the text encoder is not the T2I pipeline's"):
        load(spec, t2v=True)
