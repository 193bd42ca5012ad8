"""The command `export`, and the README's lines in both dtypes, on the tiny base."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from typer.testing import CliRunner

from expunge.bases.base import store_edit
from expunge.bases.edits import Edit
from expunge.cli import app
from expunge.core.digest import Fingerprint, folder_files
from expunge.core.index import Index, UnitRecord, read_index, write_index
from expunge.plan.contract import read_plan, write_plan
from tests.support.made_plan import made_concept, made_plan
from tests.support.made_record import made_record
from tests.support.paths import ROOT


@pytest.fixture
def run(tiny_base: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A finished run of one list in the working folder, on the tiny base; returns a function that runs `export`."""
    monkeypatch.chdir(tmp_path)
    concepts = {"objects/bolt": made_concept("bolt"), "objects/zorb": made_concept("zorb")}
    plan = made_plan(concepts, {name: [name] for name in concepts}, method="uce")
    write_plan(Path("build/plan/index.json"), replace(plan, base=replace(plan.base, name="tiny")))
    conv = {"conv_in.weight": torch.ones_like(tiny_base.t2i.unet.conv_in.weight)}
    for name, edit in (("bolt", Edit(tiny_base.encoder)), ("zorb", Edit(tiny_base.encoder, denoiser=conv))):
        store_edit(tiny_base, Path("build/encoders/objects") / name, edit)
    records = {name: UnitRecord("k", {}, folder_files(Path("build/encoders") / name)) for name in concepts}
    write_index(Path("build/encoders"), Index("unlearn", records))
    bases = str(tiny_base.spec.file.parent)
    return lambda *words: CliRunner().invoke(app, ["export", *words, "--bases", bases])


def test_a_file_is_written_and_named(run: Any) -> None:
    result = run("objects/bolt", "--to", "comfyui", "--dtype", "float32")
    assert result.exit_code == 0 and result.stdout == "build/exports/objects--bolt.clip.safetensors\n"
    tensors = load_file("build/exports/objects--bolt.clip.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}


def test_the_stock_encoder_is_never_handed_out_for_uce(run: Any) -> None:
    result = run("objects/zorb", "--to", "comfyui")
    assert result.exit_code == 2 and not Path("build/exports").exists()
    assert "the method uce changed the denoiser" in result.stderr and "--to diffusers" in result.stderr


@pytest.mark.parametrize("name", ["objects/boltt", "../bolt", "objects/bolt/", ""])
def test_another_name_is_refused(run: Any, name: str) -> None:
    result = run(name, "--to", "comfyui")
    assert result.exit_code == 2 and "is no encoder of the last run" in result.stderr


def test_before_a_run_it_says_what_to_run(run: Any) -> None:
    Path("build/encoders/index.json").unlink()
    result = run("objects/bolt", "--to", "comfyui")
    assert result.exit_code == 2 and "run `dvc repro unlearn`" in result.stderr and "pull" not in result.stderr
    assert "write objects/bolt" in run("objects/boltt", "--to", "comfyui").stderr
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text("['remote \"team\"']\n    url = /srv/dvc\n")
    assert "run `dvc repro unlearn`, or `dvc pull`" in run("objects/bolt", "--to", "comfyui").stderr


def test_without_a_plan_the_lists_know_the_names(run: Any) -> None:
    Path("build/plan/index.json").unlink()
    Path("concepts").mkdir()
    Path("concepts/things.yaml").write_text(
        "title: T\nowner: o\nconcepts:\n  - {id: owl, name: an owl, kind: object}\n"
    )
    assert "write things/owl" in run("things/owll", "--to", "comfyui").stderr
    assert "things/owl: is not unlearned yet" in run("things/owl", "--to", "comfyui").stderr


def test_an_encoder_that_is_planned_and_not_made(run: Any) -> None:
    index = read_index("build/encoders")
    units = {name: unit for name, unit in index.units.items() if name != "objects/zorb"}
    write_index(Path("build/encoders"), Index("unlearn", units))
    assert "objects/zorb: is not unlearned yet" in run("objects/zorb", "--to", "diffusers").stderr


def test_a_damaged_encoder_is_refused(run: Any) -> None:
    file = Path("build/encoders/objects/zorb/denoiser.safetensors")
    content = file.read_bytes()
    for change in (lambda: file.write_bytes(content[:-1] + b"\1"), file.unlink):
        change()
        result = run("objects/zorb", "--to", "diffusers")
        assert result.exit_code == 2 and "denoiser.safetensors is missing, or not what the run wrote" in result.stderr


def test_another_base_than_at_the_run_is_refused(run: Any) -> None:
    file = Path("build/plan/index.json")
    plan = read_plan(file)
    models = Fingerprint.of({"files": {"t2i/unet/config.json": "another"}})
    write_plan(file, replace(plan, base=replace(plan.base, models=models)))
    result = run("objects/zorb", "--to", "diffusers")
    assert result.exit_code == 2 and "the base's files are not those that objects/zorb was made with" in result.stderr
    assert run("objects/bolt", "--to", "comfyui").exit_code == 0  # which reads nothing of the base


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_readmes_lines_in_both_dtypes(
    tiny_base: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    monkeypatch.chdir(tmp_path)  # where the lines write their GIF
    store_edit(tiny_base, tmp_path / "encoder", Edit(tiny_base.encoder))
    block = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert block is not None and "torch.float32" in block[1]
    code, base = block[1], tiny_base.spec.file.parent / "tiny"
    for old, new in (
        ("build/encoders/objects/fire-engine", tmp_path / "encoder"), ("bases/emoji/t2i", base / "t2i"),
        ("bases/emoji/t2v/unet", base / "t2v/unet"), ("torch.float32", f"torch.{dtype}"),
        ("num_frames=8, height=64, width=64, num_inference_steps=12",
         "num_frames=2, height=32, width=32, num_inference_steps=2"),
    ):  # fmt: skip
        assert old in code
        code = code.replace(old, str(new))
    names: dict[str, Any] = {}
    exec(code, names)
    assert len(names["video"]) == 2
    pipe = names["videos"]
    assert {pipe.unet.dtype, pipe.text_encoder.dtype, pipe.vae.dtype} == {getattr(torch, dtype)}


def test_a_folder_gets_a_card_with_the_numbers_of_its_record(run: Any) -> None:
    result = run("objects/bolt", "--to", "encoder")
    assert result.exit_code == 0 and "the card holds no number: there is no audit/objects/bolt.json" in result.stderr
    out, files = Path("build/exports/objects--bolt"), folder_files("build/encoders/objects/bolt")
    assert folder_files(out).items() >= {name: files[name] for name in ("config.json", "model.safetensors")}.items()
    assert ModelCard.load(out / "README.md").data.eval_results is None
    record = made_record("objects/bolt")
    subjects = [{"name": f"build/encoders/objects/bolt/{name}", "digest": {"sha256": d}} for name, d in files.items()]
    for own, note in (([*subjects, record["subject"][-1]], False), (record["subject"], True)):
        Path("audit/objects").mkdir(parents=True, exist_ok=True)
        Path("audit/objects/bolt.json").write_text(json.dumps({**record, "subject": own}))
        result = run("objects/bolt", "--to", "encoder", "--force")
        assert result.exit_code == 0 and ("speaks of other files" in result.stderr) == note
        assert (ModelCard.load(out / "README.md").data.eval_results is None) == note
