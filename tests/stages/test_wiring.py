"""dvc.yaml, params.yaml and the code fit: stages are modules, the folders that dvc.yaml names hold all the code."""

import subprocess
import sys
from typing import Any

import pytest

from expunge.core.yamlfile import load
from expunge.methods import METHODS
from stages.runtime.code import closure
from tests.support.paths import ROOT


def read(name: str) -> dict[str, Any]:
    return load(ROOT / name).value


STAGES = read("dvc.yaml")["stages"]


def code_of(stage: dict[str, Any]) -> list[str]:
    return [dep for dep in stage["deps"] if dep.split("/")[0] in ("stages", "expunge")]


def test_stages_are_modules_and_the_design_has_its_own() -> None:
    names = ["plan", "fewshot", "unlearn", "render", "score", "drift", "attack", "verdict", "attest", "report"]
    assert [name for name in STAGES if name in names] == names
    assert sorted(STAGES) == sorted(file.stem for file in (ROOT / "stages").glob("*.py") if file.stem != "__init__")
    for name, stage in STAGES.items():
        assert stage["cmd"] == f"python -m stages.{name}" and stage["desc"]
        assert stage.keys() <= {"desc", "cmd", "deps", "params", "outs", "metrics", "plots"}  # no foreach
        # No persist: dvc's run-cache, from which an older commit's results come, leaves out stages that have it.
        outs = [out for out in stage.get("outs", ()) if not isinstance(out, str)]
        assert outs == ([{"audit/index.json": {"cache": False}}] if name == "attest" else [])  # records are in git


@pytest.mark.parametrize("name", STAGES)
def test_the_folders_hold_all_the_code(name: str) -> None:
    """Whatever a stage imports lies in the few places that dvc.yaml names: once it changes, the stage looks again."""
    places = code_of(STAGES[name])
    assert all((ROOT / place).exists() for place in places)
    folders = [place for place in places if not place.endswith(".py")]
    assert places[0] == f"stages/{name}.py" and 1 <= len(folders) <= 5
    modules = [f"stages.{name}", *(method.module for method in METHODS.values() if name == "unlearn")]
    outside = [file for file in closure(modules) if not any(file == p or file.startswith(f"{p}/") for p in places)]
    assert not outside


def test_no_stage_imports_torch_before_it_must() -> None:
    modules = ", ".join(f"stages.{name}" for name in STAGES)
    heavy = ("torch", "diffusers", "transformers", "dvc", "pandas")
    code = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_section_of_params_is_some_stages() -> None:
    """`run` is none's: it changes no result."""
    declared = {name for stage in STAGES.values() for name in stage.get("params", ())}
    assert declared == read("params.yaml").keys() - {"run"}
    assert set(STAGES["plan"]["params"]) == declared, "plan checks them all"
