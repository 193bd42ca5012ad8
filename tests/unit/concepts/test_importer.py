"""Importing lists: small ones of every sort, and the real ones in ../shared/lists where they are at hand."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from expunge.cli import app
from expunge.concepts.importing.importer import Imported, Options, import_file
from expunge.concepts.listfile import write_list
from expunge.concepts.lists import load_lists
from expunge.concepts.rules import Words
from expunge.core.errors import InputError
from tests.support.paths import ROOT

REAL = ROOT.parent / "shared" / "lists"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the real lists (../shared/lists) are not on this machine")


def names(done: Imported, folder: Path) -> list[str]:
    folder.mkdir(exist_ok=True)
    write_list(done.text, folder / "a.yaml", force=True)
    return [concept.name for concept in load_lists(folder)[0].concepts]


def notes(done: Imported) -> list[tuple[str, str]]:
    return [(note.row, note.what) for note in done.notes]


def file(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    (folder / name).write_text(text, encoding)
    return folder / name


def test_a_table_with_duplicates_blanks_and_parentheses(tmp_path: Path) -> None:
    table = file(tmp_path, "a.csv", 'id,concept\n1,Pikachu\n2, pikachu \n3,"Huey, Dewey"\n4,Thor (Odinson)\n5,\n')
    done = import_file(table, "character")
    assert names(done, tmp_path / "out") == ["Pikachu", "Huey, Dewey", "Thor"]
    assert notes(done) == [("row 3", "trimmed"), ("row 3", "merged"), ("row 5", "trimmed"), ("row 6", "refused")]
    assert done.concepts + 2 == done.rows == 5


def test_columns_by_usual_and_by_given_names(tmp_path: Path) -> None:
    table = file(tmp_path, "a.tsv", "label\taka\tneighbours\tanchor\nFoo\tA; B | foo\tC;A\ttoy\n")
    done = import_file(table, "object", Options(columns={"aliases": "aka"}))
    write_list(done.text, tmp_path / "out" / "a.yaml")
    [foo] = load_lists(tmp_path / "out")[0].concepts
    assert (foo.name, foo.aliases, foo.neighbours, foo.anchor) == ("Foo", ("A", "B"), ("C",), "toy")
    assert [str(note) for note in done.notes if note.what == "dropped"] == [
        "row 2: dropped 'foo': is the name of row 2",
        "row 2: dropped 'A': is an alias of row 2",
    ]
    with pytest.raises(InputError, match="--name-column x"):
        import_file(table, "object", Options(columns={"name": "x"}))


def test_a_table_without_header(tmp_path: Path) -> None:
    assert names(import_file(file(tmp_path, "a.csv", "Foo\nBar\n"), "object"), tmp_path / "out") == ["Foo", "Bar"]
    with pytest.raises(InputError, match="no column is called name or concept"):
        import_file(file(tmp_path, "b.csv", "1,Foo\n2,Bar\n"), "object")


def test_json_of_every_shape(tmp_path: Path) -> None:
    records = [{"name": "Foo"}, {"concept": "Bar"}]
    shapes = [["Foo", "Bar"], {"object": ["Foo", "Bar"]}, records, {"Foo": "a toy", "Bar": "a toy"}]
    for shape in shapes:
        done = import_file(file(tmp_path, "a.json", json.dumps(shape)), "object")
        assert names(done, tmp_path / "out") == ["Foo", "Bar"], shape
    done = import_file(file(tmp_path, "a.json", '{"style": ["Foo"], "object": ["Bar", 7, null]}'), "object")
    assert notes(done) == [("style/1", "refused"), ("object/2", "refused"), ("object/3", "refused")]


def test_ids_that_meet_are_numbered_in_order(tmp_path: Path) -> None:
    done = import_file(file(tmp_path, "a.csv", "name\nMr. X\nMr X\nMr X 2\nmr. x\nミク\n"), "person")
    write_list(done.text, tmp_path / "out" / "a.yaml")
    ids = [concept.id for concept in load_lists(tmp_path / "out")[0].concepts]
    assert ids[:3] == ["mr-x", "mr-x-2", "mr-x-2-2"]
    assert ids[3].startswith("concept-")


def test_parentheses_and_commas_as_asked(tmp_path: Path) -> None:
    text = file(tmp_path, "a.txt", "Thor (Thor Odinson),hero \nVision (from Marvel)\n")
    done = import_file(text, "character", Options(parentheses="alias"))
    write_list(done.text, tmp_path / "out" / "a.yaml")
    assert [c.aliases for c in load_lists(tmp_path / "out")[0].concepts] == [("Thor Odinson",), ()]
    kept = import_file(text, "character", Options(parentheses="keep", comma="keep"))
    assert names(kept, tmp_path / "out") == ["Thor (Thor Odinson),hero", "Vision (from Marvel)"]


def test_prompts_are_refused_or_become_one_concepts_own(tmp_path: Path) -> None:
    lines = ["a cat on a bed", "my cat and a cat", "a dog is sleeping", "A CAT ON a bed", "a {cat} is here", ""]
    prompts = file(tmp_path, "p.txt", "\n".join(lines))
    with pytest.raises(InputError, match="--prompts-of NAME"):
        import_file(prompts, "object")
    done = import_file(prompts, "object", Options(prompts_of="cat"))
    write_list(done.text, tmp_path / "out" / "a.yaml")
    assert load_lists(tmp_path / "out")[0].concepts[0].prompts == ("a {} on a bed", "my {} and a cat")
    assert notes(done) == [("row 3", "refused"), ("row 4", "merged"), ("row 5", "refused")]


def test_what_the_base_cannot_read_is_refused(tmp_path: Path) -> None:
    words = Words(lambda text: [1] * len(text) if text.isascii() else None, 12, {"object": ["a photo of {}"]})
    done = import_file(file(tmp_path, "a.csv", "name\nx\nミク\nlonger\n"), "object", Options(words=words))
    assert names(done, tmp_path / "out") == ["x"]
    assert notes(done) == [("row 3", "refused"), ("row 4", "refused")]


def test_encodings(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        done = import_file(file(tmp_path, "a.csv", "name\nMiró\n", encoding), "style")
        assert names(done, tmp_path / "out") == ["Miró"]
    latin = file(tmp_path, "a.csv", "name\nMiró\n", "latin-1")
    with pytest.raises(InputError, match=r"a\.csv:2: is not utf-8; .*--encoding"):
        import_file(latin, "style")
    assert names(import_file(latin, "style", Options(encoding="latin-1")), tmp_path / "out") == ["Miró"]


@pytest.mark.parametrize("text", ["", "name\n", "{", "[[[[", "name\n{x}\n"])
def test_nothing_to_import(text: str, tmp_path: Path) -> None:
    for ending in (".csv", ".json", ".txt", ".xls"):
        if text.startswith("name") and ending == ".txt":
            continue
        with pytest.raises(InputError):
            import_file(file(tmp_path, f"a{ending}", text), "object", Options(columns={"name": "name"}))


def test_the_command_does_not_overwrite_and_reports(tmp_path: Path) -> None:
    table, out = file(tmp_path, "my list.csv", "name\nFoo\nfoo\n"), tmp_path / "out" / "x.yaml"
    command = ["import", str(table), "--kind", "object", "--out", str(out)]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.output
    assert "row 3: merged 'foo': into row 2" in first.output
    assert "1 concept of 2 rows; 1 merged, 0 trimmed, 0 dropped, 0 refused" in first.output
    text = out.read_bytes()
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 2
    assert "is there already" in again.output
    assert CliRunner().invoke(app, [*command, "--force"]).exit_code == 0
    assert out.read_bytes() == text
    assert os.listdir(out.parent) == ["x.yaml"]


def test_the_summary_is_a_line_a_concept_and_a_line_a_reason(tmp_path: Path) -> None:
    rows = ["Foo", "foo", " FOO ", "Bar (x)", *["!"] * 5, "?", *[f"N{i} (y)" for i in range(30)]]
    table = file(tmp_path, "a.csv", "name\n" + "\n".join(rows) + "\n")
    command = ["import", str(table), "--kind", "object", "--force", "--out", str(tmp_path / "x.yaml")]
    lines = CliRunner().invoke(app, command).stderr.splitlines()
    assert lines[0] == "row 2 'Foo': 2 merged, 1 trimmed"
    assert lines[1] == "row 5: trimmed 'Bar (x)': to 'Bar', without parentheses (x)"
    assert "... and 12 more concepts; --verbose lists every row" in lines and len(lines) == 23
    assert lines[-2] == "6 times refused: holds no letter or digit (row 6, row 7, row 8, ...)"
    assert len(CliRunner().invoke(app, [*command, "--verbose"]).stderr.splitlines()) == 41


# file, kind, concepts, rows, merged, trimmed, refused
COUNTS = [
    ("speed_style.csv", "style", 1734, 1734, 0, 5, 0),
    ("speed_instance.csv", "character", 1333, 1352, 18, 239, 1),  # "Anonymous" stands for a missing name
    ("speed_100_celebrity.csv", "person", 100, 1000, 400, 0, 0),
    ("uce_artists_sd.txt", "style", 1834, 1834, 0, 1834, 0),
    ("ablation_eval.json", "style", 4, 9, 0, 0, 5),
    ("ablation_eval.json", "object", 5, 9, 0, 0, 4),
    ("crce_ip.json", "character", 15, 15, 0, 33, 0),
    ("six_cd_character.csv", "character", 100, 100, 0, 35, 0),
]


@real
@pytest.mark.parametrize(("name", "kind", "concepts", "rows", "merged", "trimmed", "refused"), COUNTS)
def test_real_lists(
    name: str, kind: str, concepts: int, rows: int, merged: int, trimmed: int, refused: int, tmp_path: Path
) -> None:
    done = import_file(REAL / name, kind)
    assert len(set(names(done, tmp_path))) == done.concepts == concepts
    assert done.rows == rows
    counts = [sum(note.what == what for note in done.notes) for what in ("merged", "trimmed", "refused")]
    assert counts == [merged, trimmed, refused]
    assert import_file(REAL / name, kind) == done


@real
def test_real_aliases_anchors_and_neighbours(tmp_path: Path) -> None:
    write_list(import_file(REAL / "crce_ip.json", "character").text, tmp_path / "a" / "a.yaml")
    potter = load_lists(tmp_path / "a")[0].concepts[0]
    assert (potter.id, len(potter.aliases), len(potter.probes)) == ("harry-potter", 9, 1)
    assert "Percy Jackson" in potter.neighbours
    assert "Frodo Baggins" not in potter.neighbours  # is to be forgotten in the same list
    write_list(import_file(REAL / "ablation_eval.json", "object").text, tmp_path / "b" / "b.yaml")
    cat = load_lists(tmp_path / "b")[0].concepts[0]
    assert (cat.name, cat.anchor, len(cat.neighbours)) == ("grumpy cat", "cat", 4)


@real
@pytest.mark.parametrize("name", ["ablation_prompts_cat", "ablation_prompts_painting", "vbench_all_dimension"])
def test_real_prompts(name: str, tmp_path: Path) -> None:
    name += ".txt"
    with pytest.raises(InputError, match="reads like prompts"):
        import_file(REAL / name, "object")
    word = "painting" if "painting" in name else "cat"
    done = import_file(REAL / name, "object", Options(prompts_of=word))
    assert names(done, tmp_path) == [word]
