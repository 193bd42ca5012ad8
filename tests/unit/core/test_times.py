"""Days and times: when they begin and end, and which is before which."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.core.times import begin, end, has_form, is_before

TIMES = st.datetimes(datetime(1950, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-01-31", "2026-01-31T00:00:00+00:00", "2026-01-31T23:59:59.999999+00:00"),
        ("2026-01-31T09:30Z", "2026-01-31T09:30:00+00:00", "2026-01-31T09:30:00+00:00"),
        ("2026-01-31T00:30:00+0100", "2026-01-30T23:30:00+00:00", "2026-01-30T23:30:00+00:00"),
        ("9999-12-31", "9999-12-31T00:00:00+00:00", "9999-12-31T23:59:59.999999+00:00"),
    ],
)
def test_a_day_ends_at_its_end_and_a_time_is_one(text: str, first: str, last: str) -> None:
    assert (begin(text).isoformat(), end(text).isoformat()) == (first, last)


@pytest.mark.parametrize(
    "text",
    ["2026-01-31T09:30:00", "2026-02-30", "2026-01-31 09:30Z", "31.1.2026", "2026-01-31T25:00Z", "", "٢٠٢٦-01-31",
     "0001-01-01T00:00+10:00", "2026-01-31T09:30:00Z\n"],
)  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        begin(text)
    assert not has_form("2026-01-31T09:30:00")


def test_a_day_is_not_before_a_time_of_the_same_day_anywhere() -> None:
    assert not is_before("2026-03-01", "2026-03-01T23:30:00-05:00")  # which is 2026-03-02 in UTC
    assert is_before("2026-02-28", "2026-03-01T23:30:00-05:00") and is_before("2026-02-28", "2026-03-01")
    assert is_before("2026-03-01T09:00Z", "2026-03-01T11:00+01:00") and not is_before("2026-03-01", "2026-03-01")


@given(TIMES, TIMES, st.integers(-12, 14))
def test_zones_do_not_change_the_order(one: datetime, other: datetime, hours: int) -> None:
    shifted = one.astimezone(timezone(timedelta(hours=hours)))
    assert begin(shifted.isoformat()) == one
    assert is_before(shifted.isoformat(), other.isoformat()) == (one < other)
