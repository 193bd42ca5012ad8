"""Registers of requests: written by the importer, read back, and what is wrong with them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from expunge.cli import app
from expunge.concepts.listfile import REQUEST_KEYS
from expunge.concepts.outcomes import GRANTED, REFUSED, UNDECIDED, outcome
from expunge.concepts.register import read_registers, register_text

REGISTER = """request_id,received,due,name,legal_basis,decision
R-1,2026-03-01T09:30:00Z,2026-03-03T09:30:00Z,Bo Alm,TAKE IT DOWN Act,granted
R-2,2026-03-02,2026-04-02,Ida Holm,GDPR Art. 17,"rejected: no such person"
R-3,2026-03-04,2026-04-04,Lida Fenn,GDPR Art. 17,pending
R-4,2026-03-05 09:30,2026-04-05,Bo Alm,GDPR Art. 17,granted
R-5,2026-03-06,2026-03-01,Cy Orr,GDPR Art. 17,granted
R-6,5 March,,Di Ur,GDPR Art. 17,granted
R-7,2026-03-06,,Eva Lo,GDPR Art. 17,keep
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def imported(*words: str) -> str:
    Path("people.csv").write_text(REGISTER)
    done = CliRunner().invoke(app, ["import", "people.csv", "--kind", "person", "--verbose", *words])
    assert done.exit_code == 0, done.output
    return done.stderr


def test_no_request_is_lost_on_the_way(here: Path) -> None:
    said = imported("--zone", "+01:00")
    assert "requests/people.yaml: 5 requests that no concept of the list holds" in said
    assert "row 6: dropped '2026-03-01': as due of R-5: it is before 2026-03-06" in said
    filed, problems = read_registers(Path("requests"))
    assert not problems
    assert [(each.id, each.concept, outcome(each.decision or "")) for each in filed] == [
        ("R-2", None, REFUSED), ("R-3", None, UNDECIDED), ("R-4", "people/bo-alm", GRANTED),
        ("R-6", "people/di-ur", GRANTED), ("R-7", None, REFUSED),
    ]  # fmt: skip
    assert (filed[0].due, filed[2].received) == ("2026-04-02", "2026-03-05T09:30+01:00")
    assert (
        "name" not in Path("requests/people.yaml").read_text() and "Ida" not in Path("requests/people.yaml").read_text()
    )
    assert 'due: "2026-03-03T09:30:00Z"' in Path("concepts/people.yaml").read_text()


def test_a_time_without_a_zone_is_not_guessed(here: Path) -> None:
    assert "dropped '2026-03-05 09:30': as received of R-4: it has no zone; --zone +01:00 says which" in imported()
    again = CliRunner().invoke(app, ["import", "people.csv", "--kind", "person", "--zone", "CET", "--force"])
    assert again.exit_code == 2 and "'CET' is no zone; write Z" in again.stderr


def test_a_register_is_replaced_only_by_force(here: Path) -> None:
    imported()
    before = Path("requests/people.yaml").read_bytes()
    again = CliRunner().invoke(app, ["import", "people.csv", "--kind", "person", "--out", "concepts/b/people.yaml"])
    assert again.exit_code == 2 and "requests/people.yaml: is there already" in again.stderr
    assert Path("requests/people.yaml").read_bytes() == before and not Path("concepts/b").exists()
    Path("people.csv").write_text("\n".join(REGISTER.splitlines()[:2]) + "\n")  # all that waited is decided
    assert CliRunner().invoke(app, ["import", "people.csv", "--kind", "person", "--force"]).exit_code == 0
    assert read_registers(Path("requests")) == ([], [])


def test_a_yes_in_a_column_is_written_as_its_decision(here: Path) -> None:
    head = "request_id,received,name,legal_basis,erase?,keep,approved_on\n"
    rows = "R-1,2026-03-01,Bo Alm,law,yes,no,2026-03-02\nR-2,2026-03-01,Ida Holm,law,no,yes,\n"
    Path("people.csv").write_text(head + rows)
    assert CliRunner().invoke(app, ["import", "people.csv", "--kind", "person"]).exit_code == 0
    text = Path("concepts/people.yaml").read_text()
    assert "decision: erase; approved, 2026-03-02" in text.replace('"', "") and "decision is not" not in said_of_lists()


def said_of_lists() -> str:
    found = CliRunner().invoke(app, ["validate"])
    assert found.exit_code == 0, found.stderr
    return found.stderr


@pytest.mark.parametrize("column", [True, False])
def test_a_request_without_an_id_is_called_after_its_row(here: Path, column: bool) -> None:
    rows = ["ticket,", ",", ",", ",", "T-9,"] if column else [""] * 5
    texts = [
        "received,due,name,basis,decision",
        "2026-03-01,2026-04-01,Bo Alm,law,granted",
        "2026-03-02,2026-04-02,Ida Holm,law,pending",
        ",,Lida Fenn,,rejected",
        "2026-03-04,,Cy Orr,law,granted",
    ]
    Path("people.csv").write_text("".join(f"{a}{b}\n" for a, b in zip(rows, texts, strict=True)))  # fmt: skip
    done = CliRunner().invoke(app, ["import", "people.csv", "--kind", "person"])
    assert done.exit_code == 0, done.output
    ids = ["people-row-2", "people-row-3", "people-row-4", *([] if column else ["people-row-5"])]
    assert f"requests without an id are called after their rows: {', '.join(ids)}\n" in done.stderr
    filed, problems = read_registers(Path("requests"))
    assert not problems
    assert [(each.id, each.due, each.decision) for each in filed] == [
        ("people-row-3", "2026-04-02", "pending"), ("people-row-4", None, "rejected"),
    ]  # fmt: skip
    text = Path("concepts/people.yaml").read_text()
    assert "people-row-2" in text and ("T-9" if column else "people-row-5") in text


