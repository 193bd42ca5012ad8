"""`expunge why` on a small project of its own, with dvc: five changes, each told as what it is."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.project import ONE, PARAMS, TWO, make_project_with_code, write_list
from tests.support.tiny import write_yaml

STAGES = """
stages:
  all:
    cmd: python all.py
    deps: [stages, expunge, concepts, bases, attacks/found.csv, params.yaml]
    outs: [build/plan, build/fewshot, build/encoders, build/curves]
"""  # three stages in one process, since each would import torch anew
ALL = "from stages import fewshot, plan, unlearn\n\nfor stage in (plan, fewshot, unlearn):\n    stage.run()\n"


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "PYTHONPATH": str(folder), "DVC_NO_ANALYTICS": "1"}
        self.environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def call(self, *words: str) -> str:
        done = subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def repro(self) -> None:
        self.call(sys.executable, "-m", "dvc", "repro", "-q")

    def why(self, stage: str, encoder: str = "list/one") -> str:
        return self.call(sys.executable, "-m", "expunge", "why", encoder, stage)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Project:
    folder = tmp_path_factory.mktemp("why")
    make_project_with_code(folder, tiny_folder)
    (folder / "dvc.yaml").write_text(STAGES)
    (folder / "all.py").write_text(ALL)
    (folder / ".gitignore").write_text("/.expunge\n__pycache__/\n")
    (folder / ".dvcignore").write_text("/.expunge\n__pycache__\n*.pyc\n")
    made = Project(folder)
    made.call("git", "init", "-q")
    made.call(sys.executable, "-m", "dvc", "init", "-q")
    made.call("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "first")
    made.repro()
    return made


def test_the_first_run_says_that_nothing_was_there(project: Project) -> None:
    assert project.why("unlearn") == (
        "unlearn list/one: made anew\n  no version of it was found in the store, in dvc's cache or in a remote\n"
    )


def in_folder(change: Callable[[], None]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        before = Path.cwd()
        os.chdir(folder)
        try:
            change()
        finally:
            os.chdir(before)

    return changed


def edit(file: str, old: str, new: str) -> Callable[[], None]:
    def change() -> None:
        text = Path(file).read_text("utf-8")
        assert old in text
        Path(file).write_text(text.replace(old, new, 1), "utf-8")

    return change


PARAMETERS = {**PARAMS, "unlearn": {"method": "few-shot", "few-shot": {"steps": 3, "batch": 1}}}
CHANGES = {  # one after another: (what is done, the stage that is asked, what it answers)
    "concept": (lambda: write_list({**ONE, "aliases": ["rob"]}, TWO), "unlearn", "aliases[0]: 'bob' -> 'rob'"),
    "parameter": (lambda: write_yaml(Path("params.yaml"), PARAMETERS), "unlearn", "parameters.steps: 1 -> 3"),
    "code": (
        edit("expunge/methods/few_shot.py", "import torch\n", "import torch\n\nSTRENGTH = 2\n"),
        "unlearn",
        "code: expunge/methods/few_shot.py changed",
    ),
    "base": (edit("bases/tiny.yaml", "guidance: 3.0", "guidance: 4.0"), "fewshot", "base t2i.guidance: 3.0 -> 4.0"),
    "upstream": (
        lambda: write_list({**ONE, "aliases": ["rob"], "name": "volt"}, TWO),
        "unlearn",
        "upstream.list/one: ",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_told_as_what_it_is(project: Project, change: str) -> None:
    done, stage, answer = CHANGES[change]
    in_folder(done)(project.folder)
    project.repro()
    told = project.why(stage)
    assert f"{stage} list/one: made anew" in told and answer in told


def test_what_was_reused_says_so_and_wrong_names_are_refused(project: Project) -> None:
    edit_comment = edit("expunge/methods/few_shot.py", "import torch\n", "# a comment\nimport torch\n")
    in_folder(edit_comment)(project.folder)
    project.repro()
    assert project.why("unlearn") == "unlearn list/one: reused\n"
    wrong = subprocess.run(
        [sys.executable, "-m", "expunge", "why", "list/on"],
        cwd=project.folder, env=project.environment, capture_output=True, text=True,
    )  # fmt: skip
    assert wrong.returncode == 2 and "list/on" in wrong.stderr and "write list/one" in wrong.stderr
