"""Tables that are written for people: nothing in them runs in a spreadsheet, and everything reads back."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.core.files import from_cell, to_cell, write_csv


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+1", "@SUM(A1)", "-1+cmd", "\tx", "'=x", "-"])
def test_a_formula_becomes_a_text(text: str) -> None:
    assert to_cell(text) == f"'{text}" and from_cell(to_cell(text)) == text


@pytest.mark.parametrize("value", ["a cat", "'tis", "-0.5", "-1e-05", -0.5, 3, None, ""])
def test_other_values_stay(value: object) -> None:
    assert to_cell(value) == value


@given(st.text())
def test_every_text_reads_back(text: str) -> None:
    assert from_cell(to_cell(text)) == text


def test_a_table_holds_no_formula(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [{"a": "=1+1", "b": -0.5}], ("a", "b"))
    with open(tmp_path / "a.csv", encoding="utf-8", newline="") as lines:
        assert list(csv.DictReader(lines)) == [{"a": "'=1+1", "b": "-0.5"}]
