"""docs/extending.md, run: its files are planted into a copy of the code, its settings into a small project."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from expunge.judging.table import read_table
from expunge.verdicts.rates import read_rates
from tests.support import tiny
from tests.support.paths import ROOT
from tests.support.project import ONE, PARAMS, make_project_with_code

PAGE = (ROOT / "docs/extending.md").read_text("utf-8")
BLOCKS = re.findall(r"```(python|yaml)\n# (\S+)\n(.*?)```", PAGE, re.DOTALL)
FILES = {path: f"# {path}\n{text}" for language, path, text in BLOCKS if language == "python"}
SETTINGS = [(path, YAML(typ="safe").load(text)) for language, path, text in BLOCKS if language == "yaml"]
CARDS = SETTINGS[-1][1]["stages"]
STAGES = ("plan", "fewshot", "unlearn", "render", "score", "drift", "attack", "verdict", "report")
RUN = f"""
from stages import {", ".join(STAGES)}
for stage in ({", ".join(STAGES)}):
    stage.run()

from expunge.bases.base import load, load_edit
from expunge.bases.spec import load_spec
from expunge.bases.text import encode_prompts
from expunge.judging.judge_digest import judge_parts
from expunge.judging.judges import load_judge

spec = load_spec("mine")
base = load(spec)
edit, prompts = load_edit(base, "build/encoders/list/one"), ["a photo of bolt", "one bolt"]
goal = encode_prompts(base, [""])
far = [float((encode_prompts(base, prompts, e) - goal).square().mean()) for e in (base.encoder, edit.encoder)]
print("distance", *far, "with", type(base.t2i).__name__)

judge = load_judge(spec, [("subject", "a robot")])
print([label.id for label in judge.labels["subject"]], judge.embeddings["subject"].shape[1])
parts = judge_parts(spec)
print(parts["type"], sorted(parts["versions"]), "model/model.safetensors" in parts["files"])
"""  # the stages, and then what the tests ask of the new method and the new judge: all in one process


def merged(old: Any, new: Any) -> Any:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}


class Project:
    """A folder with a copy of the code, the page's files in it, and the tiny base with the page's settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = ""  # what RUN printed

    def run(self, *words: str, code: int = 0) -> str:
        env = {**os.environ, "PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1"}
        env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
        done = subprocess.run(words, cwd=self.folder, env=env, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def python(self, code: str) -> str:
        return self.run(sys.executable, "-c", code)

    def expunge(self, *words: str, code: int = 0) -> str:
        return self.run(sys.executable, "-m", "expunge", *words, code=code)

    def why(self) -> str:
        """Every gate in sentences."""
        read = "from pathlib import Path; from expunge.verdicts.read_verdicts import read_verdicts as read; "
        return self.python(f"{read}print([r.text for r in read(Path('metrics/verdicts.json'))['list/one'].reasons])")

    def json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text("utf-8"))


def write_clip(folder: Path) -> None:
    """A small random CLIP as transformers writes it."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    tokenizer = tiny.make_tokenizer(folder)
    shape = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision, end = {**shape, "image_size": 32, "patch_size": 8}, tokenizer.eos_token_id
    text = {"vocab_size": len(tokenizer), "max_position_embeddings": tiny.CONTEXT, "eos_token_id": end,
            "bos_token_id": tokenizer.bos_token_id, "pad_token_id": end}  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = CLIPConfig(text_config={**shape, **text}, vision_config=vision, projection_dim=16)
        CLIPModel(config).save_pretrained(folder)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Project:
    """All stages of the pipeline have run, once."""
    folder = tmp_path_factory.mktemp("extended")
    make_project_with_code(folder, tiny_folder)
    for path, text in FILES.items():
        assert not (folder / path).exists()
        (folder / path).write_text(text, "utf-8")
    settings: dict[str, Any] = {
        "params.yaml": merged(PARAMS, {"gate": {}, "render": {"images": {"near": 1}, "videos": {}}}),
        "bases/mine.yaml": YAML(typ="safe").load((folder / "bases/tiny.yaml").read_text("utf-8")) | {"judge": {}},
        "dvc.yaml": YAML(typ="safe").load((ROOT / "dvc.yaml").read_text("utf-8")),
    }
    for path, block in SETTINGS:
        settings[path] = merged(settings[path], block)
    settings["bases/mine.yaml"]["name"] = settings["params.yaml"]["base"] = "mine"
    for path, whole in settings.items():
        tiny.write_yaml(folder / path, whole)
    write_clip(folder / "bases/mine/clip")
    shutil.copyfile(folder / "bases/tiny/vocabulary.yaml", folder / "bases/mine/vocabulary.yaml")
    concept = {**ONE, "method": "blank-prompt", "parameters": {"steps": 20}}
    tiny.write_yaml(folder / "concepts/list.yaml", {"title": "T", "owner": "O", "concepts": [concept]})
    made = Project(folder)
    made.said = made.python(RUN)
    return made


def test_the_page_has_one_file_for_each() -> None:
    folders = [
        "expunge/methods",
        "expunge/attacks",
        "expunge/metrics",
        "expunge/judging/judges",
        "expunge/bases/families",
        "stages",
    ]
    assert [str(Path(path).parent) for path in FILES] == folders
    assert not any((ROOT / path).exists() for path in FILES)
    assert {path for path, _ in SETTINGS} == {"params.yaml", "bases/mine.yaml", "dvc.yaml"}


def test_the_files_are_as_clean_as_the_code(tmp_path: Path) -> None:
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    for words in (["check"], ["format", "--check"]):
        done = subprocess.run([*ruff, *words, "."], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_imports_still_run_one_way(project: Project) -> None:
    shutil.copyfile(ROOT / "pyproject.toml", project.folder / "pyproject.toml")
    lint = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    project.python(lint)


def test_a_list_can_name_the_method_and_its_knobs_are_checked(project: Project) -> None:
    assert project.expunge("validate", "concepts/list.yaml") == "list: 1 concept, 1 encoder\n"
    wrong = {**ONE, "method": "blank-prompt", "parameters": {"step": 20}}
    tiny.write_yaml(project.folder / "elsewhere/list.yaml", {"title": "T", "owner": "O", "concepts": [wrong]})
    said = project.expunge("validate", "elsewhere/list.yaml", code=2)
    assert "blank-prompt has no parameter 'step'; write steps" in said


def test_the_method_unlearns(project: Project) -> None:
    """The target has come nearer to the empty prompt than it was, and the stage used the concept's knobs."""
    training = project.json("build/encoders/list/one/training.json")
    assert training["method"] == "blank-prompt" and training["parameters"]["steps"] == len(training["loss"]) == 20
    assert training["changed_parameters"] > 0
    before, after = map(float, re.findall(r"distance (\S+) (\S+)", project.said)[0])
    assert after < 0.5 * before


