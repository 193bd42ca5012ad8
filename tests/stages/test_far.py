"""Units on other machines: packed, carried out in a folder of their own, unpacked; errors with the node's name."""

import contextlib
import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from expunge.core.digest import folder_digest
from expunge.core.errors import InputError, Problem
from expunge.core.index import read_index
from stages.runtime import far, planned, slurm
from stages.runtime.executors import Workers
from stages.runtime.failures import FarError
from stages.runtime.far import bytes_of, carried_out, files_of_bases, node_folder, packed, unpacked
from stages.runtime.units import Task
from tests.support.fake_units import run


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.setenv(far.NODE, str(tmp_path / "node"))
    monkeypatch.chdir(tmp_path / "here")


def there(compute: Any, task: Task, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Any:
    """The facts of a task that is computed in a node's folder."""
    parcel = packed(task, lambda digest, path: bytes_of(path))
    with monkeypatch.context() as patch:
        patch.chdir(node_folder({}, lambda path: b""))
        result = carried_out(compute, parcel, dict)
    return unpacked(task.name, result, folder)


def join(task: Task, folder: Path) -> dict[str, Any]:
    words = [task.reads["file"].read_text(), (task.reads["folder"] / "deep/b.txt").read_text()]
    (folder / "out").mkdir()
    (folder / "out" / "c.txt").write_text(" ".join([*words, task.inputs, task.codes["c"]]))
    return {"names": [path.name for path in task.reads.values()]}


def test_what_a_unit_reads_and_writes_travels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.txt").write_text("one")
    Path("x/deep").mkdir(parents=True)
    Path("x/deep/b.txt").write_text("two")
    Path("empty").mkdir()
    reads = {"file": Path("a.txt"), "folder": Path("x"), "none": Path("empty")}
    facts = there(join, Task("u", "three", reads, {"c": "four"}), monkeypatch, tmp_path / "out")
    assert (tmp_path / "out/out/c.txt").read_text() == "one two three four"
    assert facts == {"names": ["a.txt", "x", "empty"]}
    held = {path.relative_to(tmp_path / "node") for path in (tmp_path / "node").rglob("b.txt")}
    there(join, Task("v", "three", reads, {"c": "four"}), monkeypatch, tmp_path / "again")
    assert held == {path.relative_to(tmp_path / "node") for path in (tmp_path / "node").rglob("b.txt")}
    assert not list((tmp_path / "node").rglob("unit-*"))


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (InputError([Problem("bases/x.yaml:1", "has no weights", "put them there")]), InputError, "has no weights"),
        (OSError(errno.ENOSPC, "No space left on device"), InputError, "the disk of"),
        (ValueError("it broke"), FarError, "ValueError: it broke"),
    ],
)
def test_an_error_names_its_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, kind: type[Exception], says: str
) -> None:
    def fail(task: Task, folder: Path) -> None:
        raise error

    monkeypatch.setattr("platform.node", lambda: "node-17")
    with pytest.raises(kind, match=says) as caught:
        there(fail, Task("u", "", {}), monkeypatch, tmp_path / "out")
    assert "node-17" in str(caught.value)


def test_a_nodes_folder_has_the_bases_files_and_fetches_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("x.yaml", "1"), ("x/w.safetensors", "22"), ("x/recipe/train.py", "3"), ("local.yaml", "4")):
        Path("bases", name).parent.mkdir(parents=True, exist_ok=True)
        Path("bases", name).write_text(text)
    files, fetched = files_of_bases(), list[str]()
    assert set(files) == {"bases/x.yaml", "bases/x/w.safetensors"}

    def fetch(path: str) -> bytes:
        fetched.append(path)
        return Path(path).read_bytes()

    folder = node_folder(files, fetch)
    assert folder_digest(folder / "bases/x") != "" and (folder / "bases/x/w.safetensors").read_text() == "22"
    assert node_folder(files, fetch) == folder and sorted(fetched) == sorted(files)
    Path("bases/x.yaml").write_text("5")
    other = node_folder(files_of_bases(), fetch)
    assert other != folder and fetched[2:] == ["bases/x.yaml"]
    (other / "bases/x.yaml").unlink()
    (other / "bases/x.yaml").write_text("planted")
    (other / "reads/old").mkdir(parents=True)
    os.utime(other / "reads/old", (0, 0))
    node_folder(files_of_bases(), fetch)
    assert (other / "bases/x.yaml").read_text() == "5" and not (other / "reads/old").exists()
    with monkeypatch.context() as patch, pytest.raises(InputError, match="belongs to somebody else"):
        patch.setattr(os, "getuid", lambda: 12345)
        node_folder(files, fetch)
    with pytest.raises(InputError, match="did not arrive whole"):
        node_folder({"bases/y.yaml": "0" * 64}, lambda path: b"something else")


