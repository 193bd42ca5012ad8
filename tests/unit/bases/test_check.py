"""What the files of a base tell before a model is loaded: one test for each fault that was met."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from expunge.bases.check import base_problems
from expunge.bases.check_scheduler import arguments_of
from expunge.bases.spec import load_spec
from expunge.core.errors import Problem
from tests.support import tiny
from tests.support.faults import change_base, change_json, change_tensors
from tests.support.paths import ROOT


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the base `tiny` whose files a test may change."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "bases"))


@pytest.fixture(scope="session")
def adapter_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like bases/ with the base `tiny`, whose T2V pipeline is a motion adapter. Read only."""
    return tiny.make_base(tmp_path_factory.mktemp("adapter"), adapter=True)


def problems(folder: Path) -> list[Problem]:
    return base_problems(load_spec("tiny", folder))


def only(folder: Path) -> str:
    """The one problem of the base, as a line."""
    found = problems(folder)
    assert len(found) == 1, found
    assert found[0].where.startswith(f"{folder.as_posix()}/tiny.yaml:") and len(str(found[0]).splitlines()) == 1
    return str(found[0])


def test_a_good_base_has_no_problems(tiny_folder: Path, adapter_folder: Path) -> None:
    assert problems(tiny_folder) == [] and problems(adapter_folder) == []
    assert base_problems(load_spec("emoji", ROOT / "bases")) == []


