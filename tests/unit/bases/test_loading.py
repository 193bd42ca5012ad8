"""Loading a base: a model whose tensors do not all find their place is refused, with their names."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from expunge.bases.base import load
from expunge.bases.edits import read_edit
from expunge.bases.families import sd
from expunge.bases.spec import load_spec
from expunge.core.errors import InputError
from tests.support import tiny
from tests.support.faults import change_base, change_json, change_tensors

State = dict[str, Tensor]
T2I = ("t2i/text_encoder/model.safetensors", "t2i/unet/diffusion_pytorch_model.safetensors",
       "t2i/vae/diffusion_pytorch_model.safetensors")  # fmt: skip
UNET = "t2v/unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the base `tiny` whose files a test may change."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "bases"))


def refused(folder: Path) -> list[str]:
    """The problems with which the base is refused, as lines."""
    with pytest.raises(InputError) as caught:
        load(load_spec("tiny", folder), t2v=True)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{folder.as_posix()}/tiny.yaml:") for line in lines), lines
    return lines


def without(state: State, count: int) -> State:
    return {name: state[name] for name in sorted(state)[count:]}


def prefixed(state: State) -> State:
    return {f"transformer.{name}": tensor for name, tensor in state.items()}


def spoilt(state: State, value: float) -> State:
    name = sorted(state)[-1]
    return state | {name: torch.full_like(state[name], value)}


def test_the_parts_of_both_pipelines_are_refused_with_names_at_once(folder: Path) -> None:
    for file in T2I:
        change_tensors(folder / "tiny" / file, lambda state: without(state, 2))
    lines = refused(folder)
    for part in ("text_encoder", "unet", "vae"):
        assert any(re.search(rf"t2i.{part}: the file lacks 2 tensors .*\(\w+\.[\w.]+, \w+[\w.]+\);", x) for x in lines)
    assert len(lines) == 3


def test_a_prefix_is_refused_in_each_model(folder: Path) -> None:
    for file in T2I:
        change_tensors(folder / "tiny" / file, prefixed)
    lines = refused(folder)
    assert len(lines) == 3 and all("begin with `transformer.`" in line for line in lines), lines


def test_more_tensors_than_places_are_refused(folder: Path) -> None:
    extra = {"of.another.model": torch.zeros(2)}
    for file in (*T2I[:2], UNET):
        change_tensors(folder / "tiny" / file, lambda state: state | extra)
    lines = refused(folder)  # the T2V model is not reached
    assert [line.split(": ")[1] for line in lines] == ["t2i.text_encoder", "t2i.unet"]
    assert all("1 tensors of the file have no place" in line and "(of.another.model)" in line for line in lines)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(folder: Path, value: float) -> None:
    for file in T2I:
        change_tensors(folder / "tiny" / file, lambda state: spoilt(state, value))
    lines = refused(folder)
    assert len(lines) == 3 and all("1 tensors hold NaN or infinity (" in line for line in lines)


def test_a_motion_model_is_refused_as_well(folder: Path) -> None:
    change_tensors(folder / "tiny" / UNET, lambda state: without(spoilt(state, float("nan")), 1))
    lines = refused(folder)
    assert "t2v.unet: the file lacks 1 tensors" in lines[0] and "t2v.unet: 1 tensors hold NaN" in lines[1]


def test_a_motion_adapter_is_refused_as_well(tmp_path: Path) -> None:
    folder = tiny.make_base(tmp_path / "bases", adapter=True)
    file = folder / "tiny/adapter/diffusion_pytorch_model.safetensors"
    change_tensors(file, lambda state: without(state, 3))
    assert "t2v.motion_adapter: the file lacks 3 tensors" in refused(folder)[0]


def test_a_plain_u_net_in_place_of_a_moving_one(folder: Path) -> None:
    change_base(folder, t2v={"pipeline": "AnimateDiffPipeline", "unet": "tiny/t2i/unet"})
    assert (
        "t2v.unet: the folder holds a UNet2DConditionModel" in refused(folder)[0]
    )  # its motion modules would be random
    change_base(folder, t2v={"pipeline": "AnimateDiffPipeline", "path": "tiny/t2i"})
    assert "`t2v` has no motion modules" in refused(folder)[0]
    shutil.copytree(folder / "tiny/t2i", folder / "tiny/other")
    change_base(folder, t2v={"pipeline": "AnimateDiffPipeline", "path": "tiny/other"})
    assert "`t2v` has no motion modules" in refused(folder)[0]


def test_another_shape_is_refused(folder: Path) -> None:
    change_json(folder / "tiny/t2i/text_encoder/config.json", vocab_size=515)
    assert "t2i.text_encoder" in refused(folder)[0] and "cannot be loaded" in refused(folder)[0]


def test_an_option_with_a_wrong_value_is_one_line(folder: Path) -> None:
    change_base(folder, scheduler="DDIMScheduler", scheduler_options={"beta_schedule": "lineer"})
    assert "DDIMScheduler with its options" in refused(folder)[0] and "lineer" in refused(folder)[0]


def test_position_ids_need_no_place(folder: Path) -> None:
    ids = {"text_model.embeddings.position_ids": torch.arange(40)[None]}
    file = folder / "tiny" / T2I[0]
    change_tensors(file, lambda state: {f"text_model.{name}": t for name, t in state.items()} | ids)
    assert load(load_spec("tiny", folder)).encoder.config.num_hidden_layers == 2


def test_an_unlearned_encoder_is_held_to_the_same(folder: Path) -> None:
    encoder = folder / "tiny/t2i/text_encoder"
    assert read_edit(encoder, sd, torch.device("cpu")).encoder.training is False
    change_tensors(encoder / "model.safetensors", prefixed)
    with pytest.raises(InputError, match="the encoder: 36 tensors find no place"):
        read_edit(encoder, sd, torch.device("cpu"))