def test_jobs_give_what_one_process_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """submitit's executor on this machine, in place of SLURM."""
    pytest.importorskip("submitit")
    words = {"d": "quatre", "b": "deux", "c": "trois", "a": "un"}
    run(Workers("slurm", 2, settings={"cluster": "local", "folder": str(tmp_path / "jobs")}), words, a="d", c="b")
    assert Path("build/fake/a/word.txt").read_text() == "quatre un"
    (tmp_path / "alone").mkdir()
    monkeypatch.chdir(tmp_path / "alone")
    run(Workers(), words, a="d", c="b")
    assert folder_digest(tmp_path / "here" / "build") == folder_digest("build")


class LosingExecutor:
    """As submitit's executor, but each function's first jobs are lost."""

    def __init__(self, lost: int) -> None:
        self.lost, self.submitted = lost, 0
        self.error: Exception | None = None

    def update_parameters(self, **parameters: Any) -> None:
        assert parameters["timeout_min"] == 60

    def submit(self, function: Any, *arguments: Any) -> Any:
        import submitit

        self.submitted += 1

        def result() -> Any:
            if self.submitted <= self.lost:
                raise self.error or submitit.core.utils.UncompletedJobError("the node went away")
            with contextlib.chdir(Path.cwd()):  # a thread of this process, which the job leads elsewhere
                return function(*arguments)

        return SimpleNamespace(job_id="7", result=result, paths=SimpleNamespace(stderr="7.err"))


@pytest.mark.parametrize("lost", [2, 9])
def test_a_job_that_is_lost_is_submitted_again_and_then_given_up(monkeypatch: pytest.MonkeyPatch, lost: int) -> None:
    submitit, executor = pytest.importorskip("submitit"), LosingExecutor(lost)
    monkeypatch.setattr(submitit, "AutoExecutor", lambda folder, cluster: executor)
    if lost > slurm.TRIES:
        with pytest.raises(InputError, match="4 jobs were lost, the last is 7"):
            run(Workers("slurm", 1), {"a": "un"})
    else:
        run(Workers("slurm", 1), {"a": "un"})
        assert executor.submitted == 3 and Path("build/fake/a/word.txt").read_text() == "un"


def test_a_job_that_fails_before_its_unit_is_not_submitted_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    submitit, executor = pytest.importorskip("submitit"), LosingExecutor(9)
    executor.error = submitit.core.utils.FailedJobError("no such folder")
    monkeypatch.setattr(submitit, "AutoExecutor", lambda folder, cluster: executor)
    with pytest.raises(SystemExit):
        run(Workers("slurm", 1), {"a": "un"})
    assert executor.submitted == 1
    assert "job 7 failed before its unit began; see 7.err" in capsys.readouterr().err


def test_a_unit_that_fails_in_a_job_fails_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    submitit = pytest.importorskip("submitit")
    monkeypatch.setattr(submitit, "AutoExecutor", lambda folder, cluster: LosingExecutor(0))
    run(Workers("slurm", 1), {"a": "fail"})
    assert "FarError: on " in capsys.readouterr().err
    assert read_index("build/fake").failed["a"].error == "RuntimeError: it broke", "as on this machine"


def test_a_node_with_other_files_or_versions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"versions": {"torch": "2.15"}, "files": {"t2i/vae/config.json": "0" * 64}}
    monkeypatch.setattr(planned, "parts_here", lambda name: there)
    planned.require_base(lambda: None, "emoji", there)
    with pytest.raises(InputError, match=r"versions\.torch: '2\.16' -> '2\.15'"):
        planned.require_base(lambda: None, "emoji", {**there, "versions": {"torch": "2.16"}})
