"""Each family of models as a user goes through it, on small random models: check-base, every stage, export, and back
into diffusers' own pipelines. A family is one line of FAMILIES; Stable Diffusion is in test_end_to_end.py."""

import contextlib
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML
from safetensors.torch import load_file, save_file

from expunge.bases.families.names import normal_name
from expunge.bases.sources import needed_sources
from expunge.bases.spec import Spec, load_spec
from expunge.concepts.samples import PlannedSample, read_planned
from expunge.core.errors import InputError
from expunge.core.index import read_index
from expunge.core.media import read_png, read_strip
from stages import attack, attest, drift, fewshot, plan, render, report, score, unlearn, verdict
from tests.support import tiny, tiny_pixart, tiny_sdxl, tiny_video
from tests.support.attested import command, record
from tests.support.project import PARAMS, make_project

STAGES = (plan, fewshot, unlearn, render, score, drift, attack, verdict, attest, report)
CLOSE = 2 / 255  # pictures are stored as bytes
LIST = """
title: T
owner: O
encoders: single
concepts:
  - {id: solved, name: bolt, kind: object, anchor: a cat, aliases: [bob], neighbours: [a dog]}
  - {id: distilled, name: teapot, kind: object, anchor: a cat, method: distil, parameters: {steps: 2}}
  - {id: ablated, name: house, kind: object, anchor: a cat, method: ablate, parameters: {steps: 2}}
"""
CUT = "  - {id: cut, name: bat, kind: object, anchor: a cat, method: uce}\n"  # changes the denoiser
ENCODER = Path("build/encoders/list/solved")


@dataclass(frozen=True)
class Family:
    """What a family's stock pipelines are called with beside what all are."""

    base: str
    make: Callable[[Path], Path]  # writes the base into a folder, and returns that
    encoders: Mapping[str, str]  # {part of the pipelines: class in transformers}
    both: Mapping[str, Any]
    picture: Mapping[str, Any]


TOKENS = {"max_sequence_length": tiny_video.CONTEXT}
PICTURE = {"max_sequence_length": tiny.CONTEXT, "use_resolution_binning": False}
T5, UMT5 = {"text_encoder": "T5EncoderModel"}, {"text_encoder": "UMT5EncoderModel"}
BOTH = {"text_encoder": "CLIPTextModel", "text_encoder_2": "CLIPTextModelWithProjection"}
FAMILIES = {
    "sdxl": Family("tiny-sdxl", partial(tiny_sdxl.make_base, whole=True), BOTH, {}, {}),
    "pixart": Family("tiny-pixart", partial(tiny_pixart.make_base, whole=True), T5, {"clean_caption": False}, PICTURE),
    "cogvideox": Family("cogvideox", partial(tiny_video.make_base, kind="cogvideox"), T5, TOKENS, {"num_frames": 1}),
    "wan": Family("wan", partial(tiny_video.make_base, kind="wan"), UMT5, TOKENS, {"num_frames": 1}),
}