def test_the_attack_gives_attempts_and_has_a_rate_and_a_gate(project: Project) -> None:
    folder = "build/attacks/list/one/in-company"
    attempts = project.json(f"{folder}/attempts.json")
    assert [each["prompt"] for each in attempts] == ["a picture of dog beside bolt", "dog beside bolt on the moon"]
    assert all((project.folder / folder / each["after"]["file"]).is_file() for each in attempts)
    rates = {rate.metric: rate for rate in read_rates(project.folder / "metrics/rates.csv")}
    assert rates["asr:in-company"].n == 2
    assert project.why().count("share of goals that in-company reaches in images") == 1
    report = "".join(page.read_text("utf-8") for page in (project.folder / "build/report").rglob("*.html"))
    index = project.json("build/attacks/index.json")
    versions = {name: index["code"][unit["parts"]["code"]] for name, unit in index["units"].items()}
    own = {name for name, files in versions.items() if "expunge/attacks/in_company.py" in files}
    assert own == {"list/one/in-company"} < versions.keys()  # the others' results stand
    assert "In company" in report and "names another thing first brings the concept back" in report


def test_the_attacks_prompts_are_kept(project: Project) -> None:
    assert "attacks/found.csv holds" in project.expunge("keep-attacks")
    attempts = project.json("build/attacks/list/one/in-company/attempts.json")
    kept = (project.folder / "attacks/found.csv").read_text("utf-8")
    assert all((each["prompt"] in kept) == each["after"]["seen"] for each in attempts)


def test_the_metric_is_measured_everywhere(project: Project) -> None:
    rows = [row for row in read_table(project.folder / "build/scores/scores.parquet") if row["metric"] == "contrast"]
    assert {row["encoder"] for row in rows} == {"original", "one"} and all(0 < row["value"] <= 1 for row in rows)
    assert "target" not in {row["group"] for row in rows}
    rates = {(r.modality, r.metric): r for r in read_rates(project.folder / "metrics/rates.csv")}
    rate = rates["image", "contrast"]
    assert rate.before is not None and rate.low is not None and rate.low <= rate.value
    assert "contrast of kept images" in project.why()
    schema = project.python(
        "from expunge.metrics.gate_schema import gate_schema\n"
        "from expunge.metrics.markdown import tables\n"
        "print(gate_schema()['video'])\nprint(tables()['quality'], tables()['measures'])"
    )
    assert all(text in schema for text in ("'contrast'", "'asr:in-company'", "Mean contrast of kept", "of the pixels"))
    assert "Mean contrast of kept samples" in (project.folder / "build/report/index.html").read_text("utf-8")


def test_the_judge_is_the_bases(project: Project) -> None:
    said = project.said
    assert "['teapot', 'bolt', 'cat', 'a robot'] 16" in said and "hub-clip ['transformers'] True" in said


def test_the_familys_pipelines_draw(project: Project) -> None:
    assert "with StableDiffusionPAGPipeline" in project.said
    index = project.json("build/renders/index.json")
    assert all("expunge/bases/families/sd_pag.py" in files for files in index["code"].values())


def test_the_stage_is_found_by_dvc_and_its_units_are_reused(project: Project) -> None:
    card, (name,) = CARDS["card"], CARDS
    assert name == "card" and card.keys() == {"desc", "cmd", "deps", "outs"}
    code = project.python(
        "from stages.runtime.code import closure\nprint(*sorted(closure(['stages.card'])), sep='\\n')"
    )
    assert all(any(file.startswith(place) for place in card["deps"]) for file in code.split())
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    (project.folder / ".gitignore").write_text("/.expunge\n__pycache__/\n")
    (project.folder / ".dvcignore").write_text("/.expunge\n__pycache__\n*.pyc\n")
    project.run("git", "init", "-q")
    project.run(sys.executable, "-m", "dvc", "init", "-q")
    project.run(*git, "commit", "-qm", "first")
    repro = [sys.executable, "-m", "dvc", "repro", "--single-item", "card"]
    project.run(*repro)
    page = (project.folder / "build/cards/list/one/README.md").read_text("utf-8")
    assert page.startswith("# list/one\n\nForgets list/one in the base mine, by the method blank-prompt.")
    assert project.expunge("why", "list/one", "card").startswith("card list/one: made anew\n")
    assert "didn't change, skipping" in project.run(*repro)
    file = project.folder / "stages/card.py"
    file.write_text(file.read_text("utf-8") + "\n# a comment\n", "utf-8")
    assert "Running stage 'card'" in project.run(*repro)
    assert project.expunge("why", "list/one", "card") == "card list/one: reused\n"
