"""Edits that others made: every form that is read gives the model that it was saved from; what does not fit is said."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor

from expunge.bases.base import denoiser_of, load_edit, store_edit
from expunge.bases.check_external import header_problems
from expunge.bases.edits import Edit
from expunge.bases.exports import Order, export
from expunge.bases.external_edit import read_external
from expunge.bases.external_files import content_digest, files_of
from expunge.bases.families.names import normal_name
from expunge.bases.families.sd import stored_name
from expunge.bases.sampling import sample_images
from expunge.concepts.concept import Concept
from expunge.core.errors import InputError
from expunge.methods import ConceptData, unlearn
from tests.support import ldm

FC1, TO_K = "encoder.layers.0.mlp.fc1.weight", "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight"
BOLT = Concept("bolt", "bolt", "object")


@pytest.fixture(scope="module")
def changed(tiny_base: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The tensors of a changed encoder (names as in `normal_name`) and of a changed U-Net."""
    seeded = torch.Generator().manual_seed(5)
    states = tiny_base.encoder.state_dict(), denoiser_of(tiny_base).state_dict()
    encoder, unet = (
        {n: t.clone(memory_format=torch.contiguous_format) for n, t in state.items() if "position_ids" not in n}
        for state in states
    )
    encoder = {normal_name(n): t for n, t in encoder.items()}
    for tensor in (encoder[FC1], unet[TO_K]):
        tensor += torch.randn(tensor.shape, generator=seeded).half() / 4
        tensor.copy_(tensor.half())
    return encoder, unet


def assert_read(base: Any, path: Path, encoder: Mapping[str, Tensor] | None, unet: Mapping[str, Tensor] | None) -> None:
    assert header_problems(path, base.spec) == []
    read = read_external(base, path)
    for model, tensors in zip(read[:2], (encoder, unet), strict=True):
        assert (model is None) == (tensors is None)
        for name, tensor in model.named_parameters() if tensors is not None else ():
            own = tensors[normal_name(name)]
            assert torch.allclose(tensor, own.float(), atol=1e-6), name


def test_every_form_is_read(tiny_base: Any, changed: Any, tmp_path: Path) -> None:
    encoder, unet = changed
    half = {stored_name(name): tensor.half() for name, tensor in encoder.items()}
    save_file({**half, "text_model.embeddings.position_ids": torch.arange(40), "logit_scale": torch.ones(())},
              tmp_path / "clip.safetensors")  # fmt: skip
    assert_read(tiny_base, tmp_path / "clip.safetensors", encoder, None)
    save_file(encoder, tmp_path / "flat.safetensors")
    assert_read(tiny_base, tmp_path / "flat.safetensors", encoder, None)
    save_file(unet, tmp_path / "unet.safetensors")
    assert_read(tiny_base, tmp_path / "unet.safetensors", None, unet)
    save_file({f"unet.{TO_K}": unet[TO_K]}, tmp_path / "part.safetensors")  # as ESD and UCE are handed out
    assert_read(tiny_base, tmp_path / "part.safetensors", None, unet)
    pipe = StableDiffusionPipeline.from_pretrained(tiny_base.spec.t2i.source.path)
    pipe.unet.load_state_dict(unet)
    own = dict(pipe.text_encoder.named_parameters())
    with torch.no_grad():
        for name in own:
            own[name].copy_(encoder[normal_name(name)])
    pipe.save_pretrained(tmp_path / "pipeline")
    assert_read(tiny_base, tmp_path / "pipeline", encoder, unet)
    assert_read(tiny_base, tmp_path / "pipeline" / "text_encoder", encoder, None)
    assert_read(tiny_base, tmp_path / "pipeline" / "unet", None, unet)
    for open_clip in (False, True):
        ldm.write_checkpoint(pipe, tmp_path / "sd.safetensors", torch.float32, open_clip)
        assert_read(tiny_base, tmp_path / "sd.safetensors", encoder, unet)


def lora(kind: str, alpha: float | None = None) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """(the LoRA's tensors, B A for `FC1`, B A for `TO_K` and twice that for a convolution)."""
    seeded = torch.Generator().manual_seed(6)
    a, b, c, d = (torch.randn(*shape, generator=seeded) for shape in ((2, 32), (64, 2), (2, 32), (32, 2)))
    if kind == "kohya":
        one, two = "lora_te_text_model_encoder_layers_0_mlp_fc1", "lora_unet_" + TO_K[:-7].replace(".", "_")
        sides = "lora_down", "lora_up"
    else:
        one, two = "text_encoder.text_model.encoder.layers.0.mlp.fc1", f"unet.{TO_K[:-7]}"
        sides = ("lora_A", "lora_B") if kind == "peft" else ("lora.down", "lora.up")
    tensors = {f"{module}.{side}.weight": t for module, pair in ((one, (a, b)), (two, (c, d)))
               for side, t in zip(sides, pair, strict=True)}  # fmt: skip
    if alpha is not None:
        tensors |= {f"{module}.alpha": torch.tensor(alpha) for module in (one, two)}
    return tensors, b @ a, d @ c


