"""The stages on the tiny base: from lists to videos, again, in several processes, and after a deletion."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from expunge.core.accounts import read_seconds
from expunge.core.digest import folder_files
from expunge.core.errors import InputError
from expunge.core.index import read_index
from expunge.judging.pictures import not_copied
from expunge.plan.contract import write_plan
from stages import fewshot, plan, render, unlearn
from stages.runtime import curves, executors
from stages.runtime.models import loaded_base
from stages.runtime.planned import PLAN, read_plan_here
from tests.support.project import ONE, PARAMS, TWO, make_project, write_list
from tests.support.tiny import write_yaml


@pytest.fixture(autouse=True)
def here(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_project(tiny_folder)


def test_a_memorised_picture_is_retold_and_copies_are_dropped() -> None:
    picture = {"id": "one", "name": "comet", "kind": "image", "paraphrases": ["a bright comet", "a star"]}
    write_list({**picture, "method": "ablate"}, TWO)
    plan.run()
    drawn = read_plan_here().fewshot["list/one--anchor"]
    assert [picture.prompt for picture in drawn if picture.copy] == ["comet"] * 2
    others = [picture.prompt for picture in drawn if not picture.copy]
    assert sorted(others) == ["a bright comet"] * 3 + ["a star"] * 3  # twice as many as are wanted
    draw = np.random.default_rng(0)
    copy, another = draw.integers(0, 256, (2, 64, 64, 3), np.uint8)
    assert not_copied(np.stack([copy, copy, copy, another, another, copy]), 2) == [3, 4]
    assert not_copied(np.stack([copy] * 6), 2) == []


def test_methods_get_the_images_they_need() -> None:
    write_list(
        {**ONE, "method": "ablate", "anchor": "a toy"}, {**TWO, "method": "distil", "anchor": "a cup", "parameters": {}}
    )
    plan.run()
    pictures = read_plan_here().fewshot
    assert set(pictures) == {"list/one--anchor", "list/one", "list/two"}  # the joint encoder has the default method
    drawn = pictures["list/one--anchor"]
    assert len(drawn) == 3 and all("a toy" in picture.prompt for picture in drawn)


def test_an_anchor_that_is_needed_is_asked_for() -> None:
    write_list({**ONE, "method": "ablate"}, {**TWO, "method": "distil", "parameters": {}})  # the base has no candidates
    with pytest.raises(InputError) as error:
        plan.run()
    assert len(error.value.problems) == 2 and "list/one has no anchor" in str(error.value)


def test_training_curves_are_written_and_collected() -> None:
    run = [
        ["git", "init", "-q"],
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "a", "--allow-empty"],
    ]
    for words in run:
        subprocess.run(words, check=True)
    with curves.curve_in(Path("build/encoders/list/one/live")) as live:
        for step, loss in enumerate((2.0, 1.0)):
            live.step = step
            live.log_metric("loss", loss)
    curves.collect_curves(Path("build/encoders"), ["list/one", "list/two"])
    assert [file.name for file in curves.CURVES.iterdir()] == ["list--one.tsv"]
    assert (curves.CURVES / "list--one.tsv").read_text().split() == ["step", "loss", "0", "2.0", "1", "1.0"]


def test_plan_holds_what_a_list_says() -> None:
    plan.run()
    planned = read_plan_here()
    (one,) = planned.lists.values()
    assert (one.title, one.owner, one.gate) == ("T", "O", {})
    assert one.concepts == ("one", "two") and one.encoders == ("one", "two", "both")
    assert planned.encoders["list/two"].parameters["steps"] == 2
    assert planned.encoders["list/both"].parameters["steps"] == 2  # not all ask for 2: one a concept
    left_out = planned.encoders["list/both"].left_out["list/one"]
    assert [planned.samples["list/one"][place].asks.name for place in left_out] == ["teapot"]
    assert planned.concepts["list/one"].where == ""


def test_confidential_concepts_stay_out_of_params_diff() -> None:
    write_list({**ONE, "confidential": True}, TWO)
    plan.run()
    table = json.loads(Path("build/plan/concepts.json").read_text())
    assert table["list"]["one"].keys() == {"confidential", "digest"} and table["list"]["two"]["name"] == "teapot"
    write_list({**ONE, "confidential": True, "aliases": ["rob"]}, TWO)
    plan.run()
    assert json.loads(Path("build/plan/concepts.json").read_text())["list"]["one"] != table["list"]["one"]


def test_wrong_lists_and_params_end_the_plan() -> None:
    write_list({**ONE, "kind": "dog"}, TWO)
    with pytest.raises(InputError, match=r"list.yaml:\d+"):
        plan.run()
    assert not Path("build/plan/index.json").exists()


def test_a_base_whose_files_do_not_fit_ends_the_plan() -> None:
    write_list({**ONE, "kind": "dog"}, TWO)
    Path("bases/tiny/vocabulary.yaml").write_text("stiles: []\n")
    Path("bases/tiny/prompts.yaml").write_text("far: [{prompt: x, asks: {axis: subjekt, name: x}}]\n")
    Path("bases/tiny/t2i/unet/diffusion_pytorch_model.safetensors").write_bytes(b"oops")
    with pytest.raises(InputError) as error:
        plan.run()
    said = "\n".join(map(str, error.value.problems))
    for words in (
        "vocabulary.yaml:1: there is no key 'stiles' here; write style",
        "write subject",
        "t2i.unet:",
        "'dog'",
    ):
        assert said.count(words) == 1, said


def test_from_lists_to_videos() -> None:
    """The four stages that draw and train, on a tiny base; again; and after a deletion."""
    for stage in (plan, fewshot, unlearn, render):
        stage.run()
    files = folder_files("build")
    one = "renders/list/one/list--one"
    expected = ["image-000.png", "image-001.png", "image-002.png", "prompts.json", "video-000.mp4", "video-000.png"]
    assert sorted(file.name for file in Path("build", one).iterdir()) == expected
    rows = json.loads(Path("build", one, "prompts.json").read_text())
    assert [row["file"] for row in rows] == ["image-000.png", "image-001.png", "image-002.png", "video-000.png"]
    joint = json.loads(Path("build/renders/list/both/list--one/prompts.json").read_text())
    assert [row["file"] for row in joint] == ["image-000.png", "image-001.png", "video-000.png"]
    assert {"config.json", "model.safetensors", "training.json"} <= {
        f.name for f in Path("build/encoders/list/one").iterdir()
    }
    unit = read_index("build/encoders").units["list/one"]
    assert unit.facts.keys() == {"changed_parameters"} and unit.facts["changed_parameters"] > 0
    assert read_seconds("unlearn").keys() == {"list/one", "list/two", "list/both"}
    assert "seconds" not in Path("build/encoders/list/one/training.json").read_text()
    training = json.loads(Path("build/encoders/list/one/training.json").read_text())
    assert len(training["loss"]) == 1 and training["parameters"]["steps"] == 1
    loaded_base.cache_clear()
    for stage in (plan, fewshot, unlearn, render):
        stage.run()
    assert folder_files("build") == files and loaded_base.cache_info().misses == 0
    write_list(ONE)
    for stage in (plan, fewshot, unlearn, render):
        stage.run()
    assert not [name for name in folder_files("build") if "two" in name]


def test_results_do_not_depend_on_how_many_processes_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor on which of them had drawn what is the same for both concepts."""
    import torch

    file = Path("bases/tiny.yaml")
    file.write_text(file.read_text() + "threads: 1\n")
    write_list(ONE, {**TWO, "name": "fox"})
    write_yaml(Path("params.yaml"), {**PARAMS, "run": {"executor": "processes"}})
    threads, seen = torch.get_num_threads(), []
    try:
        monkeypatch.setattr(executors, "cores", lambda: 2)
        for how in (executors.inline, executors.forked):
            monkeypatch.setitem(executors.EXECUTORS, "processes", how)
            for stage in (plan, fewshot, unlearn, render):
                stage.run()
            files = folder_files("build")
            seen.append(files)  # every file: nothing tells of the machine or of the time
            for folder in (".expunge", "build"):
                shutil.rmtree(folder)
    finally:
        torch.set_num_threads(threads)
    assert seen[0] == seen[1] and loaded_base.cache_info().misses == 2  # with and without videos, by the first run
    far = [seen[0][f"renders/original/list/{concept}/image-00{row}.png"] for concept, row in (("one", 2), ("two", 1))]
    assert far[0] == far[1]


def test_another_machines_plan_is_refused_before_anything_is_computed() -> None:
    """As after a pull: the keys say bfloat16, and this machine would compute in float32."""
    plan.run()
    planned = read_plan_here()
    write_plan(PLAN, replace(planned, base=replace(planned.base, dtype="bfloat16")))
    with pytest.raises(InputError, match=r"the plan is for cpu in bfloat16.*float32"):
        fewshot.run()
    plan.run()
    fewshot.run()
    write_plan(PLAN, replace(planned, base=replace(planned.base, dtype="bfloat16")))
    fewshot.run()  # everything is reused: nothing is computed here


def test_encoders_come_out_the_same_in_any_company() -> None:
    """A unit's bytes depend on its key alone: not on what ran before it, nor on the process."""

    def encoder() -> bytes:
        for stage in (plan, fewshot, unlearn):
            stage.run()
        return Path("build/encoders/list/one/model.safetensors").read_bytes()

    first = encoder()
    shutil.rmtree(".expunge")
    shutil.rmtree("build")
    loaded_base.cache_clear()
    write_list(ONE)
    assert encoder() == first