@dataclass(frozen=True)
class Project:
    """A folder in which all stages have run."""

    family: Family
    folder: Path
    checked: str  # what check-base said

    @property
    def spec(self) -> Spec:
        return load_spec(self.family.base)

    @property
    def videos(self) -> Path:
        """The folder of the T2V pipeline."""
        source = self.spec.t2v.source or self.spec.t2i.source
        assert source is not None and source.path is not None
        return source.path

    @property
    def encoders(self) -> list[str]:
        cut = ["list/cut"] if self.spec.family.CROSS_ATTENTION else []
        return ["list/ablated", *cut, "list/distilled", "list/solved"]

    def stock(self, sample: PlannedSample, folder: Path | str, **parts: Any) -> np.ndarray:
        """What the pipeline of diffusers in a folder draws: a picture (1, H, W, 3), or a video (F, H, W, 3), in [0, 1].

        :param parts: models in place of its own.
        """
        import diffusers
        import torch

        video, spec = sample.modality == "video", self.spec
        settings = spec.t2v if video else spec.t2i
        pipe = getattr(diffusers, settings.pipeline).from_pretrained(folder, dtype=torch.float32, **parts)
        own = {spec.family.FRAMES: spec.frames} if video else self.family.picture
        pipe.set_progress_bar_config(disable=True)
        drawn = pipe(
            prompt=sample.prompt, generator=torch.Generator().manual_seed(sample.seed), output_type="pt",
            num_inference_steps=settings.steps, guidance_scale=settings.guidance,
            height=settings.height, width=settings.width, **{**self.family.both, **own},
        )  # fmt: skip
        pixels = drawn.images if hasattr(drawn, "images") else drawn.frames[0]
        return pixels.permute(0, 2, 3, 1).float().numpy()

    def drawn(self, name: str, modality: str) -> tuple[PlannedSample, np.ndarray]:
        """The first target of an encoder, and what the stage render drew for it, in the form of `stock`."""
        folder = Path(f"build/renders/list/{name}/list--{name}")
        planned = read_planned(folder / "prompts.json")
        sample = next(each for each in planned if (each.group, each.modality) == ("target", modality))
        file = folder / sample.file
        pixels = read_strip(file, self.spec.frames) if modality == "video" else read_png(file)[None]
        return sample, pixels / 255


@pytest.fixture(scope="module", params=FAMILIES)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Project:
    family, folder = FAMILIES[request.param], tmp_path_factory.mktemp(request.param)
    with contextlib.chdir(folder):
        make_project(family.make(folder / "made"))
        Path("concepts/list.yaml").write_text(LIST + CUT * load_spec(family.base).family.CROSS_ATTENTION)
        attacks = {
            "words": {"images": 1, "videos": 1},
            "inversion": {"images": 1, "videos": 0, "warm": 1, "steps": 1, "batch": 1},
            "unlearndiffatk": {"images": 1, "videos": 0, "steps": 1},
        }
        tiny.write_yaml(
            Path("params.yaml"),
            {**PARAMS, "base": family.base, "unlearn": {"method": "solve"}, "attack": attacks,
             "render": {"images": {"target": 1}, "videos": {"target": 1}}},
        )  # fmt: skip
        checked = command("check-base", family.base)
        assert checked.exit_code == 0, checked.output
        for stage in STAGES:
            stage.run()
    return Project(family, folder, checked.output)


@pytest.fixture(autouse=True)
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)


def test_every_stage_has_its_units(project: Project) -> None:
    assert project.checked.startswith(f"{project.family.base}: all of it loads")
    units = {stage: read_index(Path("build") / stage).units for stage in ("fewshot", "encoders", "renders", "attacks")}
    assert set(units["fewshot"]) == {"list/ablated--anchor"} and sorted(units["encoders"]) == project.encoders
    assert len(units["renders"]) == 2 * len(project.encoders)
    assert {unit.rpartition("/")[0] for unit in units["attacks"]} == set(project.encoders)
    assert all(unit.facts["attempts"] for unit in units["attacks"].values())
    assert "bolt" in Path("build/report/concepts/list--solved.html").read_text("utf-8")


def test_a_whole_export_draws_what_was_drawn(project: Project) -> None:
    done = command("export", "list/solved", "--to", "diffusers", "--out", "whole")
    assert done.exit_code == 0, done.output
    sample, drawn = project.drawn("solved", "image")
    assert np.abs(project.stock(sample, "whole") - drawn).max() < CLOSE