@pytest.mark.parametrize(("kind", "alpha", "scale"), [("kohya", 1.0, 0.5), ("kohya", None, 1.0), ("peft", None, 1.0),
                                                      ("diffusers", 4.0, 2.0)])  # fmt: skip
def test_a_lora_is_added_to_both(tiny_base: Any, tmp_path: Path, kind: str, alpha: float | None, scale: float) -> None:
    tensors, text, image = lora(kind, alpha)
    save_file(tensors, tmp_path / "lora.safetensors")
    encoder, unet, counts = read_external(tiny_base, tmp_path / "lora.safetensors")
    assert counts == {"encoder": 1, "denoiser": 1}
    for model, own, name, change in ((encoder, tiny_base.encoder, FC1, text), (unet, tiny_base.t2i.unet, TO_K, image)):
        new, old = ({normal_name(n): p for n, p in m.named_parameters()} for m in (model, own))
        assert torch.allclose(new[name], old[name] + scale * change, atol=1e-5)
        assert all(torch.equal(new[other], old[other]) for other in old if other != name)


def test_the_metadata_of_diffusers_say_alpha(tiny_base: Any, tmp_path: Path) -> None:
    tensors, text, _ = lora("peft")
    file = tmp_path / "lora.safetensors"
    about = '{"text_encoder.r": 2, "text_encoder.lora_alpha": 6, "unet.r": 2, "unet.lora_alpha": 2}'
    save_file(tensors, file, metadata={"format": "pt", "lora_adapter_metadata": about})
    encoder = read_external(tiny_base, file)[0]
    new, old = ({normal_name(n): p for n, p in m.named_parameters()}[FC1] for m in (encoder, tiny_base.encoder))
    assert torch.allclose(new, old + 3 * text, atol=1e-5)
    for wrong in ('{"unet.r": 2, "unet.lora_alpha": 2, "unet.use_dora": true}', "[1]", '{"unet.r": 2}', "{"):
        save_file(tensors, file, metadata={"format": "pt", "lora_adapter_metadata": wrong})
        with pytest.raises(InputError, match="its metadata"):
            read_external(tiny_base, file)


def test_a_convolutions_lora(tiny_base: Any, tmp_path: Path) -> None:
    a, b = torch.randn(2, 8, 3, 3), torch.randn(16, 2, 1, 1)
    save_file(
        {"lora_unet_conv_in.lora_down.weight": a, "lora_unet_conv_in.lora_up.weight": b}, tmp_path / "l.safetensors"
    )
    unet = read_external(tiny_base, tmp_path / "l.safetensors")[1]
    change = torch.einsum("or,rihw->oihw", b[..., 0, 0], a)
    assert torch.allclose(unet.conv_in.weight, tiny_base.t2i.unet.conv_in.weight + change, atol=1e-5)


def refused(base: Any, file: Path, tensors: Mapping[str, Tensor]) -> str:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file)
    with pytest.raises(InputError) as caught:
        read_external(base, file)
    return str(caught.value)


def test_what_does_not_fit_is_named(tiny_base: Any, changed: Any, tmp_path: Path) -> None:
    encoder, unet = changed
    file = tmp_path / "x.safetensors"
    text = refused(
        tiny_base, file, {**{n: t for n, t in encoder.items() if n != FC1}, "encoder.layers.9.a": torch.ones(1)}
    )
    assert "1 tensors have no place in the base's encoder (encoder.layers.9.a)" in text
    assert f"lacks 1 tensors of the base's encoder ({FC1})" in text
    assert "another shape" in refused(tiny_base, file, {**unet, TO_K: torch.ones(3)})
    assert "not finite" in refused(tiny_base, file, {TO_K: torch.full((32, 32), torch.nan)})
    assert "no place" in refused(tiny_base, file, {"transformer.conv_in.bias": torch.ones(16)} | unet)
    assert "a kind that is not known (foo)" in refused(tiny_base, file, {"foo": torch.ones(1)})
    tensors = lora("kohya")[0]
    dora = {**tensors, "lora_unet_conv_in.dora_scale": torch.ones(1)}
    assert "of a kind that is not read (lora_unet_conv_in.dora_scale)" in refused(tiny_base, file, dora)
    other = {n.replace("fc1", "fc7"): t for n, t in tensors.items()}
    assert "1 modules of the LoRA are not in the base (encoder_layers_0_mlp_fc7)" in refused(tiny_base, file, other)
    half = {n: t for n, t in tensors.items() if "te_" not in n or "up" not in n}
    assert "do not fit" in refused(tiny_base, file, half)
    assert "do not fit" in refused(
        tiny_base, file, {n: t[:, :1] if "te" in n and "down" in n else t for n, t in tensors.items()}
    )
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(InputError, match="cannot be read"):
        read_external(tiny_base, file)


