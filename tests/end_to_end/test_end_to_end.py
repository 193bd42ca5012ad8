"""The main job on a small list, in a temporary clone of the repository, on the embedded base."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from expunge.verdicts.frame_curves import read_curves
from tests.support.paths import ROOT
from tests.support.tiny import write_yaml

CONCEPT = """
  - id: {id}
    name: {name}
    kind: object
    aliases: [{alias}]
    neighbours: [a bus]
"""
HEAD = "title: Tiny\nowner: nobody\nencoders: {single: true, joint: {both: [fire-engine, football]}}\nconcepts:"
TRUCK = CONCEPT.format(id="fire-engine", name="a fire engine", alias="a fire truck")
BALL = CONCEPT.format(id="football", name="a football", alias="a soccer ball") + "    method: few-shot\n"
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)


def run(clone: Path, *words: str) -> str:
    done = subprocess.run(words, cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def repro(clone: Path) -> str:
    return run(clone, sys.executable, "-m", "dvc", "repro")


def commit(clone: Path, message: str) -> str:
    run(clone, "git", "add", "-A")
    run(clone, "git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-qm", message)
    return run(clone, "git", "rev-parse", "HEAD").strip()


def units(clone: Path, stage: str) -> dict[str, str]:
    index = json.loads((clone / "build" / stage / "index.json").read_text())
    return {name: entry["key"] for name, entry in index["units"].items()}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the working tree as git sees it, with one list of two concepts and few samples."""
    folder = tmp_path_factory.mktemp("clone") / "expunge"
    files = run(ROOT, "git", "ls-files", "-co", "--exclude-standard").splitlines()
    for name in files:
        if (ROOT / name).is_file() and not name.startswith(("metrics/", "docs/")) and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    for old in (folder / "concepts").glob("*.yaml"):
        old.unlink()
    params = YAML(typ="safe").load((folder / "params.yaml").read_text())
    params["fewshot"]["images"] = 2
    params["unlearn"]["few-shot"]["steps"] = params["unlearn"]["distil"]["steps"] = 3
    images = {"target": 2, "aliases": 1, "near": 1, "far": 1, "beside": 1}
    params["render"] = {"images": images, "videos": {"target": 1, "near": 1}}
    params["attack"] = {
        "words": {"images": 2, "videos": 1},
        "ring-a-bell": {"images": 1, "videos": 0, "generations": 1},
        "unlearndiffatk": {"images": 1, "videos": 0, "steps": 2},
        "clip-skip": {"images": 1},
        "emphasis": {"images": 1},
        "buried": {"images": 1},
        "travel": {"videos": 1},
    }
    params["releases"] = {
        "all": {
            "lists": "all", "general": {"images": 4}, "attacked": 1,
            "attack": {"words": {"images": 1, "videos": 0}},
            "render": {"images": {"target": 1, "near": 1}, "videos": {}},
        }
    }  # fmt: skip
    write_yaml(folder / "params.yaml", params)
    (folder / "concepts" / "tiny.yaml").write_text(HEAD + TRUCK + BALL)
    run(folder, "git", "init", "-q")
    repro(folder)
    return folder


def test_everything_is_there(clone: Path) -> None:
    summary = json.loads((clone / "metrics" / "summary.json").read_text())
    assert set(summary) == {"overall", "releases", "lists", "encoders"}
    assert set(summary["encoders"]) == {"tiny/fire-engine", "tiny/football", "tiny/both"}
    for encoder in summary["encoders"].values():
        assert set(encoder["image"]) == {"target", "aliases", "near", "far", "beside", "beside_target"}
        assert all(0 <= rate <= 1 for rate in (*encoder["image"].values(), *encoder["video"].values()))
        assert encoder["changed_parameters"] > 0
    for name in summary["encoders"]:
        assert (clone / "build/encoders" / name / "model.safetensors").is_file()
    assert (
        len(list((clone / "build/renders").rglob("*.mp4"))) == 12
    )  # 2 for each of: originals and singles of both, the joint encoder twice
    verdicts = json.loads((clone / "metrics/verdicts.json").read_text())
    assert set(verdicts) == {*summary["encoders"], "releases/all"}
    assert all(entry["verdict"] in ("pass", "fail", "not measured") and entry["passed"] for entry in verdicts.values())
    rates = (clone / "metrics/rates.csv").read_text()
    assert all(f",{metric}," in rates for metric in ("target", "asr:words", "asr:unlearndiffatk", "clear", "H_o"))
    for name in summary["encoders"]:
        for attack in ("words", "ring-a-bell", "unlearndiffatk", "clip-skip", "emphasis", "buried", "travel"):
            folder = clone / "build/attacks" / name / attack
            attempts = json.loads((folder / "attempts.json").read_text())
            assert attempts and all(
                (folder / each[side]["file"]).is_file() for each in attempts for side in ("before", "after")
            )
        assert (clone / "build/drift" / name / "drift.json").is_file()
    release = summary["releases"]["all"]
    assert set(release["image"]) == {"target", "near", "general", "general_kept", "general_worst"}
    assert release["verdict"] == verdicts["releases/all"]["verdict"] and sum(release["gates"].values()) > 0
    assert (clone / "build/encoders/releases/all/model.safetensors").is_file()
    assert (clone / "build/attacks/releases/all/words/attempts.json").is_file()
    assert "May this go out?" in (clone / "build/report/releases/all.html").read_text("utf-8")
    frames = read_curves(clone / "metrics/frames.csv")
    assert {(point.encoder, point.frame) for point in frames if not point.concept} == {
        (encoder, frame) for encoder in ("fire-engine", "football", "both") for frame in range(8)
    }
    assert 'id="frames"' in (clone / "build/report/concepts/tiny--football.html").read_text("utf-8")
    assert not any((clone / "build/curves").iterdir())  # DVCLive needs a commit, and there is none yet
    assert (clone / "build/scores/scores.parquet").is_file()
    assert "fire engine" in (clone / "build/report/index.html").read_text("utf-8")


