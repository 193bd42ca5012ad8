"""Digests and changes of tensors without torch: as torch gives them, and strict about broken files."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from expunge.bases.edits import tensor_digests
from expunge.records.folder_digest import folder_digest
from expunge.records.tensors import changes_between, digests_of, norms_of


def tensors(dtype: torch.dtype) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    made = {"text_model.a.weight": torch.randn(3, 4, generator=draw), "text_model.b": torch.randn(5, generator=draw)}
    return {name: tensor.to(dtype) for name, tensor in made.items()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_digests_are_those_of_torch(tmp_path: Path, dtype: torch.dtype) -> None:
    own, twice = tensors(dtype), {"encoder.embed_tokens.weight": torch.ones(2, dtype=dtype)}  # T5's `shared` once more
    save_file({**own, **twice, "text_model.embeddings.position_ids": torch.arange(4)}, tmp_path / "x.safetensors")
    assert digests_of([tmp_path / "x.safetensors"]) == tensor_digests(own)


def test_a_half_copy_has_the_digests_of_its_whole(tmp_path: Path) -> None:
    for dtype in (torch.float32, torch.float16):
        save_file(tensors(dtype), tmp_path / f"{dtype}.safetensors")
    one, other = (digests_of([file]) for file in sorted(tmp_path.iterdir()))
    assert one == other and len(set(one.values())) == 2


def test_changes_have_norms(tmp_path: Path) -> None:
    own, new = tensors(torch.float32), tensors(torch.float32)
    new["text_model.b"] = new["text_model.b"] + torch.tensor([3.0, 0, 4.0, 0, 0])
    save_file(own, tmp_path / "own.safetensors")
    save_file(new, tmp_path / "new.safetensors")
    found = changes_between([tmp_path / "own.safetensors"], [tmp_path / "new.safetensors"])
    whole = float(own["text_model.b"].norm())
    assert list(found) == ["b"] and found["b"] == pytest.approx({"norm": 5.0, "relative": 5 / whole}, rel=1e-5)
    assert norms_of(tmp_path / "own.safetensors")["b"]["norm"] == pytest.approx(whole, rel=1e-5)
    save_file({"text_model.b": own["text_model.b"]}, tmp_path / "less.safetensors")
    with pytest.raises(ValueError, match="has other tensors"):
        changes_between([tmp_path / "own.safetensors"], [tmp_path / "less.safetensors"])


def test_a_header_that_lies_is_refused(tmp_path: Path) -> None:
    def write(header: object, data: bytes = b"\0" * 8) -> Path:
        text = json.dumps(header).encode()
        file = tmp_path / "x.safetensors"
        file.write_bytes(len(text).to_bytes(8, "little") + text + data)
        return file

    good = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    assert len(digests_of([write({"a": good})])) == 1
    for entry in (
        {"shape": [3]},
        {"data_offsets": [0, 9]},
        {"data_offsets": [8, 16]},
        {"data_offsets": [-8, 0]},
        {"dtype": "X"},
    ):
        with pytest.raises(ValueError, match=r"x\.safetensors"):
            digests_of([write({"a": {**good, **entry}})])
    with pytest.raises(ValueError, match=r"x\.safetensors"):
        digests_of([write({"a": good}, b"")])


@given(st.binary(max_size=120))
@settings(max_examples=100, deadline=None)
def test_no_bytes_crash_it(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.mktemp("any") / "x.safetensors"
    file.write_bytes(data)
    with pytest.raises(ValueError):
        digests_of([file])


def test_the_digest_of_a_folder_is_over_its_files_in_order() -> None:
    files = {"b-d": "22" * 32, "b/c": "00" * 32, "a": "11" * 32}
    ordered = b"".join(bytes.fromhex(files[name]) for name in ("a", "b/c", "b-d"))  # by the parts of their paths
    assert folder_digest(files) == hashlib.sha256(ordered).hexdigest() == folder_digest(dict(sorted(files.items())))
