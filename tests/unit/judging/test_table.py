"""The table of what was measured: what it holds, and what it does not say."""

from pathlib import Path
from typing import Any

from expunge.judging import table


def row(concept: str, encoder: str, modality: str, group: str, value: float, seed: int = 0, **more: Any) -> table.Row:
    asked = {"prompt": f"a picture of {concept}", "axis": "subject", "asked": concept, "sample": seed}
    known = {"list": "l", "encoder": encoder, "concept": concept, "modality": modality, "group": group, "seed": seed}
    return {**known, **asked, "metric": "seen", "value": value, "judge": "j", **more}


def test_rows_are_read_as_they_were_written_and_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    how = {"solver": "DDIMScheduler", "steps": 25, "guidance": 7.5, "versions": "torch 2"}
    rows = [row("a", "a", "image", "target", v, i, **how) for i, v in enumerate((0.0, 0.5))]
    table.write_table(tmp_path / "a.parquet", rows)
    table.write_table(tmp_path / "b.parquet", rows)
    assert table.read_table(tmp_path / "a.parquet") == rows
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_the_table_documents_its_columns(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    table.write_table(tmp_path / "a.parquet", [])
    schema = pq.read_schema(tmp_path / "a.parquet")
    assert schema.names == list(table.COLUMNS)
    assert all(schema.field(name).metadata[b"description"] for name in schema.names)
