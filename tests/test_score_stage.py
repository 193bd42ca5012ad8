"""The stages score and report on a made-up run: files they write, units they reuse."""

import json
from pathlib import Path

import numpy as np
import pytest

from expunge import metrics
from expunge.spec import judge_digest, load_spec
from tests import tiny
from tests.test_judge import VIT, make_folder
from tests.test_report import make_run


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the repository's code, the base tiny with a judge, and a run's plan and renders."""
    root = Path(__file__).resolve().parents[1]
    for name in ("stages", "expunge"):
        (tmp_path / name).symlink_to(root / name)
    tiny.make_base(tmp_path / "bases", frames=8)
    make_folder(tmp_path / "bases" / "tiny", VIT)
    plan = dict(make_run(tmp_path / "build").plan)
    (tmp_path / "build/scores/scores.parquet").unlink()
    plan["base"] = {"name": "tiny", "digest": "d", "judge": judge_digest(load_spec("tiny", tmp_path / "bases"))}
    write(tmp_path / "build/plan/index.json", plan)
    folders = sorted((tmp_path / "build/renders").glob("*/*/*"))
    names = [folder.relative_to(tmp_path / "build/renders").as_posix() for folder in folders]
    write(tmp_path / "build/renders/index.json", {"units": {name: {"key": f"k-{name}"} for name in names}})
    costs = {name: {"key": "k", "seconds": 1.5, "changed_parameters": 9} for name in plan["encoders"]}
    write(tmp_path / "build/encoders/index.json", {"units": costs})
    (tmp_path / "params.yaml").write_text("report: {samples: 1}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(file: Path, data: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(data), "utf-8")


def test_score_and_report_write_their_files(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stages import report, score

    score.run()
    units = json.loads(Path("build/scores/index.json").read_text())["units"]
    assert len(units) == 7
    rows = metrics.read_table(Path("build/scores/scores.parquet"))
    assert {row["encoder"] for row in rows} == {"original", "bolt", "both", "p-17"}
    assert all(row["prompt"] == "" for row in rows if row["concept"] == "p-17" and row["group"] != "far")
    assert np.isfinite([row["value"] for row in rows]).all()
    summary = json.loads(Path("metrics/summary.json").read_text())
    assert set(summary["encoders"]) == {"characters/bolt", "characters/both", "people/p-17"}
    assert set(summary["encoders"]["characters/bolt"]["video"]) == {"target", "near", "far"}
    assert summary["encoders"]["people/p-17"]["changed_parameters"] == 9
    assert set(json.loads(Path("metrics/base.json").read_text())["encoders"]) == set(summary["encoders"])
    assert len(Path("metrics/scores.csv").read_text().splitlines()) == 1 + 3 * 2

    before = {path: path.read_bytes() for path in Path("metrics").iterdir()}
    monkeypatch.setattr(score, "measure", lambda *_: pytest.fail("a unit was measured again"))
    score.run()
    assert {path: path.read_bytes() for path in Path("metrics").iterdir()} == before

    report.run()
    html = Path("build/report/index.html").read_text("utf-8")
    assert "characters--bolt" in html and "../scores/scores.parquet" in html and "mira" not in html.casefold()
