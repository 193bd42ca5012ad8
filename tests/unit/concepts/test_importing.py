"""Importing never turns a list round: what must stay, whose name it is, and what is no name."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.concepts.decisions import FORGET, KEEP, decision_of
from expunge.concepts.importing.order import reads_last_first, turned
from expunge.core.errors import InputError
from tests.support.made_list import made, names, refused

# Never the opposite


@pytest.mark.parametrize("word", ["keep", "Kept", "RETAIN", "retained", "preserve", "Preserved", "holdout", "hold-out",
                                  "held out", "protected", "allow", "whitelisted", "do_keep"])  # fmt: skip
def test_words_that_keep(word: str) -> None:
    assert decision_of(word) == KEEP


@pytest.mark.parametrize("word", ["forget", "Erased", "REMOVE", "unlearn", "delete", "target", "granted", "approved",
                                  "take down", "banned", "suppress", "to_be_forgotten"])  # fmt: skip
def test_words_that_forget(word: str) -> None:
    assert decision_of(word) == FORGET


@pytest.mark.parametrize("word", ["no", "reject", "Rejected", "PENDING", "do not forget", "don't erase", "erase/keep",
                                  "not approved", "under review", "on hold", "withdrawn", "excluded",
                                  "partially granted", "granted in part", "removal requested",
                                  "proposed removal"])  # fmt: skip
def test_words_that_refuse(word: str) -> None:
    assert decision_of(word) not in (FORGET, KEEP, None)


@given(st.sampled_from(["keep", "retain", "preserve", "holdout", "no", "reject", "pending"]), st.randoms())
def test_case_and_blanks_change_no_decision(word: str, random: Any) -> None:
    shuffled = "".join(random.choice((str.upper, str.lower))(letter) for letter in word)
    assert decision_of(f" {shuffled} ") != FORGET and decision_of(shuffled) is not None


@pytest.mark.parametrize("column", ["type", "split", "status", "action", "decision", "group", "class"])
def test_a_column_decides_and_what_is_not_known_is_refused(column: str, tmp_path: Path) -> None:
    rows = (
        "Orla Vint,erase\nInes Marbury,Retained\nTomas Quell,forget\nBram Oster,later\nLida Fenn,\nIda Holm,pending\n"
    )
    kept, done = made(tmp_path, "a.csv", f"name,{column}\n{rows}")
    assert names(kept) == ["Orla Vint", "Tomas Quell"] and kept.keep == ("Ines Marbury",)
    assert refused(done).keys() == {"row 5", "row 6", "row 7"}
    assert "write forget or keep there" in refused(done)["row 5"]
    free, _ = made(tmp_path, "a.csv", f"name,{column}\n{rows}", ignored=(column,))
    assert len(free.concepts) == 6


def test_a_column_that_is_called_after_a_decision(tmp_path: Path) -> None:
    kept, done = made(tmp_path, "a.csv", "name,keep\nOrla Vint,yes\nTomas Quell,no\nIda Holm,x\nBo Alm,erase\n")
    assert names(kept) == ["Bo Alm"] and kept.keep == ("Orla Vint", "Ida Holm")
    assert refused(done) == {"row 3": "its 'keep' says 'no'"}
    kept, done = made(tmp_path, "a.csv", "name,erase\nOrla Vint,1\nTomas Quell,0\n")
    assert names(kept) == ["Orla Vint"] and "row 3" in refused(done)
    text = "name,preserve\nOrla Vint,Ines Marbury; Bo Alm\n"
    with pytest.raises(InputError, match="--neighbour-column 'preserve'"):
        made(tmp_path, "a.csv", text)
    kept, _ = made(tmp_path, "a.csv", text, columns={"neighbours": "preserve"})
    assert kept.concepts[0].neighbours == ("Ines Marbury", "Bo Alm")


def test_a_remark_in_any_column_counts(tmp_path: Path) -> None:
    kept, done = made(tmp_path, "a.csv", "name,remark,sex\nOrla Vint,please retain,unknown\nTomas Quell,,no\n")
    assert names(kept) == ["Tomas Quell"] and refused(done) == {"row 2": "its 'remark' says 'please retain'"}
    assert "not read: column remark, sex" in done.remarks


def test_keys_decide_and_settings_are_no_names(tmp_path: Path) -> None:
    data = {
        "device": "cuda", "seeds": [0], "learning_rate": 0.1, "technique": "x", "batch_size": 2,
        "Erase": ["Orla Vint"], "retain_set": ["Ines Marbury"], "rejected": ["Bo Alm"], "holdOut": ["Ida Holm"],
        "surplus": ["Zed"],
    }  # fmt: skip
    kept, done = made(tmp_path, "a.json", json.dumps(data))
    assert names(kept) == ["Orla Vint"] and kept.keep == ("Ines Marbury", "Ida Holm")
    assert refused(done) == {"rejected/1": "the file says 'rejected'"}
    assert "not read: key device, seeds, learning_rate, technique, batch_size, surplus" in done.remarks


def test_one_name_both_ways_is_refused(tmp_path: Path) -> None:
    text = "name,split\nfire engine,forget\na Fire-Engine,keep\nball,forget\n"
    kept, done = made(tmp_path, "a.csv", text, "object")
    assert names(kept) == ["ball"] and kept.keep == () and "row 2, row 3" in refused(done)["row 2"]
    assert "row 3, row 2" in refused(done)["row 3"] and "kept" not in {note.what for note in done.notes}


def test_records_with_an_unknown_decision_are_refused(tmp_path: Path) -> None:
    data = [
        {"name": "Orla Vint", "type": "erase"}, {"name": "Bo Alm", "type": "banana"}, {"name": "Ida", "keep": ["Ed"]},
    ]  # fmt: skip
    kept, done = made(tmp_path, "a.json", json.dumps(data))
    assert names(kept) == ["Orla Vint", "Ida"] and kept.concepts[1].neighbours == ("Ed",)
    assert "banana" in refused(done)["2"]


def test_decisions_beside_a_name_are_read_wherever_they_stand(tmp_path: Path) -> None:
    kept, done = made(
        tmp_path, "a.json", '{"people": {"Orla Vint": "erase", "Ines Marbury": "keep", "Bo Alm": "pending"}}'
    )
    assert names(kept) == ["Orla Vint"] and kept.keep == ("Ines Marbury",) and len(refused(done)) == 1
    kept, done = made(tmp_path, "a.json", '[["Orla Vint", "forget"], ["Ines Marbury", "Retain"], ["Bo Alm", "no"]]')
    assert names(kept) == ["Orla Vint"] and kept.keep == ("Ines Marbury",) and len(refused(done)) == 1
    text = (
        "# to forget\nOrla Vint\nkeep: Ida Holm\n# keep\nInes Marbury\nRejected:\nBo Alm\n[erase]\nCy (keep)\nDi Ur\n"
    )
    kept, done = made(tmp_path, "a.txt", text)
    assert names(kept) == ["Orla Vint", "Di Ur"] and kept.keep == ("Ida Holm", "Ines Marbury")
    assert refused(done).keys() == {"row 7", "row 9"} and "row 4 '# keep'" in " ".join(done.remarks)


@pytest.mark.parametrize(
    "name", ["Grant Wood", "Bannister", "The Keeper", "Remo", "Block B", "No Doubt", "Holden", "Do"]
)
def test_names_are_no_decisions(name: str, tmp_path: Path) -> None:
    kept, _ = made(tmp_path, "a.json", json.dumps({"people": ["Orla Vint", name]}))
    assert names(kept) == ["Orla Vint", name]
    kept, _ = made(tmp_path, "a.json", json.dumps({"Orla Vint": name, name: "a man"}))
    assert names(kept) == ["Orla Vint", name]


# Never the wrong person


def test_last_first_is_turned_round_or_refused(tmp_path: Path) -> None:
    for name, text in (("a.txt", ""), ("a.csv", "artist\n")):
        people = '"Vint, Orla"\n"Vint, Tomas (Jr.)"\n"van Quell, Bram Jan"\n'
        text += people if name == "a.csv" else people.replace('"', "")
        with pytest.raises(InputError, match="--order last-first"):
            made(tmp_path, name, text)
        kept, _ = made(tmp_path, name, text, order="last-first")
        assert names(kept) == ["Orla Vint", "Tomas Vint", "Bram Jan van Quell"]
        with pytest.raises(InputError, match="--order last-first"):  # a cut would leave two of one surname
            made(tmp_path, name, text, comma="cut")


def test_a_role_after_the_comma_is_cut_but_not_another_person(tmp_path: Path) -> None:
    kept, done = made(
        tmp_path, "a.txt", "Ann Lee,actor\nBo Alm, Jr\nIda Holm,painter\nCy Orr\nDi Ur,poet\nDi Ur,cook\n"
    )
    assert names(kept) == ["Ann Lee", "Ida Holm", "Cy Orr"]
    assert "--comma" in refused(done)["row 2"] and {"row 5", "row 6"} <= refused(done).keys()


def test_last_first_with_parentheses_is_no_exception(tmp_path: Path) -> None:
    text = 'name\n"Bell, Tom (Jr.)"\n"Vint, Orla"\nBo Alm\n'
    kept, done = made(tmp_path, "a.csv", text)
    assert names(kept) == ["Bo Alm"] and "Tom Bell (Jr.)" in refused(done)["row 2"]
    assert names(made(tmp_path, "a.csv", 'name\n"Bell, Tom (Jr.)"\n"Vint, Orla"\n', order="last-first")[0]) == [
        "Tom Bell", "Orla Vint",
    ]  # fmt: skip


@given(st.sampled_from(["Vint", "van Quell", "O'Hara", "Lee-Smith"]), st.sampled_from(["Orla", "Bram Jan", "J. R."]))
def test_turning_round_loses_no_word(last: str, first: str) -> None:
    assert turned(f"{last}, {first}") == f"{first} {last}"


def test_a_name_with_a_comma_among_many_is_no_pattern() -> None:
    assert not reads_last_first(["Pikachu", "Huey, Dewey", "Thor", "Bo"])
    assert not reads_last_first(["Ann Lee,actor", "Bo Alm,painter"])
    assert reads_last_first(["Vint, Orla", "Vint, Tomas", "Unknown"])


def test_rows_that_differ_in_parentheses_stay_apart(tmp_path: Path) -> None:
    kept, _ = made(tmp_path, "a.csv", "name\npixel (saga)\npixel (court)\nbolt (saga)\nbolt (Saga)\n", "character")
    assert names(kept) == ["pixel (saga)", "pixel (court)", "bolt"]


# Garbage


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (r"\w*zorb\w*", "regular expression"), ("vint[ing]", "regular expression"), ("(Artquill:1.2)", "'Artquill'"),
        ("0.5::Orla Vint", "'Orla Vint'"), ("<lora:quell:0.8>", "'quell'"), ("tomas quell:1.4", "'tomas quell'"),
        ("[Lida Fenn]", "'Lida Fenn'"), ("__wildcard__", "wildcard"), ("FranÃ§ois Vint", "'François Vint'"),
        ("Unknown", "missing name"), ("~~Cy Orr~~", "struck out"),
        ("[x] Cy Orr", "checkbox"), ("{x}", "braces"), ("a|b", "regular expression"),
    ],
)  # fmt: skip
def test_garbage_is_refused_with_what_to_write(text: str, why: str, tmp_path: Path) -> None:
    _, done = made(tmp_path, "a.json", json.dumps([text, "Bo Alm"]))
    assert why in refused(done)["1"]


@pytest.mark.parametrize(
    "text", ["(o)i-dle", "Ke$ha", "Guess Who?", "A.J. Casson", "C++ Cat", "Mötley Crüe", "fran, o"]
)
def test_odd_names_are_names(text: str, tmp_path: Path) -> None:
    assert names(made(tmp_path, "a.json", json.dumps([text, "Bo Alm"]))[0]) == [text, "Bo Alm"]


def test_comments_bullets_and_numbers_are_left_out_and_said(tmp_path: Path) -> None:
    text = '# artists\nOrla Vint\n// more\nTomas Quell  # 1860\n- Bram Oster\n3. Lida Fenn\n"Ines Marbury"\n#Bo Alm\n'
    kept, done = made(tmp_path, "a.txt", text)
    assert names(kept) == ["Orla Vint", "Tomas Quell", "Bram Oster", "Lida Fenn", "Ines Marbury"]
    said = " ".join(done.remarks)
    assert "1 bullets" in said and "1 numbers" in said and "'#Bo Alm'" in said and "'# 1860'" in said


def test_cells_that_a_spreadsheet_would_run_are_said(tmp_path: Path) -> None:
    _, done = made(tmp_path, "a.csv", "name\n=cmd\n@orla\nBo Alm\n")
    assert "a spreadsheet would run this cell: '=cmd' (row 2); '@orla' (row 3)" in done.remarks
