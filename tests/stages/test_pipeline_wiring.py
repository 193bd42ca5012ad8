"""dvc.yaml, params.yaml and the stages fit: deps are the code, keys follow what is read, runs are reused."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expunge.core.digest import folder_files
from expunge.core.errors import InputError
from stages import fewshot, plan, render, unlearn
from stages.runtime import curves, reuse
from stages.runtime import executors as executor
from stages.runtime.models import loaded_base
from stages.runtime.params import check
from stages.runtime.sources import CODE
from tests.support.paths import ROOT
from tests.support.tiny import write_yaml

# What a stage may import without its results depending on it: see stages/runtime/sources.py.
FRAME = {
    *(f"expunge/{name}.py" for name in ("__init__", "errors", "digest", "spec", "hub", "names", "lists", "yamlfile")),
    *(f"stages/{name}.py" for name in ("__init__", "executor", "files", "loaded", "process", "reuse", "sources")),
}
# Reached through a module of which the stage uses another part: the judge asks pipelines for the device alone, and
# params.yaml is checked whole.
CHECKED = {"terms", "thresholds", "base", "pipelines", "encoders", "attacks/__init__", "methods/__init__"}
UNUSED = {
    "plan": {f"expunge/{name}.py" for name in ("base", "pipelines", "encoders")},  # types
    "verdict": {*(f"expunge/{name}.py" for name in CHECKED - {"terms", "thresholds"}), "stages/runtime/params.py"},
    "score": {"expunge/bases/pipelines.py", "expunge/bases/edits.py"},
    "attack": {"expunge/methods/__init__.py"},  # types of parameters
}


def read(name: str) -> dict[str, Any]:
    from ruamel.yaml import YAML

    return YAML(typ="safe").load((ROOT / name).read_text("utf-8"))


STAGES = read("dvc.yaml")["stages"]


def test_stages_are_the_ones_of_the_design() -> None:
    assert list(STAGES) == [
        "plan", "fewshot", "unlearn", "render", "score", "drift", "attack", "verdict", "report"
    ]  # fmt: skip
    assert STAGES.keys() == CODE.keys()
    for name, stage in STAGES.items():
        assert stage["cmd"] == f"python -m stages.{name}" and stage["desc"]
        assert stage.keys() <= {
            "desc",
            "cmd",
            "deps",
            "params",
            "outs",
            "metrics",
            "plots",
        }  # no foreach, no always_changed
        assert all(isinstance(out, str) for out in stage.get("outs", ()))  # no persist, no cache: false


@pytest.mark.parametrize("name", CODE)
def test_deps_are_the_code(name: str) -> None:
    code = [dep for dep in STAGES[name]["deps"] if dep.startswith(("stages/", "expunge/"))]
    assert code == list(CODE[name])
    assert all((ROOT / file).exists() for file in code)


@pytest.mark.parametrize("name", CODE)
def test_code_lists_hold_every_import(name: str) -> None:
    """All modules of the repository that a stage reaches are in its list or in the frame."""
    todo, seen = [f"stages/{name}.py"], set[str]()
    while todo:
        file = todo.pop()
        if file in seen or file in FRAME - {f"stages/{name}.py"}:
            continue
        seen.add(file)
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("expunge", "stages"):
                modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                paths = [module.replace(".", "/") for module in modules]
                todo += [p for path in paths for p in (f"{path}.py", f"{path}/__init__.py") if (ROOT / p).is_file()]
    listed = set(CODE[name])
    missing = {file for file in seen if file not in listed and str(Path(file).parent) not in listed}
    assert missing <= UNUSED.get(name, set())


def test_no_stage_imports_torch_before_it_must() -> None:
    modules = ", ".join(f"stages.{name}" for name in CODE)
    heavy = ("torch", "diffusers", "transformers", "dvc", "pandas")
    code = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_params_are_good_and_read() -> None:
    params = read("params.yaml")
    check(params)
    declared = [name for stage in STAGES.values() for name in stage.get("params", ())]
    assert sorted(declared) == sorted(params)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("base", 3, "base"),
        ("seed", -1, "seed"),
        ("fewshot.images", 0, "fewshot.images"),
        ("render", None, "render"),
        ("render.images", 8, "render.images"),
        ("render.videos", {"targets": 8}, "render.videos"),
        ("unlearn.method", "magic", "unlearn.method"),
        ("unlearn.few-shot", {"steps": 0}, "unlearn.few-shot"),
        ("unlearn.few-shots", {}, "unlearn.few-shots"),
    ],
)
def test_wrong_params_say_where(path: str, value: Any, says: str) -> None:
    params = read("params.yaml")
    *outer, last = path.split(".")
    table = params
    for key in outer:
        table = table[key]
    table[last] = value
    with pytest.raises(InputError, match=f"params.yaml: {says}"):
        check(params)


ONE = {"id": "one", "name": "bolt", "kind": "character", "aliases": ["bob"], "neighbours": ["dog"]}
TWO = {"id": "two", "name": "teapot", "kind": "object", "parameters": {"steps": 2}}
PARAMS = {
    "base": "tiny", "seed": 0, "fewshot": {"images": 2, "anchor_images": 3},
    "unlearn": {"method": "few-shot", "few-shot": {"steps": 1, "batch": 1}},
    "render": {"images": {"target": 1, "aliases": 1, "far": 1}, "videos": {"target": 1}},
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_folder, "bases", copy_function=shutil.copyfile)
    write_yaml(Path("params.yaml"), PARAMS)
    write(ONE, TWO)
    for cached in (loaded_base, render.loaded_edit, render.sample_once):
        cached.cache_clear()
    return tmp_path


def write(*concepts: dict[str, Any]) -> None:
    joint = {"both": [concept["id"] for concept in concepts]}
    text = {"title": "T", "owner": "O", "encoders": {"single": True, "joint": joint}, "concepts": list(concepts)}
    write_yaml(Path("concepts/list.yaml"), text)


def keys() -> dict[str, str]:
    """Keys of every unit of fewshot, unlearn and render, as the stages would make them now. No model is loaded."""
    plan.run()
    planned = reuse.read_index("build/plan")
    found: dict[str, dict[str, Any]] = {"fewshot": fewshot.units_of(planned)}

    def index(stage: str) -> dict[str, Any]:
        return {"units": {name: {"key": unit.key} for name, unit in found[stage].items()}}

    found["unlearn"] = unlearn.units_of(planned, index("fewshot"))
    found["render"] = render.units_of(planned, index("unlearn"))
    return {f"{stage} {name}": unit.key for stage, units in found.items() for name, unit in units.items()}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before | after if before.get(name) != after.get(name)}


ONE_S = {"render original/list/one", "render list/one/list--one", "render list/both/list--one", "unlearn list/one"}
JOINT = {"unlearn list/both", "render list/both/list--one", "render list/both/list--two"}
CHANGES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "aliases": ({"aliases": ["rob"]}, ONE_S | JOINT),
    "name": ({"name": "volt"}, ONE_S | JOINT | {"fewshot list/one"}),
    "anchor": ({"anchor": "a toy"}, {"unlearn list/one", "render list/one/list--one"} | JOINT),
    "request": ({"request": {"id": "R", "received": "2026-01-31", "basis": "b", "decision": "d"}}, set()),
    "confidential": ({"confidential": True}, set()),
    "parameters": ({"parameters": {"steps": 3}}, {"unlearn list/one", "render list/one/list--one"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_redoes_what_reads_it(project: Path, change: str) -> None:
    fields, expected = CHANGES[change]
    before = keys()
    write({**ONE, **fields}, TWO)
    found = changed(before, keys())
    # a joint encoder's own entry holds its concepts' fields, so it follows them even where its parameters do not
    assert found == expected | (JOINT if change == "parameters" else set())


def test_a_memorised_picture_is_retold_and_copies_are_dropped(project: Path) -> None:
    picture = {"id": "one", "name": "comet", "kind": "image", "paraphrases": ["a bright comet", "a star"]}
    write({**picture, "method": "ablate"}, TWO)
    keys()
    drawn = reuse.read_index("build/plan")["fewshot"]["list/one--anchor"]
    assert [image["prompt"] for image in drawn if image.get("copy")] == ["comet"] * 2
    others = [image["prompt"] for image in drawn if not image.get("copy")]
    assert sorted(others) == ["a bright comet"] * 3 + ["a star"] * 3  # twice as many as are wanted
    draw = np.random.default_rng(0)
    copy, another = draw.integers(0, 256, (2, 64, 64, 3), np.uint8)
    assert fewshot.others(np.stack([copy, copy, copy, another, another, copy]), 2) == [3, 4]
    assert fewshot.others(np.stack([copy] * 6), 2) == []


def test_methods_get_the_images_they_need(project: Path) -> None:
    write(
        {**ONE, "method": "ablate", "anchor": "a toy"}, {**TWO, "method": "distil", "anchor": "a cup", "parameters": {}}
    )
    found = keys()
    assert {name for name in found if name.startswith("fewshot")} == {
        "fewshot list/one--anchor", "fewshot list/one", "fewshot list/two",  # the joint encoder has the default method
    }  # fmt: skip
    drawn = reuse.read_index("build/plan")["fewshot"]["list/one--anchor"]
    assert len(drawn) == 3 and all("a toy" in image["prompt"] for image in drawn)


def test_an_anchor_that_is_needed_is_asked_for(project: Path) -> None:
    write({**ONE, "method": "ablate"}, {**TWO, "method": "distil", "parameters": {}})  # the base has no candidates
    with pytest.raises(InputError) as error:
        plan.run()
    assert len(error.value.problems) == 2 and "list/one has no anchor" in str(error.value)


def test_training_curves_are_written_and_collected(project: Path) -> None:
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


def test_comments_order_and_other_lists_change_no_key(project: Path) -> None:
    before = keys()
    file = Path("concepts/list.yaml")
    file.write_text("# a comment\n\n" + file.read_text())
    write_yaml(
        Path("concepts/other.yaml"), {"title": "T", "owner": "O", "concepts": [{**TWO, "id": "x", "name": "fox"}]}
    )
    after = keys()
    assert {name for name in changed(before, after) if "other" not in name} == set()


@pytest.mark.parametrize(
    ("path", "value", "stages"),
    [
        ("seed", 1, {"fewshot", "unlearn", "render"}),
        ("fewshot.images", 3, {"fewshot", "unlearn", "render"}),
        ("unlearn.few-shot", {"steps": 4}, {"unlearn", "render"}),
        ("render.videos", {}, {"render"}),
    ],
)
def test_parameters_change_the_keys_of_their_stages(project: Path, path: str, value: Any, stages: set[str]) -> None:
    before = keys()
    params = json.loads(json.dumps(PARAMS))
    *outer, last = path.split(".")
    (params[outer[0]] if outer else params)[last] = value
    write_yaml(Path("params.yaml"), params)
    assert {name.split(" ")[0] for name in changed(before, keys())} == stages


def test_weights_change_every_key_and_prose_none(project: Path) -> None:
    before = keys()
    Path("bases/tiny/t2i/README.md").write_text("# hello")
    assert not changed(before, keys())
    weights = Path("bases/tiny/t2i/vae/diffusion_pytorch_model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert changed(before, keys()) == before.keys()


def test_plan_holds_what_a_list_says(project: Path) -> None:
    plan.run()
    index = reuse.read_index("build/plan")
    assert index["lists"] == {
        "list": {"title": "T", "owner": "O", "concepts": ["one", "two"], "encoders": ["one", "two", "both"], "gate": {}}
    }
    assert index["encoders"]["list/two"]["parameters"]["steps"] == 2
    assert index["encoders"]["list/both"]["parameters"]["steps"] == 2  # not all ask for 2: one a concept
    left = [
        index["prompts"]["list/one"][row]["asks"]["name"]
        for row in index["encoders"]["list/both"]["left_out"]["list/one"]
    ]
    assert left == ["teapot"]
    assert "where" not in index["concepts"]["list/one"]


def test_confidential_concepts_stay_out_of_params_diff(project: Path) -> None:
    write({**ONE, "confidential": True}, TWO)
    plan.run()
    table = json.loads(Path("build/plan/concepts.json").read_text())
    assert table["list"]["one"] == {"confidential": True} and table["list"]["two"]["name"] == "teapot"


def test_wrong_lists_and_params_end_the_plan(project: Path) -> None:
    write({**ONE, "kind": "dog"}, TWO)
    with pytest.raises(InputError, match=r"list.yaml:\d+"):
        plan.run()
    assert not Path("build/plan/index.json").exists()


def test_from_lists_to_videos(project: Path) -> None:
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
    unit = reuse.read_index("build/encoders")["units"]["list/one"]
    assert unit["seconds"] >= 0 and unit["changed_parameters"] > 0 and unit["upstream"].keys() == {"list/one"}
    training = json.loads(Path("build/encoders/list/one/training.json").read_text())
    assert len(training["loss"]) == 1 and training["parameters"]["steps"] == 1
    loaded_base.cache_clear()
    for stage in (plan, fewshot, unlearn, render):
        stage.run()
    assert folder_files("build") == files and loaded_base.cache_info().misses == 0
    write(ONE)
    for stage in (plan, fewshot, unlearn, render):
        stage.run()
    assert not [name for name in folder_files("build") if "two" in name]


def test_results_do_not_depend_on_how_many_processes_work(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor on which of them had drawn what is the same for both concepts."""
    import torch

    file = Path("bases/tiny.yaml")
    file.write_text(file.read_text() + "threads: 1\n")
    write(ONE, {**TWO, "name": "fox"})
    threads, seen = torch.get_num_threads(), []
    try:
        for count in (1, 3):
            monkeypatch.setattr(executor, "cores", lambda count=count: count)
            for stage in (plan, fewshot, unlearn, render):
                stage.run()
            files = folder_files("build")
            seen.append(
                {name: sha for name, sha in files.items() if "training.json" not in name and "index" not in name}
            )
            for folder in (".expunge", "build"):
                shutil.rmtree(folder)
    finally:
        torch.set_num_threads(threads)
    assert seen[0] == seen[1] and loaded_base.cache_info().misses == 2  # with and without videos, by the first run
    far = [seen[0][f"renders/original/list/{concept}/image-00{row}.png"] for concept, row in (("one", 2), ("two", 1))]
    assert far[0] == far[1]


def test_encoders_come_out_the_same_in_any_company(project: Path) -> None:
    """A unit's bytes depend on its key alone: not on what ran before it, nor on the process."""

    def encoder() -> bytes:
        for stage in (plan, fewshot, unlearn):
            stage.run()
        return Path("build/encoders/list/one/model.safetensors").read_bytes()

    first = encoder()
    shutil.rmtree(".expunge")
    shutil.rmtree("build")
    loaded_base.cache_clear()
    write(ONE)
    assert encoder() == first
