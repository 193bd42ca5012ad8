"""Bases: reading the YAML, finding the weights, and the plain functions against diffusers' own pipelines."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AnimateDiffPipeline, StableDiffusionPipeline, UNetMotionModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

from expunge.bases import hub
from expunge.bases.base import denoiser_of, load, load_edit, store_edit
from expunge.bases.condition import condition_of
from expunge.bases.denoising import add_noise, predict_noise, target
from expunge.bases.digests import base_digest
from expunge.bases.edits import Edit, changed_parameters, differing
from expunge.bases.latents import decode, encode_images
from expunge.bases.sampling import sample_images, sample_videos
from expunge.bases.spec import load_spec
from expunge.bases.text import encode_prompts
from expunge.bases.tokenizer import light_tokenizer
from expunge.core.errors import InputError
from tests.support import tiny
from tests.support.paths import ROOT

PROMPTS = ["a photo of bolt", "one cat on the moon"]


def test_shipped_specs_are_valid_and_pinned() -> None:
    emoji, real = load_spec("emoji", ROOT / "bases"), load_spec("sd15-animatediff", ROOT / "bases")
    assert emoji.t2v.unet is not None and emoji.t2v.source is None and emoji.resolution == 64
    assert emoji.t2i.steps == emoji.t2v.steps == 12 and emoji.t2i.scheduler == "DPMSolverMultistepScheduler"
    assert real.t2v.scheduler == "DDIMScheduler" and real.t2v.scheduler_options["beta_schedule"] == "linear"
    for source in (real.t2i.source, real.t2v.adapter, real.judge.weights):
        assert source is not None and hub.COMMIT.fullmatch(source.revision or "")
    assert real.prompts.is_file() and real.judge.vocabulary is not None and real.judge.vocabulary.is_file()


def test_every_error_of_a_spec_at_once_with_lines(tmp_path: Path) -> None:
    tiny.write_yaml(tmp_path / "bad.yaml", {
        "name": "bad", "t2i": {"pipeline": "EvilPipeline", "path": "x"},
        "t2v": {"pipeline": "AnimateDiffPipeline", "adapter": {"repo": "a/b", "revision": "main"}},
        "judge": {}, "prompts": "p.yaml", "resolution": 63, "frames": 0, "fps": 8, "steps": 3, "guidance": 2,
        "extra": 1,
    })  # fmt: skip
    with pytest.raises(InputError) as caught:
        load_spec("bad", tmp_path)
    problems = [str(problem) for problem in caught.value.problems]
    for word in ("EvilPipeline", "judge", "resolution", "frames", "extra", "revision"):
        assert any(word in problem for problem in problems), (word, problems)
    lines = (tmp_path / "bad.yaml").read_text().splitlines()
    for key, text in (("frames", "frames: 0"), ("revision", "revision: main"), ("extra", "extra: 1")):
        where = next(problem.where for problem in caught.value.problems if key in problem.what)
        assert lines[int(where.rsplit(":", 1)[1]) - 1].strip() == text


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"t2i": {"pipeline": "StableDiffusionPipeline", "path": "a", "repo": "a/b", "revision": None}}, "both `path`"),
        ({"t2i": {"pipeline": "StableDiffusionPipeline", "repo": "a/b"}}, "`repo` without a `revision`"),
        ({"t2i": {"pipeline": "StableDiffusionPipeline"}}, "neither its folder nor its repository"),
        ({"t2v": {"pipeline": "AnimateDiffPipeline", "unet": {}}}, "neither `path` nor `repo`"),
        ({"judge": {"model": "a", "pretrained": {"name": "a", "tag": "b"}}}, "both `model` and `pretrained`"),
        ({"judge": {"vocabulary": "a"}}, "neither `model` nor `pretrained`"),
        ({"judge": {"model": "a", "vocabulry": "a"}}, "write vocabulary"),
        ({"steps": 1.5}, "write a whole number"),
        ({"steps": "12"}, "where a whole number is wanted"),
        ({"guidance": float("nan")}, "not finite"),
        ({"dtype": "bfloat"}, "write bfloat16"),
        ({"prompts": 5}, "put it in quotes"),
    ],
)
def test_what_a_spec_may_not_say(tmp_path: Path, changes: dict[str, Any], match: str) -> None:
    raw = load_spec("emoji", ROOT / "bases").raw
    tiny.write_yaml(tmp_path / "bad.yaml", {**raw, "name": "bad", **changes})
    with pytest.raises(InputError, match=match) as caught:
        load_spec("bad", tmp_path)
    assert all(re.match(r".*bad\.yaml:\d+$", problem.where) for problem in caught.value.problems)


def test_numbers_are_read_by_one_set_of_rules(tmp_path: Path) -> None:
    raw = load_spec("emoji", ROOT / "bases").raw
    tiny.write_yaml(tmp_path / "own.yaml", {**raw, "name": "own"})
    text = (tmp_path / "own.yaml").read_text()
    (tmp_path / "own.yaml").write_text(text + "scheduler_options: {beta_start: 1e-5}\n")
    assert load_spec("own", tmp_path).t2i.scheduler_options == {"beta_start": 0.00001}


@pytest.mark.parametrize("path", ["../outside", "/etc", "a/../../b", ".", "link/x"])
def test_a_path_cannot_leave_the_folder_of_bases(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "bases"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    raw = load_spec("emoji", ROOT / "bases").raw
    tiny.write_yaml(folder / "bad.yaml", {**raw, "name": "bad", "prompts": path})
    with pytest.raises(InputError, match="leaves"):
        load_spec("bad", folder)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a: [1", "bad.yaml:"),
        ("a: &x 1\nb: *x\n", "anchor"),
        ("name: 'bad'\n", "`t2i` is missing"),
        ("- 1\n", "mapping"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(InputError, match=match):
        load_spec("bad", tmp_path)


@pytest.mark.parametrize("name", ["../emoji", "nothing", "a/b", ""])
def test_an_unknown_name_names_the_known_ones(name: str) -> None:
    with pytest.raises(InputError, match="emoji"):
        load_spec(name, ROOT / "bases")


def test_reading_a_spec_imports_no_torch(tiny_folder: Path) -> None:
    code = (
        "import sys; from expunge.bases.spec import load_spec; from expunge.bases.digests import base_digest\n"
        "from expunge.bases.tokenizer import light_tokenizer\n"
        f"spec = load_spec('tiny', {str(tiny_folder)!r}); light_tokenizer(spec)[0]('a'); base_digest(spec)\n"
        "from expunge.methods import check_parameters; check_parameters('few-shot', {})\n"
        "assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_light_tokenizer_is_the_pipelines(tiny_base: Any, tiny_folder: Path) -> None:
    found = light_tokenizer(load_spec("tiny", tiny_folder))
    assert found is not None
    ids, most = found
    for text in ("Bolt the  robot's 12 café!", "汉字 🤖", "it's"):
        assert ids(text) == tiny_base.t2i.tokenizer(text).input_ids[1:-1]
    assert most == tiny.CONTEXT - 2
    assert ids("a <|endoftext|> b") is None and ids(" ") is None


def test_the_light_tokenizer_reads_merges_and_misses_letters(tmp_path: Path) -> None:
    folder = tmp_path / "bases"
    raw = load_spec("emoji", ROOT / "bases").raw
    tiny.write_yaml(folder / "own.yaml", {**raw, "name": "own", "t2i": {**raw["t2i"], "path": "own"}})
    spec = load_spec("own", folder)
    assert light_tokenizer(spec) is None
    tokens = folder / "own" / "tokenizer"
    tokens.mkdir(parents=True)
    words = ["a", "b", "a</w>", "b</w>", "ab</w>", "<|startoftext|>", "<|endoftext|>"]
    (tokens / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (tokens / "merges.txt").write_text("#version: 0.2\na b</w>\n")
    found = light_tokenizer(spec)
    assert found is not None and found[1] == 75
    assert found[0]("AB b") == [4, 3] and found[0]("abc") is None


def test_prompts_are_encoded_as_the_pipelines_do(tiny_base: Any) -> None:
    ours = encode_prompts(tiny_base, PROMPTS)
    for pipe in (tiny_base.t2i, tiny_base.t2v):
        theirs, empty = pipe.encode_prompt(PROMPTS, tiny_base.device, 1, True)
        assert torch.equal(ours, theirs)
        assert torch.equal(encode_prompts(tiny_base, ["", ""]), empty)


def test_images_are_the_pipelines(tiny_base: Any) -> None:
    images, latents = sample_images(tiny_base, PROMPTS, [3, 4], return_latents=True)
    generators = [torch.Generator().manual_seed(seed) for seed in (3, 4)]
    how = {"height": 32, "width": 32, "num_inference_steps": 2, "guidance_scale": 3.0, "output_type": "np"}
    theirs = tiny_base.t2i(PROMPTS, generator=generators, **how).images
    assert images.shape == (2, 32, 32, 3) and images.dtype == np.uint8
    assert np.abs(images / 255.0 - theirs).max() < 1 / 255
    assert latents.shape == (2, 8, 16, 16) and np.array_equal(decode(tiny_base, latents), images)
    assert np.array_equal(images, sample_images(tiny_base, PROMPTS, [3, 4]))
    assert not np.array_equal(images, sample_images(tiny_base, PROMPTS, [5, 6]))


def test_videos_are_the_pipelines(tiny_base: Any) -> None:
    videos = sample_videos(tiny_base, PROMPTS, [3, 4])
    generators = [torch.Generator().manual_seed(seed) for seed in (3, 4)]
    how = {"height": 32, "width": 32, "num_inference_steps": 2, "guidance_scale": 3.0, "output_type": "np"}
    theirs = np.stack(tiny_base.t2v(PROMPTS, generator=generators, num_frames=2, **how).frames)
    assert videos.shape == (2, 2, 32, 32, 3) and videos.dtype == np.uint8
    assert np.abs(videos / 255.0 - theirs).max() < 1 / 255


def test_a_sample_does_not_depend_on_its_neighbours(tiny_base: Any) -> None:
    both = sample_images(tiny_base, PROMPTS, [3, 4]).astype(int)
    alone = sample_images(tiny_base, PROMPTS[1:], [4]).astype(int)
    assert np.abs(both[1] - alone[0]).max() <= 1  # a rounding of float32 at most
    assert sample_images(tiny_base, [], []).shape == (0, 32, 32, 3)
    with pytest.raises(ValueError, match="seeds"):
        sample_images(tiny_base, PROMPTS, [1])


def test_the_unconditional_embedding_replaces_the_empty_prompt(tiny_base: Any) -> None:
    empty, other = (encode_prompts(tiny_base, [text]) for text in ("", "the sea"))
    plain = sample_images(tiny_base, PROMPTS, [3, 4])
    assert np.array_equal(plain, sample_images(tiny_base, PROMPTS, [3, 4], Edit(tiny_base.encoder, empty)))
    _, latents = sample_images(tiny_base, PROMPTS, [3, 4], return_latents=True)
    _, moved = sample_images(tiny_base, PROMPTS, [3, 4], Edit(tiny_base.encoder, other), return_latents=True)
    assert not torch.equal(latents, moved)


def test_an_edit_of_the_denoiser_reaches_images_and_videos_and_is_taken_back(tiny_base: Any, tmp_path: Path) -> None:
    own = {name: t.clone() for name, t in denoiser_of(tiny_base).named_parameters()}
    names = [name for name in own if name.endswith("attn2.to_v.weight")]
    edit = Edit(tiny_base.encoder, denoiser={name: own[name] * 20 for name in names})
    store_edit(tiny_base, tmp_path / "edit", edit)
    stored = load_edit(tiny_base, tmp_path / "edit")
    assert stored.denoiser.keys() == set(names)
    before = [sample_images(tiny_base, PROMPTS, [3, 4]), sample_videos(tiny_base, PROMPTS, [3, 4])]
    after = [f(tiny_base, PROMPTS, [3, 4], stored) for f in (sample_images, sample_videos)]
    assert not np.array_equal(before[0], after[0]) and not np.array_equal(before[1], after[1])
    assert all(torch.equal(t, own[name]) for name, t in denoiser_of(tiny_base).named_parameters())
    assert np.array_equal(before[1], sample_videos(tiny_base, PROMPTS, [3, 4]))


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_prediction_types(tmp_path: Path, prediction: str) -> None:
    folder = tiny.make_base(tmp_path / "bases", prediction=prediction)
    base = load(load_spec("tiny", folder))
    draw = torch.Generator().manual_seed(0)
    z0, noise = (torch.randn(2, 8, 16, 16, generator=draw) for _ in range(2))
    t = torch.tensor([10, 900])
    abar = base.noise.alphas_cumprod[t].reshape(2, 1, 1, 1)
    expected = {"epsilon": noise, "v_prediction": abar.sqrt() * noise - (1 - abar).sqrt() * z0, "sample": z0}[
        prediction
    ]
    assert torch.allclose(target(base, z0, noise, t), expected, atol=1e-6)
    z_t = add_noise(base, z0, noise, t)
    assert torch.allclose(z_t, abar.sqrt() * z0 + (1 - abar).sqrt() * noise, atol=1e-6)
    out = predict_noise(base, z_t, t, condition_of(base, PROMPTS))
    assert out.shape == z0.shape and out.dtype == torch.float32
    assert sample_images(base, PROMPTS[:1], [1]).shape == (1, 32, 32, 3)


def test_images_become_latents_and_images_again(tiny_base: Any) -> None:
    images = np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3), dtype=np.uint8)
    latents = encode_images(tiny_base, images)
    mean = tiny_base.t2i.vae.encode(torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1).latent_dist.mean
    assert torch.allclose(latents, mean * 0.5, atol=1e-5)


def test_bfloat16_on_a_cpu_is_close(tiny_folder: Path, tmp_path: Path, tiny_base: Any) -> None:
    shutil.copytree(tiny_folder, tmp_path / "bases")
    raw = load_spec("tiny", tiny_folder).raw
    tiny.write_yaml(tmp_path / "bases" / "tiny.yaml", {**raw, "dtype": "bfloat16"})
    half = load(load_spec("tiny", tmp_path / "bases"), t2v=True)
    assert half.dtype == torch.bfloat16 and half.encoder.dtype == torch.float32
    a, b = (sample_images(base, PROMPTS, [1, 2]).astype(int) for base in (tiny_base, half))
    assert np.abs(a - b).mean() < 3
    assert sample_videos(half, PROMPTS[:1], [1]).shape == (1, 2, 32, 32, 3)


def test_an_encoder_folder_is_stored_as_the_base_stores_its_own(
    tiny_base: Any, tiny_folder: Path, tmp_path: Path
) -> None:
    empty = encode_prompts(tiny_base, [""])
    for name in ("one", "two"):
        store_edit(tiny_base, tmp_path / name, Edit(tiny_base.encoder, empty))
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == sorted(
        ["config.json", "model.safetensors", "unconditional.safetensors"] * 2
    )
    assert all((tmp_path / "two" / p.name).read_bytes() == p.read_bytes() for p in (tmp_path / "one").iterdir())
    with safe_open(tmp_path / "one" / "model.safetensors", "pt") as tensors:
        names = list(tensors.keys())
        assert {tensors.get_tensor(name).dtype for name in names} == {torch.float16}
    assert all(name.startswith("text_model.") for name in names)
    own = load_file(tiny_folder / "tiny" / "t2i" / "text_encoder" / "model.safetensors")
    assert differing(own, load_file(tmp_path / "one" / "model.safetensors")) == []
    edit = load_edit(tiny_base, tmp_path / "one")
    assert edit.unconditional is not None and torch.equal(edit.unconditional, empty)
    encoder = edit.encoder
    assert torch.equal(encode_prompts(tiny_base, PROMPTS, encoder), encode_prompts(tiny_base, PROMPTS))
    assert changed_parameters(tiny_base.encoder, encoder, torch.float16) == 0
    store_edit(tiny_base, tmp_path / "one", Edit(encoder))
    assert load_edit(tiny_base, tmp_path / "one").unconditional is None
    with pytest.raises(InputError, match="no encoder"):
        load_edit(tiny_base, tmp_path / "three")


def test_the_readmes_five_lines(tiny_base: Any, tiny_folder: Path, tmp_path: Path) -> None:
    store_edit(tiny_base, tmp_path / "encoder", Edit(tiny_base.encoder))
    t2i, unet = tiny_folder / "tiny" / "t2i", tiny_folder / "tiny" / "t2v" / "unet"
    how = {"num_inference_steps": 2, "output_type": "np", "height": 32, "width": 32}

    encoder = CLIPTextModel.from_pretrained(tmp_path / "encoder")
    pipe = StableDiffusionPipeline.from_pretrained(t2i, text_encoder=encoder)
    image = pipe("bolt", **how).images[0]
    video_pipe = AnimateDiffPipeline.from_pipe(pipe, unet=UNetMotionModel.from_pretrained(unet), motion_adapter=None)
    frames = video_pipe("bolt", num_frames=2, **how).frames[0]

    assert image.shape == (32, 32, 3) and np.asarray(frames).shape == (2, 32, 32, 3)


def test_a_t2v_pipeline_with_another_encoder_is_refused(tmp_path: Path) -> None:
    folder = tiny.make_base(tmp_path / "bases", adapter=True)
    shutil.copytree(folder / "tiny" / "t2i", folder / "tiny" / "other")
    raw = load_spec("tiny", folder).raw
    t2v = {"pipeline": "AnimateDiffPipeline", "path": "tiny/other", "adapter": {"path": "tiny/adapter"}}
    tiny.write_yaml(folder / "tiny.yaml", {**raw, "t2v": t2v})
    file = folder / "tiny" / "other" / "text_encoder" / "model.safetensors"
    tensors = {f"text_model.{name}": tensor.float() for name, tensor in load_file(file).items()}
    save_file(tensors, file, {"format": "pt"})  # the same weights under other names in another dtype
    base = load(load_spec("tiny", folder), t2v=True)
    assert base.t2v is not None and base.t2v.text_encoder is base.encoder
    tensors["text_model.final_layer_norm.bias"] += 0.1
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(InputError, match=r"1 tensors differ \(final_layer_norm.bias"):
        load(load_spec("tiny", folder), t2v=True)
    load(load_spec("tiny", folder))  # without the T2V model there is nothing to share


def test_missing_and_broken_weights_are_one_line(tmp_path: Path) -> None:
    folder = tiny.make_base(tmp_path / "bases")
    file = folder / "tiny" / "t2i" / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be loaded") as caught:
        load(load_spec("tiny", folder))
    assert len(str(caught.value).splitlines()) == 1
    file.unlink()
    with pytest.raises(InputError, match=r"no complete weights.*unet/diffusion_pytorch_model.safetensors"):
        load(load_spec("tiny", folder))
    tiny.write_yaml(folder / "tiny.yaml", {**load_spec("tiny", folder).raw, "scheduler": "EvilScheduler"})
    file.write_bytes(b"")
    with pytest.raises(InputError):
        load(load_spec("tiny", folder))


@pytest.fixture
def hub_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The SD 1.5 layout: two repositories, unpinned, in a filled cache and offline. (folder of bases, cache)"""
    from huggingface_hub import constants

    cache = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tiny.make_base(tmp_path / "bases", adapter=True)
    tiny.make_cache(cache, "org/sd", "a" * 40, folder / "tiny" / "t2i")
    tiny.make_cache(cache, "org/adapter", "b" * 40, folder / "tiny" / "adapter")
    raw = load_spec("tiny", folder).raw
    t2i = {"pipeline": "StableDiffusionPipeline", "repo": "org/sd", "revision": None}
    adapter = {"repo": "org/adapter", "revision": None}
    tiny.write_yaml(folder / "tiny.yaml", {**raw, "t2i": t2i, "t2v": {**raw["t2v"], "adapter": adapter}})
    return folder, cache


