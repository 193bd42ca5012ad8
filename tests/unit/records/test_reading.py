"""Records that somebody else wrote: whatever they hold, they are read, or refused in words."""

import copy
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from expunge.cli import app
from expunge.core.errors import InputError
from expunge.core.files import to_json
from expunge.records.files import indexed, read_record
from tests.support.made_record import made_record

TEXTS = st.sampled_from(["", "../../etc/passwd", "/etc/passwd", "a/b/c", "\x1b[2J", "\u202e", "0" * 64, "PASSED"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything below a value of JSON."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [each for key, inner in steps for each in ((*path, key), *places(inner, (*path, key)))]


@st.composite
def forged(draw: st.DrawFn) -> Any:
    """A record in which one thing is gone, or something else."""
    record = copy.deepcopy(made_record())
    *way, last = draw(st.sampled_from(places(record)))
    inner: Any = record
    for step in way:
        inner = inner[step]
    if draw(st.booleans()):
        del inner[last]
    else:
        inner[last] = draw(VALUES)
    return record


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    (root / "audit" / "releases").mkdir(parents=True)
    return root


def verify(root: Path) -> Any:
    return CliRunner().invoke(app, ["verify", str(root)])


@given(forged())
@settings(max_examples=150, deadline=None)
def test_a_forged_record_is_read_or_refused(repository: Path, record: Any) -> None:
    file = repository / "audit/releases/small.json"
    file.write_text(to_json(record), "utf-8")
    try:
        read_record(file)
    except InputError as error:
        assert all(problem.what and problem.fix for problem in error.problems)
    index = {"releases/small": asdict(indexed(file, made_record()))}
    (repository / "audit/index.json").write_text(json.dumps(index))
    found = verify(repository)
    assert isinstance(found.exception, SystemExit | None), found.exception
    assert found.exit_code in range(8) and "\x1b[2J" not in found.output and "root:" not in found.output


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_no_bytes_crash_it(repository: Path, data: bytes) -> None:
    file = repository / "audit/releases/small.json"
    file.write_bytes(data)
    with pytest.raises(InputError):
        read_record(file)
    assert isinstance(verify(repository).exception, SystemExit | None)