def test_the_readme_lines_load_an_encoder(clone: Path) -> None:
    code = BLOCKS[0].replace("build/encoders/objects/fire-engine", "build/encoders/tiny/fire-engine")
    assert len([line for line in code.splitlines() if line and "import" not in line]) == 9
    run(clone, sys.executable, "-c", code + "assert len(video) == 8\n")


def test_the_readme_lines_forget_a_concept(clone: Path, tmp_path: Path) -> None:
    code = BLOCKS[1].replace("fox-encoder", str(tmp_path / "fox"))
    code += """
from expunge.bases.text import distance, encode_prompts, text_gram
asked = ["a photo of a fox", "a photo of a wolf"]
fox, wolf = distance(text_gram(base), *(encode_prompts(base, asked, each) for each in (None, edit.encoder)))
assert fox > 20 * wolf, (fox, wolf)
"""
    run(clone, sys.executable, "-c", code)
    assert (tmp_path / "fox" / "model.safetensors").is_file()


def test_what_runs_again_is_what_changed(clone: Path) -> None:
    first = commit(clone, "first")
    assert "up to date" in repro(clone)
    before = {stage: units(clone, stage) for stage in ("fewshot", "encoders", "renders", "scores", "drift", "attacks")}
    model = (clone / "build/encoders/tiny/football/model.safetensors").read_bytes()

    truck = TRUCK.replace("a fire truck", "the fire truck")
    (clone / "concepts/tiny.yaml").write_text(HEAD + truck + BALL)
    repro(clone)
    after = {stage: units(clone, stage) for stage in before}
    for stage, keys in before.items():
        for name, key in keys.items():
            alone = (
                "football" in name and "both" not in name and not name.startswith("releases/")
            ) or "general" in name
            alone &= name != "releases/all/releases--general"
            assert not alone or after[stage][name] == key, f"{stage} {name} was made again"
    assert after["renders"]["original/tiny/fire-engine"] != before["renders"]["original/tiny/fire-engine"]
    assert (clone / "build/encoders/tiny/football/model.safetensors").read_bytes() == model
    commit(clone, "another alias")

    told = run(clone, sys.executable, "-m", "expunge", "why", "tiny/fire-engine", "unlearn")
    assert "made anew" in told and "aliases[0]: 'a fire truck' -> 'the fire truck'" in told

    (clone / "concepts/tiny.yaml").write_text(HEAD.replace(", joint: {both: [fire-engine, football]}", "") + truck)
    repro(clone)
    left = units(clone, "encoders")
    assert left.pop("releases/all") != after["encoders"]["releases/all"] != before["encoders"]["releases/all"]
    assert left == {"tiny/fire-engine": after["encoders"]["tiny/fire-engine"]}
    for gone in ("encoders/tiny/football", "encoders/tiny/both", "renders/original/tiny/football"):
        assert not (clone / "build" / gone).exists()
    commit(clone, "one less")

    run(clone, "git", "checkout", "-q", first)
    out = repro(clone)
    assert "Running stage" not in out, "an older commit's results come from the run-cache"
    assert {stage: units(clone, stage) for stage in before} == before


def test_a_colleague_pulls_what_was_computed(clone: Path, tmp_path: Path) -> None:
    """Through a remote, here a folder: nothing runs in a fresh clone, and what a change leaves is not made anew."""
    dvc = (sys.executable, "-m", "dvc")
    run(clone, *dvc, "remote", "add", "--default", "--force", "shared", str(tmp_path / "remote"))
    commit(clone, "a remote")
    run(clone, *dvc, "push", "--run-cache")
    colleague = tmp_path / "colleague"
    run(tmp_path, "git", "clone", "-q", str(clone), str(colleague))
    run(colleague, *dvc, "pull")
    assert "Running stage" not in repro(colleague)
    encoder = Path("build/encoders/tiny/football/model.safetensors")
    assert (colleague / encoder).read_bytes() == (clone / encoder).read_bytes()

    params = YAML(typ="safe").load((colleague / "params.yaml").read_text())
    write_yaml(colleague / "params.yaml", params | {"releases": {}})
    (colleague / "concepts/tiny.yaml").write_text(HEAD.replace(", joint: {both: [fire-engine, football]}", "") + TRUCK)
    assert "Running stage 'unlearn'" in repro(colleague)  # what is left is not made anew
    told = run(colleague, sys.executable, "-m", "expunge", "why", "tiny/fire-engine")
    assert "reused" in told and "made anew" not in told