def test_files_are_told_apart_by_content(tmp_path: Path) -> None:
    folder = tmp_path / "edit"
    for name in ("text_encoder/model.safetensors", "text_encoder/model.fp16.safetensors", "vae/model.safetensors"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        save_file({"a": torch.ones(1)}, folder / name)
    assert list(files_of(folder)) == ["text_encoder/model.safetensors"]
    before = content_digest(folder)
    (folder / "README.md").write_text("hello")
    folder.rename(tmp_path / "moved")
    assert content_digest(tmp_path / "moved") == before
    save_file({"a": torch.zeros(1)}, tmp_path / "moved/text_encoder/model.safetensors")
    assert content_digest(tmp_path / "moved") != before
    (tmp_path / "model.bin").touch()
    for path in (tmp_path, tmp_path / "model.bin", tmp_path / "nothing.safetensors"):
        with pytest.raises(InputError, match=r"no weights as .safetensors|cannot be read"):
            files_of(path)


def test_the_method_is_the_edit_and_a_round_trip(tiny_base: Any, changed: Any, tmp_path: Path) -> None:
    """A checkpoint is judged, exported into the stock checkpoint, and is the first one again, byte by byte."""
    encoder, unet = changed
    pipe = StableDiffusionPipeline.from_pretrained(tiny_base.spec.t2i.source.path)
    stock, theirs, again = (tmp_path / f"{name}.safetensors" for name in ("stock", "theirs", "again"))
    ldm.write_checkpoint(pipe, stock, torch.float16)
    own = {normal_name(n): p for n, p in pipe.text_encoder.named_parameters()}
    with torch.no_grad():
        own[FC1].copy_(encoder[FC1])
        dict(pipe.unet.named_parameters())[TO_K].copy_(unet[TO_K])
    ldm.write_checkpoint(pipe, theirs, torch.float16)
    knobs = {"path": str(theirs), "digest": content_digest(theirs)}
    data = ConceptData(BOLT, torch.zeros(0), ("bolt",), ("{}",))
    result = unlearn("external", tiny_base, [data], [], knobs, seed=0)
    assert result.losses == [] and result.changed_parameters > 0 and set(result.edit.denoiser) == {TO_K}
    store_edit(tiny_base, tmp_path / "encoder", result.edit)
    ours = sample_images(tiny_base, ["bolt"], [1], load_edit(tiny_base, tmp_path / "encoder"))
    assert not np.array_equal(ours, sample_images(tiny_base, ["bolt"], [1]))
    export(Order("objects/acme", "external", tmp_path / "encoder", tiny_base.spec, into=stock), "single-file", again)
    assert load_file(again).keys() == load_file(theirs).keys()
    made, wanted = (file.read_bytes() for file in (again, theirs))
    header = 8 + int.from_bytes(made[:8], "little")  # which lists the metadata in any order
    assert len(made) == len(wanted) and made[header:] == wanted[header:]
    with pytest.raises(InputError, match="changed since it was planned"):
        unlearn("external", tiny_base, [data], [], {**knobs, "digest": "0"}, seed=0)


def test_an_edit_of_nothing_is_the_original(tiny_base: Any, tmp_path: Path) -> None:
    save_file({n: t.contiguous() for n, t in tiny_base.t2i.unet.state_dict().items()}, tmp_path / "unet.safetensors")
    knobs = {"path": str(tmp_path / "unet.safetensors"), "digest": content_digest(tmp_path / "unet.safetensors")}
    data = ConceptData(BOLT, torch.zeros(0), ("bolt",), ("{}",))
    result = unlearn("external", tiny_base, [data], [], knobs, seed=0)
    assert result.changed_parameters == 0 and result.edit.denoiser == {} and isinstance(result.edit, Edit)
