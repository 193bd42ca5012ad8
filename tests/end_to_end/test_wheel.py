"""The wheel by itself: installed anywhere, it checks a list in any folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.paths import ROOT

LIST = "title: T\nowner: o\nconcepts:\n  - {id: bolt, name: bolt the robot, kind: character, neighbours: [zorb]}\n"
OTHER = "title: T\nowner: o\nconcepts:\n  - {id: zorb, name: zorb, kind: character}\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("uv") is None:
        pytest.skip("uv, which builds the wheel, is not on this machine")
    folder = tmp_path_factory.mktemp("wheel")
    command = ["uv", "build", "--wheel", "--quiet", "--out-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, timeout=300)
    (file,) = folder.glob("*.whl")
    return file


def test_schemas_and_templates_are_in_the_wheel(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    data = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "expunge").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert {Path(name).name for name in data} >= {"schema.json"}
    assert any("/templates/" in name for name in data)
    assert data <= packed


def test_an_installed_wheel_checks_a_list_in_any_folder(wheel: Path, tmp_path: Path) -> None:
    target, lists = tmp_path / "installed", tmp_path / "elsewhere" / "lists"
    command = ["uv", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run([*command, "--python", sys.executable], check=True, timeout=300)
    lists.mkdir(parents=True)
    (lists / "mine.yaml").write_text(LIST)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        env = os.environ | {"PYTHONPATH": str(target), "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [sys.executable, *words],
            cwd=lists.parent,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    where = run("-c", "import expunge.cli; print(expunge.cli.__file__)").stdout.strip()
    assert Path(where) == target / "expunge" / "cli" / "__init__.py"
    good = run("-m", "expunge", "validate", "lists/mine.yaml")
    assert good.returncode == 0, good.stderr
    assert good.stdout == "mine: 1 concept, 1 encoder\n"
    assert good.stderr.startswith("note: without a base, ")
    assert run("-m", "expunge", "validate", "lists").stdout == good.stdout
    (lists / "other.yaml").write_text(OTHER)
    bad = run("-m", "expunge", "validate", "lists/mine.yaml")
    assert bad.returncode == 2
    assert "lists/mine.yaml:4: 'zorb' must survive bolt (neighbour), but is the name of zorb" in bad.stderr
    assert "Traceback" not in bad.stderr
