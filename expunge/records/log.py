"""audit/log.jsonl: what became of each encoder's record and when, and what was released, in lines chained by hashes.

    append(Path("audit/log.jsonl"), events, now)
    lines, problems = read_log(Path("audit/log.jsonl"))

Each line holds the sha256 of the line before it, so a line that is changed, left out or moved breaks the chain. It is
the one place in audit/ that holds times.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from expunge.core.strict_json import strict_json

MADE, CHANGED, WITHDRAWN, RELEASED = "made", "changed", "withdrawn", "released"
FAILED = "not made"  # a list still asks for it, and its training failed
GONE = (WITHDRAWN, FAILED)
FIRST = "0" * 64  # in place of the line before the first
LARGEST = 256 * 2**20  # bytes


@dataclass(frozen=True)
class Event:
    """What became of an encoder. `record` is the sha256 of its record; of one that is gone, of its last.

    `release` is the sha256 of the release.json of the folder that was handed on, of the event "released" alone.
    """

    event: str
    encoder: str
    record: str
    result: str = ""
    release: str = ""


@dataclass(frozen=True)
class Line:
    time: str  # ISO 8601, UTC
    event: str
    encoder: str
    record: str
    result: str
    previous: str  # sha256 of the line before, without its line end
    release: str = ""


def events_between(
    old: Mapping[str, str], new: Mapping[str, str], results: Mapping[str, str], asked: Collection[str] = ()
) -> list[Event]:
    """What became of encoders, from {"list/encoder": sha256 of its record} before and now.

    :param results: of those that have a record now. :param asked: the encoders that lists ask for.
    """
    events = [
        Event(CHANGED if name in old else MADE, name, record, results[name])
        for name, record in new.items()
        if old.get(name) != record
    ]
    gone = {name: record for name, record in old.items() if name not in new}
    return events + [Event(FAILED if name in asked else WITHDRAWN, name, record) for name, record in gone.items()]


def append(file: Path, events: Iterable[Event], now: datetime | None = None) -> None:
    """Add lines. What a kill left of a last line, which nothing is chained to, is taken away first."""
    some = list(events)
    if not some:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    text = file.read_bytes() if file.is_file() else b""
    whole = text[: text.rfind(b"\n") + 1]
    if _follows(text[len(whole) :], whole):
        whole = text + b"\n"  # the line is there, and its end alone is missing
    previous = _digest(whole.splitlines()[-1]) if whole else FIRST
    time, added = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"), b""
    for event in some:
        told = {key: value for key, value in asdict(event).items() if value or key != "release"}
        line = json.dumps({"time": time, **told, "previous": previous}, ensure_ascii=False).encode()
        previous, added = _digest(line), added + line + b"\n"
    with open(file, "r+b" if file.is_file() else "wb") as out:
        out.truncate(min(len(whole), len(text)))
        out.seek(0, os.SEEK_END)
        out.write(whole[len(text) :] + added)
        out.flush()
        os.fsync(out.fileno())


def _follows(last: bytes, whole: bytes) -> bool:
    """Is what stands behind the last line end a line by itself, chained to the one before?"""
    try:
        line = msgspec.convert(strict_json(last), Line)
    except (ValueError, RecursionError):
        return False
    return line.previous == (_digest(whole.splitlines()[-1]) if whole else FIRST)


def read_log(file: Path) -> tuple[list[Line], list[str]]:
    """(the lines, what is wrong with them); ([], []) where there is no log."""
    if not file.is_file():
        return [], []
    if file.stat().st_size > LARGEST:
        return [], [f"is larger than {LARGEST >> 20} MiB"]
    lines, problems, previous = list[Line](), list[str](), FIRST
    whole = file.read_bytes()
    if whole and not whole.endswith(b"\n"):
        problems.append("ends within a line: a kill left it so, or someone cut it")
    for number, text in enumerate(whole.splitlines(), 1):
        try:
            line = msgspec.convert(strict_json(text), Line)
        except (ValueError, RecursionError) as error:
            return lines, [*problems, f"line {number} is none of this log ({error})"]
        if line.previous != previous:
            problems.append(f"line {number} does not follow the line before it: one was changed, left out or moved")
        lines.append(line)
        previous = _digest(text)
    return lines, problems


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