Spoil = Callable[[Path], object]  # of the base's folder tiny/
FAULTS: dict[str, tuple[Spoil, str]] = {
    "a prefix": (
        lambda base: change_tensors(
            base / "t2i/text_encoder/model.safetensors", lambda s: {f"transformer.{n}": t for n, t in s.items()}
        ),
        r"t2i.text_encoder: 36 tensors find no place, because their names begin with `transformer.`.*"
        "rename them without",
    ),
    "more layers in the config": (
        lambda base: change_json(base / "t2i/text_encoder/config.json", num_hidden_layers=3),
        r"t2i.text_encoder: the file lacks 16 tensors .*\(encoder.layers.2.layer_norm1.bias, .*random",
    ),
    "fewer layers in the config": (
        lambda base: change_json(base / "t2i/text_encoder/config.json", num_hidden_layers=1),
        r"16 tensors of the file have no place .*encoder.layers.1",
    ),
    "another vocabulary": (
        lambda base: change_json(base / "t2i/tokenizer/vocab.json", zebra=600),
        r"t2i.tokenizer: it knows 601 tokens, and the text encoder has embeddings for 514",
    ),
    "another end": (
        lambda base: change_json(base / "t2i/text_encoder/config.json", eos_token_id=7),
        r"its end token <\|endoftext\|> has the id 513, and the text encoder's is 7",
    ),
    "an end that is no token": (
        lambda base: change_json(base / "t2i/tokenizer/tokenizer_config.json", eos_token="</s>"),
        "it has no id for its end token </s>",
    ),
    "another length": (
        lambda base: change_json(base / "t2i/tokenizer/tokenizer_config.json", model_max_length=77),
        "its model_max_length is 77, and the text encoder reads 40 tokens; write `model_max_length: 40`",
    ),
    "no length": (
        lambda base: change_json(base / "t2i/tokenizer/tokenizer_config.json", model_max_length=None),
        "it has no model_max_length, and the text encoder reads 40",
    ),
    "a broken vocabulary": (
        lambda base: (base / "t2i/tokenizer/vocab.json").write_text("[]"),
        "t2i.tokenizer: vocab.json is no JSON of settings",
    ),
    "another family": (
        lambda base: change_json(base / "t2i/model_index.json", text_encoder_2=["transformers", "CLIPTextModel"]),
        "t2i: model_index.json names a CLIPTextModel as text_encoder_2; use a model of the Stable Diffusion family",
    ),
    "another encoder's class": (
        lambda base: change_json(base / "t2i/model_index.json", text_encoder=["transformers", "T5EncoderModel"]),
        "names a T5EncoderModel as text_encoder",
    ),
    "a denoiser of another encoder": (
        lambda base: change_json(base / "t2i/unet/config.json", cross_attention_dim=64),
        "t2i.unet: cross_attention_dim is 64, and t2i.text_encoder has hidden_size 32",
    ),
    "an inpainting model": (
        lambda base: change_json(base / "t2i/unet/config.json", in_channels=9),
        "t2i.unet: in_channels is 9, and t2i.vae has latent_channels 8",
    ),
    "an unknown prediction": (
        lambda base: change_json(base / "t2i/scheduler/scheduler_config.json", prediction_type="flow_prediction"),
        "the T2I model predicts 'flow_prediction'; use a model that predicts one of epsilon",
    ),
    "a plain U-Net for videos": (
        lambda base: change_json(base / "t2v/unet/config.json", _class_name="UNet2DConditionModel"),
        "t2v.unet: the folder holds a UNet2DConditionModel; name one with a UNetMotionModel",
    ),
    "a shorter motion module": (
        lambda base: change_json(base / "t2v/unet/config.json", motion_max_seq_length=1),
        "t2v.unet: it was made for 1 frames at most, and `frames` is 2; write `frames: 1`",
    ),
    "half a download": (
        lambda base: (base / "t2i/vae/diffusion_pytorch_model.safetensors").write_bytes(
            (base / "t2i/vae/diffusion_pytorch_model.safetensors").read_bytes()[:-100]
        ),
        r"t2i.vae: diffusion_pytorch_model.safetensors is no safetensors file, or a part of one .*not fully covered",
    ),
    "a page of a proxy": (
        lambda base: (base / "t2i/unet/diffusion_pytorch_model.safetensors").write_text("<html>not found</html>"),
        "t2i.unet: diffusion_pytorch_model.safetensors is no safetensors file",
    ),
    "broken settings": (
        lambda base: (base / "t2i/vae/config.json").write_text("{"),
        "t2i.vae: config.json is no JSON of settings",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_files_is_one_line(folder: Path, fault: str) -> None:
    spoil, match = FAULTS[fault]
    spoil(folder / "tiny")
    assert re.search(match, only(folder)), only(folder)


def test_all_faults_are_told_at_once(folder: Path) -> None:
    for fault in ("a prefix", "another length", "a denoiser of another encoder", "a shorter motion module"):
        FAULTS[fault][0](folder / "tiny")
    change_base(folder, scheduler="DDIMMScheduler")
    text = "\n".join(map(str, problems(folder)))
    for word in (
        "`transformer.`",
        "model_max_length",
        "cross_attention_dim",
        "1 frames",
        "no scheduler DDIMMScheduler",
    ):
        assert word in text


def test_embeddings_that_are_not_those_of_the_settings(folder: Path) -> None:
    change_json(folder / "tiny/t2i/text_encoder/config.json", max_position_embeddings=41)
    change_json(folder / "tiny/t2i/tokenizer/tokenizer_config.json", model_max_length=41)
    assert "the position embeddings are [40, 32], and config.json says [41, 32]" in only(folder)


def test_older_files_keep_their_position_ids_and_their_end(folder: Path) -> None:
    import torch

    encoder = folder / "tiny/t2i/text_encoder"
    ids = {"text_model.embeddings.position_ids": torch.arange(40)[None]}
    change_tensors(encoder / "model.safetensors", lambda s: {f"text_model.{n}": t for n, t in s.items()} | ids)
    change_json(encoder / "config.json", eos_token_id=2, bos_token_id=0)  # as in the files of SD 1.5
    assert problems(folder) == []


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"block_out_channels": [16, 64]}, r"its blocks have \[16, 64\] channels, and the denoiser's have \[16, 32\]"),
        ({"block_out_channels": [16, 32, 64]}, "it has 3 blocks, and the denoiser has 2"),
        ({"motion_layers_per_block": 2}, r"it has \[2, 2\] layers by block, and the denoiser has \[1, 1\]"),
        ({"motion_max_seq_length": 1}, "made for 1 frames at most"),
        ({"_class_name": "IPAdapter"}, "the folder holds a IPAdapter; name one with a MotionAdapter"),
    ],
)
def test_an_adapter_that_does_not_fit(
    adapter_folder: Path, tmp_path: Path, changes: dict[str, object], match: str
) -> None:
    folder = Path(shutil.copytree(adapter_folder, tmp_path / "bases"))
    change_json(folder / "tiny/adapter/config.json", **changes)
    assert re.search(match, only(folder)), only(folder)


def test_t2v_without_anything_that_moves(folder: Path) -> None:
    pipeline = {"pipeline": "AnimateDiffPipeline"}
    change_base(folder, t2v={**pipeline, "path": "tiny/t2i"})  # the same folder once more
    assert "`t2v` has no motion modules" in only(folder)
    shutil.copytree(folder / "tiny/t2i", folder / "tiny/other")
    change_base(folder, t2v={**pipeline, "path": "tiny/other"})
    assert "`t2v` has no motion modules" in only(folder)


