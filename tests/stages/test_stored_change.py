"""`unlearn: {stored: change}`: a run that keeps of each encoder its change alone, its records and its exports."""

import contextlib
import json
import os
from pathlib import Path

import pytest

from expunge.core.digest import file_digest
from stages import attack, attest, drift, fewshot, plan, render, score, unlearn, verdict
from tests.support.attested import command, lock, verify
from tests.support.project import ONE, PARAMS, TWO, make_project, write_list
from tests.support.tiny import write_yaml

CHANGE, WHOLE = Path("build/encoders/list/one"), Path("build/encoders/list/two")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """A project after all stages: list/one by distil, list/two by few-shot, a release of both."""
    folder = tmp_path_factory.mktemp("change")
    with contextlib.chdir(folder):
        make_project(tiny_folder)
        knobs = {"distil": {"steps": 2, "batch": 2}, "few-shot": {"steps": 1, "batch": 1}}
        unlearning = {"method": "distil", "stored": "change", **knobs}
        releases = {"small": {"lists": ["list"]}}
        write_yaml(Path("params.yaml"), {**PARAMS, "unlearn": unlearning, "releases": releases})
        write_list({**ONE, "anchor": "a toy"}, {**TWO, "method": "few-shot", "anchor": "a cup"})
        for stage in (plan, fewshot, unlearn, render, score, drift, attack, verdict):
            stage.run()
        lock()
        attest.run()
        lock()
    return folder


@pytest.fixture(autouse=True)
def inside(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)


def test_only_what_has_low_rank_is_kept_so_and_the_plan_says_which_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    files = {file.name for file in CHANGE.iterdir() if file.is_file()}
    assert files == {"config.json", "adapter.safetensors", "change.json", "training.json", "README.md"}
    assert (WHOLE / "model.safetensors").is_file()
    assert Path("build/encoders/releases/small/model.safetensors").is_file()  # it is handed on
    assert "expunge export LIST/ENCODER --to encoder" in (CHANGE / "README.md").read_text("utf-8")
    plan.run()
    said = capfd.readouterr().out
    assert "stored whole, since the change of their method has no low rank: list/two (few-shot)" in said
    assert "list/one" not in said


def test_the_record_knows_the_whole_and_verifies_what_is_exported(tmp_path: Path) -> None:
    record = json.loads(Path("audit/list/one.json").read_text())
    whole = json.loads((CHANGE / "change.json").read_text())["whole"]
    assert record["predicate"]["whole"] == whole
    assert "whole" not in json.loads(Path("audit/list/two.json").read_text())["predicate"]
    changes = record["predicate"]["changes"]["encoder"]
    assert changes and all(0 < norms["relative"] < 1 for norms in changes.values())
    out = command("export", "list/one", "--to", "encoder", "--out", str(tmp_path / "made"))
    assert out.exit_code == 0, out.output
    assert file_digest(tmp_path / "made" / "model.safetensors") == whole["model.safetensors"]
    said = verify(str(tmp_path / "made" / "model.safetensors"), "--encoder", "list/one")
    assert "is model.safetensors of list/one" in said.output and "digest:" not in said.output
    assert "digest:" not in verify().output
    os.truncate(tmp_path / "made" / "model.safetensors", 100)
    assert verify(str(tmp_path / "made" / "model.safetensors"), "--encoder", "list/one").exit_code == 3


@pytest.mark.parametrize("form", ["diffusers", "lora", "comfyui"])
def test_every_form_is_made_of_it(tmp_path: Path, form: str) -> None:
    said = command("export", "list/one", "--to", form, "--out", str(tmp_path / "out"))
    assert said.exit_code == 0 and (tmp_path / "out").exists(), said.output
