"""audit/log.jsonl: lines chained by hashes; whatever is changed, left out or moved is found."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.records.log import CHANGED, MADE, RELEASED, WITHDRAWN, Event, append, events_between, read_log

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
EVENTS = [Event(MADE, "l/a", "1" * 64, "PASSED"), Event(MADE, "l/b", "2" * 64, "FAILED"),
          Event(CHANGED, "l/a", "3" * 64, "PASSED"), Event(WITHDRAWN, "l/b", "2" * 64)]  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "audit" / "log.jsonl"
    append(file, EVENTS[:2], NOW)
    append(file, EVENTS[2:], NOW)
    return file


def test_what_became_of_each_encoder() -> None:
    old, new = {"l/a": "1", "l/b": "2", "l/d": "4"}, {"l/a": "9", "l/c": "3", "l/d": "4"}
    found = events_between(old, new, dict.fromkeys(new, "PASSED"))
    assert [(e.event, e.encoder, e.record) for e in found] == [
        (CHANGED, "l/a", "9"), (MADE, "l/c", "3"), (WITHDRAWN, "l/b", "2"),
    ]  # fmt: skip
    assert not events_between(new, new, {})


def test_lines_are_added_and_read(log: Path) -> None:
    lines, problems = read_log(log)
    assert not problems and [line.event for line in lines] == [MADE, MADE, CHANGED, WITHDRAWN]
    assert lines[0].time == "2026-01-31T09:30:00Z" and lines[0].previous == "0" * 64
    before = log.read_bytes()
    append(log, [])
    assert log.read_bytes() == before
    assert read_log(log.parent / "none.jsonl") == ([], [])


def test_what_a_kill_left_of_a_line_goes(log: Path) -> None:
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"time": "20')
    assert read_log(log)[1]
    append(log, [EVENTS[0]], NOW)
    assert log.read_bytes().startswith(whole) and read_log(log)[1] == [] and len(read_log(log)[0]) == 5


def edited(lines: list[str]) -> list[str]:
    data = json.loads(lines[1])
    return [lines[0], json.dumps({**data, "result": "PASSED"}), *lines[2:]]


@pytest.mark.parametrize(
    "spoil",
    [
        edited,
        lambda lines: lines[1:],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines, lines[0]],
        lambda lines: [*lines, "{}"],
        lambda lines: [*lines, lines[-1].replace("{", '{"time": "x", ', 1)],
        lambda lines: [*lines, "[" * 100_000],
    ],
)
def test_a_chain_that_is_broken_is_found(log: Path, spoil: object) -> None:
    lines = log.read_text().splitlines()
    log.write_text("\n".join(spoil(lines)) + "\n")  # type: ignore[operator]
    assert read_log(log)[1]


def test_a_line_whose_end_is_missing_is_kept_and_told(log: Path) -> None:
    whole = log.read_bytes()
    log.write_bytes(whole[:-1])
    lines, problems = read_log(log)
    assert len(lines) == len(whole.splitlines())
    assert problems == ["ends within a line: a kill left it so, or someone cut it"]
    append(log, [Event(MADE, "l/new", "9" * 64, "PASSED")], NOW)
    again, problems = read_log(log)
    assert not problems and again[:-1] == lines and log.read_bytes().startswith(whole)


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_bytes_crash_it(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.mktemp("log") / "log.jsonl"
    file.write_bytes(data)
    lines, problems = read_log(file)
    assert problems or not data.strip() or len(lines) == len(data.splitlines())


def test_a_release_has_the_digest_of_its_statement_and_no_other_line_has(log: Path) -> None:
    append(log, [Event(RELEASED, "releases/a", "5" * 64, "PASSED", "6" * 64)], NOW)
    lines, problems = read_log(log)
    assert not problems and lines[-1].release == "6" * 64 and {line.release for line in lines[:-1]} == {""}
    assert ["release" in json.loads(text) for text in log.read_text().splitlines()] == [False] * 4 + [True]
    append(log, [Event(CHANGED, "releases/a", "8" * 64, "PASSED")], NOW)
    log.write_text(log.read_text().replace("6" * 64, "7" * 64))
    assert "line 6 does not follow the line before it" in read_log(log)[1][0]
