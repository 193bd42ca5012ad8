"""A unit that fails costs its own encoders their verdict; all others have theirs, and the run ends with 1."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from expunge import methods
from expunge.core.index import read_index
from expunge.records.findings import Trust
from expunge.records.verify import verify_repository
from stages import attack, attest, drift, fewshot, outcome, plan, render, report, score, unlearn, verdict
from stages.runtime.reuse import run_units
from stages.runtime.units import Task, Unit
from tests.stages.test_verdict import gate
from tests.support.project import ONE, PARAMS, make_project
from tests.support.tiny import write_yaml

GATES = {"image": {"asr:words": "<= 1"}}  # which hold whatever is drawn
STAGES = (plan, fewshot, unlearn, render, score, drift, attack, verdict, attest, report)


@pytest.fixture
def here(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_project(tiny_folder)
    write_yaml(Path("params.yaml"), {**PARAMS, "gate": GATES})


def run_all() -> dict[str, Any]:
    """Every stage; the verdicts."""
    for stage in STAGES:
        stage.run()
    return json.loads(Path("metrics/verdicts.json").read_text())


def ends_with_1() -> None:
    with pytest.raises(SystemExit) as exit:
        outcome.run()
    assert exit.value.code == 1


def test_an_encoder_that_diverges(
    here: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def diverging(method: str, base: Any, data: Any, *rest: Any) -> Any:
        if [each.concept.name for each in data] == [ONE["name"]]:
            raise FloatingPointError("bolt: the loss is nan at step 1; lower learning_rate")
        return methods.unlearn(method, base, data, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(unlearn, "unlearn", diverging)
        found = run_all()
    error = capsys.readouterr().err
    assert "unlearn: 1 of 3 units failed; the others go on without them" in error
    assert "render: 1 of 6 units not begun, for want of list/one" in error

    index = read_index("build/encoders")
    assert set(index.units) == {"list/two", "list/both"} and list(index.failed) == ["list/one"]
    assert index.failed["list/one"].error.startswith("FloatingPointError: ")
    assert read_index("build/renders").failed["list/one/list--one"].needs == ("list/one",)
    note = found["list/one"]["note"]
    assert note.startswith("unlearn of list/one failed (FloatingPointError") and "learning_rate" in note
    assert found["list/one"]["verdict"] == "not measured" and "note" not in found["list/two"]
    assert {row["value"] for row in found["list/one"]["reasons"]} == {None}
    assert found["list/two"]["verdict"] == "pass" == found["list/both"]["verdict"]

    assert sorted(json.loads(Path("audit/index.json").read_text())) == ["list/both", "list/two"]
    told = {f.kind: f.what for f in verify_repository(Path(), Trust()) if f.where == "list/one"}
    assert told == {"verdict": f"has no record, since it was not made: {note}"}
    page = Path("build/report/concepts/list--one.html").read_text()
    assert "unlearn of list/one failed" in page
    shown = gate("list/one").stdout
    assert "FloatingPointError" in " ".join(shown.split())

    ends_with_1()
    assert "unlearn of list/one failed: FloatingPointError" in capsys.readouterr().err
    kept = Path("audit/list/two.json").read_bytes()
    before = {name: entry for name, entry in found.items() if name == "list/two"}
    found = run_all()
    assert "note" not in found["list/one"] and found["list/two"] == before["list/two"]
    outcome.run()
    assert Path("audit/list/two.json").read_bytes() == kept

    write_yaml(Path("params.yaml"), {**PARAMS, "gate": GATES, "seed": 1})
    with monkeypatch.context() as patch:
        patch.setattr(unlearn, "unlearn", diverging)
        run_all()
    lines = [json.loads(line) for line in Path("audit/log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines if line["encoder"] == "list/one"] == ["made", "not made"]
    assert not [f for f in verify_repository(Path(), Trust()) if f.kind == "log"]


def test_an_attack_that_raises(here: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import expunge.attacks.attempts as attempts

    carry_out = attempts.attack

    def broken(name: str, victim: Any, *rest: Any) -> Any:
        if name == "seeds" and victim.concept.name == ONE["name"]:
            raise ValueError("no seeds")
        return carry_out(name, victim, *rest)

    monkeypatch.setattr(attempts, "attack", broken)
    found = run_all()
    notes = {name: entry["note"] for name, entry in found.items() if "note" in entry}
    assert notes == {
        name: f"attack of {name}/seeds failed (ValueError: no seeds)" for name in ("list/one", "list/both")
    }
    assert {name: entry["verdict"] for name, entry in found.items()} == {
        "list/one": "not measured", "list/two": "pass", "list/both": "not measured",
    }  # fmt: skip
    records = json.loads(Path("audit/index.json").read_text())
    assert set(records) == {"list/one", "list/two", "list/both"}
    record = json.loads(Path("audit/list/one.json").read_text())
    assert record["predicate"]["verdict"]["note"] == notes["list/one"] and record["predicate"]["result"] != "PASSED"
    assert not [f for f in verify_repository(Path(), Trust()) if f.kind not in ("note", "verdict", "lock")]
    ends_with_1()


def test_a_picture_of_the_original_that_fails_costs_all_encoders_of_its_concept(
    here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import expunge.core.media as media

    write = media.write_png

    def broken(file: Path, pixels: Any) -> None:
        if file.name == "image-002.png":  # of ONE by the original encoder and by its own
            raise ZeroDivisionError("no picture")
        write(file, pixels)

    monkeypatch.setattr(media, "write_png", broken)
    found = run_all()
    failed = read_index("build/renders").failed
    assert {name: each.error for name, each in failed.items()} == dict.fromkeys(
        ["original/list/one", "list/one/list--one"], "ZeroDivisionError: no picture"
    )
    assert {name: entry["note"].count("render of ") for name, entry in found.items() if "note" in entry} == {
        "list/one": 2, "list/both": 1,
    }  # fmt: skip
    ends_with_1()


class Units:
    """Units that write a word, or raise."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self.words = words

    def __call__(self, task: Task, folder: Path) -> None:
        if isinstance(error := self.words[task.name], Exception):
            raise error
        (folder / "word.txt").write_text(str(error))


@pytest.mark.parametrize(
    ("error", "lasting"),
    [
        (ValueError("x"), True), (FloatingPointError("x"), True), (RuntimeError("singular matrix"), True),
        (OSError("x"), False), (MemoryError(), False), (RuntimeError("CUDA out of memory. Tried to"), False),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), False),
    ],
)  # fmt: skip
def test_what_may_pass_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, lasting: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    words: dict[str, Any] = {"a": error, "b": "un", "c": "deux"}
    units = {name: Unit(name, reads_units={"it": "a"} if name == "c" else {}) for name in words}
    if lasting:
        run_units("fake", "build/fake", units, Units(words))
        index = read_index("build/fake")
        assert list(index.units) == ["b"] and list(index.failed) == ["a", "c"]
        assert index.failed["c"].needs == ("a",) and not index.failed["c"].error
    else:
        with pytest.raises(SystemExit):
            run_units("fake", "build/fake", units, Units(words))
        assert not Path("build/fake/index.json").exists()
    words["a"] = "trois"
    run_units("fake", "build/fake", units, Units(words))
    assert list(read_index("build/fake").units) == ["a", "b", "c"] and not read_index("build/fake").failed
