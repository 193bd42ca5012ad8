"""The shipped bases whose weights are on the hub: each is read, pinned, says what is missing, draws as it is set."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import constants

from expunge.bases.base import load
from expunge.bases.families import families
from expunge.bases.hub import COMMIT
from expunge.bases.sampling import sample_images, sample_videos
from expunge.bases.schedule import schedule_of
from expunge.bases.sources import needed_sources
from expunge.bases.spec import Spec, load_spec
from expunge.core.errors import InputError
from expunge.core.yamlfile import load as load_yaml
from expunge.plan.check_base import base_file_problems, check_base, repositories_not_here
from tests.support import tiny_pixart, tiny_video
from tests.support.paths import ROOT

BASES = ROOT / "bases"
KNOWN = {pipeline for family in families() for pipeline in family.T2I}
SHIPPED = sorted(
    file.stem
    for file in BASES.glob("*.yaml")
    if not file.name.endswith(".lock.yaml") and load_yaml(file).value.get("t2i", {}).get("repo")
)


def shipped(name: str) -> Spec:
    pipeline = load_yaml(BASES / f"{name}.yaml").value["t2i"]["pipeline"]
    if pipeline not in KNOWN:
        pytest.skip(f"no family has {pipeline} yet")
    return load_spec(name, BASES)


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_which_are_shipped() -> None:
    assert {"sd15-animatediff", "pixart-latte", "cogvideox-2b", "wan2.1-1.3b"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_weight_is_pinned_or_locked(name: str) -> None:
    spec = shipped(name)
    sources = [needed.source for needed in needed_sources(spec).values()]
    assert spec.judge.weights is not None
    for source in (*sources, spec.judge.weights):
        assert source.repo and (source.revision is None or COMMIT.fullmatch(source.revision)), source
    assert spec.prompts.is_file() and spec.judge.vocabulary is not None and spec.judge.vocabulary.is_file()


@pytest.mark.parametrize("name", SHIPPED)
def test_without_the_weights_each_repository_is_named_with_what_to_fetch(name: str, offline: None) -> None:
    spec = shipped(name)
    repositories = repositories_not_here(spec)
    assert base_file_problems(spec) == [] and spec.t2i.source is not None and spec.t2i.source.repo in repositories
    said = [str(problem) for problem in check_base(spec)]
    for repository in repositories:
        (line,) = [each for each in said if f"{repository} is not in the hub's cache" in each]
        assert f"hf download {repository} --revision" in line and f"bases/{name}.yaml:" in line
    encoder = next(line for line in said if "text_encoder/config.json" in line)
    assert '--include "text_encoder/model' in encoder and '-*.safetensors"' in encoder  # T5 is in pieces
    with pytest.raises(InputError, match=f"hf download {spec.t2i.source.repo}"):
        load(spec)


@pytest.mark.parametrize("name", ["pixart-latte", "cogvideox-2b", "wan2.1-1.3b"])
def test_a_small_model_draws_with_its_schedulers(name: str, tmp_path: Path) -> None:
    """Schedulers, their options and guidance of the shipped file, on a small random model of the family."""
    real = shipped(name)
    kind = real.family.__name__.rpartition(".")[2]
    folder = tiny_pixart.make_base(tmp_path) if kind == "pixart" else tiny_video.make_base(tmp_path, kind)
    small = load_spec("tiny-pixart" if kind == "pixart" else kind, folder)

    def as_set(own: Any, wanted: Any) -> Any:
        kept = {key: getattr(wanted, key) for key in ("scheduler", "scheduler_options", "guidance")}
        return replace(own, **kept, steps=2, batch=wanted.batch)

    spec = replace(small, t2i=as_set(small.t2i, real.t2i), t2v=as_set(small.t2v, real.t2v))
    base = load(spec, t2v=True)
    pictures, video = sample_images(base, ["a cat", "it"], [1, 2]), sample_videos(base, ["a cat"], [1])
    assert len(np.unique(pictures)) > 10 and len(np.unique(video)) > 10
    assert base.noise.prediction == ("flow_prediction" if kind == "wan" else base.noise.prediction)
    if kind == "wan":
        assert base.t2i.scheduler.config.flow_shift == 3.0
        stepper = schedule_of(base.t2i.scheduler).stepper()
        assert stepper.config.shift == 3.0
        stock = base.t2v(
            prompt="a cat", num_frames=spec.frames, generator=[torch.Generator().manual_seed(1)], output_type="np",
            max_sequence_length=tiny_video.CONTEXT, height=16, width=16, num_inference_steps=2, guidance_scale=5.0,
        ).frames[0]  # fmt: skip
        assert np.abs(video[0] / 255 - stock).max() < 0.01
