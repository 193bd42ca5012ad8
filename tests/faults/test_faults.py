"""Kills, torn files, lost caches and full disks: what a run leaves behind is picked up, and the bytes are the same."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from expunge.core.digest import folder_files
from expunge.core.errors import InputError
from expunge.core.index import read_index
from stages.runtime.reuse import run_units
from stages.runtime.units import Task, Unit
from tests.support.paths import ROOT

DVC = Path(sys.executable).parent / "dvc"
pytestmark = pytest.mark.skipif(not DVC.exists(), reason="dvc is not beside this python")


class Project:
    """A git and dvc repository with one stage, tests/support/fake_stage.py."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1"}
        self.environment |= {
            f"GIT_{who}_{what}": "x@y" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        self.set(one=["un", 0.3], two=["deux", 0.3], three=["trois", 0.3])
        shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache", "config.local"))
        (folder / ".dvcignore").write_text("/.expunge\n")
        (folder / ".gitignore").write_text("/.expunge\n/out\nledger.txt\n")
        command = json.dumps(f"'{sys.executable}' '{ROOT}/tests/support/fake_stage.py'")
        stage = {"cmd": "COMMAND", "deps": ["units.json"], "outs": ["out"]}
        text = json.dumps({"stages": {"fake": stage}}).replace('"COMMAND"', command)  # JSON is YAML
        (folder / "dvc.yaml").write_text(text)
        self.call("git", "init", "-q")
        self.commit("first")

    def set(self, **units: list) -> None:
        (self.folder / "units.json").write_text(json.dumps(units))

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.folder, env=self.environment, check=True, capture_output=True, text=True, timeout=60
        )

    def commit(self, message: str) -> None:
        self.call("git", "add", "-A")
        self.call("git", "commit", "-qm", message, "--allow-empty")

    def repro(self) -> list[str]:
        """Run the pipeline; returns the names of the units that were computed."""
        before = len(self.computed())
        self.call(str(DVC), "repro")
        return self.computed()[before:]

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(DVC), "repro"], cwd=self.folder, env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def ledger(self, kind: str) -> list[str]:
        file = self.folder / "ledger.txt"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.split(" ", 1)[1] for line in lines if line.startswith(kind)]

    def computed(self) -> list[str]:
        return self.ledger("unit")

    def out(self) -> dict[str, str]:
        return folder_files(self.folder / "out")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    project = Project(tmp_path_factory.mktemp("undisturbed"))
    assert project.repro() == ["one", "two", "three"]
    return project.out()


def wait_for(good: Callable[[], Any], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if good():
            return True
        time.sleep(0.02)
    return bool(good())


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize(("victims", "latest"), [("dvc", 0), ("dvc", 0.9), ("stage", 0.9), ("both", 0.9)])
def test_killed_run_resumes(project: Project, undisturbed: dict[str, str], victims: str, latest: float) -> None:
    """At a random moment of the stage's 0.9 s of work, and in its very start."""
    dvc = project.start()
    assert wait_for(lambda: project.ledger("stage"), 30)
    time.sleep(random.Random(f"{victims} {latest}").uniform(0, latest))
    stage = int(project.ledger("stage")[0])
    started = time.monotonic()
    for pid in {"dvc": [dvc.pid], "stage": [stage], "both": [dvc.pid, stage]}[victims]:
        os.kill(pid, signal.SIGKILL)
    assert wait_for(lambda: gone(stage), 2), "an orphan computes on"
    assert time.monotonic() - started < 2
    dvc.wait(30)
    project.repro()
    assert len(project.computed()) <= 4, project.computed()  # three, and the one that was under way
    assert project.out() == undisturbed


def test_stage_started_by_hand_dies_with_its_parent(project: Project) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, sys.argv[1]])"
    project.set(one=["un", 30])
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(ROOT / "tests/support/fake_stage.py")],
        cwd=project.folder,
        env=project.environment,
    )
    assert wait_for(lambda: project.computed(), 20)
    parent.kill()
    parent.wait(5)
    assert wait_for(lambda: gone(int(project.ledger("stage")[0])), 2)


def test_previous_version_and_history(project: Project) -> None:
    """Reuse from dvc's cache alone, deletion, and the way back."""
    project.set(one=["un", 0], two=["deux", 0], three=["trois", 0])
    assert project.repro() == ["one", "two", "three"]
    project.commit("three")
    first = project.out()
    shutil.rmtree(project.folder / ".expunge")
    project.set(two=["zwei", 0], drei=["trois", 0])  # one goes, two changes, three is renamed
    assert project.repro() == ["two"]
    names = sorted(project.out())
    assert names == ["drei/a.txt", "drei/deep/b.txt", "index.json", "two/a.txt", "two/deep/b.txt"]
    assert len(list((project.folder / ".expunge/store/fake").iterdir())) == 2
    project.commit("two")
    project.call("git", "checkout", "-q", "HEAD~1")
    assert project.repro() == []  # from the run-cache
    assert project.out() == first
    project.set(one=["un", 0], two=["deux", 0], three=["trois", 0], four=["quatre", 0])
    assert project.repro() == ["four"]  # the store knows two, dvc's cache the others


