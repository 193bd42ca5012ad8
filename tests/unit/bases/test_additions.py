"""LoRAs and textual inversions that are a part of a base: added when it is loaded, in the key by their digests."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from expunge.bases.base import load
from expunge.bases.base_digest import base_parts
from expunge.bases.check import base_problems
from expunge.bases.spec import load_spec
from expunge.bases.text import encode_prompts
from expunge.bases.tokenizer import light_tokenizer
from expunge.core.errors import InputError
from tests.support.faults import change_base

QUERY = "up_blocks.0.attentions.0.transformer_blocks.0.attn2.to_q"
OUT = "up_blocks.0.attentions.0.transformer_blocks.0.attn2.to_out.0"
CONV = "down_blocks.0.resnets.0.conv1"
TEXT = "encoder.layers.1.self_attn.out_proj"


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the base `tiny` whose files a test may change."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "bases"))


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


FACTORS = {  # module: (up, down), of rank 2
    QUERY: (draw(32, 2), draw(2, 32)), OUT: (draw(32, 2), draw(2, 32)),
    CONV: (draw(16, 2, 1, 1), draw(2, 16, 3, 3)), TEXT: (draw(32, 2), draw(2, 32)),
}  # fmt: skip


def kohya(file: Path) -> None:
    tensors = {}
    for module, (up, down) in FACTORS.items():
        prefix = "lora_te_text_model_" if module == TEXT else "lora_unet_"
        name = prefix + module.replace(".", "_")
        tensors |= {f"{name}.lora_up.weight": up, f"{name}.lora_down.weight": down, f"{name}.alpha": torch.tensor(1.0)}
    save_file(tensors, file)


def diffusers(file: Path) -> None:
    tensors = {}
    for module, (up, down) in FACTORS.items():
        name = f"text_encoder.text_model.{module}" if module == TEXT else f"unet.{module}"
        tensors |= {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}
    settings = {"unet.r": 2, "unet.lora_alpha": 1, "text_encoder.r": 2, "text_encoder.lora_alpha": 1}
    save_file(tensors, file, {"lora_adapter_metadata": json.dumps(settings)})


def older(file: Path) -> None:
    tensors = {}
    for module, (up, down) in FACTORS.items():
        if module in (QUERY, OUT):
            head, _, last = module.removesuffix(".0").rpartition(".")
            name = f"unet.{head}.processor.{last}_lora"
            tensors |= {f"{name}.down.weight": down, f"{name}.up.weight": up / 2}
        elif module == TEXT:
            name = f"text_encoder.text_model.{module}.lora_linear_layer"
            tensors |= {f"{name}.down.weight": down, f"{name}.up.weight": up / 2}
        else:
            tensors |= {f"unet.{module}.lora.down.weight": down, f"unet.{module}.lora.up.weight": up / 2}
    save_file(tensors, file)


@pytest.mark.parametrize("layout", [kohya, diffusers, older], ids=lambda layout: layout.__name__)
def test_a_lora_is_added_to_all_three_models(folder: Path, tiny_base: Any, layout: Any) -> None:
    layout(folder / "tiny/style.safetensors")
    change_base(folder, loras=[{"path": "tiny/style.safetensors", "scale": 0.5}])
    spec = load_spec("tiny", folder)
    assert base_problems(spec) == []
    base = load(spec, t2v=True)
    for module, (up, down) in FACTORS.items():
        pairs = [(base.encoder, tiny_base.encoder)]
        if module != TEXT:
            pairs = [(base.t2i.unet, tiny_base.t2i.unet), (base.t2v.unet, tiny_base.t2v.unet)]
        change = 0.5 * 1 / 2 * (up.flatten(1) @ down.flatten(1))
        for new, old in pairs:
            before, after = (model.get_submodule(module).weight for model in (old, new))
            assert torch.allclose(after, before + change.reshape(before.shape), atol=1e-6), module
    untouched = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_q.weight"
    assert torch.equal(base.t2i.unet.state_dict()[untouched], tiny_base.t2i.unet.state_dict()[untouched])


def test_additions_are_in_the_key_by_digest(folder: Path) -> None:
    before = base_parts(load_spec("tiny", folder))
    kohya(folder / "tiny/style.safetensors")
    save_file({"<cat>": draw(2, 32)}, folder / "tiny/cat.safetensors")
    changes: dict[str, Any] = {"loras": [{"path": "tiny/style.safetensors"}],
                               "inversions": [{"path": "tiny/cat.safetensors", "token": "<cat>"}]}  # fmt: skip
    change_base(folder, **changes)
    parts = base_parts(load_spec("tiny", folder))
    assert {key for key in parts if parts[key] != before.get(key)} == {"loras", "inversions"}
    change_base(folder, loras=[{"path": "tiny/style.safetensors", "scale": 0.5}])
    assert base_parts(load_spec("tiny", folder))["loras"] != parts["loras"]
    save_file({"<cat>": draw(3, 32)}, folder / "tiny/cat.safetensors")
    assert base_parts(load_spec("tiny", folder))["inversions"] != parts["inversions"]


@pytest.mark.parametrize("vectors", [1, 3])
def test_an_inversion_is_read_as_the_pipeline_reads_it(folder: Path, tiny_base: Any, vectors: int) -> None:
    embedding = draw(vectors, 32)
    save_file({"emb_params": embedding}, folder / "tiny/cat.safetensors")  # A1111's name for it
    change_base(folder, inversions=[{"path": "tiny/cat.safetensors", "token": "<my-cat>"}])
    spec = load_spec("tiny", folder)
    assert base_problems(spec) == []
    base = load(spec, t2v=True)
    prompts = ["a photo of <my-cat> at sea", "a photo of a cat"]
    for pipe in (base.t2i, base.t2v):
        assert torch.equal(encode_prompts(base, prompts), pipe.encode_prompt(prompts, base.device, 1, False)[0])
    assert torch.equal(encode_prompts(base, prompts[1:]), encode_prompts(tiny_base, prompts[1:]))
    added = base.encoder.get_input_embeddings().weight[-vectors:]
    assert torch.equal(added, embedding) and base.encoder.config.vocab_size == 514 + vectors
    light = light_tokenizer(spec)
    assert light is not None
    ids = base.t2i.tokenizer(base.t2i.maybe_convert_prompt(prompts[0], base.t2i.tokenizer)).input_ids[1:-1]
    read = light[0](prompts[0])
    assert (
        read is not None
        and len(read) == len(ids)
        and light[0](prompts[1]) == light_tokenizer(tiny_base.spec)[0](prompts[1])
    )  # type: ignore[index]


def lora(tensors: dict[str, Tensor], metadata: dict[str, Any] | None = None) -> Any:
    text = {"lora_adapter_metadata": json.dumps(metadata)} if metadata else None
    return lambda base: save_file(tensors, base / "x.safetensors", text)


A, B = f"unet.{QUERY}.lora_A.weight", f"unet.{QUERY}.lora_B.weight"


@pytest.mark.parametrize(
    ("write", "match"),
    [
        (lora({A: draw(2, 32)}), r"1 of its parts have no place \(unet.up_blocks_0_attentions_0_"),
        (lora({A: draw(2, 16), B: draw(32, 2)}), "does not fit: 1 of its parts"),
        (lora({A: draw(2, 32), B: draw(32, 2) * float("nan")}), "does not fit: 1 of its parts"),
        (lora({"unet.mid.lora_A.weight": draw(2, 32), "unet.mid.lora_B.weight": draw(32, 2)}), r"\(unet.mid\)"),
        (lora({"lora_te1_text_model_x.lora_up.weight": draw(2)}), r"\(lora_te1_text_model_x.lora_up.weight\)"),
        (lora({A: draw(2, 32), B: draw(32, 2)}, {"unet.use_dora": True}), r"\(unet.use_dora\)"),
    ],
)
def test_a_lora_that_does_not_fit_is_refused(folder: Path, write: Any, match: str) -> None:
    write(folder / "tiny")
    change_base(folder, loras=[{"path": "tiny/x.safetensors"}])
    with pytest.raises(InputError, match=rf"tiny.yaml:\d+: the LoRA tiny/x.safetensors .*{match}"):
        load(load_spec("tiny", folder), t2v=True)


@pytest.mark.parametrize(
    ("tensors", "token", "match"),
    [
        ({"a": draw(2, 33)}, "<x>", r"has the shape \[2, 33\], and the text encoder is 32 wide"),
        ({"clip_l": draw(2, 32), "clip_g": draw(2, 64)}, "<x>", "holds 2 tensors"),
        ({"a": draw(2, 32) / 0}, "<x>", "holds NaN or infinity"),
        ({"a": draw(2, 32)}, "a</w>", "already in tokenizer vocabulary"),
    ],
)
def test_an_inversion_that_does_not_fit_is_refused(
    folder: Path, tensors: dict[str, Tensor], token: str, match: str
) -> None:
    save_file(tensors, folder / "tiny/x.safetensors")
    change_base(folder, inversions=[{"path": "tiny/x.safetensors", "token": token}])
    spec = load_spec("tiny", folder)
    with pytest.raises(InputError, match=rf"tiny.yaml:\d+: .*{match}"):
        if problems := base_problems(spec):
            raise InputError(problems)
        load(spec)


def test_missing_and_pickled_files_are_told_at_once(folder: Path) -> None:
    (folder / "tiny/old.pt").write_bytes(b"\x80\x04")
    (folder / "tiny/bad.safetensors").write_bytes(b"oops")
    inversions = [
        {"path": f"tiny/{name}", "token": token} for name, token in (("old.pt", "<a>"), ("no.safetensors", "<a>"))
    ]
    change_base(folder, loras=[{"path": "tiny/bad.safetensors"}], inversions=inversions)
    said = "\n".join(map(str, base_problems(load_spec("tiny", folder))))
    for words in ("the LoRA's bad.safetensors is no safetensors file", "old.pt is no safetensors file; convert them",
                  "no.safetensors is not there", "two textual inversions have the token <a>"):  # fmt: skip
        assert words in said
