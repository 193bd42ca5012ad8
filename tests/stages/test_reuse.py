"""The runtime of the stages, without dvc: what is linked, kept, computed again and thrown away."""

import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.core.accounts import read_account, read_seconds
from expunge.core.digest import canonical, digest, folder_digest
from expunge.core.errors import InputError, Problem
from expunge.core.index import read_index
from stages.runtime.key_parts import differences, flat
from stages.runtime.reuse import run_units
from stages.runtime.store import RECORD, STORE, sweep, work_folder
from stages.runtime.units import Task, Unit, keyed

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab\u00e9 1"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab1", max_size=3), inner, max_size=3),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    """Equality that tells 1 from 1.0 and from True, as JSON does."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other and str(one) == str(other)  # 0.0 is not -0.0


@given(plain, plain)
def test_digests_differ_iff_the_data_differ(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) == same(one, other)
    assert same(json.loads(canonical(one)), one)


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_order_of_keys_and_kind_of_sequence_do_not_count(table: dict[str, int]) -> None:
    assert digest(table) == digest(dict(reversed(table.items())))
    assert digest(list(table.values())) == digest(tuple(table.values()))


@pytest.mark.parametrize("bad", [{1: 2}, float("nan"), {"a": {2, 3}}, Path("x"), b"x"])
def test_what_is_not_plain_data_has_no_digest(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        digest(bad)


@given(st.tuples(*[st.text("ab", max_size=2)] * 4), st.tuples(*[st.text("ab", max_size=2)] * 4))
def test_a_key_changes_iff_one_of_its_parts_does(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    def key(stage: str, word: str, upstream: str, base: str) -> str:
        return keyed(stage, {"u": Unit(word, {"a": upstream})}, base)["u"].key

    assert (key(*one) == key(*other)) == (one == other)


def key_of(word: str) -> str:
    return keyed("fake", {"u": Unit(word)}, "")["u"].key


class Counter:
    def __init__(self, **words: str) -> None:
        self.words, self.done = words, list[str]()

    def __call__(self, task: Task, folder: Path) -> dict[str, Any]:
        self.done.append(task.name)
        word = task.inputs
        if word == "fail":
            raise RuntimeError("it broke\nbadly")
        (folder / "deep").mkdir()
        (folder / "deep" / "word.txt").write_text(word)
        return {"length": len(word)}

    def run(self) -> list[str]:
        """Names of what was computed."""
        units = {name: Unit(word) for name, word in self.words.items()}
        self.done.clear()
        run_units("fake", "build/fake", units, self)
        return list(self.done)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_files_index_and_store(here: Path) -> None:
    fake = Counter(**{"list/one": "un", "list/two": "deux"})
    assert fake.run() == ["list/one", "list/two"]
    index = read_index("build/fake")
    one = index.units["list/one"]
    assert one.key == key_of("un") and list(one.files) == ["deep/word.txt"] and one.facts == {"length": 2}
    assert one.parts["inputs"] == "un"
    file = here / "build/fake/list/one/deep/word.txt"
    assert file.read_text() == "un" and file.stat().st_nlink == 2 and not file.stat().st_mode & stat.S_IWUSR
    before = folder_digest("build/fake")
    assert fake.run() == [] and folder_digest("build/fake") == before


def test_change_rename_and_deletion(here: Path) -> None:
    Counter(one="un", two="deux", three="trois").run()
    fake = Counter(uno="un", two="zwei")
    assert fake.run() == ["two"]  # a unit under another name is the same unit
    assert sorted(path.name for path in Path("build/fake").iterdir()) == ["index.json", "two", "uno"]
    assert sorted(path.name for path in (STORE / "fake").iterdir()) == sorted(map(key_of, ["un", "zwei"]))


def test_equal_units_are_computed_once() -> None:
    assert Counter(one="un", two="un").run() == ["one"]


def test_a_failed_unit_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    fake = Counter(one="un", two="fail", three="trois")
    assert fake.run() == ["one", "two", "three"]
    error = capsys.readouterr().err
    assert "1 of 3 units failed" in error and "two: RuntimeError: it broke badly; see" in error
    assert "Traceback" not in error and "it broke" in Path(".expunge/failed/fake/two.txt").read_text()
    index = read_index("build/fake")
    assert list(index.units) == ["one", "three"] and index.failed["two"].error == "RuntimeError: it broke badly"
    assert not Path("build/fake/two").exists() and fake.run() == ["two"], "a failure is not kept in the store"
    fake.words["two"] = "deux"
    assert fake.run() == ["two"]


def test_wrong_input_stops_at_once_and_keeps_what_was_done() -> None:
    fake = Counter(one="un", two="deux", three="trois")

    def compute(task: Task, folder: Path) -> dict[str, Any]:
        if task.name == "two":
            raise InputError([Problem("bases/x.yaml:1", "has no weights", "put them there")])
        return fake(task, folder)

    with pytest.raises(InputError, match="has no weights"):
        run_units("fake", "build/fake", {name: Unit(word) for name, word in fake.words.items()}, compute)
    assert fake.run() == ["two", "three"]


@pytest.mark.parametrize("damage", ["file", "lost", "record", "cut", "key"])
def test_a_damaged_unit_is_computed_again(damage: str) -> None:
    fake = Counter(one="un", two="deux")
    fake.run()
    before = folder_digest("build/fake")
    folder = STORE / "fake" / key_of("un")
    record = folder / RECORD
    if damage == "file":
        (folder / "deep/word.txt").chmod(0o644)
        (folder / "deep/word.txt").write_text("uN")
    elif damage == "lost":
        (folder / "deep/word.txt").unlink()
    elif damage == "record":
        record.write_text(record.read_text().replace('"length": 2', '"length": 3'))
    elif damage == "cut":
        os.truncate(record, 20)
    else:
        folder.rename(folder.with_name(key_of("deux2")))
    assert fake.run() == ["one"]
    assert folder_digest("build/fake") == before


def test_work_folders_are_swept_but_not_those_of_a_living_process() -> None:
    """A process id comes again after a restart, and another machine has its own: both are told apart."""
    store, me = STORE / "fake", psutil.Process()
    with work_folder(store) as own:
        here, pid, started, _ = own.name.removeprefix(".work-").split("-")
        long_before = str(int(started) - 100_000)
        names = {
            "its id came again": f".work-{here}-{pid}-{long_before}-a",
            "gone": f".work-{here}-{2**22 + 1}-{started}-a",
            "elsewhere": f".work-another_machine-{2**22 + 1}-{started}-a",
            "elsewhere, long ago": f".work-another_machine-{pid}-{started}-b",
            "of an older version, long ago": ".work-3f0c",
        }
        assert pid == str(me.pid)
        for name in names.values():
            (store / name).mkdir()
        old = time.time() - 30 * 24 * 3600
        for which in ("elsewhere, long ago", "of an older version, long ago"):
            os.utime(store / names[which], (old, old))
        sweep(store)
        assert {folder.name for folder in store.iterdir()} == {own.name, names["elsewhere"]}
    assert not own.exists()


def test_out_is_copied_where_links_are_not_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    assert Counter(one="un").run() == ["one"]
    assert Path("build/fake/one/deep/word.txt").stat().st_nlink == 1


def test_a_missing_and_a_broken_index_say_what_to_run() -> None:
    with pytest.raises(InputError, match="run `dvc repro`"):
        read_index("build/plan")
    Path("build/plan").mkdir(parents=True)
    Path("build/plan/index.json").write_text('{"stage": "plan", "units": {"a": {"key": 3}}}')
    with pytest.raises(InputError, match=r"units.*key"):
        read_index("build/plan")
    for broken in (b'{"stage": "\xe9"}', b'{"base": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}"):
        Path("build/plan/index.json").write_bytes(broken)
        with pytest.raises(InputError, match="run `dvc repro"):
            read_index("build/plan")


def test_why_says_what_changed() -> None:
    """Without a previous version in dvc nothing is known of what changed; what was reused says so."""
    fake = Counter(one="un", two="deux")
    fake.run()
    fake.words["two"] = "zwei"
    fake.run()
    account = read_account("fake")
    assert not account["one"].made and account["one"].reasons == ()
    assert account["two"].made and "no version of it was found" in account["two"].reasons[0]
    assert read_seconds("fake").keys() == {"one", "two"}


def test_differences_tell_a_whole_number_from_a_float() -> None:
    assert differences({"beyond": 1}, {"beyond": 1.0}) == ["beyond: 1 -> 1.0"]


def test_differences_name_the_place_and_both_values() -> None:
    old, new = (
        {"parameters": {"steps": steps, "rank": 2}, "kept": ["a", kept]} for steps, kept in ((60, "b"), (80, "c"))
    )
    assert differences(flat(old), flat(new)) == ["parameters.steps: 60 -> 80", "kept[1]: 'b' -> 'c'"]
    assert differences(flat({"a": 1}), flat({"b": 1})) == ["a: 1 is gone", "b: 1 is new"]
    long = flat({"text": "x" * 500, "many": list(range(100)), "tables": [{"a": 1}], "none": []})
    assert all(len(str(value)) < 60 for value in long.values()) and long["none"] == "empty list"
