"""The command `judge`: it writes a list that loads what others made, and replaces nothing unasked."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
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
    save_file({"a": torch.ones(1)}, "Acme v2.safetensors")


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
    (("nothing.safetensors", "--list", "elsewhere/vendor.yaml"), "cannot be read"),
    (("elsewhere", "--list", "elsewhere/vendor.yaml"), "holds no weights"),
    (("Acme v2.safetensors", "--list", "elsewhere/vendor.yaml", "--name", "../x"), "--name"),
    (("Acme v2.safetensors", "--list", "elsewhere/vendor.yaml", "--concept", "footbal"), "has no concept footbal"),
])  # fmt: skip
def test_wrong_input_writes_nothing(words: tuple[str, ...], text: str) -> None:
    Path("concepts/objects.yaml").unlink()
    result = judge(*words)
    assert result.exit_code == 2 and text in result.stderr and not list(Path("concepts").iterdir())
    assert not Path("external").exists()
