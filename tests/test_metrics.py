"""Rates against values worked out by hand, and the tables that hold them."""

import csv
from pathlib import Path
from typing import Any

from expunge import metrics


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


def test_what_a_joint_encoders_concepts_share_counts_once() -> None:
    shared = [row(c, "joint", "image", "far", 1, 5, prompt="a teapot") for c in "ab"]
    rows = [*shared, row("a", "joint", "image", "far", 0, 6, prompt="a teapot")]
    assert metrics.rates(rows) == {"image": {"far": 0.5}}


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


def test_rows_are_read_as_they_were_written_and_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    how = {"solver": "DDIMScheduler", "steps": 25, "guidance": 7.5, "versions": "torch 2"}
    rows = [row("a", "a", "image", "target", v, i, **how) for i, v in enumerate((0.0, 0.5))]
    metrics.write_table(tmp_path / "a.parquet", rows)
    metrics.write_table(tmp_path / "b.parquet", rows)
    assert metrics.read_table(tmp_path / "a.parquet") == rows
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_the_table_documents_its_columns(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    metrics.write_table(tmp_path / "a.parquet", [])
    schema = pq.read_schema(tmp_path / "a.parquet")
    assert schema.names == list(metrics.COLUMNS)
    assert all(schema.field(name).metadata[b"description"] for name in schema.names)


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
