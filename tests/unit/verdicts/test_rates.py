"""The table of rates."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.core.errors import InputError
from expunge.verdicts.rates import COLUMNS, Rate, read_rates, write_rates

names = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=8)
number = st.floats(-1e6, 1e6, allow_nan=False)
maybe = st.none() | number
rates = st.builds(Rate, names, names, names, names, names, number, maybe, maybe, st.integers(0, 10**6), maybe, names)


@settings(max_examples=40, deadline=None)
@given(st.lists(rates, max_size=6, unique_by=lambda rate: rate.key))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, some: list[Rate]) -> None:
    file = tmp_path_factory.mktemp("rates") / "metrics" / "rates.csv"
    write_rates(file, some)
    found, first = read_rates(file), file.read_bytes()
    assert [rate.key for rate in found] == sorted(rate.key for rate in some)
    for rate, own in zip(found, sorted(some, key=lambda rate: rate.key), strict=True):
        assert rate.n == own.n and rate.value == pytest.approx(own.value, rel=1e-5, abs=1e-300)
        assert rate.word == own.word
        assert (rate.low is None, rate.before is None) == (own.low is None, own.before is None)
    write_rates(file, reversed(found))
    assert file.read_bytes() == first and b"\r" not in first


def test_the_table_as_text(tmp_path: Path) -> None:
    write_rates(tmp_path / "a.csv", [Rate("l", "e", "", "image", "target", 1 / 3, None, 0.5, 3, None)])
    assert (tmp_path / "a.csv").read_text() == ",".join(COLUMNS) + "\nl,e,,image,target,0.333333,,0.5,3,,\n"


def test_a_table_from_before_there_was_a_word_is_read(tmp_path: Path) -> None:
    old = ",".join(COLUMNS[:-1])
    (tmp_path / "a.csv").write_text(f"{old}\nl,e,,image,target,0.5,,,3,\n")
    assert read_rates(tmp_path / "a.csv") == [Rate("l", "e", "", "image", "target", 0.5, None, None, 3, None)]
    (tmp_path / "a.csv").write_text(f"{old},more\nl,e,,image,target,0.5,,,3,,\n")
    with pytest.raises(InputError, match="no table of rates"):
        read_rates(tmp_path / "a.csv")


def test_wrong_rates_and_files_are_refused(tmp_path: Path) -> None:
    good = Rate("l", "e", "", "image", "target", 0.5, 0.1, 0.9, 3, None)
    with pytest.raises(ValueError, match="one key"):
        write_rates(tmp_path / "a.csv", [good, good])
    with pytest.raises(ValueError, match="not finite"):
        write_rates(tmp_path / "a.csv", [Rate(*good.key, float("nan"), None, None, 3, None)])
    assert not (tmp_path / "a.csv").exists()
    with pytest.raises(InputError, match="cannot be read"):
        read_rates(tmp_path / "a.csv")
    for text in ("list,encoder\nl,e\n", ",".join(COLUMNS) + "\nl,e,,image,target,much,,,3,\n"):
        (tmp_path / "a.csv").write_text(text)
        with pytest.raises(InputError, match="no table of rates"):
            read_rates(tmp_path / "a.csv")
