"""What became worse between two tables, between two commits, and what the command says of it."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from expunge.cli import app
from expunge.core.errors import InputError
from expunge.verdicts.compare import BETTER, OTHER, WORSE, compare, rates_at
from expunge.verdicts.rates import Rate, write_rates
from expunge.verdicts.statistics import wilson

FILE = Path("metrics/rates.csv")


def rate(metric: str, hits: int, n: int = 80, **more: Any) -> Rate:
    low, high = wilson(hits, n)
    usual: dict[str, Any] = {"list": "l", "encoder": "a", "concept": "a", "modality": "image", "before": None}
    return Rate(**{**usual, "metric": metric, "value": hits / n, "low": low, "high": high, "n": n, **more})


def number(metric: str, value: float, **more: Any) -> Rate:
    return rate(metric, 1, 4, **{"value": value, "low": None, "high": None, **more})


@pytest.mark.parametrize(
    ("old", "new", "kind", "outside"),
    [
        (rate("target", 0), rate("target", 40), WORSE, True),
        (rate("target", 40), rate("target", 0), BETTER, True),
        (rate("target", 0), rate("target", 1), WORSE, False),
        (rate("near", 80), rate("near", 40), WORSE, True),
        (rate("near", 40), rate("near", 80), BETTER, True),
        (rate("asr:words", 0), rate("asr:words", 60), WORSE, True),
        (rate("dynamic", 60), rate("dynamic", 2), WORSE, True),
        (number("KID", 0.1), number("KID", 0.3), WORSE, None),
        (number("H_o", 0.9), number("H_o", 0.95), BETTER, None),
        (number("weight_change", 0.1), number("weight_change", 0.9), OTHER, None),
        (rate("of another version", 0), rate("of another version", 80), OTHER, True),
    ],
)
def test_a_metric_has_a_way_in_which_it_is_worse(old: Rate, new: Rate, kind: str, outside: bool | None) -> None:
    (change,) = compare([old], [new]).changes
    assert (change.kind, change.outside, change.by) == (kind, outside, new.value - old.value)
    assert compare([old], [new]).failed == (kind == WORSE and bool(outside))


@given(st.integers(0, 40), st.integers(0, 40), st.sampled_from(["target", "near"]))
def test_what_became_worse_becomes_better_the_other_way_round(one: int, two: int, metric: str) -> None:
    there, back = (compare([rate(metric, a)], [rate(metric, b)]).changes for a, b in ((one, two), (two, one)))
    assert len(there) == len(back) == (one != two)
    for first, second in zip(there, back, strict=True):
        assert {first.kind, second.kind} == {WORSE, BETTER} and first.outside == second.outside


def test_the_worst_stands_first() -> None:
    hits = {"target": (0, 50), "aliases": (0, 2), "far": (80, 79), "near": (80, 10), "sense": (10, 80), "H_c": (0, 0)}
    old, new = ([rate(metric, pair[i]) for metric, pair in hits.items()] for i in (0, 1))
    found = compare(old, new)
    assert [change.new.metric for change in found.changes] == ["near", "target", "aliases", "far", "sense"]


def test_encoders_that_come_and_go_and_what_is_no_longer_measured() -> None:
    old = [rate("target", 0), rate("near", 80), rate("target", 0, encoder="b")]
    found = compare(old, [rate("target", 0), rate("target", 80, encoder="c")])
    assert (found.new, found.gone, [r.metric for r in found.unmeasured]) == (["l/c"], ["l/b"], ["near"])
    assert not found.changes and found.failed and not found.lost
    assert compare(old[2:], []).gone == ["l/b"] and not compare(old[2:], []).failed
    assert compare(old[2:], [], ["l/b"]).lost == ["l/b"] and compare(old[2:], [], ["l/b"]).failed


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits: in the first there are no rates, in the second (tag `good`) the target is gone."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    git("commit", "-qm", "empty", "--allow-empty")
    write_rates(FILE, [rate("target", 0), rate("near", 80), rate("far", 76), rate("target", 3, encoder="old")])
    git("add", ".")
    git("commit", "-qm", "good")
    git("tag", "good")
    return tmp_path


def git(*words: str) -> None:
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *words], check=True)


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["compare", *words])


def test_the_command_names_what_became_worse(repository: Path) -> None:
    same = run("HEAD")
    assert same.exit_code == 0 and "is the same in HEAD and in the working tree" in same.stdout
    assert "worse" not in same.stdout
    write_rates(FILE, [rate("target", 40), rate("near", 78), rate("far", 80), rate("target", 0, encoder="new")])
    found = run("good")
    assert found.exit_code == 1 and "2 worse, 1 of them outside the intervals; 1 better" in found.stdout
    line = next(line for line in found.stdout.splitlines() if "target" in line)
    assert all(text in line for text in ("l/a", "image", "0 (0-0.0458)", "0.5 (0.393-0.607)", "+0.5", "yes"))
    assert "New encoders: l/new" in found.stdout and "Gone encoders: l/old" in found.stdout
    assert run("good", "--no-fail").exit_code == 0
    git("commit", "-qam", "bad")
    FILE.unlink()
    assert run("good", "HEAD").exit_code == 1 and run("HEAD", "good").exit_code == 0  # the working tree is not read


def test_an_old_id_that_names_a_confidential_concept_is_masked(repository: Path) -> None:
    """Its encoder is gone, and what is no longer measured of one that stays."""
    shown = [rate("target", 0), rate("near", 80, encoder="mira-holt"), rate("target", 0, encoder="mira-holt")]
    write_rates(FILE, shown)
    git("commit", "-qam", "before")
    Path("concepts/private").mkdir(parents=True)
    Path("concepts/private/words.yaml").write_text(f"salt: '{'0' * 64}'\nconcepts: {{c-1: {{name: Mira Holt}}}}\n")
    Path("concepts/private/.gitignore").write_text("*\n")
    entry = "{id: c-1, kind: person, confidential: true}"
    Path("concepts/l.yaml").write_text(f"title: T\nowner: o\nconcepts: [{entry}]\n")
    write_rates(FILE, shown[::2])
    found = run("HEAD")
    assert "No longer measured: l/[confidential] a: near" in found.stdout and "holt" not in found.stdout
    write_rates(FILE, [rate("target", 0), rate("target", 40, encoder="mira-holt")])
    assert "l/[confidential]" in run("HEAD").stdout and "holt" not in run("HEAD").stdout
    write_rates(FILE, shown[:1])
    found = run("HEAD")
    assert "Gone encoders: l/[confidential]" in found.stdout and "holt" not in found.stdout


def test_lost_numbers_are_worse(repository: Path) -> None:
    table = FILE.read_text().splitlines()
    FILE.write_text("\n".join(line for line in table if ",near," not in line))
    found = run("good")
    assert found.exit_code == 1 and "No longer measured: l/a a: near, image" in found.stdout
    FILE.write_text("\n".join(line for line in table if "old" not in line))
    assert run("good").exit_code == 0
    Path("concepts").mkdir()
    Path("concepts/l.yaml").write_text("title: T\nowner: o\nconcepts: [{id: old, name: old, kind: character}]\n")
    found = run("good")
    assert found.exit_code == 1 and "a list still asks for them: l/old" in found.stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",near,1,", ",near,nan,", "not finite"),
        (",near,1,", ",near,inf,", "not finite"),
        ("l,a,a,image,near", "l,a,a,image,far", "second row of l, a, a, image, far"),
    ],
)
def test_numbers_that_cannot_be_compared_are_refused(repository: Path, old: str, new: str, said: str) -> None:
    text = FILE.read_text()
    assert old in text
    FILE.write_text(text.replace(old, new))
    found = run("good")
    assert found.exit_code == 2 and said in found.stderr and "metrics/rates.csv:" in found.stderr


def test_what_lies_inside_the_intervals_is_a_count_and_does_not_fail(repository: Path) -> None:
    write_rates(FILE, [rate("target", 1), rate("near", 80), rate("far", 76)])
    found = run("good")
    assert found.exit_code == 0 and "1 worse, 0 of them outside" in found.stdout
    assert "Inside the intervals: 1 change (1 worse, 0 better); --all shows them" in found.stdout
    assert "0 (0-0.0458)" not in found.stdout
    line = next(line for line in run("good", "--all").stdout.splitlines() if "target" in line)
    assert "0 (0-0.0458)" in line and " no " in line


def test_many_small_changes_are_shown_with_all(repository: Path) -> None:
    old = [rate("target", 0, encoder=f"e{i}") for i in range(50)]
    write_rates(FILE, [*old, *(number("KID", 0.1, encoder=f"e{i}") for i in range(30))])
    git("commit", "-qam", "many")
    new = [rate("target", 1, encoder=f"e{i}") for i in range(50)] + [number("weight_change", 1.0)]
    write_rates(FILE, [*new, *(number("KID", 0.2, encoder=f"e{i}") for i in range(30))])
    short = run("HEAD").stdout
    assert "Inside the intervals: 50 changes (50 worse, 0 better)" in short and "e49" not in short
    assert "10 more without an interval" in short and short.count("no interval") == 20
    assert "e49" in run("HEAD", "--all").stdout


def test_times_are_not_compared(repository: Path) -> None:
    table = [rate("target", 0), number("seconds", 3.0)]
    write_rates(FILE, table)
    git("commit", "-qam", "timed")
    write_rates(FILE, [rate("target", 0), number("seconds", 4.0)])
    assert not compare(table, [rate("target", 0)]).unmeasured
    same = run("HEAD")
    assert same.exit_code == 0 and "is the same in" in same.stdout


@pytest.mark.parametrize("revision", ["nowhere", "HEAD~9", "--output=x", "", "HEAD:metrics"])
def test_a_revision_that_is_not_there(repository: Path, revision: str) -> None:
    with pytest.raises(InputError, match="no revision"):
        rates_at(revision, FILE)
    assert not Path("x").exists()


def test_bad_input_is_one_line_and_exit_code_2(repository: Path) -> None:
    for words in (["HEAD~1"], ["nowhere"], ["good", "nowhere"], ["good", "--metrics", "other.csv"]):
        found = run(*words)
        assert found.exit_code == 2 and len(found.stderr.splitlines()) == 1, words
    first = subprocess.run(["git", "log", "-1", "--format=%h", "good"], capture_output=True, text=True, check=True)
    early = run("HEAD~1").stderr
    assert "HEAD~1:metrics/rates.csv" in early and f"name {first.stdout.strip()} (good) or a later one" in early
    assert "no commit up to HEAD has it" in run("good", "--metrics", "other.csv").stderr
    FILE.unlink()
    assert run("good").exit_code == 2
    FILE.write_text("a,b\n1,2\n")
    git("commit", "-qam", "broken")
    with pytest.raises(InputError, match=r"HEAD:metrics/rates\.csv"):
        rates_at("HEAD", FILE)


def test_outside_of_any_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(InputError, match="no git repository"):
        rates_at("HEAD", FILE)


def test_a_folder_inside_the_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository / "metrics")
    assert len(rates_at("good", Path("rates.csv"))) == 4
