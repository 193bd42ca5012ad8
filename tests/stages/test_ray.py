"""Units on a Ray cluster: two nodes on this machine; a third that dies; a driver that dies; as in one process."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from expunge.core.digest import folder_digest
from expunge.core.errors import InputError
from expunge.core.index import read_index
from stages import fewshot, plan, render, unlearn
from stages.runtime import far, ray_cluster
from stages.runtime.executors import Workers
from stages.runtime.reuse import run_units
from stages.runtime.units import Unit
from tests.support.fake_units import run, write
from tests.support.paths import ROOT
from tests.support.project import PARAMS, make_project
from tests.support.tiny import write_yaml

ray = pytest.importorskip("ray")
AGENTS = ("ray::Dashboard", "ray::RuntimeEnv")
WORDS = {"d": "quatre", "b": "deux", "c": "trois", "a": "un", "e": "cinq", "f": "six"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A head without CPUs, and two nodes with one each."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # where the nodes find the tests' own units
        patch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        patch.setenv(far.NODE, str(tmp_path_factory.mktemp("node")))
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80 * 2**20})
        for _ in range(2):
            made.add_node(num_cpus=1, object_store_memory=80 * 2**20)
        yield made
        made.shutdown()


@pytest.fixture
def workers(cluster: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workers:
    monkeypatch.chdir(tmp_path)
    return Workers("ray", 0, settings={"address": cluster.address, "cpus": 1})  # type: ignore[attr-defined]


def test_as_one_by_one(workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(workers, WORDS, a="d", c="b")
    assert Path("build/fake/a/word.txt").read_text() == "quatre un"
    assert not Path("ledger.txt").exists()  # it lies on the nodes
    (tmp_path / "alone").mkdir()
    monkeypatch.chdir(tmp_path / "alone")
    run(Workers(), WORDS, a="d", c="b")
    assert folder_digest(tmp_path / "build") == folder_digest("build")


def test_a_unit_that_fails_is_named_with_its_node(workers: Workers, capsys: pytest.CaptureFixture[str]) -> None:
    run(workers, {"a": "fail", "b": "deux", "c": "trois"})
    assert read_index("build/fake").failed["a"].error == "RuntimeError: it broke", "as on this machine"
    assert f"FarError: on {os.uname().nodename}: RuntimeError: it broke" in capsys.readouterr().err
    assert "it broke" in Path(".expunge/failed/fake/a.txt").read_text()
    with pytest.raises(InputError, match="has no weights") as caught:
        run(workers, {"a": "wrong", "b": "deux"})
    assert os.uname().nodename in str(caught.value)


def test_what_the_object_store_cannot_hold_is_spilled(workers: Workers) -> None:
    """Three units read and write 60 MB each; a node's store has 80."""
    size = 60 * 2**20
    for name in "abc":
        Path(name).mkdir()
        Path(name, "word.txt").write_text(name * size)
    run_units("fake", "build/fake", {n: Unit(n, reads={"it": Path(n)}) for n in "abc"}, write, workers=workers)
    for name in "abc":
        text = Path("build/fake", name, "word.txt").read_text()
        assert len(text) == size + 2 and text.startswith(name) and text.endswith(f" {name}")


def test_a_unit_that_kills_its_workers_ends_the_run(workers: Workers) -> None:
    with pytest.raises(InputError, match="4 workers died"):
        run(workers, {"a": "killed"})


@pytest.mark.parametrize("deaths", [1, 99])
def test_a_worker_that_dies_at_its_start_is_asked_for_again(
    workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaths: int
) -> None:
    class Faltering(ray_cluster.Hand):
        def __init__(self, *given: Any) -> None:
            died = len(list(tmp_path.glob("died-*")))
            if died < deaths:
                (tmp_path / f"died-{died}").touch()
                os._exit(1)
            super().__init__(*given)

    monkeypatch.setattr(ray_cluster, "Hand", Faltering)
    if deaths > ray_cluster.TRIES:
        with pytest.raises(InputError, match="a worker cannot start"):
            run(replace(workers, count=1), {"a": "un"})
        assert len(list(tmp_path.glob("died-*"))) == ray_cluster.TRIES
    else:
        run(replace(workers, count=1), {"a": "un"})
        assert Path("build/fake/a/word.txt").read_text() == "un"


def test_a_node_that_dies_is_done_without(cluster: object, workers: Workers) -> None:
    words = {f"u{i}": f"{i} nap" for i in range(8)}
    node = cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)  # type: ignore[attr-defined]

    def die() -> None:
        time.sleep(4)
        cluster.remove_node(node, allow_graceful=False)  # type: ignore[attr-defined]

    killer = threading.Thread(target=die)
    killer.start()
    run(workers, words)
    killer.join()
    assert {Path(f"build/fake/{name}/word.txt").read_text() for name in words} == set(words.values())


def test_a_run_on_nodes_without_the_base_gives_the_same_files(
    cluster: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_folder: Path,
    request: pytest.FixtureRequest,
) -> None:
    """With a thread each: on some processors the number of threads rounds."""
    made, threads = list[dict[str, str]](), torch.get_num_threads()
    request.addfinalizer(lambda: torch.set_num_threads(threads))
    for executor in ("inline", "ray"):
        (tmp_path / executor).mkdir()
        monkeypatch.chdir(tmp_path / executor)
        make_project(tiny_folder)
        file = Path("bases/tiny.yaml")
        file.write_text(file.read_text() + "threads: 1\n")
        where = {"executor": executor, "ray": {"address": cluster.address, "cpus": 1}}  # type: ignore[attr-defined]
        write_yaml(Path("params.yaml"), {**PARAMS, "run": where})
        for stage in (plan, fewshot, unlearn, render):
            stage.run()
        made.append({name: folder_digest(Path("build") / name) for name in ("fewshot", "encoders", "renders")})
    assert made[0] == made[1]


def test_no_such_cluster_and_no_room_are_said(workers: Workers) -> None:
    with pytest.raises(InputError, match="nothing answers at"):
        run(Workers("ray", 0, settings={"address": "127.0.0.1:1"}), {"a": "un"})
    with pytest.raises(InputError, match="has no room for a worker with 64 CPUs"):
        run(Workers("ray", 0, settings={**workers.settings, "cpus": 64}), {"a": "un"})


def test_a_driver_that_dies_resumes_and_leaves_nothing(tmp_path: Path) -> None:
    """With a cluster of its own on this machine, which ends with it."""
    code = """if __name__ == "__main__":
        from stages.runtime.executors import Workers
        from tests.support.fake_units import run
        run(Workers("ray", 2, settings={"cpus": 1}), {f"u{i}": f"{i} nap" for i in range(6)})
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), far.NODE: str(tmp_path / "node")}
    driver = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment)
    store = tmp_path / ".expunge/store/fake"
    deadline = time.monotonic() + 60
    while not (store.is_dir() and [each for each in store.iterdir() if not each.name.startswith(".")]):
        assert time.monotonic() < deadline and driver.poll() is None
        time.sleep(0.1)
    family = psutil.Process(driver.pid).children(recursive=True)
    agents = [process for process in family if process.name().startswith(AGENTS)]
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    _, alive = psutil.wait_procs(set(family) - set(agents), timeout=30)
    for process in [*alive, *agents]:  # Ray's agents look for their parent once a minute
        with contextlib.suppress(psutil.Error):
            process.kill()
    assert not alive
    done = {each.name for each in store.iterdir() if not each.name.startswith(".")}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    assert done <= {each.name for each in store.iterdir()} and len(list((tmp_path / "build/fake").glob("u*"))) == 6
