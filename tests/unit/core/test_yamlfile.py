"""The one reader of YAML: what unquoted text means, and how large a file may be."""

import math
from pathlib import Path
from typing import Any

import pytest

from expunge.core.errors import InputError
from expunge.core.yamlfile import Limits, load, plain_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5), ("1.0e-5", 1e-5), ("-.5", -0.5), ("7", 7), ("+7", 7), ("1.", 1.0), (".inf", math.inf),
        ("yes", True), ("Off", False), ("true", True), ("~", None), ("null", None), ("", None),
        ("2026-01-31", "2026-01-31"), ("1_000", "1_000"), ("0x10", "0x10"), ("e5", "e5"), ("1:30", "1:30"),
    ],
)  # fmt: skip
def test_what_unquoted_text_means(text: str, value: Any) -> None:
    read = plain_value(text)
    assert read == value and type(read) is type(value)


def test_a_node_knows_its_line_and_its_text(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 1e-5\nb:\n  - x\n  - {c: 007}\n")
    tree = load(file, "a.yaml")
    assert tree.value == {"a": 1e-5, "b": ["x", {"c": 7}]}
    assert (tree.at(["b", 1, "c"]).line, tree.at(["b", 1, "c"]).text) == (4, "007")
    assert tree.at(["b", 1, "d"]).line == 4  # the last node on the way that is there


@pytest.mark.parametrize(
    ("text", "limits", "line", "what", "fix"),
    [
        ("a: 1\n" * 9, Limits(size=20), 1, "is 45 bytes and at most 20 bytes are read", "split it"),
        ("a: [1, 2, 3]\nb: 4\n", Limits(values=6), 1, "more than 6 values", "split it"),
        ("a:\n  b: {c: 1}\n", Limits(levels=2), 2, "more than 2 levels", "fewer levels"),
        ("", Limits(), 1, "is empty", "take it from git"),
        (None, Limits(), 0, "is missing", "take it from git"),
    ],
)
def test_limits_are_the_callers(
    tmp_path: Path, text: str | None, limits: Limits, line: int, what: str, fix: str
) -> None:
    file = tmp_path / "a.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError) as caught:
        load(file, "a.yaml", limits)
    problem = caught.value.problems[0]
    assert (problem.files, problem.line) == (("a.yaml",), line)
    assert what in problem.what and fix in problem.fix
