"""`expunge history` in a small repository: what it tells, and what it does not."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from expunge.cli import app

LIST, VERDICTS = Path("concepts/l.yaml"), Path("metrics/verdicts.json")
HEAD = "title: T\nowner: o\nconcepts:\n"
ONE = """  - id: one
    name: the secret lamp
    kind: object
    request: {id: R-1, received: 2026-01-31, basis: trademark, decision: approved}
"""
TWO = "  - {id: two, name: a cup, kind: object}\n"


def commit(subject: str, concepts: str | None = None, verdicts: Any = None) -> None:
    if concepts is not None:
        LIST.write_text(concepts if concepts.startswith(":") else HEAD + concepts)
    if verdicts is not None:
        VERDICTS.write_text(verdicts if isinstance(verdicts, str) else json.dumps(verdicts))
    for words in (["add", "."], ["commit", "-qm", subject]):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *words], check=True)


def reason(verdict: str, value: float, concept: str = "", metric: str = "target") -> dict[str, Any]:
    return {
        "concept": concept,
        "modality": "image",
        "metric": metric,
        "required": True,
        "verdict": verdict,
        "value": value,
    }


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    LIST.parent.mkdir()
    VERDICTS.parent.mkdir()
    commit("two is asked for", TWO)
    commit("one is asked for", ONE + TWO)
    joint = {"reasons": [reason("pass", 0.0, "two"), reason("fail", 0.5, "one")]}
    commit("a run", None, {"l/one": {"reasons": [reason("fail", 0.25)], "base": "b"}, "l/both": joint})
    commit("a word more", ONE.replace("kind", "aliases: [lampo]\n    kind") + TWO)
    commit("broken", ": [")
    release = {"reasons": [reason("not measured", 0.0, "two")], "passed": ["one, image target <= 0.05: 0"]}
    commit(
        "mended, and run",
        ONE + TWO,
        {"l/one": {"reasons": [], "passed": ["image target <= 0.05: 0"], "base": "c"}, "releases/all": release},
    )
    commit("no JSON", None, "{")
    commit("withdrawn", TWO, {})
    return tmp_path


def history(*words: str) -> Any:
    return CliRunner().invoke(app, ["history", *words])


def test_it_tells_what_became_of_a_concept(repository: Path) -> None:
    found = history("l/one", "--json")
    assert found.exit_code == 0, found.output
    told = [(moment["subject"], moment["events"]) for moment in json.loads(found.stdout)]
    assert told == [
        ("one is asked for",
         ["is listed; request: id R-1, received 2026-01-31, basis trademark, decision approved"]),
        ("a run", ["l/one: fail", "l/both: fail"]),
        ("a word more", ["its entry changed: aliases"]),
        ("broken", ["concepts/l.yaml cannot be read in this commit"]),
        ("mended, and run", [
            "its entry changed: aliases", "l/one: pass (was: fail)", "l/one: image target 0.25 -> 0",
            "l/one: made with another base", "releases/all: pass", "l/both: has no verdict on it any more"]),
        ("no JSON", ["metrics/verdicts.json cannot be read in this commit"]),
        ("withdrawn", [
            "is withdrawn: it is no longer on its list", "l/one: has no verdict on it any more",
            "releases/all: has no verdict on it any more"]),
    ]  # fmt: skip


def test_no_word_of_an_entry_is_told(repository: Path) -> None:
    text = history("l/one").stdout.casefold()
    assert "lamp" not in text and "r-1" in text and "a word more" in text


def test_what_it_cannot_tell(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, said in (("one", "list/id"), ("l/none", "no commit has it"), ("m/one", "no commit has it")):
        found = history(name)
        assert found.exit_code == 2 and said in found.stderr and len(found.stderr.splitlines()) == 1, found.output
    monkeypatch.chdir(repository.parent)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(repository.parent.parent))
    assert history("l/one").exit_code == 2


def test_what_is_confidential_now_was_always(repository: Path) -> None:
    """Also before the commit, after it is withdrawn, and, where the list no longer holds the request, its id."""

    def told(entry: str) -> str:
        LIST.write_text(HEAD + entry + TWO)
        return str(history("l/one").stdout)

    hidden = ONE.replace("    name: the secret lamp\n", "    confidential: true\n")
    assert "basis trademark" in told(ONE)
    said = told(hidden)
    assert "trademark" not in said and "approved" not in said and "id R-1" in said
    said = told("".join(line for line in hidden.splitlines(keepends=True) if "request" not in line))
    assert "trademark" not in said and "R-1" not in said and "received 2026-01-31" in said
    commit("hidden", hidden + TWO)
    commit("gone", TWO)
    assert "trademark" not in history("l/one").stdout