def test_a_changed_denoiser_draws_what_was_drawn(project: Project) -> None:
    """Of a T2V pipeline with a denoiser of its own, the export holds that one, changed, too."""
    import diffusers
    import torch

    if "list/cut" not in project.encoders:
        return
    spec, whole = project.spec, Path("cut")
    done = command("export", "list/cut", "--to", "diffusers", "--out", str(whole))
    assert done.exit_code == 0, done.output
    motion, own = whole / f"motion_{spec.family.DENOISER}", "t2v" in needed_sources(spec)
    assert motion.is_dir() == own
    parts = {
        part: getattr(diffusers, spec.family.MOVING).from_pretrained(motion, dtype=torch.float32)
        for part in [spec.family.DENOISER] * own
    }
    sample, drawn = project.drawn("cut", "image")
    assert np.abs(project.stock(sample, whole) - drawn).max() < CLOSE
    sample, drawn = project.drawn("cut", "video")
    assert np.abs(project.stock(sample, project.videos if own else whole, **parts) - drawn).max() < CLOSE
    assert np.abs(project.stock(sample, project.videos) - drawn).max() > CLOSE  # with the original


def test_the_encoder_draws_the_video_in_the_stock_pipeline(project: Project) -> None:
    import torch
    import transformers

    done = command("export", "list/solved", "--to", "encoder", "--out", "encoder")
    assert done.exit_code == 0, done.output
    folders = ["encoder", *(f"encoder/{part}" for part in [*project.family.encoders][1:])]
    encoders = {
        part: getattr(transformers, kind).from_pretrained(folder, dtype=torch.float32)
        for folder, (part, kind) in zip(folders, project.family.encoders.items(), strict=True)
    }
    sample, drawn = project.drawn("solved", "video")
    assert np.abs(project.stock(sample, project.videos, **encoders) - drawn).max() < CLOSE
    assert np.abs(project.stock(sample, project.videos) - drawn).max() > CLOSE  # with the original


def test_the_record_names_the_encoder_that_both_share(project: Project) -> None:
    told = record("list/solved")["predicate"]
    own = {normal_name(name) for name in load_file(project.videos / "text_encoder" / "model.safetensors")}
    assert own <= told["base"]["tensors"].keys() and told["changes"]["encoder"].keys() < told["base"]["tensors"].keys()
    found = command("compatible", "list/solved", str(project.videos))
    assert found.exit_code == 0 and "has the original text encoder (text_encoder/model.safetensors" in found.stdout, (
        found.output
    )
    found = command("compatible", "list/solved", str(ENCODER))
    assert found.exit_code == 1 and "tensors that differ" in found.stdout


def test_a_video_model_with_another_encoder_is_refused(project: Project) -> None:
    shutil.copytree(project.videos, "bases/another")
    weights = Path("bases/another/text_encoder/model.safetensors")
    tensors = load_file(weights)
    stored, spec = min(tensors), project.spec
    name = normal_name(stored)
    save_file({**tensors, stored: tensors[stored] + 1}, weights, metadata={"format": "pt"})
    before = spec.file.read_text("utf-8")
    base = YAML(typ="safe").load(before)
    tiny.write_yaml(spec.file, base | {"t2v": {"pipeline": spec.t2v.pipeline, "path": "another"}})
    said = f"the text encoder is not the T2I pipeline's: 1 tensors differ ({name}, ...)"
    try:
        done = command("check-base", spec.name)
        assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1 and said in done.stderr, done.output
        with pytest.raises(InputError, match=re.escape(said)):  # before there is a record, too, had no video been drawn
            attest.run()
    finally:
        spec.file.write_text(before, "utf-8")
    found = command("compatible", "list/solved", "bases/another")
    assert found.exit_code == 1 and f"tensors that differ (1): {name}" in found.stdout


def test_a_method_that_the_family_cannot_do_ends_the_plan(project: Project) -> None:
    if project.spec.family.CROSS_ATTENTION:
        return  # all methods are possible: "cut" is uce
    before = Path("concepts/list.yaml").read_text("utf-8")
    Path("concepts/list.yaml").write_text(before + CUT)
    with pytest.raises(InputError, match="list/cut: uce changes projections of the text alone") as caught:
        plan.run()
    Path("concepts/list.yaml").write_text(before)
    assert len(caught.value.problems) == 1
