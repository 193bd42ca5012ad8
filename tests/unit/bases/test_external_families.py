"""Edits by others and LoRAs in families whose denoiser is a transformer: read by its names, or refused with why."""

import copy
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from expunge.bases.base import denoiser_of, load, load_edit, store_edit
from expunge.bases.check import base_problems
from expunge.bases.check_external import header_problems
from expunge.bases.encoders import parts_of
from expunge.bases.external_edit import read_external
from expunge.bases.external_files import content_digest
from expunge.bases.families.names import normal_name
from expunge.bases.sampling import sample_images, sample_videos
from expunge.bases.spec import load_spec
from expunge.bases.whole_weights import edit_of, weights_of
from expunge.concepts.concept import Concept
from expunge.core.errors import InputError
from expunge.methods import ConceptData, unlearn
from tests.support import tiny_pixart, tiny_sdxl, tiny_second_video, tiny_video
from tests.support.faults import change_base

WO = "encoder.block.0.layer.1.DenseReluDense.wo"
QUERY = {
    "tiny-pixart": "transformer_blocks.0.attn2.to_q",
    "allegro": "transformer_blocks.0.attn2.to_q",
    "cogvideox": "transformer_blocks.0.attn1.to_q",
    "wan": "blocks.0.attn2.to_q",
}
ALPHA = {"r": 2, "lora_alpha": 1}  # of a LoRA
DATA = ConceptData(Concept("bolt", "bolt", "object"), torch.zeros(0), ("bolt",), ("{}",))


