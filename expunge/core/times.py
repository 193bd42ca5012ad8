"""Days and times as people write them: ISO 8601, a time with its zone, or a day.

    begin("2026-01-31T10:30:00+01:00")   9:30 UTC
    end("2026-01-31")                    the last moment of that day in UTC: a day is over at its end

A day has no zone of its own, so it is one in UTC everywhere. A time without a zone is none: nobody can tell when it is.
"""

import re
from datetime import UTC, datetime

FORM = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2}))?"
EXAMPLE = "2026-01-31 or 2026-01-31T09:30:00Z"
_FORM, _ZONE = re.compile(FORM), re.compile(r"Z|[+-][0-9]{2}:?[0-9]{2}")


def has_form(text: str) -> bool:
    """Is it written like a day or a time? There may still be no such day."""
    return _FORM.fullmatch(text) is not None


def is_zone(text: str) -> bool:
    return _ZONE.fullmatch(text) is not None


def begin(text: str) -> datetime:
    """When a day begins, or a time. :raises ValueError: it is none, or a time without a zone."""
    if not has_form(text):
        raise ValueError(f"{text!r} is not like {EXAMPLE}")
    moment = datetime.fromisoformat(text)
    try:
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except OverflowError as error:  # the first and the last day of all
        raise ValueError(f"{text!r} is out of range") from error


def end(text: str) -> datetime:
    """When a day is over; a time as it is. :raises ValueError: as `begin`."""
    return begin(text) if "T" in text else begin(text).replace(hour=23, minute=59, second=59, microsecond=999_999)


def is_before(one: str, other: str) -> bool:
    """Is one over before the other begins? Of a day and a time, also by the days as both are written."""
    if "T" in one and "T" in other:
        return begin(one) < begin(other)
    return end(one) < begin(other) and one[:10] < other[:10]
