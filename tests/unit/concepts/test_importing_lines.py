"""Text files and remarks never turn a list round: what a line, a heading, a comment or another row says of a name."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from expunge.cli import app
from expunge.concepts.decisions import FORGET, KEEP, decision_of, edge_word, instruction, objection
from expunge.core.errors import InputError
from tests.support.made_list import made, names, refused


@pytest.mark.parametrize("text", [
    "cannot be removed", "can't be removed", "isn't to be erased", "won't remove", "removal blocked",
    "removal suspended",
    "removal prohibited", "removal overturned", "deletion stopped", "erasure postponed", "ban lifted", "block removed",
    "removed from list", "permission granted", "license granted", "consent granted", "exception granted",
    "counter-notice upheld", "fair use accepted", "approved for use", "maybe forget", "approved artists",
    "exception_list", "irrelevant_concepts", "nontarget_concepts", "artists who agreed to be removed",
])  # fmt: skip
def test_a_decision_that_other_words_turn_round_is_none(text: str) -> None:
    assert decision_of(text) not in (FORGET, KEEP, None)


def test_decisions_are_understood_word_by_word() -> None:
    for text in (
        "approved for removal",
        "opt-out",
        "erase these concepts",
        "takedown requests",
        "RemoveList",
        "to be erased",
    ):
        assert decision_of(text) == FORGET, text
    for text in ("opt_in", "Artists to keep", "toKeep", "safe words", "KEeP", "unchanged_concepts"):
        assert decision_of(text) == KEEP, text
    for text in ("artists_who_agreed", "final decision", "blue", "final grade", "The Keeper"):
        assert decision_of(text) is None, text
    assert (
        instruction("Target") is None and instruction("Grant Wood") is None and instruction("do not touch") is not None
    )


@pytest.mark.parametrize("text", ["we keep him", "not removed yet", "exempt until 2027", "whitelisted", "do not remove",
                                  "please don't erase", "REJECTED 2026-01-01", "keep",
                                  "never to be deleted"])  # fmt: skip
def test_remarks_that_object(text: str) -> None:
    assert objection(text) is not None


@pytest.mark.parametrize("text", ["no", "painter", "he kept a diary of his travels through the far north", "forget",
                                  "actor", "not known", "Notre-Dame", "to be removed"])  # fmt: skip
def test_remarks_that_say_nothing(text: str) -> None:
    assert objection(text) is None


@pytest.mark.parametrize("heading", ["# Artists to keep", "### Retained artists", "# whitelist", "[whitelist]", "KEEP",
                                     "Whitelist:", "Keep these:", "== retained =="])  # fmt: skip
def test_what_stands_below_a_heading_that_keeps_is_kept(tmp_path: Path, heading: str) -> None:
    kept, _ = made(tmp_path, "a.txt", f"Orla Vint\n{heading}\nInes Marbury\n")
    assert names(kept) == ["Orla Vint"] and kept.keep == ("Ines Marbury",)


@pytest.mark.parametrize("heading", ["Exceptions:", "Do not remove the following:", "# the names below were rejected",
                                     "# Pending", "# Not to be erased:"])  # fmt: skip
def test_what_stands_below_a_heading_that_is_not_plain_is_refused(tmp_path: Path, heading: str) -> None:
    kept, done = made(tmp_path, "a.txt", f"Orla Vint\n{heading}\nInes Marbury\n")
    assert names(kept) == ["Orla Vint"] and kept.keep == () and refused(done).keys() == {"row 3"}


@pytest.mark.parametrize("line", ["Ines: keep", "Ines = keep", "Ines\tkeep", "whitelist: Ines", "Ines -> retain"])
def test_a_line_says_itself_what_is_kept(tmp_path: Path, line: str) -> None:
    kept, _ = made(tmp_path, "a.txt", f"Orla Vint\n{line}\nBo Alm\n")
    assert names(kept) == ["Orla Vint", "Bo Alm"] and kept.keep == ("Ines",)


@pytest.mark.parametrize("line", [
    "Ines  # keep", "Bram # do not remove", "Lida // rejected", "Ines KEEP", "Ines [keep]", "keep Ines", "except Ines",
    "not Bram", "~Ines~", "✗ Ulla", "☑ Ulla", "Ines (whitelisted)", "Ines (allowed)", "Ines (we keep him)",
    "Ines (not removed yet)", "Ines (exempt until 2027)", "Lida, whitelisted", "Bram Oster - keep", "Ines: pending",
    "forget Ines", "https://example.org/ines", "ines@example.org",
])  # fmt: skip
def test_a_line_that_may_say_otherwise_is_refused(tmp_path: Path, line: str) -> None:
    kept, done = made(tmp_path, "a.txt", f"Orla Vint\n{line}\nBo Alm\n")
    assert names(kept) == ["Orla Vint", "Bo Alm"] and refused(done).keys() == {"row 2"} and kept.keep == ()


def test_several_names_in_one_line_with_what_each_is_for(tmp_path: Path) -> None:
    kept, _ = made(tmp_path, "a.txt", "Forget: Orla Vint; Keep: Ines Marbury; Bo Alm\n")
    assert names(kept) == ["Orla Vint", "Bo Alm"] and kept.keep == ("Ines Marbury",)


def test_a_list_of_changes_is_refused(tmp_path: Path) -> None:
    kept, done = made(tmp_path, "a.txt", "+ Orla Vint\n- Ines Marbury\nBo Alm\n")
    assert names(kept) == ["Bo Alm"] and refused(done).keys() == {"row 1", "row 2"}


def test_a_table_in_a_text_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"begins like a table.*--format csv"):
        made(tmp_path, "a.txt", "name,decision\nOrla Vint,forget\nBram,whitelist\n")


def test_bullets_and_numbers_are_cut_at_the_beginning_alone(tmp_path: Path) -> None:
    text = "- Orla Vint\n2. Bo Alm\nJean - Luc Quell\nSpider - Man\nVol. 2: The Movie\nHenry 8. of Vint\n"
    kept, _ = made(tmp_path, "a.txt", text)
    assert names(kept) == [
        "Orla Vint",
        "Bo Alm",
        "Jean - Luc Quell",
        "Spider - Man",
        "Vol. 2: The Movie",
        "Henry 8. of Vint",
    ]


def test_initials_in_small_letters_are_first_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--order last-first"):
        made(tmp_path, "a.txt", "Vint, o.\nQuell, b.\n")


def test_somebody_who_is_not_forgotten_is_nobody_s_alias(tmp_path: Path) -> None:
    text = "name,aliases,decision\nOrla Vint,Ines Marbury;Orlie,forget\nInes Marbury,,reject\n"
    kept, done = made(tmp_path, "a.csv", text)
    assert kept.concepts[0].aliases == ("Orlie",)
    assert any("the name of row 3, which is not forgotten" in note.why for note in done.notes)


def test_one_name_granted_and_rejected_is_refused_and_a_duplicate_is_not(tmp_path: Path) -> None:
    text = "name,decision\nOrla Vint,forget\nOrla Vint,rejected\nBo Alm,granted\nBo Alm,duplicate\n"
    kept, done = made(tmp_path, "a.csv", text)
    assert names(kept) == ["Bo Alm"] and "not in row 3" in refused(done)["row 2"]


def test_parentheses_tell_somebody_rejected_from_somebody_forgotten(tmp_path: Path) -> None:
    text = "name,decision\nOrla Vint (painter),reject\nOrla Vint (singer),forget\n"
    assert names(made(tmp_path, "a.csv", text)[0]) == ["Orla Vint (singer)"]


def test_edges() -> None:
    assert edge_word("Ines KEEP") == "keep" and edge_word("except Ines") == "except"
    for name in ("No Doubt", "The Keeper", "Keep", "Grant Wood", "Notorious Big", "Ann Whitelister"):
        assert edge_word(name) is None, name


def test_lines_of_many_characters_are_refused_at_once(tmp_path: Path) -> None:
    long = "\n".join(letter * 100_000 for letter in ("(", "a ", "[", "\\"))
    kept, done = made(tmp_path, "a.txt", f"Orla Vint\n{long}\n", as_names=True)
    assert names(kept) == ["Orla Vint"] and len(refused(done)) == 4


def test_the_command_replaces_nothing_that_it_was_not_asked_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("Orla Vint\nIda # keep\n")
    Path("folder").mkdir()

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["import", "a.txt", "--kind", "person", *words])
        assert done.exit_code == (0 if "concept of" in done.stderr else 2), done.stderr
        return done.stderr

    assert "is both the list and the report" in run("--out", "x.yaml", "--report", "x.yaml")
    assert "is the file that is read" in run("--out", "a.txt", "--force")
    assert "is no file" in run("--out", "x.yaml", "--report", "folder", "--force")
    assert "cannot be written (File name too long)" in run("--out", f"{'x' * 300}.yaml")
    assert "1 concept of 2 rows" in run("--out", "x.yaml", "--report", "r.txt")
    assert "note: comments are not read: row 2" in Path("r.txt").read_text()
