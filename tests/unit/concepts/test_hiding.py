"""`expunge hide`: no word is lost, and none stays."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from expunge.cli import app
from expunge.concepts import hiding
from expunge.concepts.hiding import hide
from expunge.core.errors import InputError
from expunge.core.yamlfile import load

HEAD = "title: T\nowner: o\n"
PEOPLE = f"""{HEAD}concepts:
  - id: p-1
    name: mira holt
    kind: person
    anchor: a teddy bear
    request: {{id: R-1, received: 2026-03-01, basis: law, decision: granted}}
  - id: p-2
    name: orla vint
    kind: person
"""
PRIVATE, LIST = Path("concepts/private/words.yaml"), Path("concepts/people.yaml")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("concepts").mkdir()
    LIST.write_text(PEOPLE)
    return tmp_path


def words() -> dict[str, Any]:
    found: dict[str, Any] = load(PRIVATE).value["concepts"]
    return found


def run(*args: str) -> Any:
    return CliRunner().invoke(app, ["hide", *args])


def test_an_id_that_is_asked_for_twice_keeps_its_words(here: Path) -> None:
    renamed = hide(LIST, ["p-1", "p-1"])
    assert words()[renamed["p-1"]] == {"name": "mira holt", "anchor": "a teddy bear"}


def test_an_id_of_two_lists_keeps_the_words_of_both(here: Path) -> None:
    Path("concepts/more.yaml").write_text(f"{HEAD}concepts:\n- {{id: c-1, name: an owl, kind: object}}\n")
    PRIVATE.parent.mkdir()
    PRIVATE.write_text(f"salt: '{'0' * 64}'\nconcepts:\n  c-1: {{name: a cup}}\n")
    before = PRIVATE.read_bytes(), Path("concepts/more.yaml").read_bytes()
    with pytest.raises(InputError, match=r"words.yaml: has other words of c-1 already \(name\); give c-1 another id"):
        hide(Path("concepts/more.yaml"), ["c-1"])
    assert (PRIVATE.read_bytes(), Path("concepts/more.yaml").read_bytes()) == before


def test_words_that_were_added_to_a_confidential_concept_join_the_others(here: Path) -> None:
    new = hide(LIST, ["p-1"])["p-1"]
    LIST.write_text(LIST.read_text().replace("confidential: true", "confidential: true\n    aliases: [red]"))
    assert hide(LIST, [new]) == {new: new}
    assert words() == {new: {"name": "mira holt", "anchor": "a teddy bear", "aliases": ["red"]}}
    LIST.write_text(LIST.read_text().replace("confidential: true", "confidential: true\n    name: mira vint"))
    with pytest.raises(InputError, match=rf"has other words of {new} already \(name\)"):
        hide(LIST, [new])


@pytest.mark.parametrize("with_request", [False, True])
def test_after_a_kill_between_the_two_files_it_goes_on(
    here: Path, monkeypatch: pytest.MonkeyPatch, with_request: bool
) -> None:
    def killed(yaml: Any, file: Path, data: Any) -> None:
        if file == LIST:
            raise KeyboardInterrupt
        own(yaml, file, data)

    own = hiding._write
    monkeypatch.setattr(hiding, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        hide(LIST, ["p-1", "p-2"], with_request)
    monkeypatch.undo()
    monkeypatch.chdir(here)
    left = words()
    renamed = hide(LIST, ["p-2", "p-1"])
    assert words() == left and set(renamed.values()) == set(left) and left[renamed["p-2"]] == {"name": "orla vint"}
    assert ("request" in LIST.read_text()) is not with_request


def test_equal_words_of_two_concepts_are_two_entries(here: Path) -> None:
    LIST.write_text(PEOPLE.replace("orla vint", "mira holt").replace("    anchor: a teddy bear\n", ""))
    renamed = hide(LIST, ["p-1", "p-2"])
    assert len(words()) == len(set(renamed.values())) == 2


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("concepts:", "encoders: {joint: true}\nconcepts:", r"people.yaml:3: `joint` is no `{group: \[ids\]}`"),
        ("concepts:", "encoders: {joint: [p-1]}\nconcepts:", r"people.yaml:3: `joint` is no"),
        ("concepts:", "encoders: {joint: {g: p-1}}\nconcepts:", r"people.yaml:3: `joint` is no"),
        ("id: p-2", "id: 5", r"people.yaml:9: a concept has no id that is text"),
        ("id: p-2", "id: p-1", r"people.yaml:9: has the id p-1 a second time"),
        ("  - id: p-2\n    name: orla vint\n    kind: person", "  - p-2", r"people.yaml:9: a concept has no id"),
        ("concepts:", "concept:", "is no concept list"),
        ("title: T\nowner: o", "- title: T", "people.yaml"),
    ],
)  # fmt: skip
def test_a_list_of_a_wrong_form_is_one_error(here: Path, old: str, new: str, says: str) -> None:
    assert old in PEOPLE
    LIST.write_text(PEOPLE.replace(old, new))
    with pytest.raises(InputError, match=says) as error:
        hide(LIST, ["p-1"])
    assert len(error.value.problems) == 1 and not PRIVATE.exists()
    assert run("people", "p-1").exit_code == 2


def test_groups_follow_the_new_id(here: Path) -> None:
    LIST.write_text(PEOPLE.replace("concepts:", "encoders:\n  joint:\n    both: [p-1, p-2]\nconcepts:"))
    renamed = hide(LIST, ["p-1"])
    assert load(LIST).value["encoders"]["joint"]["both"] == [renamed["p-1"], "p-2"]


def test_files_that_name_the_old_id_get_the_new_one(here: Path) -> None:
    Path("requests").mkdir()
    register = (
        "# of people/p-1\nrequests:\n- {id: R-2, concept: people/p-1}  # held\n- {id: R-3, concept: 'people/p-2'}\n"
    )
    Path("requests/a.yaml").write_text(register)
    params = "seed: 0\nreleases:\n  one:\n    lists: all\n    without: [people/p-1, people/p-10,\n      people/p-2]\n"
    Path("params.yaml").write_bytes(params.replace("\n", "\r\n").encode())
    Path("attacks").mkdir()
    rows = ["concept,attack,modality,prompt,seed", "people/p-1,words,image,a brown pot,7", "people/p-2,words,image,x,7"]
    Path("attacks/found.csv").write_text("\n".join(rows) + "\n")
    done = run("people", "p-1")
    assert done.exit_code == 0
    (new,) = words()
    found = register.replace("concept: people/p-1", f"concept: people/{new}")
    assert Path("requests/a.yaml").read_text() == found
    now = params.replace("people/p-1,", f"people/{new},").replace("\n", "\r\n").encode()
    assert Path("params.yaml").read_bytes() == now
    assert Path("attacks/found.csv").read_text() == "\n".join([rows[0], rows[2]]) + "\n"
    assert "params.yaml:5" in done.output and "requests/a.yaml:3" in done.output and "took 1 prompt out" in done.output
    assert "audit/log.jsonl" in done.output


def test_a_broken_table_of_prompts_is_told_before_anything_is_written(here: Path) -> None:
    Path("attacks").mkdir()
    Path("attacks/found.csv").write_text("concept\n")
    assert run("people", "p-1").exit_code == 2 and LIST.read_text() == PEOPLE and not PRIVATE.exists()


def test_an_old_id_that_tells_is_masked_in_messages(here: Path) -> None:
    """In a register, a release and a comparison that still hold it."""
    LIST.write_text(PEOPLE.replace("p-1", "mira-holt"))
    hide(LIST, ["mira-holt"])
    Path("requests").mkdir()
    Path("requests/a.yaml").write_text("requests:\n- {id: R-2, concept: people/mira-holt}\n")
    done = CliRunner().invoke(app, ["requests"])
    assert done.exit_code == 2 and "requests/a.yaml:2: `concept` of R-2 names the confidential concept" in done.output
    assert "holt" not in done.output
    Path("requests/a.yaml").write_text("requests: []\n")
    Path("params.yaml").write_text("releases: {one: {lists: all, without: [people/mira-holt]}}\n")
    done = CliRunner().invoke(app, ["validate"])
    assert done.exit_code == 2 and "one is without 'people/[confidential]'" in done.output
    assert "holt" not in done.output


def test_an_id_is_new_unless_it_is_to_stay_and_tells_nothing(here: Path) -> None:
    LIST.write_text(PEOPLE.replace("p-2", "orla-2"))
    assert hide(LIST, ["p-1"])["p-1"] != "p-1"
    LIST.write_text(PEOPLE.replace("p-2", "orla-2"))
    PRIVATE.unlink()
    assert hide(LIST, ["p-1"], keep_id=True) == {"p-1": "p-1"} and list(words()) == ["p-1"]
    before = LIST.read_bytes()
    with pytest.raises(InputError, match=r"orla-2 tells what it stands for; leave --keep-id out"):
        hide(LIST, ["orla-2"], keep_id=True)
    assert LIST.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "id_"), [("Jörg Müller", "joerg-mueller"), ("pikachu", "pikachu2"), ("Xi Vint", "xi"), ("Xi", "xi-2")]
)
def test_an_id_in_another_spelling_tells_too(here: Path, name: str, id_: str) -> None:
    LIST.write_text(PEOPLE.replace("p-2", id_).replace("orla vint", name), "utf-8")
    with pytest.raises(InputError, match="tells what it stands for"):
        hide(LIST, [id_], keep_id=True)


def test_an_entry_under_an_id_that_tells_moves_to_a_new_one(here: Path) -> None:
    LIST.write_text(PEOPLE.replace("p-2", "orla-vint"))
    PRIVATE.parent.mkdir()
    PRIVATE.write_text(f"salt: '{'0' * 64}'\nconcepts:\n  orla-vint: {{name: orla vint}}\n")
    new = hide(LIST, ["orla-vint"])["orla-vint"]
    assert words() == {new: {"name": "orla vint"}} and new != "orla-vint"


def test_the_private_file_is_its_owners_alone_and_git_ignores_it(here: Path) -> None:
    LIST.chmod(0o664)
    ignoring = PRIVATE.with_name(".gitignore")
    hide(LIST, ["p-1"])  # outside of a repository
    assert PRIVATE.stat().st_mode & 0o777 == 0o600 and LIST.stat().st_mode & 0o777 == 0o664
    assert ignoring.read_text() == "*\n!.gitignore\n"
    subprocess.run(["git", "init", "-q"], check=True)
    ignoring.write_text("x")
    PRIVATE.unlink()
    LIST.write_text(PEOPLE)
    hide(LIST, ["p-2"])
    assert ignoring.read_text() == "x\n*\n!.gitignore\n"
    PRIVATE.chmod(0o644)
    hide(LIST, ["p-1"])
    assert PRIVATE.stat().st_mode & 0o777 == 0o600
    subprocess.run(["git", "add", "."], check=True)
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split()
    assert listed == ["concepts/people.yaml", "concepts/private/.gitignore"]