def test_a_filled_cache_is_enough_and_the_lock_holds(hub_base: tuple[Path, Path]) -> None:
    folder, cache = hub_base
    spec = load_spec("tiny", folder)
    digest = base_digest(spec)
    assert not spec.lock.exists()
    base = load(spec, t2v=True)
    assert sample_videos(base, PROMPTS[:1], [1]).shape == (1, 2, 32, 32, 3)
    lock = hub.read_lock(spec)
    assert lock["org/sd"]["revision"] == "a" * 40 and lock["org/adapter"]["revision"] == "b" * 40
    assert "unet/diffusion_pytorch_model.safetensors" in lock["org/sd"]["files"]
    assert base_digest(spec) == digest and light_tokenizer(spec) is not None
    written = spec.lock.read_bytes()
    load(spec)
    assert spec.lock.read_bytes() == written
    (cache / "models--org--sd" / "refs" / "main").write_text("c" * 40)  # main moves on; the lock does not
    load(spec)
    link = cache / "models--org--sd" / "snapshots" / ("a" * 40) / "unet" / "config.json"
    content = link.read_bytes()
    link.unlink()
    link.write_bytes(content + b"\n")
    with pytest.raises(InputError, match=r"not what .*lock.yaml recorded: unet/config.json"):
        load(spec)


def test_missing_hub_weights_say_what_to_fetch(hub_base: tuple[Path, Path]) -> None:
    folder, cache = hub_base
    shutil.rmtree(cache / "models--org--adapter")
    raw = load_spec("tiny", folder).raw
    adapter = {"repo": "org/adapter", "revision": "d" * 40}
    tiny.write_yaml(folder / "tiny.yaml", {**raw, "t2v": {**raw["t2v"], "adapter": adapter}})
    with pytest.raises(InputError) as caught:
        load(load_spec("tiny", folder), t2v=True)
    assert len(str(caught.value).splitlines()) == 1
    assert f"hf download org/adapter --revision {'d' * 40}" in str(caught.value)
    real = load_spec("sd15-animatediff", ROOT / "bases")
    with pytest.raises(InputError, match="hf download stable-diffusion-v1-5/stable-diffusion-v1-5 --revision 451f"):
        load(real)
    assert light_tokenizer(real) is None and len(base_digest(real)) == 64


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    raw = load_spec("emoji", ROOT / "bases").raw
    tiny.write_yaml(tmp_path / "own.yaml", {**raw, "name": "own", "device": "cuda:1"})
    with pytest.raises(InputError, match="no device cuda:1"):
        load(load_spec("own", tmp_path))
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"]