@pytest.mark.parametrize(
    ("changes", "line", "match"),
    [
        ({"scheduler": "DDIMMScheduler"}, "scheduler:", "no scheduler DDIMMScheduler; write DDIMScheduler"),
        ({"scheduler_options": {"solver_ordr": 3}}, "solver_ordr", "has no option 'solver_ordr'; write solver_order"),
        (
            {"scheduler": "DDIMScheduler", "scheduler_options": {"use_karras_sigmas": True}},
            "use_karras_sigmas", "DDIMScheduler has no option 'use_karras_sigmas'",
        ),
    ],
)  # fmt: skip
def test_a_scheduler_and_its_options(folder: Path, changes: dict[str, object], line: str, match: str) -> None:
    change_base(folder, **changes)
    found = problems(folder)
    assert len(found) == 1 and match in str(found[0]), found
    assert line in (folder / "tiny.yaml").read_text().splitlines()[found[0].line - 1]


def test_the_arguments_are_those_that_diffusers_takes() -> None:
    import inspect

    import diffusers

    for name in ("DPMSolverMultistepScheduler", "DDIMScheduler", "EulerAncestralDiscreteScheduler", "LCMScheduler"):
        scheduler = getattr(diffusers, name)
        assert arguments_of(name) == list(inspect.signature(scheduler.__init__).parameters)[1:]
    assert arguments_of("EvilScheduler") is None


def test_only_a_variant_says_which(folder: Path) -> None:
    for file in sorted((folder / "tiny/t2i").rglob("*.safetensors")):
        file.rename(file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")))
    assert "write `variant: fp16` beside the folder's `path:`" in only(folder)
    raw = load_spec("tiny", folder).raw
    change_base(folder, t2i={**raw["t2i"], "variant": "fp16"})
    assert problems(folder) == []


def test_a_variant_of_one_part_only(folder: Path) -> None:
    file = folder / "tiny/t2i/unet/diffusion_pytorch_model.safetensors"
    file.rename(file.with_name("diffusion_pytorch_model.fp16.safetensors"))
    assert "lacks some of the weight files (unet/diffusion_pytorch_model.safetensors); write `variant: fp16`" in only(
        folder
    )


@pytest.mark.parametrize("name", ["pytorch_model.bin", "diffusion_pytorch_model.bin", "model.ckpt"])
def test_only_a_pickle_says_how_to_convert(folder: Path, name: str) -> None:
    unet = folder / "tiny/t2i/unet"
    (unet / "diffusion_pytorch_model.safetensors").unlink()
    (unet / name).write_bytes(b"\x80\x04cos\nsystem\n")  # would run a command if it were opened
    said = only(folder)
    assert f"there is unet/{name}: convert them where you trust them" in said
    assert "StableDiffusionPipeline.from_pretrained(folder, use_safetensors=False).save_pretrained(new_folder)" in said


def test_all_pickles_are_named(folder: Path) -> None:
    for name in ("text_encoder/model", "unet/diffusion_pytorch_model"):
        file = folder / f"tiny/t2i/{name}.safetensors"
        file.rename(file.with_suffix(".bin"))
    said = only(folder)
    assert "there are text_encoder/model.bin, unet/diffusion_pytorch_model.bin: convert" in said


def test_a_folder_that_is_not_there_or_of_another_kind(folder: Path) -> None:
    raw = load_spec("tiny", folder).raw
    change_base(folder, t2v={**raw["t2v"], "unet": "tiny/motion-unett"})
    assert "there is no folder tiny/motion-unett; correct the path" in only(folder)
    change_base(folder, t2i={**raw["t2i"], "path": "tiny/judge"}, t2v=raw["t2v"])
    assert "tiny/judge is not a diffusers folder: it holds none of model_index.json" in only(folder)


def test_a_tokenizer_without_merges(folder: Path) -> None:
    (folder / "tiny/t2i/tokenizer/merges.txt").unlink()
    assert "t2i.tokenizer: merges.txt is missing" in only(folder)


def test_a_missing_repository_is_not_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    raw = load_spec("tiny", folder).raw
    change_base(folder, t2i={"pipeline": raw["t2i"]["pipeline"], "repo": "org/sd", "revision": "a" * 40})
    assert problems(folder) == []


def test_it_imports_no_torch(folder: Path) -> None:
    code = (
        "import sys; from expunge.bases.spec import load_spec; from expunge.plan.check_base import base_file_problems\n"
        f"problems = base_file_problems(load_spec('tiny', {str(folder)!r}))\n"
        "assert not {'torch', 'diffusers', 'transformers', 'open_clip'} & set(sys.modules)\n"
        "print(len(problems))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "0\n"
