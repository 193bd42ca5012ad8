"""Mistakes in the times of a request: no such day, or decided or due before it came in."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from expunge.core.errors import Problem
from expunge.core.times import EXAMPLE, begin, has_form, is_before

TIMES = ("received", "due", "decided")  # of a request


def time_problems(request: Mapping[str, Any], place: Callable[[str], str]) -> Iterator[Problem]:
    """:param request: as written. Times of a wrong form are passed over: the schema refuses them.

    :param place: "file:line" of one of its keys.
    """
    sound = dict[str, str]()
    for key in TIMES:
        text = request.get(key)
        if not isinstance(text, str) or not has_form(text):
            continue
        try:
            begin(text)
            sound[key] = text
        except ValueError:
            fix = f"write year-month-day, such as {EXAMPLE}"
            yield Problem(place(key), f"{text} is not a valid date or time", fix)
    for key in ("due", "decided"):
        if "received" in sound and key in sound and is_before(sound[key], sound["received"]):
            what = f"the request is {key} on {sound[key]}, before it was received on {sound['received']}"
            yield Problem(place(key), what, "mend one of the two; a day is one in UTC")
