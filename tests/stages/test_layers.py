"""Imports run one way: pyproject.toml's contracts hold, and an import upwards breaks them, however it is hidden."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# Words for one architecture, where they are no part of a public name: a setting's, a package's, a metric's.
ARCHITECTURES = re.compile(r"u-?net|clip", re.IGNORECASE)
PUBLIC = re.compile(r"clip.?skip|open[-_]?clip|clip_sample|clip[ _](score|accuracy)", re.IGNORECASE)
OWN = ("families/", "exports/", "ldm.py", "lora.py", "single_file.py")  # families, and the layouts of public files
OWN += ("edits.py", "check_tokenizer.py")  # what older versions wrote into an encoder's files
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run([sys.executable, "-c", LINT], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in ("expunge", "stages"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def test_the_contracts_hold(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout


def test_every_room_is_in_the_layers() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = {name.strip("() ") for layer in contracts[0]["layers"] for name in layer.split(":")}
    rooms = {f"expunge.{path.parent.name}" for path in (ROOT / "expunge").glob("*/__init__.py")}
    assert rooms <= layers


@pytest.mark.parametrize(
    ("file", "planted", "contract"),
    [
        ("expunge/core/names.py", "from expunge.concepts import lists", "Rooms import downwards"),
        ("expunge/core/names.py", "def late():\n    from expunge.concepts import lists", "Rooms import downwards"),
        (
            "expunge/bases/hub.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from expunge.methods import METHODS",
            "Rooms import downwards",
        ),
        ("expunge/core/errors.py", "def late():\n    from expunge.core import files, yamlfile", "No cycle"),
        ("stages/render.py", "def late():\n    import dvc.api", "Only the runtime of the stages knows dvc"),
    ],
)
def test_a_planted_import_breaks_them(copy: Path, file: str, planted: str, contract: str) -> None:
    (copy / file).write_text((copy / file).read_text("utf-8") + f"\n\n{planted}\n", "utf-8")
    result = lint(copy)
    broken = [line for line in result.stdout.splitlines() if " BROKEN" in line]
    assert result.returncode == 1 and any(line.startswith(contract) for line in broken), result.stdout


def test_families_public_layouts_and_the_judge_alone_speak_of_an_architecture() -> None:
    allowed = ("expunge/judging/", *(f"expunge/bases/{name}" for name in OWN))
    for file in sorted(path for folder in ("expunge", "stages") for path in (ROOT / folder).rglob("*.py")):
        name, text = file.relative_to(ROOT).as_posix(), PUBLIC.sub("", file.read_text("utf-8"))
        if not name.startswith(allowed):
            said = [line.strip() for line in text.splitlines() if ARCHITECTURES.search(line)]
            assert not said, f"{name}: write `denoiser` or `text encoder`, which every family has: {said}"
