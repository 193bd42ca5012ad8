"""Importing files in the formats that people bring, hostile and long ones too."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from expunge.cli import app
from expunge.concepts.importing.importer import Options, import_file
from expunge.core.errors import InputError
from tests.support.made_list import listed, made, names, refused
from tests.support.paths import ROOT

CASES = ROOT.parent / "shared" / "cases" / "lists"
brought = pytest.mark.skipif(not CASES.is_dir(), reason="the cases (../shared/cases) are not on this machine")


# Formats


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found(separator: str, tmp_path: Path) -> None:
    rows = [["Full name", "Aliases", "Anchor"], ["Orla Vint", "Vint", "a woman"], ["Tomas Quell", "", "a man"]]
    kept, _ = made(tmp_path, "a.csv", "\ufeff" + "\n".join(separator.join(row) for row in rows) + "\n")
    assert names(kept) == ["Orla Vint", "Tomas Quell"] and kept.concepts[0].aliases == ("Vint",)


def test_a_table_without_header(tmp_path: Path) -> None:
    text = 'zorblax_(space),4,"zorb,zorblax_the_alien"\npixel_(court),2,\n'
    with pytest.raises(InputError, match="--no-header"):
        made(tmp_path, "a.csv", text, "character")
    kept, done = made(tmp_path, "a.csv", text, "character", header=False, columns={"aliases": "3"})
    assert names(kept) == ["zorblax", "pixel"] and kept.concepts[0].aliases == ("zorb", "zorblax the alien")
    assert "not read: column 2" in done.remarks


def test_json_lines_yaml_pairs_and_one_line(tmp_path: Path) -> None:
    assert names(made(tmp_path, "a.jsonl", '{"name": "Bo Alm"}\n\n{"name": "Ida Holm"}\n')[0]) == ["Bo Alm", "Ida Holm"]
    assert names(made(tmp_path, "a.yaml", "erase: [Bo Alm]\nkeep: [Ida Holm]\n")[0]) == ["Bo Alm"]
    pairs = '{"multi_concept": [[["orla", "style"], ["bo", "object"]]], "mapping_concept": "art"}'
    kept, done = made(tmp_path, "a.json", pairs, "style")
    assert names(kept) == ["orla"] and kept.concepts[0].anchor == "art" and len(refused(done)) == 1
    for text in ("Bo Alm; Ida Holm; Cy Orr\n", "Bo Alm, Ida Holm, Cy Orr"):
        assert names(made(tmp_path, "a.txt", text)[0]) == ["Bo Alm", "Ida Holm", "Cy Orr"]
    with pytest.raises(InputError, match="one comma"):
        made(tmp_path, "a.txt", "Alm, Bo\n")
    with pytest.raises(InputError, match=r"a\.jsonl:2: .*not JSON"):
        made(tmp_path, "a.jsonl", '{"name": "Bo"}\n{"name"\n')


def test_a_workbook(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["name", "split"], ["Bo Alm", "forget"], ["Ida Holm", "keep"], [None, None]):
        book.active.append(row)
    book.create_sheet("more").append(["name"])
    book.save(tmp_path / "a.xlsx")
    kept, done = listed(tmp_path, import_file(tmp_path / "a.xlsx", "person"))
    assert names(kept) == ["Bo Alm"] and kept.keep == ("Ida Holm",)
    assert "not read: sheet more (--sheet NAME)" in done.remarks
    (tmp_path / "b.xlsx").write_text("name\nBo\n")
    with pytest.raises(InputError, match="not an XLSX workbook"):
        import_file(tmp_path / "b.xlsx", "person")


def test_a_register_fills_the_request(tmp_path: Path) -> None:
    head = "request_id,received,decided,name,legal_basis,decision\n"
    rows = [
        "R-1,2026-03-01T09:30:00Z,2026-03-02,Bo Alm,trademark,forget", "R-2,2026-03-04,,Ida Holm,GDPR,reject",
        "R-3,5 March,,Cy Orr,GDPR,granted", "R-4,2026-03-05,,Di Ur,,granted",
        "R-5,2026-03-06,7/3/26,Ed Ax,GDPR,granted", "R-6,2026-03-08,,Ed Ax,GDPR,granted",
        "R-7,2026-03-09,,Flo Be,GDPR,partially granted", "R-8,2026-03-09,,Gus Ce,GDPR,removal requested",
    ]  # fmt: skip
    kept, done = made(tmp_path, "a.csv", head + "\n".join(rows) + "\n")
    request = kept.concepts[0].request
    assert request is not None and (request.id, request.received, request.decided) == (
        "R-1",
        "2026-03-01T09:30:00Z",
        "2026-03-02",
    )
    assert names(kept) == ["Bo Alm", "Cy Orr", "Di Ur", "Ed Ax"] and refused(done).keys() == {"row 3", "row 8", "row 9"}
    left_out = {note.row: note.text for note in done.notes if "as the concept's request, for it lacks" in note.why}
    assert left_out == {"row 4": "R-3", "row 5": "R-4"}
    dropped = {(note.row, note.text) for note in done.notes if "as received" in note.why or "as decided" in note.why}
    assert dropped == {("row 4", "5 March"), ("row 6", "7/3/26")}
    request = kept.concepts[3].request
    assert request is not None and (request.id, request.decided) == ("R-5", None)
    assert [note.text for note in done.notes if "a concept has one request, and row 6 has R-5" in note.why] == ["R-6"]


def test_a_kind_beside_a_name_is_read(tmp_path: Path) -> None:
    kept, done = made(tmp_path, "a.tsv", "name\tkind\nOrla Vint\tperson\nmonet\tStyle\nBo Alm\tband\n")
    assert names(kept) == ["Orla Vint", "Bo Alm"] and "--kind style" in refused(done)["row 3"]
    kept, done = made(tmp_path, "a.json", '[{"name": "monet", "kind": "style"}, {"name": "Bo Alm"}]')
    assert names(kept) == ["Bo Alm"] and "--kind style" in refused(done)["1"]


def test_graded_words_and_test_words(tmp_path: Path) -> None:
    record = {"concept": "Orla Vint", "train-coref": ["a", "b"], "train-coref-certainty": ["High", "Low"],
              "test-coref": ["c", "d"], "test-coref-certainty": ["Very Low", "Very High"]}  # fmt: skip
    kept, done = made(tmp_path, "a.json", json.dumps({"celebrity": [record]}))
    assert kept.concepts[0].aliases == ("a",) and kept.concepts[0].probes == ("d",)
    assert [note.text for note in done.notes if note.what == "dropped"] == ["b", "c"]


# Hostile and long


def test_a_quote_that_is_not_closed_swallows_no_row(tmp_path: Path) -> None:
    kept, done = made(tmp_path, "a.csv", 'name,note\n"Bo Alm,x\nIda Holm,y\nCy Orr,"two\nlines"\n')
    assert names(kept) == ["Ida Holm", "Cy Orr"] and "quote" in refused(done)["row 2"]


def test_doubtful_structures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="twice in one mapping"):
        made(tmp_path, "a.json", '{"name": "Bo", "name": "Ida"}')
    kept, done = made(tmp_path, "a.json", '[{"name": "Bo", "aliases": [["x"], "y"]}]')
    assert kept.concepts[0].aliases == ("y",) and [note.why for note in done.notes] == ["is not a text"]
    with pytest.raises(InputError, match="--no-header"):
        made(tmp_path, "a.json", '["Bo"]', header=False)
    with pytest.raises(InputError, match="--sheet"):
        made(tmp_path, "a.csv", "name\nBo\n", sheet="x")
    with pytest.raises(InputError, match="nested too deeply"):
        made(tmp_path, "a.json", "[" * 60 + '"Bo"' + "]" * 60)


def test_a_category_is_written_by_hand(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="members"):
        made(tmp_path, "a.csv", "name\nweapons\n", "category")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    (tmp_path / "b.csv").symlink_to("/dev/zero")
    (tmp_path / "c.csv").mkdir()
    for name in ("a.csv", "b.csv", "c.csv", "d.csv"):
        with pytest.raises(InputError, match=name):
            import_file(tmp_path / name, "person")


def test_long_files_are_counted_before_work(tmp_path: Path) -> None:
    rows = "\n".join(f"Name {i} Sur{i}" for i in range(6000))
    with pytest.raises(InputError, match=r"6,000 names.*--split 1000"):
        made(tmp_path, "a.csv", f"name\n{rows}\n")
    done = import_file(tmp_path / "a.csv", "person", Options(split=2500))
    assert [text.count("- id:") for text in done.texts] == [2500, 2500, 1000] and done.concepts == 6000
    assert "(2 of 3)" in done.texts[1]


def test_keys_are_compared_once(tmp_path: Path) -> None:
    """A mapping of many keys is read in a moment: each key compared with all others would take minutes."""
    with pytest.raises(InputError, match=r"50,000 names.*--split"):
        made(tmp_path, "a.json", json.dumps({f"Name {i} Sur{i}": "a person" for i in range(50_000)}))


def test_a_prompt_that_must_stay_trains_nothing(tmp_path: Path) -> None:
    text = "prompt,type\na cat on a bed,erase\na cat in a tree,retain\n"
    kept, done = made(tmp_path, "a.csv", text, "object", prompts_of="cat", columns={"name": "prompt"})
    assert kept.concepts[0].prompts == ("a {} on a bed",) and "must stay" in refused(done)["row 3"]


def test_the_command_reads_stdin_splits_and_replaces_nothing(tmp_path: Path) -> None:
    command = ["import", "-", "--kind", "person", "--out", str(tmp_path / "x.yaml")]
    done = CliRunner().invoke(app, [*command, "--split", "1"], input="Bo Alm\nIda Holm\n")
    assert done.exit_code == 0, done.output
    assert sorted(os.listdir(tmp_path)) == ["x-1.yaml", "x-2.yaml"]
    report = tmp_path / "params.yaml"
    report.write_text("precious")
    again = CliRunner().invoke(app, [*command, "--report", str(report)], input="Bo Alm\n")
    assert again.exit_code == 2 and report.read_text() == "precious" and not (tmp_path / "x.yaml").exists()
    nowhere = CliRunner().invoke(app, [*command[:-1], str(report / "y.yaml")], input="Bo Alm\n")
    assert nowhere.exit_code == 2 and "cannot be written" in nowhere.output


# file, options, names, kept, rows that are refused
BROUGHT: list[tuple[str, dict[str, Any], list[str], list[str], int]] = [
    ("keep-in-json.json", {}, ["Orla Vint", "Tomas Quell"], ["Ines Marbury", "a person"], 0),
    ("keep-in-column.csv", {}, ["Orla Vint", "Tomas Quell"], ["Ines Marbury", "Bram Oster", "Lida Fenn"], 0),
    ("keep-in-split.csv", {}, ["Orla Vint"], ["Ines Marbury"], 0),
    ("register.csv", {}, ["Zorblax the Alien", "Orla Vint"], [], 2),
    ("last-first.csv", {}, ["British School 17th century"], [], 4),
    ("last-first.csv", {"order": "last-first"},
     ["Orla Vint", "Tomas Vint", "Bram Jan Quell", "British School 17th century"], [], 1),
    ("last-first.txt", {"order": "last-first"}, ["Orla Vint", "Tomas Vint", "Bram Jan Quell"], [], 0),
    ("booru.csv", {"header": False, "columns": {"aliases": "4"}},
     ["zorblax", "pixel (space saga)", "pixel (star court)", "hana midori"], [], 0),
    ("semicolon.csv", {}, ["Orla Vint", "Tomas Quell"], [], 0),
    ("tabs-in.csv", {}, ["Orla Vint"], [], 0),
    ("regex-blocklist.json", {}, ["orla vint"], [], 4),
    ("comments.txt", {}, ["Orla Vint", "Tomas Quell", "Bram Oster", "KOWA", "Lida Fenn", "Ines Marbury"], [], 0),
    ("comments-then-names.txt", {}, ["aardvark", "alligator"], [], 0),
    ("one-line-semicolons.txt", {}, ["Orla Vint", "Tomas Quell", "Bram Oster"], [], 0),
    ("one-line-commas.txt", {}, ["Orla Vint", "Tomas Quell", "Bram Oster"], [], 0),
    ("escapes.csv", {}, ["zorblax", "(o)i-dle", "Ivan Quell"], [], 0),
    ("lines.jsonl", {}, ["Orla Vint", "Tomas Quell"], [], 0),
    ("certainty.json", {}, ["Orla Vint"], [], 0),
]  # fmt: skip


@brought
@pytest.mark.parametrize(("name", "options", "forgotten", "kept", "rows"), BROUGHT)
def test_what_people_brought(
    name: str, options: dict[str, Any], forgotten: list[str], kept: list[str], rows: int, tmp_path: Path
) -> None:
    made_list, done = listed(tmp_path, import_file(CASES / name, "person", Options(**options)))
    assert (names(made_list), list(made_list.keep), len(refused(done))) == (forgotten, kept, rows)


@brought
def test_what_people_brought_and_cannot_be_used(tmp_path: Path) -> None:
    for name, says in (("prompt-syntax.txt", "write 'Orla Vint'"), ("mojibake.txt", "write 'François Vint'"),
                       ("last-first.txt", "--order last-first"), ("booru.csv", "--no-header")):  # fmt: skip
        with pytest.raises(InputError) as caught:
            import_file(CASES / name, "person")
        assert says in str(caught.value)
    kept, _ = listed(tmp_path, import_file(CASES / "pairs.json", "style"))
    assert names(kept) == ["orla-vint", "tomas-quell"] and kept.concepts[0].anchor == "art"
    [doubles] = import_file(CASES / "near-doubles.txt", "person").remarks
    assert doubles.count(" and ") == 3 and "'Gustave Doray' (row 1, forgotten)" in doubles
    escapes, _ = listed(tmp_path, import_file(CASES / "escapes.csv", "person", Options(parentheses="alias")))
    assert escapes.concepts[2].aliases == ("Ivan the Bold",)
    register, _ = listed(tmp_path, import_file(CASES / "register.csv", "person"))
    request = register.concepts[0].request
    assert request is not None and (request.id, request.received) == ("R-2041", "2026-03-01T09:30:00Z")
