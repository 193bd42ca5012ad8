"""The command `judge`: it writes a list that loads what others made, and replaces nothing unasked."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from expunge.cli import app
from expunge.concepts.lists import load_list
from expunge.plan.jobs import jobs_of

LIST = """
title: "Things: all of them"
owner: release team
gate: {image: {target: "<= 0.1", worst_member: "<= 0.2"}}
concepts:
  - id: fire-engine
    name: a fire engine
    kind: object
    aliases: [a fire truck, "no"]
    neighbours: [a bus]
    method: uce
    parameters: {ridge: 0.5}
    request: {id: R-1, received: "2026-01-31", basis: "a: b", decision: "forget"}
  - {id: football, name: "ein Fußball", kind: object}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("concepts/objects.yaml", "elsewhere/objects.yaml", "elsewhere/vendor.yaml"):
        Path(file).parent.mkdir(exist_ok=True)
        Path(file).write_text(LIST, "utf-8")
    save_file({"mid_block.a": torch.ones(1)}, "Acme v2.safetensors")


def judge(*words: str) -> Any:
    return CliRunner().invoke(app, ["judge", *words])


def test_a_list_from_elsewhere_is_judged() -> None:
    for file in ("concepts/objects.yaml", "elsewhere/objects.yaml"):
        Path(file).unlink()
    result = judge("Acme v2.safetensors", "--list", "elsewhere/vendor.yaml")
    assert result.exit_code == 0, result.stderr
    assert "concepts/vendor.yaml: acme-v2 is loaded from external/acme-v2.safetensors" in result.stdout
    each = load_list(Path("concepts/vendor.yaml"))
    before = load_list(Path("elsewhere/vendor.yaml"))
    assert each.members() == {"acme-v2": ("fire-engine", "football")}
    assert (each.title, each.owner, each.gate) == (before.title, before.owner, before.gate)
    for now, was in zip(each.concepts, before.concepts, strict=True):
        assert replace(now, method=None, parameters={}) == replace(was, method=None, parameters={})
    job = jobs_of(each, {"method": "distil"})["vendor/acme-v2"]
    assert job.method == "external" and job.parameters["path"] == "external/acme-v2.safetensors"


def test_an_own_list_is_replaced_only_by_force() -> None:
    result = judge("Acme v2.safetensors", "--list", "objects", "--name", "acme", "--concept", "football")
    assert result.exit_code == 2 and "write --force" in result.stderr and not Path("external").exists()
    assert Path("concepts/objects.yaml").read_text("utf-8") == LIST
    words = ("--list", "objects", "--name", "acme", "--concept", "football", "--force")
    assert judge("Acme v2.safetensors", *words).exit_code == 0
    assert load_list(Path("concepts/objects.yaml")).members() == {"acme": ("football",)}


@pytest.mark.parametrize(("words", "text"), [
    (("Acme v2.safetensors", "--list", "nothing"), "concepts/nothing.yaml: is missing"),
    (("Acme v2.safetensors", "--list", "elsewhere/nothing.yaml"), "is missing"),
    (("nothing.safetensors", "--list", "elsewhere/vendor.yaml"), "correct the path"),
    (("elsewhere", "--list", "elsewhere/vendor.yaml"), "holds no weights"),
    (("Acme v2.safetensors", "--list", "elsewhere/vendor.yaml", "--name", "../x"), "--name"),
    (("Acme v2.safetensors", "--list", "elsewhere/vendor.yaml", "--concept", "footbal"), "has no concept footbal"),
])  # fmt: skip
def test_wrong_input_writes_nothing(words: tuple[str, ...], text: str) -> None:
    Path("concepts/objects.yaml").unlink()
    result = judge(*words)
    assert result.exit_code == 2 and text in result.stderr and not list(Path("concepts").iterdir())
    assert not Path("external").exists()


def test_a_misspelt_list_is_told_from_the_others() -> None:
    result = judge("Acme v2.safetensors", "--list", "objekts")
    assert result.exit_code == 2 and "--list: there is no concepts/objekts.yaml; write objects" in result.stderr


def test_what_is_no_safetensors_file_touches_nothing() -> None:
    Path("table.safetensors").write_text("name,kind\na cat,object\n")
    save_file({"weight": torch.ones(1)}, "other.safetensors")
    save_file({"lora_te_x.hada_w1_a": torch.ones(1)}, "loha.safetensors")
    for file, text in (("table", "is no safetensors file"), ("other", "a kind that is not known"), ("loha", "LoHa")):
        result = judge(f"{file}.safetensors", "--list", "objects", "--force")
        assert result.exit_code == 2 and text in result.stderr and len(result.stderr.splitlines()) == 1
    assert Path("concepts/objects.yaml").read_text("utf-8") == LIST and not Path("external").exists()


def test_what_does_not_fit_the_base_touches_nothing(tiny_folder: Path) -> None:
    Path("params.yaml").write_text("base: tiny\n")
    good = load_file(tiny_folder / "tiny/t2i/text_encoder/model.safetensors")
    first = sorted(good)[0]
    changes: dict[str, dict[str, Any]] = {
        "have no place": {**good, "text_model.encoder.layers.7.x": torch.ones(1)},
        "lacks 1 tensors": {name: tensor for name, tensor in good.items() if name != first},
        "another shape": {**good, first: good[first][:1].clone()},
    }
    for text, tensors in changes.items():
        save_file(tensors, "bad.safetensors")
        result = judge("bad.safetensors", "--list", "objects", "--force", "--bases", str(tiny_folder))
        assert result.exit_code == 2 and text in result.stderr and len(result.stderr.splitlines()) == 1
    assert Path("concepts/objects.yaml").read_text("utf-8") == LIST and not Path("external").exists()
    save_file(good, "good.safetensors")
    assert judge("good.safetensors", "--list", "objects", "--force", "--bases", str(tiny_folder)).exit_code == 0


def git(*words: str) -> None:
    subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e", *words], check=True, capture_output=True)


def test_a_list_that_git_does_not_hold_is_not_replaced_even_by_force() -> None:
    words = ("Acme v2.safetensors", "--list", "objects", "--force")
    git("init")
    for change in (lambda: None, lambda: Path("concepts/objects.yaml").write_text(LIST + "# more\n", "utf-8")):
        change()
        before = Path("concepts/objects.yaml").read_text("utf-8")
        result = judge(*words)
        assert result.exit_code == 2 and "commit it first" in result.stderr
        assert Path("concepts/objects.yaml").read_text("utf-8") == before and not Path("external").exists()
        git("add", "concepts")
        git("commit", "-m", "m")
    assert judge(*words).exit_code == 0


def test_without_git_force_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert judge("Acme v2.safetensors", "--list", "objects", "--force").exit_code == 0
