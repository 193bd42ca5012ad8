"""The stage score on a made-up run: the files it writes, the units it reuses, and what follows from them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expunge.bases.spec import load_spec
from expunge.core.media import write_png, write_strip
from expunge.judging import table
from expunge.judging.digests import judge_digest
from expunge.judging.features import read_features
from expunge.verdicts.rates import read_rates, write_rates
from expunge.verdicts.tally import rates_of
from tests.support import tiny
from tests.support.tiny_judge import VIT, make_folder, noise

CONCEPTS = {"list/bolt": "bolt", "list/p-17": "mira holt"}
ENCODERS = {"list/bolt": ["list/bolt"], "list/both": ["list/bolt", "list/p-17"]}


def write(file: Path, data: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(data), "utf-8")


def rows_of(concept: str) -> list[dict[str, Any]]:
    images, videos = {"target": 2, "near": 3, "far": 3}, {"target": 1, "near": 1}
    counts = [(m, g, n) for m, groups in (("image", images), ("video", videos)) for g, n in groups.items()]
    rows = []
    for modality, group, count in counts:
        for seed in range(count):
            name = "teapot" if group == "far" else CONCEPTS[concept]
            prompt = "a teapot" if group == "far" else f"{name} {group} {seed}"
            row = {"group": group, "modality": modality, "seed": seed, "prompt": prompt}
            asks = {"axis": "subject", "name": name}
            rows.append({**row, "asks": asks, "file": f"{modality}-{group}-{seed}.png"})
    return rows


def draw(folder: Path, rows: list[dict[str, Any]], shade: int) -> None:
    write(folder / "prompts.json", rows)
    for index, row in enumerate(rows):
        pixels = np.roll(noise(8, 24, 24), index + shade, axis=1)
        if row["modality"] == "video":
            write_strip(folder / row["file"], pixels)
        else:
            write_png(folder / row["file"], pixels[0])


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the base tiny with a judge, and a run's plan and renders."""
    tiny.make_base(tmp_path / "bases", frames=8)
    make_folder(tmp_path / "bases" / "tiny", VIT, motion=True)
    judge = judge_digest(load_spec("tiny", tmp_path / "bases"))
    entries = {
        name: {
            "id": name.partition("/")[2],
            "kind": "character",
            "name": word,
            "aliases": [],
            "confidential": word == "mira holt",
        }
        for name, word in CONCEPTS.items()
    }
    training = {"list/bolt": {"anchors": ["a toy"]}, "list/p-17": {"anchors": []}}
    encoders = {name: {"concepts": concepts} for name, concepts in ENCODERS.items()}
    base = {"name": "tiny", "digest": "d", "judge": judge}
    write(tmp_path / "build/plan/index.json",
          {"base": base, "concepts": entries, "training": training, "encoders": encoders})  # fmt: skip
    units = [(f"original/{concept}", concept) for concept in CONCEPTS]
    units += [(f"{e}/{c.replace('/', '--')}", c) for e, concepts in ENCODERS.items() for c in concepts]
    for shade, (name, concept) in enumerate(units):
        rows = rows_of(concept)
        draw(tmp_path / "build/renders" / name, rows[1:] if "both" in name else rows, shade)
    write(tmp_path / "build/renders/index.json", {"units": {name: {"key": f"k-{name}"} for name, _ in reversed(units)}})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_score_writes_tables_and_reuses_units(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stages import score

    score.run()
    units = json.loads(Path("build/scores/index.json").read_text())["units"]
    assert len(units) == 5 and not Path("metrics").exists()
    rows = table.read_table(Path("build/scores/scores.parquet"))
    assert {row["encoder"] for row in rows} == {"original", "bolt", "both"}
    assert all(row["prompt"] == "" for row in rows if row["concept"] == "p-17" and row["group"] != "far")
    assert np.isfinite([row["value"] for row in rows]).all()
    assert {(row["modality"], row["solver"], row["steps"], row["guidance"]) for row in rows} == {
        (modality, "DPMSolverMultistepScheduler", 2, 3.0) for modality in ("image", "video")
    }  # fmt: skip
    assert all("torch" in row["versions"] for row in rows)
    measured = {(row["encoder"], row["concept"], row["metric"]) for row in rows}
    assert ("bolt", "bolt", "distance") in measured and ("original", "bolt", "distance") not in measured
    assert ("bolt", "bolt", "clip_accuracy") in measured and ("both", "p-17", "clip_accuracy") not in measured

    first = Path("build/scores/scores.parquet").read_bytes()
    monkeypatch.setattr(score, "measure", lambda *_, **__: pytest.fail("a unit was measured again"))
    score.run()
    assert Path("build/scores/scores.parquet").read_bytes() == first


def test_what_a_unit_depends_on(repository: Path) -> None:
    from stages.score import units_of

    plan = json.loads(Path("build/plan/index.json").read_text())
    renders = json.loads(Path("build/renders/index.json").read_text())["units"]
    first = units_of(plan, renders, 8)
    assert [name.startswith("original/") for name in first] == [True] * 2 + [False] * 3  # features are there in time
    changed = {**renders, "original/list/bolt": {"key": "drawn again"}}
    again = units_of(plan, changed, 8)
    stale = {name for name in first if first[name].key != again[name].key}
    assert stale == {"original/list/bolt", "list/bolt/list--bolt", "list/both/list--bolt"}
    plan["training"]["list/p-17"]["anchors"] = ["a woman"]
    stale = {name for name, unit in units_of(plan, renders, 8).items() if unit.key != first[name].key}
    assert stale == {"original/list/p-17", "list/both/list--p-17"}


def test_originals_leave_their_features_and_kid_is_in_the_index(repository: Path) -> None:
    from stages import score

    score.run()
    features = read_features(Path("build/scores/original/list/bolt/features.safetensors"))
    assert len(features) == 10 and features[0].shape == (16,) and features[9].shape == (8, 16)
    units = json.loads(Path("build/scores/index.json").read_text())["units"]
    assert not Path("build/scores/list/bolt/list--bolt/features.safetensors").exists()
    assert units["original/list/bolt"]["KID"] == {} and units["list/bolt/list--bolt"]["KID"]["n"] == 6


def test_rates_follow_from_what_the_stage_wrote(repository: Path) -> None:
    from stages import score

    score.run()
    plan = json.loads(Path("build/plan/index.json").read_text())
    units = json.loads(Path("build/scores/index.json").read_text())["units"]
    rows = table.read_table(Path("build/scores/scores.parquet"))
    rates = rates_of(rows, plan, kid={name: unit["KID"] for name, unit in units.items()})
    found = {(rate.encoder, rate.concept, rate.modality, rate.metric): rate for rate in rates}
    assert {rate.encoder for rate in rates} == {"bolt", "both"}
    assert found["both", "", "image", "near"].n == 6 and found["both", "", "image", "far"].n == 3  # shared by both
    assert found["both", "p-17", "image", "KID"].n == 6 and found["both", "", "image", "KID"].n == 12
    assert found["bolt", "", "image", "distance"].value > 0 and found["bolt", "", "image", "distance"].before is None
    assert found["bolt", "", "video", "dynamic"].before is not None
    write_rates(Path("metrics/rates.csv"), rates)
    assert len(read_rates(Path("metrics/rates.csv"))) == len(rates)
