"""Rates against values worked out by hand, and the tables that hold them."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expunge import judge as judges
from expunge import metrics
from expunge.video import write_png, write_strip


def row(concept: str, encoder: str, modality: str, group: str, value: float, seed: int = 0, **more: Any) -> metrics.Row:
    asked = {"prompt": f"a picture of {concept}", "axis": "subject", "asked": concept, "sample": seed}
    known = {"list": "l", "encoder": encoder, "concept": concept, "modality": modality, "group": group, "seed": seed}
    return {**known, **asked, "metric": "seen", "value": value, "judge": "j", **more}


def test_rates_are_shares_and_empty_groups_are_absent() -> None:
    rows = [row("a", "a", "image", "target", v, i) for i, v in enumerate((1, 0, 0, 0))]
    rows += [row("a", "a", "image", "near", v, i) for i, v in enumerate((1, 1, 0))]
    rows += [row("a", "a", "video", "target", 0.0), row("a", "a", "video", "target", 0.9, metric="confidence")]
    assert metrics.rates(rows) == {"image": {"target": 0.25, "near": 0.6667}, "video": {"target": 0.0}}
    assert metrics.rates([]) == {}


@pytest.mark.parametrize(
    ("frames", "any_", "majority"),
    [([0, 0, 0], False, False), ([0, 1, 0, 0], True, False), ([1, 1, 0, 0], True, False), ([1, 1, 0], True, True)],
)
def test_any_frame_counts_on_what_must_go_and_a_majority_on_what_must_stay(
    frames: list[int], any_: bool, majority: bool
) -> None:
    top1 = np.array(frames, bool)
    assert [metrics.seen_in_video(top1, g) for g in ("target", "aliases")] == [any_] * 2
    assert [metrics.seen_in_video(top1, g) for g in ("near", "far", "sense")] == [majority] * 3


def test_the_summary_has_encoders_lists_and_overall() -> None:
    rows = [
        row("a", "a", "image", "target", 0), row("b", "b", "image", "target", 1),
        row("a", "joint", "image", "target", 0), row("b", "joint", "image", "target", 1),
        row("b", "b", "image", "aliases", 1),
        row("a", "original", "image", "target", 1), row("b", "original", "image", "target", 1),
        row("a", "original", "image", "near", 1, 7),  # no encoder drew this one
        row("b", "original", "image", "aliases", 0),
        row("c", "c", "video", "far", 1, list="m"),
    ]  # fmt: skip
    encoders = {"l/a": ["l/a"], "l/b": ["l/b"], "l/joint": ["l/a", "l/b"], "m/c": ["m/c"]}
    costs: dict[str, Any] = {"l/a": {"seconds": 1.234, "changed_parameters": 7, "key": "x"}, "l/b": {"seconds": 2.0}}
    summary = metrics.summarise(rows, encoders, costs)
    assert summary["encoders"] == {
        "l/a": {"image": {"target": 0.0}, "seconds": 1.23, "changed_parameters": 7},
        "l/b": {"image": {"target": 1.0, "aliases": 1.0}, "seconds": 2.0},
        "l/joint": {"image": {"target": 0.5}},
        "m/c": {"video": {"far": 1.0}},
    }
    assert summary["lists"]["l"] == {"image": {"target": 0.5, "aliases": 1.0}, "encoders": 3, "seconds": 3.23}
    assert summary["lists"]["m"] == {"video": {"far": 1.0}, "encoders": 1}
    assert summary["overall"]["image"] == {"target": 0.5, "aliases": 1.0}
    base = metrics.summarise(rows, encoders, original=True)
    assert base["encoders"]["l/a"] == {"image": {"target": 1.0}}
    assert base["encoders"]["l/b"] == {"image": {"target": 1.0, "aliases": 0.0}}
    assert base["encoders"]["m/c"] == {}


def test_plot_rows_by_hand() -> None:
    entry = {"image": {"target": 0.25, "near": 1.0, "far": 0.5}, "video": {"far": 0.5}, "seconds": 1.0}
    image, video = metrics.plot_rows({"encoders": {"l/a": entry}})
    assert (image["name"], image["forgotten"], image["kept"], image["aliases"]) == ("l/a", 0.75, 0.75, "")
    assert (video["target"], video["forgotten"], video["kept"]) == ("", "", 0.5)


def test_measure_reads_renders_and_applies_the_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that sees red frames as "owl"."""

    def sees(_: Any, frames: np.ndarray, axis: str, names: list[str]) -> judges.Seen:
        top1 = np.asarray(frames[..., 0, 0, 0] > 128)
        top1 = np.asarray(top1.any(-1)) if axis == "motion" else top1
        return judges.Seen(top1, np.where(top1, 0.5, -0.5), np.where(top1, 0.8, 0.2))

    monkeypatch.setattr(judges, "sees", sees)
    monkeypatch.setattr(judges, "with_names", lambda judge, asks: judge)
    video = np.zeros((4, 8, 8, 3), np.uint8)
    video[1, ..., 0] = 255
    rows = []
    for index, (group, modality, axis) in enumerate([
        ("target", "image", "subject"), ("target", "video", "subject"), ("near", "video", "subject"),
        ("near", "video", "motion"), ("near", "image", "motion"),
    ]):  # fmt: skip
        file = f"{modality}-{index:03}.png"
        rows.append({"group": group, "prompt": f"p{index}", "seed": index, "modality": modality, "file": file,
                     "asks": {"axis": axis, "name": "owl"}})  # fmt: skip
        if modality == "video":
            write_strip(tmp_path / file, video)
        else:
            write_png(tmp_path / file, video[1])
    (tmp_path / "prompts.json").write_text(json.dumps(rows))
    samples = metrics.read_samples(tmp_path, 4)
    assert [s.index for s in samples] == [0, 1, 2, 3]  # a picture shows no motion
    unit = {"list": "l", "encoder": "e", "concept": "c"}
    found = metrics.measure(None, samples, unit, "j")
    values = {(r["sample"], r["metric"]): r["value"] for r in found}
    assert values[0, "seen"] == 1 and (0, "frames") not in values
    assert (values[1, "seen"], values[1, "frames"], values[1, "confidence"]) == (1, 0.25, 0.8)
    assert (values[2, "seen"], values[2, "frames"], values[2, "confidence"]) == (0, 0.25, 0.35)
    assert values[3, "seen"] == 1 and (3, "frames") not in values
    metrics.write_table(tmp_path / "a.parquet", found)
    metrics.write_table(tmp_path / "b.parquet", found)
    assert metrics.read_table(tmp_path / "a.parquet") == found
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert metrics.measure(None, [], unit, "j") == []


