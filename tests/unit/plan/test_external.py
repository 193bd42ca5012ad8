"""The method external in the plan: its file's content is a part of the key, and its path stays below external/."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from expunge.bases.spec import load_spec
from expunge.core.errors import InputError
from expunge.plan.contract import Plan, Training
from expunge.plan.external import copy_in, with_digests
from stages import unlearn
from stages.runtime.units import keyed
from tests.support.made_plan import made_concept, made_plan

NAME = "objects/acme"


def planned(path: Any = "external/acme.safetensors") -> Plan:
    plan = made_plan({"objects/a": made_concept("a")}, {NAME: ["objects/a"]}, method="external")
    job = replace(plan.encoders[NAME], parameters={"path": path, "digest": "written by hand"})
    return replace(plan, encoders={NAME: job}, training={"objects/a": Training(("a",), ("{}",), ())})


def key_of(plan: Plan) -> str:
    return keyed("unlearn", unlearn.units_of(with_digests(plan), {}), "base", "expunge.core.names")[NAME].key


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(file: str, value: float) -> Path:
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    save_file({"a": torch.tensor([value])}, file)
    return Path(file)


def test_other_content_is_another_key() -> None:
    write("external/acme.safetensors", 1)
    first = key_of(planned())
    assert first == key_of(planned())
    write("external/acme.safetensors", 2)
    assert key_of(planned()) != first
    write("external/acme.safetensors", 1)
    assert key_of(planned()) == first
    unit = unlearn.units_of(with_digests(planned()), {})[NAME]
    assert unit.reads == {"external": Path("external/acme.safetensors")}
    assert unit.inputs.parameters["digest"] != "written by hand"


OUTSIDE = [
    "", "acme.safetensors", "external", "external/../acme.safetensors", "/external/a.safetensors", "bases/emoji/judge",
    "external\\..\\a.safetensors",
]  # fmt: skip


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_stays_below_external(path: str) -> None:
    write("acme.safetensors", 1)
    with pytest.raises(InputError, match=r"write `parameters: \{path: external/"):
        with_digests(planned(path))


def test_a_missing_file_is_named() -> None:
    with pytest.raises(InputError, match=r"external/acme.safetensors: cannot be read"):
        with_digests(planned())


def test_what_does_not_fit_the_base_is_refused_by_its_header(tiny_folder: Path) -> None:
    spec = load_spec("tiny", tiny_folder)
    encoder = load_file(tiny_folder / "tiny/t2i/text_encoder/model.safetensors")
    Path("external").mkdir()
    save_file(encoder, "external/acme.safetensors")
    assert with_digests(planned(), spec).encoders[NAME].parameters["digest"] != "written by hand"
    save_file({**encoder, "text_model.encoder.layers.7.x": torch.ones(1)}, "external/acme.safetensors")
    with pytest.raises(InputError, match=r"1 tensors have no place in the base's encoder"):
        with_digests(planned(), spec)
    save_file({"mid_block.resnets.0.x": torch.ones(1)}, "external/acme.safetensors")
    with pytest.raises(InputError, match=r"1 tensors have no place in the base's denoiser"):
        with_digests(planned(), spec)
    Path("external/acme.safetensors").write_text("a,b\n")
    with pytest.raises(InputError, match=r"external/acme.safetensors: is no safetensors file"):
        with_digests(planned(), spec)


def test_links_are_followed() -> None:
    Path("external").mkdir()
    Path("external/acme.safetensors").symlink_to(write("cache/a.safetensors", 1).absolute())  # as dvc may link
    assert key_of(planned())


def test_other_methods_are_left_alone() -> None:
    plan = made_plan({"objects/a": made_concept("a")}, {NAME: ["objects/a"]})
    assert with_digests(plan) == plan


def test_what_is_judged_is_copied_once() -> None:
    theirs = write("vendor/model.safetensors", 1)
    place = copy_in(theirs, "acme")
    assert place == Path("external/acme.safetensors") and place.read_bytes() == theirs.read_bytes()
    assert copy_in(theirs, "acme") == place and copy_in(place, "other") == place
    write("vendor/model.safetensors", 2)
    with pytest.raises(InputError, match="with other content"):
        copy_in(theirs, "acme")
    assert copy_in(theirs, "acme", force=True).read_bytes() == theirs.read_bytes()
    write("pipe/text_encoder/model.safetensors", 3)
    write("pipe/vae/model.safetensors", 4)
    for value in (3, 5):
        write("pipe/text_encoder/model.safetensors", value)
        place = copy_in(Path("pipe"), "whole", force=value == 5)
        files = [file.relative_to(place).as_posix() for file in place.rglob("*") if file.is_file()]
        assert files == ["text_encoder/model.safetensors"]
    assert not list(Path("external").glob(".*"))