@pytest.fixture(scope="module", params=["tiny-pixart", "cogvideox", "wan"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the base of that name. Read only."""
    at = tmp_path_factory.mktemp(request.param) / "bases"
    return tiny_pixart.make_base(at) if "pixart" in request.param else tiny_video.make_base(at, request.param)


@pytest.fixture(scope="module")
def base(folder: Path) -> Any:
    return load(load_spec(name_of(folder), folder), t2v=True)


def name_of(folder: Path) -> str:
    return next(file.stem for file in folder.glob("*.yaml") if file.stem in QUERY)


def moved(state: Mapping[str, Tensor], module: str) -> dict[str, Tensor]:
    """Tensors of which that module's weight is another one."""
    seeded = torch.Generator().manual_seed(5)
    own = {name: tensor.clone() for name, tensor in state.items()}
    weight = own[f"{module}.weight"]
    own[f"{module}.weight"] = weight + torch.randn(weight.shape, generator=seeded)
    return own


def theirs(base: Any) -> tuple[Any, Any]:
    """(their encoder, their denoiser): copies of the base's, with one weight changed in each."""
    encoder, denoiser = copy.deepcopy(base.encoder), copy.deepcopy(denoiser_of(base))
    encoder.load_state_dict(moved(encoder.state_dict(), WO))
    denoiser.load_state_dict(moved(denoiser.state_dict(), QUERY[base.spec.name]))
    return encoder, denoiser


def pipeline_in(folder: Path, base: Any) -> Path:
    """A folder with their encoder and denoiser, as `save_pretrained` of a pipeline writes them."""
    encoder, denoiser = theirs(base)
    encoder.save_pretrained(folder / "text_encoder")
    denoiser.save_pretrained(folder / "transformer")
    return folder


def same(model: Any, other: Any) -> bool:
    pairs = zip(model.named_parameters(), other.named_parameters(), strict=True)
    return all(a == b and torch.allclose(p, q, atol=1e-6) for (a, p), (b, q) in pairs)


def test_every_form_is_read(base: Any, tmp_path: Path) -> None:
    encoder, denoiser = theirs(base)
    pipeline = pipeline_in(tmp_path / "pipeline", base)
    part = {f"transformer.{QUERY[base.spec.name]}.weight": denoiser.state_dict()[f"{QUERY[base.spec.name]}.weight"]}
    save_file(part, tmp_path / "part.safetensors")
    tied = {"encoder.embed_tokens.weight": encoder.shared.weight.clone()}  # some programs write it once more
    save_file({**load_file(pipeline / "text_encoder/model.safetensors"), **tied}, tmp_path / "t5.safetensors")
    for path, wanted in (
        (pipeline, (encoder, denoiser)),
        (pipeline / "text_encoder", (encoder, None)),
        (pipeline / "transformer", (None, denoiser)),
        (tmp_path / "part.safetensors", (None, denoiser)),
        (tmp_path / "t5.safetensors", (encoder, None)),
    ):
        assert header_problems(path, base.spec) == [] == header_problems(path)
        read = read_external(base, path)[:2]
        assert [each is None for each in read] == [each is None for each in wanted]
        assert all(each is None or same(each, other) for each, other in zip(read, wanted, strict=True))


def test_the_method_external_draws_as_their_pipeline_does(base: Any, tmp_path: Path) -> None:
    path = pipeline_in(tmp_path / "external", base)
    knobs = {"path": str(path), "digest": content_digest(path)}
    result = unlearn("external", base, [DATA], [], knobs, seed=0)
    assert set(result.edit.denoiser) == {f"{QUERY[base.spec.name]}.weight"} and result.changed_parameters > 0
    encoder, denoiser = theirs(base)
    edit = edit_of(base, encoder.state_dict(), denoiser.state_dict())
    assert same(edit.encoder, result.edit.encoder) and edit.denoiser.keys() == result.edit.denoiser.keys()
    weights = weights_of(base, result.edit)
    assert weights.keys() == {"text_encoder", "transformer"}
    assert all(torch.allclose(weights["transformer"][n], p, atol=1e-6) for n, p in denoiser.named_parameters())
    store_edit(base, tmp_path / "encoder", result.edit)
    stored = load_edit(base, tmp_path / "encoder")
    pipe = type(base.t2i)(**{**base.t2i.components, "text_encoder": encoder, "transformer": denoiser})
    pipe.set_progress_bar_config(disable=True)
    pictures = [
        sample_images(each, ["bolt"], [1], edit, return_latents=True)[1]
        for each, edit in ((base, stored), (replace(base, encoder=encoder, t2i=pipe), None), (base, None))
    ]
    ours, wanted, original = pictures
    assert 10 * (ours - wanted).norm() < (ours - original).norm()  # the edit is stored in float16
    assert np.isfinite(sample_videos(base, ["bolt"], [1], stored)).all()


def refused(base: Any, file: Path, tensors: Mapping[str, Tensor]) -> tuple[str, str]:
    """(what the header tells, what reading tells)."""
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, file)
    with pytest.raises(InputError) as caught:
        read_external(base, file)
    return "\n".join(map(str, header_problems(file, base.spec))), str(caught.value)


def test_what_is_another_familys_is_refused(base: Any, tmp_path: Path) -> None:
    file, ones = tmp_path / "x.safetensors", torch.ones(1)
    for said in refused(base, file, {"model.diffusion_model.input_blocks.0.0.weight": ones}):
        assert f"is a checkpoint of one file, and none of {base.spec.family.NAME} is read" in said
        assert "give a folder of diffusers with `text_encoder/` and `transformer/`" in said
    assert header_problems(file) == []  # without a base nothing is known of it
    for said in refused(base, file, {"unet.mid_block.attentions.0.proj_in.weight": ones}):
        assert "of a kind that is not known (unet.mid_block" in said and base.spec.family.NAME in said
    for said in refused(base, file, {f"{QUERY[base.spec.name]}.weight": ones, "proj_out.nothing": ones}):
        assert "1 tensors have another shape" in said and "no place in the base's denoiser (proj_out.nothing)" in said
    for said in refused(base, file, {"encoder.layers.0.mlp.fc1.weight": ones}):
        assert "no place in the base's encoder (encoder.layers.0.mlp.fc1.weight)" in said and "lacks" in said


def write_lora(file: Path, base: Any, kind: str) -> tuple[Tensor, Tensor]:
    """Write a LoRA of rank 2, with alpha 1; (B A / 2 for the text encoder's `WO`, the same for the denoiser's)."""
    seeded, tensors, changes = torch.Generator().manual_seed(6), dict[str, Tensor](), []
    for model, module, plain, flat in (
        (base.encoder, WO, "text_encoder", "lora_te"),
        (denoiser_of(base), QUERY[base.spec.name], "transformer", "lora_unet"),
    ):
        out, width = model.get_submodule(module).weight.shape
        up, down = torch.randn(out, 2, generator=seeded), torch.randn(2, width, generator=seeded)
        name = f"{flat}_{module.replace('.', '_')}" if kind == "kohya" else f"{plain}.{module}"
        sides = ("lora_up", "lora_down") if kind == "kohya" else ("lora_B", "lora_A")
        tensors |= {f"{name}.{sides[0]}.weight": up, f"{name}.{sides[1]}.weight": down}
        tensors |= {f"{name}.alpha": torch.ones(())} if kind == "kohya" else {}
        changes.append(up @ down / 2)
    settings = {f"{part}.{key}": value for part in ("text_encoder", "transformer") for key, value in ALPHA.items()}
    save_file(tensors, file, {"lora_adapter_metadata": json.dumps(settings)} if kind == "peft" else None)
    return changes[0], changes[1]


@pytest.mark.parametrize("kind", ["peft", "kohya"])
def test_a_lora_is_added_once_to_each_model(folder: Path, base: Any, tmp_path: Path, kind: str) -> None:
    name = base.spec.name
    text, image = write_lora(tmp_path / "lora.safetensors", base, kind)
    encoder, denoiser, counts = read_external(base, tmp_path / "lora.safetensors")
    assert counts == {"encoder": 1, "denoiser": 1}
    mine = Path(shutil.copytree(folder, tmp_path / "bases"))
    shutil.copyfile(tmp_path / "lora.safetensors", mine / name / "lora.safetensors")
    change_base(mine, name, loras=[{"path": f"{name}/lora.safetensors"}])
    spec = load_spec(name, mine)
    assert base_problems(spec) == []
    new = load(spec, t2v=True)
    for module, change, old, after in (
        (WO, text, base.encoder, (encoder, new.encoder)),
        (QUERY[name], image, denoiser_of(base), (denoiser, new.t2i.transformer)),
        (QUERY[name], image, base.t2v.transformer, (new.t2v.transformer,)),
    ):
        for each in after:
            assert torch.allclose(
                each.get_submodule(module).weight, old.get_submodule(module).weight + change, atol=1e-5
            )


def test_a_lora_of_another_family_is_refused(folder: Path, base: Any, tmp_path: Path) -> None:
    name, a, b = base.spec.name, torch.ones(2, 24), torch.ones(24, 2)
    tensors = {"unet.mid_block.attentions.0.to_q.lora_A.weight": a, "unet.mid_block.attentions.0.to_q.lora_B.weight": b}
    said = refused(base, tmp_path / "lora.safetensors", tensors)[1]
    assert "2 tensors are of a kind that is not read (unet.mid_block" in said and "or `transformer.` or" in said
    mine = Path(shutil.copytree(folder, tmp_path / "bases"))
    save_file(tensors, mine / name / "lora.safetensors")
    change_base(mine, name, loras=[{"path": f"{name}/lora.safetensors"}])
    with pytest.raises(InputError, match=r"does not fit: 2 of its parts have no place \(unet.mid.*`transformer.`"):
        load(load_spec(name, mine))
    save_file({key.replace("unet.", "transformer."): value for key, value in tensors.items()},
              mine / name / "lora.safetensors")  # fmt: skip
    with pytest.raises(InputError, match=r"1 of its parts have no place \(transformer.mid_block_attentions_0_to_q\)"):
        load(load_spec(name, mine))


def test_a_textual_inversion_is_refused_before_anything_is_loaded(folder: Path, base: Any, tmp_path: Path) -> None:
    name = base.spec.name
    mine = Path(shutil.copytree(folder, tmp_path / "bases"))
    save_file({"emb_params": torch.ones(1, 32)}, mine / name / "cat.safetensors")
    change_base(mine, name, inversions=[{"path": f"{name}/cat.safetensors", "token": "<cat>"}])
    said = "\n".join(map(str, base_problems(load_spec(name, mine))))
    assert f"no pipeline of {base.spec.family.NAME} reads textual inversions; take it out" in said


FC1 = {"text_encoder": "encoder.layers.0.mlp.fc1", "text_encoder_2": "text_encoder_2.encoder.layers.1.mlp.fc1"}
TO_K = "up_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A base with two text encoders."""
    return load(load_spec("tiny-sdxl", tiny_sdxl.make_base(tmp_path_factory.mktemp("sdxl") / "bases")), t2v=True)


def by_normal_name(encoder: Any) -> dict[str, Tensor]:
    return {normal_name(name): tensor for name, tensor in encoder.named_parameters()}


def test_each_of_two_text_encoders_is_read_from_its_folder(pair: Any, tmp_path: Path) -> None:
    family, encoder = pair.spec.family, copy.deepcopy(pair.encoder)
    with torch.no_grad():
        for module in FC1.values():
            by_normal_name(encoder)[f"{module}.weight"] += 1
    for part, each in parts_of(family, encoder).items():
        each.save_pretrained(tmp_path / "both" / part)
    shutil.copytree(tmp_path / "both" / "text_encoder_2", tmp_path / "second" / "text_encoder_2")
    old = by_normal_name(pair.encoder)
    for path, changed in (
        (tmp_path / "both", set(FC1.values())),
        (tmp_path / "both" / "text_encoder", {FC1["text_encoder"]}),
        (tmp_path / "second", {FC1["text_encoder_2"]}),
        (tmp_path / "second" / "text_encoder_2" / "model.safetensors", {FC1["text_encoder_2"]}),
    ):
        assert header_problems(path, pair.spec) == []
        new = by_normal_name(read_external(pair, path)[0])
        assert {name for name in new if not torch.equal(new[name], old[name])} == {f"{each}.weight" for each in changed}
    weights = weights_of(pair, edit_of(pair, encoder.state_dict()))
    assert weights.keys() == {"text_encoder", "text_encoder_2", "unet"}
    stored = load_file(tmp_path / "both/text_encoder_2/model.safetensors")
    assert {normal_name(name) for name in weights["text_encoder_2"]} == {normal_name(name) for name in stored}
    file = tmp_path / "second/text_encoder_2/model.safetensors"
    save_file({name: tensor for name, tensor in stored.items() if "final_layer_norm" not in name}, file)
    with pytest.raises(InputError, match=r"lacks 2 tensors .*\(text_encoder_2.final_layer_norm.bias, text_encoder_2"):
        read_external(pair, tmp_path / "second")
    assert "lacks 2 tensors" in str(header_problems(tmp_path / "second", pair.spec)[0])


@pytest.mark.parametrize("names", [("lora_te1", "lora_te2", "lora_unet"), ("text_encoder", "text_encoder_2", "unet")])
def test_a_lora_of_two_text_encoders(pair: Any, tmp_path: Path, names: tuple[str, ...]) -> None:
    tensors, file, kohya = dict[str, Tensor](), tmp_path / "lora.safetensors", names[0] == "lora_te1"
    modules = FC1["text_encoder"], FC1["text_encoder_2"].removeprefix("text_encoder_2."), TO_K
    own = (*parts_of(pair.spec.family, pair.encoder).values(), denoiser_of(pair))
    for name, module, model in zip(names, modules, own, strict=True):
        out, width = next(p for n, p in model.named_parameters() if normal_name(n) == f"{module}.weight").shape
        inside = module if model is denoiser_of(pair) else f"text_model.{module}"
        called = f"{name}_{inside.replace('.', '_')}" if kohya else f"{name}.{inside}"
        sides = ("lora_down", "lora_up") if kohya else ("lora_A", "lora_B")
        tensors |= {
            f"{called}.{sides[0]}.weight": torch.ones(1, width),
            f"{called}.{sides[1]}.weight": torch.ones(out, 1),
        }
    save_file(tensors, file)
    encoder, denoiser, counts = read_external(pair, file)
    assert counts == {"encoder": 2, "denoiser": 1}
    for new, old, changed in (
        (by_normal_name(encoder), by_normal_name(pair.encoder), set(FC1.values())),
        (by_normal_name(denoiser), by_normal_name(denoiser_of(pair)), {TO_K}),
    ):
        assert {name for name in new if not torch.equal(new[name], old[name])} == {f"{each}.weight" for each in changed}
        assert all(torch.allclose(new[f"{each}.weight"], old[f"{each}.weight"] + 1) for each in changed)


def test_a_denoiser_of_pictures_is_refused_where_videos_have_other_layers(tmp_path: Path) -> None:
    spec = load_spec("allegro", tiny_second_video.make_base(tmp_path / "bases", "allegro"))
    base = load(spec)
    path = pipeline_in(tmp_path / "theirs", base)
    said = "changes the denoiser of pictures, and that of videos of PixArt with Allegro has other layers"
    assert said in str(header_problems(path, spec)[0])
    with pytest.raises(InputError, match=said):
        read_external(base, path)
    assert header_problems(path / "text_encoder", spec) == []
    assert same(read_external(base, path / "text_encoder")[0], theirs(base)[0])
    write_lora(tmp_path / "lora.safetensors", base, "peft")
    with pytest.raises(InputError, match=said):
        read_external(base, tmp_path / "lora.safetensors")
