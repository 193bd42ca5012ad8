"""The base's digest: what changes it, what does not, and its parts."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from expunge.bases import arithmetic
from expunge.bases import base_digest as module_of_digest
from expunge.bases.arithmetic import Arithmetic, arithmetic_of
from expunge.bases.base_digest import base_digest, base_parts
from expunge.bases.hub import walk
from expunge.bases.spec import Spec, load_spec
from expunge.core.digest import digest
from expunge.core.errors import InputError
from tests.support import tiny


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the base `tiny` whose files a test may change."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "bases"))


def changed(folder: Path, **changes: Any) -> Spec:
    """The base `tiny` with other top-level keys."""
    tiny.write_yaml(folder / "tiny.yaml", {**load_spec("tiny", folder).raw, **changes})
    return load_spec("tiny", folder)


def test_the_parts_are_plain_data_and_the_digest_is_theirs(folder: Path) -> None:
    spec = load_spec("tiny", folder)
    parts = base_parts(spec)
    assert base_digest(spec) == digest(parts)
    assert (parts["t2i.steps"], parts["t2v.guidance"], parts["resolution"], parts["frames"]) == (2, 3.0, 32, 2)
    assert (parts["device"], parts["dtype"]) == ("cpu", "float32")
    assert set(parts["versions"]) == {"torch", "diffusers", "transformers"}
    assert {"t2i/model_index.json", "t2i/tokenizer/vocab.json", "t2v.unet/config.json"} < set(parts["files"])
    assert str(folder) not in str(parts)


def test_what_cannot_change_a_pixel_is_left_out(folder: Path, tmp_path: Path) -> None:
    before = base_digest(load_spec("tiny", folder))
    for name in ("README.md", "t2i/README.md", "t2i/unet/optimizer.bin", "t2v/unet/notes.txt", "t2i/tokenizer/a.md"):
        (folder / "tiny" / name).write_text("prose")
    (folder / "tiny" / "prompts.yaml").write_text("{}")
    (folder / "tiny" / "vocabulary.yaml").write_text("{}")
    assert base_digest(load_spec("tiny", folder)) == before
    assert base_digest(changed(folder, fps=30, threads=3)) == before
    raw = load_spec("tiny", folder).raw
    (folder / "tiny").rename(folder / "moved")
    (folder / "tiny.yaml").unlink()
    t2i = {**raw["t2i"], "path": "moved/t2i"}
    t2v = {**raw["t2v"], "unet": {"path": "moved/t2v/unet"}}
    tiny.write_yaml(folder / "other.yaml", {**raw, "name": "other", "t2i": t2i, "t2v": t2v})
    assert base_digest(load_spec("other", folder)) == before
    folder.rename(tmp_path / "elsewhere")
    assert base_digest(load_spec("other", tmp_path / "elsewhere")) == before


@pytest.mark.parametrize(
    "changes",
    [{"steps": 3}, {"guidance": 2.0}, {"frames": 3}, {"resolution": 40}, {"scheduler": "DDIMScheduler"},
     {"scheduler_options": {"solver_order": 1}}, {"dtype": "bfloat16"}, {"device": "cuda"}],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_what_can_is_in_it(folder: Path, changes: dict[str, Any]) -> None:
    before = base_parts(load_spec("tiny", folder))
    after = base_parts(changed(folder, **changes))
    key = next(iter(changes))
    differ = {name for name in before if before[name] != after[name]}
    assert differ and all(name.endswith(key) for name in differ)


def test_both_sides_of_both_pipelines_are_in_it(folder: Path) -> None:
    before = base_digest(load_spec("tiny", folder))
    raw = load_spec("tiny", folder).raw
    assert base_digest(changed(folder, resolution=[32, 32])) == before
    wide = base_parts(changed(folder, t2v={**raw["t2v"], "resolution": [48, 32]}))
    assert (wide["t2i.resolution"], wide["t2v.resolution"]) == ([32, 32], [48, 32]) and "resolution" not in wide


def test_the_batch_is_in_it(folder: Path) -> None:
    spec = load_spec("tiny", folder)
    before = base_digest(spec)
    assert base_digest(changed(folder, t2i={**spec.raw["t2i"], "batch": 3})) != before


@pytest.mark.parametrize(
    "name", ["t2v/unet/config.json", "t2i/tokenizer/merges.txt", "t2i/scheduler/scheduler_config.json"]
)
def test_a_loaded_file_is_in_it(folder: Path, name: str) -> None:
    spec = load_spec("tiny", folder)
    before = base_parts(spec)["files"]
    file = folder / "tiny" / name
    file.write_text(file.read_text() + "\n")
    after = base_parts(spec)["files"]
    differ = [name for name in before if before[name] != after[name]]
    assert len(differ) == 1 and differ[0].endswith(name.partition("/")[2].removeprefix("unet/"))


def test_files_behind_links_to_folders_are_in_it(folder: Path, tmp_path: Path) -> None:
    spec = load_spec("tiny", folder)
    before = base_digest(spec)
    unet = folder / "tiny" / "t2i" / "unet"
    unet.rename(folder / "linked")
    unet.symlink_to(folder / "linked")
    assert base_digest(spec) == before
    weights = folder / "linked" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    assert base_digest(spec) != before


def test_a_sharded_model_counts_with_the_pieces_that_its_index_names(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    unet = folder / "tiny" / "t2v" / "unet"
    name = "diffusion_pytorch_model.safetensors"
    tensors = load_file(unet / name)
    (unet / name).unlink()
    piece = "diffusion_pytorch_model-00001-of-00001.safetensors"
    save_file(tensors, unet / piece, {"format": "pt"})
    (unet / "diffusion_pytorch_model-00001-of-00009.safetensors").write_bytes(b"of an older one")
    (unet / f"{name}.index.json").write_text(f'{{"weight_map": {{"a": "{piece}", "b": "{piece}"}}}}')
    files = {each for each in base_parts(load_spec("tiny", folder))["files"] if each.startswith("t2v.unet/")}
    assert files == {"t2v.unet/config.json", f"t2v.unet/{name}.index.json", f"t2v.unet/{piece}"}
    (unet / f"{name}.index.json").write_text("[]")
    with pytest.raises(InputError, match="not an index of weights"):
        base_parts(load_spec("tiny", folder))


def test_missing_weights_stop_it(folder: Path) -> None:
    (folder / "tiny" / "t2i" / "vae" / "config.json").unlink()
    with pytest.raises(InputError, match=r"tiny\.yaml:\d+: .*lacks some of the weight files.*vae/config\.json"):
        base_digest(load_spec("tiny", folder))


def test_a_walk_follows_links_and_ends_in_a_loop(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    for name in ("a/one", "a/b/two", "elsewhere/three", "a/README.md", "a/.hidden"):
        (tmp_path / name).write_text("x")
    (tmp_path / "a" / "b" / "loop").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "elsewhere")
    names = sorted(file.relative_to(tmp_path / "a").as_posix() for file in walk(tmp_path / "a"))
    assert names == ["b/two", "link/three", "one"]


def test_the_devices_index_is_left_out(folder: Path) -> None:
    a, b = (base_parts(changed(folder, device=device)) for device in ("cuda:0", "cuda:1"))
    assert a == b and a["device"] == "cuda"


def test_the_arithmetic_is_the_resolved_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    spec = changed(folder, device="auto", dtype="auto")
    parts = base_parts(spec)
    assert "auto" not in (parts["device"], parts["dtype"])
    assert base_digest(changed(folder, device=parts["device"], dtype=parts["dtype"])) == base_digest(spec)
    for dtype in (torch.bfloat16, torch.float32):
        monkeypatch.setattr(arithmetic, "choose_dtype", lambda spec, device, dtype=dtype: dtype)
        assert arithmetic_of(spec) == Arithmetic(parts["device"], str(dtype).removeprefix("torch."))
        assert base_parts(spec)["dtype"] == str(dtype).removeprefix("torch.")


def test_the_loaded_base_computes_with_that_arithmetic(tiny_base: Any) -> None:
    assert arithmetic_of(tiny_base.spec) == Arithmetic(tiny_base.device.type, str(tiny_base.dtype)[len("torch.") :])


def test_a_minor_version_is_in_it_and_a_patch_is_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = load_spec("tiny", folder)
    monkeypatch.setattr(module_of_digest, "version", lambda package: "2.15.0+cpu")
    before = base_digest(spec)
    monkeypatch.setattr(module_of_digest, "version", lambda package: "2.15.1")
    assert base_digest(spec) == before
    monkeypatch.setattr(module_of_digest, "version", lambda package: "2.16.0")
    assert base_digest(spec) != before


def test_a_variant_of_hub_weights_is_in_it(folder: Path) -> None:
    t2i = {"pipeline": "StableDiffusionPipeline", "repo": "org/sd", "revision": "a" * 40}
    files = [base_parts(changed(folder, t2i={**t2i, **more}))["files"] for more in ({}, {"variant": "fp16"})]
    assert [each["t2i"] for each in files] == [f"org/sd@{'a' * 40}", f"org/sd@{'a' * 40} (fp16)"]
