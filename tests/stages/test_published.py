"""What units wrote is cleaned before it is stored, and again when it is reused under other lists."""

import json
import sys
from pathlib import Path

import pytest

from expunge.concepts.confidential import Secret, Veil
from expunge.core.codes import CODE
from expunge.core.errors import InputError, Problem
from expunge.core.index import read_index
from expunge.judging.table import read_table, write_table
from stages.runtime.executors import Workers
from stages.runtime.published import clean
from stages.runtime.reuse import run_units
from stages.runtime.units import Task, Unit

VEIL = Veil("s", {"l/s": Secret(("mira holt",), ("a weir",))}, {"l/both": ("l/s",)}, {})
ROW = {"list": "l", "encoder": "e", "concept": "c", "modality": "image", "group": "near", "sample": 0, "seed": 1,
       "metric": "seen", "value": 1.0, "axis": "subject", "prompt": "Mira-Holts", "asked": "owl"}  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_files_of_every_form_are_cleaned() -> None:
    out = Path("unit")
    out.mkdir()
    (out / "a.json").write_text('{"prompt": "mira holt", "other": ["a weir", 1, null]}')
    (out / "open.json").write_text('{"a":   1}')
    (out / "broken.json").write_text('{"mira holt')
    (out / "notes.txt").write_text("one\nof miraholt\n")
    (out / "config.json").write_text('{"model_type": "mira holt"}')
    (out / "a.png").write_bytes(b"mira holt")
    write_table(out / "scores.parquet", [{**dict.fromkeys(("judge", "solver", "versions"), "x"), "steps": 1,
                                          "guidance": 1.0, **ROW}])  # fmt: skip
    assert clean(out, VEIL, "l/e") == ["a.json", "broken.json", "notes.txt", "scores.parquet"]
    data = json.loads((out / "a.json").read_text())
    assert CODE.fullmatch(data["prompt"]) and data["other"] == ["a weir", 1, None]
    assert (out / "open.json").read_text() == '{"a":   1}' and (
        out / "notes.txt"
    ).read_text() == "one\nof [confidential]\n"
    (row,) = read_table(out / "scores.parquet")
    assert CODE.fullmatch(row["prompt"]) and row["asked"] == "owl" and row["group"] == "near"
    assert clean(out, VEIL, "l/e") == [] and clean(out, Veil(), "l/e") == []
    assert clean(out, VEIL, "l/both") == ["a.json"]  # which is about the concept, so that its everyday words go, too
    assert "weir" not in (out / "a.json").read_text()


def write(task: Task, folder: Path) -> dict[str, str]:
    """A module's function, since it is sent to other processes."""
    if task.inputs == "wrong":
        raise InputError([Problem("x", "each of mira holt, Holt Mira", "write others")])
    if task.inputs == "broken":
        raise RuntimeError("no mira-holt here")
    (folder / "a.json").write_text(json.dumps({"found": f"{task.inputs} mira holt"}))
    return {"found": "mira holt"}


@pytest.mark.parametrize("workers", [Workers(), Workers("processes", 2)])
def test_a_unit_is_stored_clean_and_one_from_before_is_cleaned(
    workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    units = {"l/e": Unit("an owl"), "l/both": Unit("a weir")}
    run_units("fake", "build/fake", units, write, workers=workers)
    before = read_index("build/fake").units
    assert "mira" in Path("build/fake/l/e/a.json").read_text()
    run_units("fake", "build/fake", units, write, workers=workers, veil=VEIL)
    after, said = read_index("build/fake").units, capsys.readouterr().err
    assert after["l/e"].key == before["l/e"].key and "l/e: a.json named what is confidential now" in said
    assert after["l/both"].key != before["l/both"].key  # it is about the concept: its inputs are hidden
    text = "".join(file.read_text() for file in Path().rglob("*.json"))
    assert "mira" not in text and "weir" not in text and "owl" in text and "confidential" in str(after["l/e"].facts)
    run_units("fake", "build/fake", units, write, workers=workers, veil=VEIL)
    assert read_index("build/fake").units == after and "named" not in capsys.readouterr().err


def test_failures_say_no_word(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError) as error:
        run_units("fake", "build/fake", {"l/e": Unit("wrong")}, write, veil=VEIL)
    assert str(error.value) == "x: each of [confidential], Holt Mira; write others"  # it is no person here
    run_units("fake", "build/fake", {"l/e": Unit("broken")}, write, veil=VEIL)
    assert read_index("build/fake").failed["l/e"].error == "RuntimeError: no [confidential] here"
    said = capsys.readouterr().err
    assert "RuntimeError: no [confidential] here" in said
    assert "mira" not in said + Path(".expunge/failed/fake/l--e.txt").read_text().replace(__file__, "")
    assert sys.stderr is not None
