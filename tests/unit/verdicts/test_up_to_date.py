"""`expunge gate` where the lists or the gates are no longer those of the verdicts."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from expunge.cli import app
from expunge.core.yamlfile import read
from expunge.verdicts.gate import verdicts
from expunge.verdicts.rates import write_rates
from expunge.verdicts.up_to_date import encoders_now
from expunge.verdicts.verdict_file import write_verdicts
from tests.support.made_plan import made_concept, made_plan
from tests.support.made_rates import rates

HEAD = "title: T\nowner: o\n"
GATE = 'gate:\n  image: {target: "<= 0.05", aliases: "<= 0.05", near: ">= 0.85 of before"}\n'


def concept(name: str, more: str = "") -> str:
    return f"  - id: {name}\n    name: {name} the robot\n    kind: character\n{more}"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One list `l` of one concept that passes, by itself and in a group."""
    monkeypatch.chdir(tmp_path)
    Path("concepts").mkdir()
    Path("params.yaml").write_text(GATE)
    Path("concepts/l.yaml").write_text(HEAD + "encoders: {single: true, joint: {all: [a]}}\nconcepts:\n" + concept("a"))
    tree, _ = read(Path("params.yaml"), "params.yaml")
    assert tree is not None and list(encoders_now(Path("concepts"), tree.value)) == ["l/a", "l/all"]
    one = made_plan({"l/a": made_concept()}, {"l/a": ["l/a"], "l/all": ["l/a"]})
    measured = rates("a", "") + rates("all", "")
    write_rates(Path("metrics/rates.csv"), measured)
    write_verdicts(Path("metrics/verdicts.json"), verdicts(one, tree.value["gate"], measured))
    return tmp_path


def gate(*words: str) -> Any:
    return CliRunner().invoke(app, ["gate", *words])


def test_all_is_well_while_nothing_changes(repository: Path) -> None:
    assert gate().exit_code == 0, gate().output
    Path("params.yaml").write_text("# a comment\n" + GATE.replace("<= 0.05", "<=0.050"))
    assert gate().exit_code == 0


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("params.yaml", "<= 0.05", "<= 0.04"),
        ("params.yaml", "gate:", "gate:\n  video: {dynamic: '>= 0.5 of before'}"),
        ("concepts/l.yaml", "title", "gate: {required: false}\ntitle"),
        ("concepts/l.yaml", "kind: character", 'kind: character\n    gate: {image: {near: ">= 0.1"}}'),
    ],
)
def test_verdicts_of_other_gates_are_refused(repository: Path, file: str, old: str, new: str) -> None:
    Path(file).write_text(Path(file).read_text().replace(old, new, 1))
    for words in ([], ["l/all"]):
        found = gate(*words)
        assert found.exit_code == 2 and "made with other gates" in found.stderr and "dvc repro" in found.stderr
        assert len(found.stderr.splitlines()) == 1 and not found.stdout


def test_encoders_that_never_ran_are_not_measured(repository: Path) -> None:
    Path("concepts/m.yaml").write_text(HEAD + "concepts:\n" + concept("zz"))
    for words in ([], ["m/zz"], ["m"], ["--all"]):
        found = gate(*words)
        assert found.exit_code == 1 and "has not run yet; run `dvc repro`" in found.stdout, words
    assert gate("l").exit_code == 0
    near = gate("m/zy")
    assert near.exit_code == 2 and "write m/zz" in near.stderr
    Path("concepts/m.yaml").write_text(HEAD + "concepts:\n" + concept("zz", "    gate: {required: false}\n"))
    assert gate().exit_code == 0 and "not required" in gate().stdout


def test_wrong_lists_and_gates_are_bad_input(repository: Path) -> None:
    Path("concepts/m.yaml").write_text("title: T\n")
    assert gate().exit_code == 2 and "concepts/m.yaml" in gate().stderr
    Path("concepts/m.yaml").unlink()
    Path("params.yaml").write_text(GATE.replace("near", "naer"))
    assert gate().exit_code == 2 and "naer" in gate().stderr