def test_copies_and_compositions_are_looked_at_in_their_own_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    memorised, other = draw.integers(0, 256, (2, 64, 64, 3), np.uint8)
    noisy = (memorised.astype(int) + draw.integers(-20, 20, memorised.shape)).clip(0, 255).astype(np.uint8)

    def sample(index: int, pixels: np.ndarray, axis: str = "copy", modality: str = "image") -> metrics.Sample:
        return metrics.Sample(index, "target", "p", index, modality, axis, "x", pixels, ("owl", "lamp"))

    monkeypatch.setattr(judges, "with_names", lambda judge, asks: list(asks))
    monkeypatch.setattr(
        judges, "sees_both", lambda judge, frames, axis, first, second: np.array([first == ["owl"]] * len(frames))
    )
    video = np.stack([other, memorised])
    samples = [sample(0, noisy), sample(1, other), sample(2, video, modality="video"), sample(3, other, "both")]
    unit = {"list": "l", "encoder": "e", "concept": "c"}
    rows = metrics.measure(None, samples, unit, "j", [sample(9, memorised)] * 3)
    seen = [r["value"] for r in rows if r["metric"] == "seen"]
    assert seen == [1.0, 0.0, 1.0, 1.0]
    frames = [r["value"] for r in rows if r["metric"] == "frames"]
    assert frames == [0.5]  # any frame that is a copy counts
    assert metrics.asks_of(samples[3]) == [("subject", "owl"), ("subject", "lamp")]
    with pytest.raises(ValueError, match="nothing to compare"):
        metrics.measure(None, samples[:1], unit, "j")


def test_the_table_documents_its_columns(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    metrics.write_table(tmp_path / "a.parquet", [])
    schema = pq.read_schema(tmp_path / "a.parquet")
    assert schema.names == list(metrics.COLUMNS)
    assert schema.field("value").metadata[b"description"].startswith(b"seen")


def test_the_csv_has_a_header_even_without_rows(tmp_path: Path) -> None:
    metrics.write_csv(tmp_path / "a.csv", [])
    assert (tmp_path / "a.csv").read_text() == ",".join(metrics.PLOT_COLUMNS) + "\n"
    metrics.write_csv(tmp_path / "a.csv", metrics.plot_rows({"encoders": {"l/a": {"image": {"target": 0.0}}}}))
    with open(tmp_path / "a.csv") as file:
        assert next(csv.DictReader(file))["forgotten"] == "1.0"


def test_confidential_concepts_are_redacted() -> None:
    concepts: dict[str, dict[str, Any]] = {
        "l/a": {"name": "mira holt", "aliases": ["the redhead"], "confidential": True},
        "l/b": {"name": "owl", "aliases": []},
    }
    rows = [
        row("a", "a", "image", "target", 1), row("a", "a", "image", "far", 1, prompt="a teapot", asked="teapot"),
        row("b", "b", "image", "near", 1, prompt="a photo of Mira Holt", asked="x"),
        row("b", "b", "image", "target", 1, prompt="an owl", asked="owl"),
        row("b", "b", "image", "target", 1, prompt="mira holtz", asked="owl"),
    ]  # fmt: skip
    prompts = [r["prompt"] for r in metrics.redact(rows, concepts)]
    assert prompts == ["", "a teapot", "", "an owl", "mira holtz"]