def test_an_edit_and_its_undoing_compute_nothing_twice(project: Project) -> None:
    """As after a pull: neither the store nor dvc's run-cache knows anything; the last commit's dvc.lock does."""

    def forget() -> None:
        shutil.rmtree(project.folder / ".expunge")
        shutil.rmtree(project.folder / ".dvc/cache/runs")

    project.set(one=["un", 0], two=["deux", 0])
    project.repro()
    project.commit("first")
    first = project.out()
    forget()
    project.set(one=["un", 0], two=["zwei", 0])
    assert project.repro() == ["two"]
    account = json.loads((project.folder / ".expunge/why/fake.json").read_text())
    assert account["one"] == {"key": account["one"]["key"], "made": False, "reasons": []}
    assert account["two"]["made"] and account["two"]["reasons"] == ["inputs: 'deux' -> 'zwei'"]
    forget()
    project.set(one=["un", 0], two=["deux", 0])
    assert project.repro() == [] and project.out() == first


def test_dvc_is_asked_only_for_versions_that_it_may_have(project: Project) -> None:
    code = "from stages.runtime.earlier_versions import readable_revisions as r; print(r('out'), r('other'))"

    def readable() -> str:
        return project.call(sys.executable, "-c", code).stdout.strip()

    assert readable() == "[] []"  # no dvc.lock
    project.repro()
    assert readable() == "[None] []"
    project.commit("first")
    assert readable() == "[None] []"  # the last commit names the same version
    project.set(one=["eins", 0])
    project.repro()
    assert readable() == "[None, 'HEAD'] []"
    shutil.rmtree(project.folder / ".dvc/cache")
    assert readable() == "[] []"  # as in a fresh clone
    project.call(str(DVC), "remote", "add", "store", str(project.folder.parent / "remote"))
    assert readable() == "[None, 'HEAD'] []"


def test_a_project_in_a_subfolder_of_a_repository_is_found_in_its_last_commit(tmp_path: Path) -> None:
    (tmp_path / "big/sub").mkdir(parents=True)
    project = Project(tmp_path / "big/sub")
    shutil.rmtree(project.folder / ".git")
    project.call("git", "init", "-q", "..")
    project.repro()
    project.commit("first")
    first = project.out()
    shutil.rmtree(project.folder / ".expunge")
    project.set(one=["eins", 0], two=["zwei", 0], three=["drei", 0])
    project.repro()
    for kept in (".expunge", ".dvc/cache/runs"):
        shutil.rmtree(project.folder / kept)
    project.set(one=["un", 0.3], two=["deux", 0.3], three=["trois", 0.3])
    assert project.repro() == [] and project.out() == first


def test_damaged_cache_is_tolerated(project: Project) -> None:
    """A file of the cache is lost, another was written to: both units are computed again, and the cache is whole."""
    project.set(one=["un", 0], two=["deux", 0], three=["trois", 0])
    project.repro()
    before = project.out()
    shutil.rmtree(project.folder / ".expunge")
    lost, rotten = (cached(project, f"{name}/deep/b.txt") for name in ("one", "two"))
    lost.unlink()
    rotten.chmod(0o644)
    rotten.write_text("rotten")
    rotten.chmod(0o444)
    project.set(one=["un", 0], two=["deux", 0], three=["trois", 0], four=["quatre", 0])
    assert project.repro() == ["one", "two", "four"]
    after = project.out()
    assert all(after[path] == sha for path, sha in before.items() if path != "index.json")


def cached(project: Project, path: str) -> Path:
    """The file of dvc's cache that holds a file of the out."""
    md5 = hashlib.md5((project.folder / "out" / path).read_bytes()).hexdigest()
    return project.folder / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tmpfs of 256 KiB where we may mount one, else the error alone."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)], capture_output=True
        ).returncode
    )
    try:
        monkeypatch.chdir(folder)
        done: list[str] = []

        def compute(task: Task, out: Path) -> None:
            name = task.inputs
            done.append(name)
            if not mounted and name == "b":
                raise OSError(28, "No space left on device")
            (out / "file").write_bytes(name.encode() * (1000 if name == "a" else 400_000 if len(done) < 3 else 2000))

        units = {name: Unit(name) for name in "abc"}
        with pytest.raises(InputError, match="disk is full"):
            run_units("fake", "out", units, compute)
        assert done == ["a", "b"] and not (folder / "out/index.json").exists()
        mounted, done[:] = True, ["a", "b", "now there is room"]
        run_units("fake", "out", units, compute)
        assert done[3:] == ["b", "c"]
        assert set(read_index("out").units) == {"a", "b", "c"}
    finally:
        monkeypatch.undo()
        subprocess.run(["umount", str(folder)], capture_output=True)
