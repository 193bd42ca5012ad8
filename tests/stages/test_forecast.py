"""What a stage says of the time that the whole run will take."""

from pathlib import Path

import pytest

from expunge.core.accounts import write_seconds
from stages.runtime.executors import Workers
from stages.runtime.forecast import forecast
from tests.support import fake_units


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def took(stage: str, **seconds: float) -> None:
    write_seconds(stage, seconds, seconds)


def test_old_units_take_what_they_took_and_new_ones_the_mean() -> None:
    took("attack", a=10, b=110)
    assert forecast("attack", ["a"], 1) == "about 00:10"
    assert forecast("attack", ["a", "c"], 1) == "about 01:10"
    assert forecast("attack", ["a", "c"], 2) == "about 00:35"


def test_later_stages_have_work_in_proportion() -> None:
    took("render", a=60, b=60)
    took("score", a=10, b=20)
    took("attack", a=70)
    took("unlearn", a=1000)  # is over
    assert forecast("render", ["a"], 1) == "about 01:00, and 01:50 with the stages after it"
    assert forecast("render", ["a", "b", "c", "d"], 2) == "about 02:00, and 03:40 with the stages after it"


def test_what_is_not_known_or_short_is_not_said() -> None:
    took("score", a=3)
    assert forecast("score", ["a"], 1) == forecast("render", ["a"], 1) == forecast("card", ["a"], 1) == ""


def test_a_stage_says_it_before_it_begins(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("stages.runtime.forecast.ORDER", ("fake", "next"))
    took("fake", a=5, b=25)
    took("next", a=60, b=60)
    fake_units.run(Workers(), {"a": "un", "c": "trois"})
    assert "fake: 2 to compute, about 00:20, and 02:20 with the stages after it\n" in capsys.readouterr().err