def test_records_without_an_id_are_counted_and_not_named(here: Path) -> None:
    Path("a.yaml").write_text(
        "Bo Alm: {received: 2026-03-01, basis: law, decision: forget}\n"
        "Ida Holm: {received: 2026-03-02, decision: pending}\n"
    )
    done = CliRunner().invoke(app, ["import", "a.yaml", "--kind", "person"])
    assert done.exit_code == 0, done.output
    assert [(each.id, each.decision) for each in read_registers(Path("requests"))[0]] == [("a-entry-2", "pending")]


def test_a_list_without_requests_leaves_a_register_alone(here: Path) -> None:
    imported()
    before = Path("requests/people.yaml").read_bytes()
    Path("people.csv").write_text("name\nBo Alm\n")
    assert CliRunner().invoke(app, ["import", "people.csv", "--kind", "person", "--force"]).exit_code == 0
    assert Path("requests/people.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("head", "row", "wanted"),
    [
        ("request_id,received,name,basis,decision", "R-2,2026-03-02,Holm, Ida,law,pending", ("R-2", "2026-03-02")),
        ("name,request_id,received,basis,decision", "Holm, Ida,R-2,2026-03-02,law,pending", ("people-row-3", None)),
        ("request_id,received,name,basis,decision", 'R-2,2026-03-02,"Ida Holm,law,pending', ("people-row-3", None)),
    ],
)
def test_a_row_that_cannot_be_read_leaves_its_request(
    here: Path, head: str, row: str, wanted: tuple[str, str | None]
) -> None:
    cells = {"request_id": "R-1", "received": "2026-03-01", "name": "Bo Alm", "basis": "law", "decision": "granted"}
    Path("people.csv").write_text("\n".join([head, ",".join(cells[key] for key in head.split(",")), row, ""]))
    done = CliRunner().invoke(app, ["import", "people.csv", "--kind", "person"])
    assert done.exit_code == 0, done.output
    (filed,) = read_registers(Path("requests"))[0]
    assert (filed.id, filed.received, filed.decision) == (*wanted, None)


WORDS = st.text("node:#-'\"{}[]é0 ", min_size=1).filter(str.strip)
ENTRY = st.fixed_dictionaries({"id": WORDS}, optional={"decision": WORDS, "due": st.just("2026-03-01")})


@given(st.lists(ENTRY, max_size=4))
def test_what_is_written_is_read_back(entries: list[dict[str, str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.yaml").write_text(register_text(entries, {}, "x\ny"), "utf-8")
        filed, problems = read_registers(Path(folder))
    assert not problems
    told = [{key: " ".join(text.split()) for key, text in entry.items()} for entry in entries]
    assert [{key: value for key in REQUEST_KEYS if (value := getattr(each, key))} for each in filed] == told


WRONG = {
    "no id": ("requests:\n- received: 2026-01-31\n", 2, "`id` is missing"),
    "unknown key": ("requests:\n- id: R\n  name: Ida\n", 3, "there is no key 'name' here"),
    "no zone": ("requests:\n- id: R\n  due: 2026-01-31T09:30:00\n", 3, "as a day or as a time with its zone"),
    "no such day": ("requests:\n- id: R\n  due: 2026-02-30\n", 3, "2026-02-30 is not a valid date or time"),
    "due too early": (
        "requests:\n- id: R\n  received: 2026-02-03\n  due: 2026-02-02\n", 4,
        "is due on 2026-02-02, before it was received on 2026-02-03"),
    "decided too early": (
        "requests:\n- id: R\n  received: 2026-02-03T09:30Z\n  decided: 2026-02-03T09:29Z\n", 4, "is decided on"),
    "no register": ("- id: R\n", 1, "the register"),
    "empty": ("", 1, "the file is empty"),
    "no concept": ("requests:\n- id: R\n  concept: mira\n", 3, "list/id"),
    "a key twice": ("requests:\n- id: R\n  id: S\n", 3, "id"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_named_with_their_line(here: Path, name: str) -> None:
    text, line, said = WRONG[name]
    Path("requests").mkdir()
    Path("requests/a.yaml").write_text(text)
    filed, problems = read_registers(Path("requests"))
    assert not filed and any(p.where == f"requests/a.yaml:{line}" and said in str(p) for p in problems), problems


def test_validate_looks_at_registers_too(here: Path) -> None:
    Path("concepts").mkdir()
    Path("concepts/l.yaml").write_text("title: T\nowner: o\nconcepts:\n- {id: a, name: a cup, kind: object}\n")
    Path("requests").mkdir()
    Path("requests/a.yaml").write_text("requests:\n- {id: R, concept: l/b}\n- {id: S, concept: l/a}\n")
    Path("requests/notes.txt").write_text("x")
    found = CliRunner().invoke(app, ["validate"])
    assert found.exit_code == 2 and "requests/notes.txt: is no register" in found.stderr
    Path("requests/notes.txt").unlink()
    found = CliRunner().invoke(app, ["validate"])
    assert found.exit_code == 2 and found.stderr.splitlines()[-1].startswith(
        "requests/a.yaml:2: there is no concept l/b on a list"
    )
