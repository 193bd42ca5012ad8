"""Importing tables: what a column, a header, a sheet or a cell beside a name says is never passed over."""

import re
from pathlib import Path
from typing import Any

import pytest

from expunge.concepts.decisions import _GROUPS
from expunge.concepts.importing.columns import _STEMS, tells
from expunge.concepts.importing.contents import read_contents
from expunge.concepts.importing.importer import Options, import_file
from expunge.core.errors import InputError
from tests.support.made_list import listed, made, names, refused


def outcome(folder: Path, text: str, file: str = "a.csv", **options: Any) -> tuple[list[str], list[str], str]:
    """(what is forgotten, what is kept, why rows are refused or the whole file is)."""
    try:
        kept, done = made(folder, file, text, **options)
    except InputError as error:
        return [], [], str(error)
    return names(kept), list(kept.keep), " ".join(refused(done).values())


# Deciding columns: text, forgotten, kept, a part of the reason

DECIDING = [
    ("name,keep\nOrla Vint,no\nInes,yes\nBram Oster,maybe\nCy Orr,erase\n", ["Cy Orr"], ["Ines"], "maybe"),
    ("name,erase\nOrla,ja\nInes,nein\nBo,yes\n", ["Bo"], [], "'nein'"),
    ("name,erase\nOrla,1.0\nInes,0.0\nBo,1\n", ["Bo"], [], "'0.0'"),
    ("name,erase\nOrla,Y\nInes,N\nBram,?\n", ["Orla"], [], "'?'"),
    ("name,keep\nOrla,on\nBo,yes (contract 12)\nCy,erase\n", ["Cy"], ["Orla"], "contract 12"),
    ("name,whitelist\nOrla,✓\nInes,-\nBo,erase\n", ["Bo"], ["Orla"], "'-'"),
    ("name,keep\nOrla Vint,Ines Marbury\nBram,yes\nBo,erase\n", ["Bo"], ["Bram"], "--neighbour-column 'keep'"),
    ("name,erase\nOrla,yes\nInes,no\nDi,see note\n", ["Orla"], [], "'see note'"),
    ("name,Remove\nOrla,on\nInes,off\nBo,later\n", ["Orla"], [], "'later'"),
    ("name,to forget?\nOrla,yes\nInes,n/a\n", ["Orla"], [], "'n/a'"),
    ("name,granted?\nOrla,yes\nInes,tbc\n", ["Orla"], [], "'tbc'"),
    ("name,approved\nOrla,2026-03-01\nInes,\nBo,yes\n", ["Bo"], [], "its 'approved' is empty"),
    ("name,approved_on\nOrla,2026-03-01\nInes,\nBo,soon\n", ["Orla"], [], "its 'approved_on' is empty"),
    ("name,rejected_on\nOrla,\nInes,2026-03-01\n", ["Orla"], [], "rejected_on"),
    ("name,exempt\nOrla,\nInes,by court order\n", ["Orla"], [], "by court order"),
    ("name,withdrawn\nOrla,\nInes,x\n", ["Orla"], [], "withdrawn"),
    ("name,approved_by\nOrla,\nInes,Bo Alm\nCy,\n", [], [], "approved_by"),
    ("name,final decision\nOrla,erase\nInes,not approved\nBo,allow\nCy,excluded\nDi,no\n", ["Orla"], ["Bo"], "'no'"),
    ("name,Status of request\nOrla,granted\nInes,open\n", ["Orla"], [], "'open'"),
    ("name,Entscheidung\nOrla,erase\nInes,behalten\n", ["Orla"], [], "behalten"),
    ("name,opted_in\nOrla,yes\nBo,erase\n", ["Bo"], ["Orla"], ""),
    ("name,x17\nOrla,erase\nInes,keep\nBo,\nCy,later\n", ["Orla"], ["Ines"], "later"),
    ("name,notes\nOrla,born 1930\nInes,do not remove\nBo,whitelisted\nCy,postponed\n", ["Orla"], [], "whitelisted"),
    ("name,notes\nOrla,a painter\nInes,on hold\nBo,open\nCy,under review\n", ["Orla"], [], "on hold"),
    ("name,löschen\nOrla,ja\nInes,nein\n", [], [], "'nein'"),
    ("name,unklar\nOrla,yes\nInes,no\n", [], [], "--ignore-column 'unklar'"),
    ("name,kind\nOrla,person\nInes,person,keep\n", ["Orla"], [], "more cells than the header"),
    ("name,erase,keep\nOrla,yes,no\nInes,no,yes\nBo,no,no\nCy,yes,yes\nDi,x,\n", ["Orla", "Di"], ["Ines"], "both"),
    ("name,erase,approved\nOrla,yes,yes\nInes,yes,no\nBo,yes,\n", ["Orla"], [], "its 'approved' says 'no'"),
    ("name,approved,rejected\nOrla,yes,no\nInes,no,yes\nBo,no,no\n", ["Orla"], [], "says 'no'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "forgotten", "kept", "why"), DECIDING)
def test_a_deciding_column_decides_whatever_its_cells(
    text: str, forgotten: list[str], kept: list[str], why: str, tmp_path: Path
) -> None:
    done = outcome(tmp_path, text)
    assert done[:2] == (forgotten, kept) and why in done[2]


def test_neighbours_are_read_where_the_user_says_so(tmp_path: Path) -> None:
    text = "name,keep\nOrla Vint,Ines Marbury\nBram,yes\nBo,\n"
    kept, done = made(tmp_path, "a.csv", text, columns={"neighbours": "keep"})
    assert names(kept) == ["Orla Vint", "Bo"] and kept.concepts[0].neighbours == ("Ines Marbury",)
    assert "'yes'" in refused(done)["row 3"]


@pytest.mark.parametrize("cell", ["whitelist", "not approved", "no", "rejected"])
def test_a_column_without_a_name_decides(cell: str, tmp_path: Path) -> None:
    assert outcome(tmp_path, f"Orla,erase\nInes,{cell}\n", header=False)[0] == ["Orla"]
    assert outcome(tmp_path, f"name,\nOrla,erase\nInes,{cell}\n")[0] == ["Orla"]
    assert outcome(tmp_path, f"Ines,{cell}\nBo,yes\n", header=False)[0] == []


def test_columns_of_numbers_decide_nothing(tmp_path: Path) -> None:
    assert outcome(tmp_path, "no,name,catalogue no\n1,Orla,7\n2,Ines,8\n")[0] == ["Orla", "Ines"]
    assert outcome(tmp_path, "name,no\nOrla,x\nInes,\n")[0] == ["Ines"]


# A decision in a column of another role

SWALLOWED = [
    ("name,kind\nOrla,erase\nInes,keep\nBo,open\nCy,later\n", ["Orla"]),
    ("name,kind\nOrla,person\nInes,keep\n", ["Orla"]),
    ("name,request\nOrla,erase\nInes,keep\nBo,later\n", ["Orla"]),
    ("case,name\nR-1,Orla\nkeep,Ines\n", ["Orla"]),
    ("name,decided\nOrla,forget\nInes,reject\n", ["Orla"]),
    ("name,decision date\nOrla,2026-01-01\nInes,rejected 2026-01-01\n", ["Orla"]),
    ("name,basis\nOrla,GDPR\nInes,rejected\n", ["Orla"]),
    ("name,aliases\nOrla,Vint\nInes,keep\n", ["Orla"]),
    ("name,anchor\nOrla,a woman\nInes,keep\n", ["Orla"]),
    ("name,probes\nOrla,Vint\nInes,do not forget\n", ["Orla"]),
    ("name,neighbours\nOrla,Bo\nInes,retain\n", ["Orla"]),
    ("name,aliases\nOrla,Vint\nInes,Ines (rejected);Bram: keep\n", ["Orla"]),
    ("name,aliases\nOrla,none\nInes,a long first alias of her; kept by the court; another long alias\n", ["Orla"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "forgotten"), SWALLOWED)
def test_no_role_swallows_a_decision(text: str, forgotten: list[str], tmp_path: Path) -> None:
    done = outcome(tmp_path, text)
    assert done[:2] == (forgotten, []) and f"its {text.split()[0].replace('name,', '').split(',')[0]!r}"[:7] in done[2]


# Headers, headings, titles


@pytest.mark.parametrize("header", ["keep", "Artists to keep", "Kept ones", "Items to retain", "whitelist"])
def test_a_header_decides_about_all_names(header: str, tmp_path: Path) -> None:
    assert "holds no name" in outcome(tmp_path, f"{header}\nInes\nBram\n")[2]
    assert "holds no name" in outcome(tmp_path, f"{header},x\nInes,1\n", columns={"name": header})[2]


def test_a_first_line_that_may_be_a_name_is_refused(tmp_path: Path) -> None:
    for first in ("No Doubt", "Grant", "Block B"):
        assert "write name into a line above it" in outcome(tmp_path, f"{first}\nBram\n")[2]
        assert outcome(tmp_path, f"name\n{first}\nBram\n")[0] == [first, "Bram"]
    assert outcome(tmp_path, "Artists to forget\nBram\n")[0] == ["Bram"]
    assert outcome(tmp_path, "Orla\nBram\n")[0] == ["Orla", "Bram"]
    for header in ("Rejected", "on hold", "under review", "open requests"):
        assert "the file says" in outcome(tmp_path, f"{header}\nBram\n")[2]


@pytest.mark.parametrize(
    "heading",
    ["# keep", "Rejected:", "[keep]", "keep", "== retain ==", "Artists to keep:", "on hold", "Artists to keep"],
)
def test_a_heading_among_rows_is_refused(heading: str, tmp_path: Path) -> None:
    assert "may be a heading" in outcome(tmp_path, f"name\nOrla\n{heading}\nInes\n")[2]
    assert "may be a heading" in outcome(tmp_path, f"name,note\nOrla,x\n{heading},\nInes,y\n")[2]


def test_a_name_that_reads_like_a_heading(tmp_path: Path) -> None:
    text = "name\nOrla\nProtected\nInes\n"
    assert "--ignore-column 'name'" in outcome(tmp_path, text)[2]
    assert outcome(tmp_path, text, ignored=("name",))[0] == ["Orla", "Protected", "Ines"]


def test_a_decision_before_a_name_is_refused(tmp_path: Path) -> None:
    done = outcome(tmp_path, "name\nOrla\nkeep: Ines\nBo\nErasure\nkept\n")
    assert done[0] == ["Orla", "Bo", "Erasure"] and "keep: Ines" in done[2]
    text = 'name\nOrla\nInes (keep)\n"Bram, rejected"\nBo (please retain)\n'
    assert outcome(tmp_path, text)[0] == outcome(tmp_path, text, parentheses="keep", comma="keep")[0] == ["Orla"]


def test_a_title_above_the_header_is_said(tmp_path: Path) -> None:
    for title in ("My list", "My list,,", "Report of, 2026,x"):
        done = outcome(tmp_path, f"{title}\n\nname,decision,x\nOrla,keep,1\n")
        assert "in line 3; delete the lines above it" in done[2]


# Whose name it is


def test_a_name_in_two_cells_is_refused(tmp_path: Path) -> None:
    assert "quote names that hold a comma" in outcome(tmp_path, "name\nVint, Orla\nVint, Tomas\n")[2]
    assert outcome(tmp_path, "name\nVint, Orla\nBo Alm\n")[0] == ["Bo Alm"]
    assert outcome(tmp_path, "name,x\nBo Alm,1,\n")[0] == ["Bo Alm"]
    for header in (
        "Name;Vorname",
        "name;first_name",
        "name;given name",
        "name;forename",
        "name;prénom",
        "name;nombre",
        "name;last name",
        "name;surname",
    ):
        assert "parts of names in two columns" in outcome(tmp_path, f"{header}\nVint;Orla\nVint;Tomas\n")[2]
    text = "last name,first name,full name\nVint,Orla,Orla Vint\n"
    assert outcome(tmp_path, text)[0] == ["Orla Vint"]
    assert outcome(tmp_path, "last name,first name\nVint,Orla\n")[0] == []


def test_two_columns_of_names_need_a_word(tmp_path: Path) -> None:
    text = "request_id,name,artist,decision\nR-1,Bo Alm,Orla Vint,forget\n"
    assert "--name-column" in outcome(tmp_path, text)[2]
    assert outcome(tmp_path, text, columns={"name": "artist"})[0] == ["Orla Vint"]
    assert outcome(tmp_path, "artist,style\nOrla Vint,cubism\n")[0] == ["Orla Vint"]


# Separators


def test_separators_that_are_said_or_missing(tmp_path: Path) -> None:
    assert outcome(tmp_path, "sep=;\nname;decision\nOrla, the;erase\nBo;keep\n")[:2] == (["Orla, the"], ["Bo"])
    assert "every line holds ','" in outcome(tmp_path, "name,decision\nOrla,erase\nInes,keep\n", "a.tsv")[2]
    assert "every line holds ':'" in outcome(tmp_path, "name:decision\nOrla:erase\nInes:keep\n")[2]
    assert outcome(tmp_path, "name\nVint, O\nBo\n", "a.tsv", comma="keep")[0] == ["Vint, O", "Bo"]


# Workbooks


def book(folder: Path, sheets: dict[str, list[list[Any]]], strike: str = "") -> Path:
    openpyxl = pytest.importorskip("openpyxl")
    made_book = openpyxl.Workbook()
    made_book.remove(made_book.active)
    for title, rows in sheets.items():
        sheet = made_book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    if strike:
        made_book.worksheets[0][strike].font = openpyxl.styles.Font(strike=True)
    made_book.save(folder / "a.xlsx")
    return folder / "a.xlsx"


def of_book(folder: Path, path: Path, **options: Any) -> tuple[list[str], tuple[str, ...], str]:
    try:
        kept, done = listed(folder, import_file(path, "person", Options(**options)))
    except InputError as error:
        return [], (), str(error)
    return names(kept), kept.keep, " ".join(refused(done).values())


def test_cells_of_a_workbook(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["name", "keep"],
        ["Orla", True],
        ["Ines", False],
        ["Bram", 1.5],
        ["Cy", 1.0],
        ["Bo", "erase"],
    ]
    done = of_book(tmp_path, book(tmp_path, {"a": rows}))
    assert done[:2] == (["Bo"], ("Orla", "Cy")) and "1.5" in done[2]
    done = of_book(tmp_path, book(tmp_path, {"a": [["name", "x"], ["=A1&B1", 1], ["Bo", 1], ["Cy", "=A1"]]}))
    assert done[0] == ["Bo"] and done[2].count("formula without a value") == 2
    done = of_book(tmp_path, book(tmp_path, {"a": [["name", "x"], ["Orla", 1], ["Bo", 1]]}, "B2"))
    assert done[0] == ["Bo"] and "struck out" in done[2]


def test_titles_of_sheets_decide(tmp_path: Path) -> None:
    two = {"Keep": [["name"], ["Ines"]], "Erase": [["name"], ["Orla"]]}
    done = of_book(tmp_path, book(tmp_path, two))
    assert done[0] == [] and "--sheet with one of Keep, Erase" in done[2]
    assert of_book(tmp_path, tmp_path / "a.xlsx", sheet="Erase")[0] == ["Orla"]
    assert of_book(tmp_path, tmp_path / "a.xlsx", sheet="Keep")[0] == []
    assert of_book(tmp_path, book(tmp_path, {"Rejected": [["name"], ["Ines"]]}))[0] == []


def test_the_quick_test_knows_every_word_that_decides() -> None:
    for group in _GROUPS[:-1]:
        words = re.sub(r"\((?:[^()]|\([^()]*\))*\)", "(", group.pattern.replace("(ca|wo|", "(")).split("|")
        for beginning in (re.match(r"[a-z]*", word) for word in words):
            stem = beginning[0] if beginning else ""
            assert not stem or stem[:3] in _STEMS, stem
    for word in (
        "cannot",
        "won't",
        "isnt",
        "opt in",
        "opted-in",
        "take down",
        "white list",
        "“keep”",
        "toKeep",
        "to_keep",
    ):
        assert tells(word), word
    assert not tells("Orla Vint") and not tells("2026-01-01") and not tells("born 1930")


# Speed

LONG = [
    "Name {} Sur{},x", '"Name {} Sur{}","a, b"', "Name {} Sur{},keep", "Name {} Sur{},rejected", '"Name {} Sur{},x',
]  # fmt: skip


@pytest.mark.parametrize("line", LONG)
def test_long_tables_are_read_in_a_moment(line: str, tmp_path: Path) -> None:
    rows = "\n".join(line.format(i, i) for i in range(100_000))
    (tmp_path / "a.csv").write_text(f"name,decision\n{rows}\n" if "x" not in line else f"name,note\n{rows}\n")
    contents = read_contents(tmp_path / "a.csv")
    assert len(contents.rows) == 100_000
