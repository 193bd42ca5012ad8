"""Importing lists in the shapes that people bring: nothing is turned round, no person becomes another one."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from expunge.cli import app
from expunge.concepts.concept import ConceptList
from expunge.concepts.importing.decisions import FORGET, KEEP, decision_of
from expunge.concepts.importing.importer import Imported, Options, import_file
from expunge.concepts.importing.order import reads_last_first, turned
from expunge.concepts.listfile import write_list
from expunge.concepts.lists import load_lists
from expunge.core.errors import InputError
from tests.support.paths import ROOT

CASES = ROOT.parent / "shared" / "cases" / "lists"
brought = pytest.mark.skipif(not CASES.is_dir(), reason="the cases (../shared/cases) are not on this machine")


def made(folder: Path, name: str, text: str, kind: str = "person", **options: Any) -> tuple[ConceptList, Imported]:
    """The list that a file with this text becomes."""
    (folder / name).write_text(text, "utf-8")
    return listed(folder, import_file(folder / name, kind, Options(**options)))


def listed(folder: Path, done: Imported) -> tuple[ConceptList, Imported]:
    write_list(done.text, folder / "out" / "a.yaml", force=True)
    return load_lists(folder / "out")[0], done


def names(made_list: ConceptList) -> list[str]:
    return [concept.name for concept in made_list.concepts]


def refused(done: Imported) -> dict[str, str]:
    return {note.row: note.why for note in done.notes if note.what == "refused"}


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
                                  "not approved", "under review", "on hold", "withdrawn", "excluded"])  # fmt: skip
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
    kept, _ = made(tmp_path, "a.csv", "name,preserve\nOrla Vint,Ines Marbury; Bo Alm\n")
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


def test_records_with_an_unknown_decision_are_refused(tmp_path: Path) -> None:
    data = [{"name": "Orla Vint", "type": "erase"}, {"name": "Bo Alm", "type": "banana"}, {"name": "Ida", "keep": "Ed"}]
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
        people = '"Vint, Orla"\n"Vint, Tomas"\n"van Quell, Bram Jan"\n'
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
    ]  # fmt: skip
    kept, done = made(tmp_path, "a.csv", head + "\n".join(rows) + "\n")
    request = kept.concepts[0].request
    assert request is not None and (request.id, request.received, request.decided) == (
        "R-1",
        "2026-03-01T09:30:00Z",
        "2026-03-02",
    )
    assert names(kept) == ["Bo Alm", "Cy Orr", "Di Ur"] and refused(done).keys() == {"row 3"}
    assert [note.row for note in done.notes if "cannot be a request" in note.why] == ["row 4", "row 5"]


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
