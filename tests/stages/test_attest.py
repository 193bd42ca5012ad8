"""Records of a whole run on the tiny base, and what `expunge verify` says where something was changed."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expunge.core.digest import file_digest, folder_files
from expunge.core.index import read_index
from expunge.records.log import Event, append
from stages import attest, plan
from tests.support.attested import ENCODER, LOG, REQUEST, flip, lock, record, rewrite, verify
from tests.support.project import SALT


def test_a_record_tells_the_whole_way(here: Path) -> None:
    told, index = record(), read_index("build/encoders").units["list/one"]
    subjects = {each["name"]: each["digest"]["sha256"] for each in told["subject"]}
    assert {f"{ENCODER}/{file}" for file in index.files} | {str(ENCODER)} == set(subjects)
    assert subjects[f"{ENCODER}/model.safetensors"] == folder_files(ENCODER)["model.safetensors"]
    told = told["predicate"]
    assert told["result"] == "PASSED" and told["passedTests"] == ["image far"]
    (gate,) = told["evaluations"]
    assert (gate["comparator"], gate["threshold"], gate["passed"], gate["n"]) == (">=", 0, True, 1)
    assert told["concepts"][0]["entry"]["aliases"] == ["bob"] and told["method"] == "few-shot"
    assert set(told["units"]) == {"fewshot", "encoders", "renders", "scores", "drift", "attacks"}
    assert set(told["units"]["renders"]) == {"original/list/one", "list/one/list--one"}
    assert set(told["units"]["attacks"]) == {"list/one/words", "list/one/seeds"}
    assert told["images"] == {"list/one": read_index("build/fewshot").units["list/one"].files}
    assert told["changes"]["encoder"] and all(c["norm"] > 0 for c in told["changes"]["encoder"].values())
    assert told["base"]["tensors"].keys() >= told["changes"]["encoder"].keys()
    two = record("list/two")["predicate"]
    assert two["result"] == "FAILED" and two["concepts"][0]["request"] == {**REQUEST, "decided": None, "due": None}


def test_the_same_run_gives_the_same_bytes(here: Path) -> None:
    before = folder_files("audit")
    attest.run()
    assert folder_files("audit") == before
    anew = []
    for _ in range(2):
        shutil.rmtree("audit")
        attest.run()
        LOG.unlink()  # which holds times
        anew.append(folder_files("audit"))
    assert anew[0] == anew[1] and len(anew[0]) == 6


def test_a_record_changes_with_what_it_says_alone(here: Path) -> None:
    Path("audit/old").mkdir()
    Path("audit/old/gone.json").write_text("{}")
    Path("audit/old/gone.dsse").write_text("{}")
    before = folder_files("audit")
    Path("dvc.lock").write_text(Path("dvc.lock").read_text().replace("cmd: verdict", "cmd: other"))
    Path("concepts/list.yaml").write_text(Path("concepts/list.yaml").read_text() + "# of others\n")
    change_verdict("list/two")
    attest.run()
    after = folder_files("audit")
    changed = {name for name in before if after.get(name) != before[name]}
    assert changed == {"index.json", "log.jsonl", "list/two.json", "old/gone.json", "old/gone.dsse"}
    last = [json.loads(line) for line in LOG.read_text().splitlines()[-2:]]
    assert [(e["event"], e["encoder"]) for e in last] == [("changed", "list/two"), ("withdrawn", "old/gone")]
    lists = {name: record(name)["predicate"]["lists"]["list"]["sha256"] for name in ("list/one", "list/two")}
    assert lists["list/two"] == file_digest("concepts/list.yaml") != lists["list/one"]
    lock()
    told = verify().stdout
    assert "was written under another dvc.lock" in told and "concepts/list.yaml has changed since" in told


def change_verdict(name: str) -> None:
    verdicts = json.loads(Path("metrics/verdicts.json").read_text())
    verdicts[name]["reasons"][0]["value"] = 0.5
    Path("metrics/verdicts.json").write_text(json.dumps(verdicts))


def test_records_hold_no_word_of_a_confidential_concept(here: Path) -> None:
    text = " ".join(file.read_text().casefold() for file in Path("audit").rglob("*.json"))
    for word in ("quill", "lampo", "kettle"):
        assert word not in text
    told = record("list/s")["predicate"]
    assert "entry" not in told["concepts"][0] and told["concepts"][0]["request"]["id"] == "R-1"
    first = told["concepts"][0]["confidential"]
    private = Path("concepts/private/words.yaml")
    private.write_text(private.read_text().replace(SALT, "6b" * 32))
    plan.run()
    attest.run()
    assert record("list/s")["predicate"]["concepts"][0]["confidential"] != first


def test_all_is_well(here: Path) -> None:
    found = verify()
    assert found.exit_code == 1 and "list/two: was tested, and does not pass" in found.stdout, found.output
    assert verify(str(ENCODER)).exit_code == 0, verify(str(ENCODER)).output
    found = verify(f"{ENCODER}/model.safetensors")
    assert found.exit_code == 0 and "is model.safetensors of list/one" in found.stdout
    shutil.copytree(ENCODER, "elsewhere")
    assert verify("elsewhere").exit_code == 0
    shutil.rmtree("build")
    found = verify()
    assert found.exit_code == 1 and "is not here: its files were not compared (and of 4 more)" in found.stdout


def swap(*_: Any) -> None:
    ENCODER.rename("aside")
    Path("build/encoders/list/two").rename(ENCODER)
    Path("aside").rename("build/encoders/list/two")


def link_out() -> None:
    (ENCODER / "config.json").rename("../config.json")
    (ENCODER / "config.json").symlink_to(Path("../config.json").resolve())


def drawn() -> Path:
    return next(path for path in sorted(Path("build/renders").rglob("*.png")))


def link_away(file: Path) -> None:
    outside = Path("../outside.png")
    file.rename(outside)
    file.symlink_to(outside.resolve())


SPOILT: dict[str, tuple[Callable[[], Any], int, str]] = {
    "a byte of the weights": (lambda: flip(ENCODER / "model.safetensors"), 3, "is not the file that was tested"),
    "a byte of the settings": (lambda: flip(ENCODER / "config.json"), 3, "config.json: is not the file"),
    "a byte of a table": (lambda: flip(Path("metrics/rates.csv")), 4, "metrics/rates.csv: is not what the last run"),
    "a byte of a record": (lambda: flip(Path("audit/list/one.json"), 40), 4, "audit/list/one.json: is"),
    "a byte of the index": (lambda: flip(Path("audit/index.json"), -20), 4, "small.json: is not the one that"),
    "half of the index": (lambda: rewrite("audit/index.json", lambda d: d["list/one"].pop("record")), 2, "is no index"),
    "a byte of a picture": (lambda: flip(drawn()), 3, "is not the file that its stage wrote; run `dvc checkout"),
    "a picture less": (lambda: drawn().unlink(), 3, ".png: is missing; run `dvc checkout --force build/renders`"),
    "a picture more": (lambda: shutil.copyfile(drawn(), drawn().with_name("x.png")), 3, "x.png: is no file that its"),
    "a byte of all scores": (lambda: flip(Path("build/scores/scores.parquet")), 3, "scores.parquet: is not the file"),
    "a picture of elsewhere": (lambda: link_away(drawn()), 3, "leads out of the repository, and was not read"),
    "two encoders are swapped": (swap, 3, "list/one/model.safetensors: is not the file"),
    "two records are swapped": (
        lambda: [shutil.copyfile("audit/list/two.json", "audit/list/one.json")], 4, "speaks of list/two"),
    "a file is added": (lambda: (ENCODER / "more.bin").write_text("x"), 3, "more.bin: is no file that was recorded"),
    "a file is taken away": (lambda: (ENCODER / "config.json").unlink(), 3, "config.json: is missing"),
    "a link out": (link_out, 3, "is a link that leads elsewhere"),
    "a verdict": (lambda: rewrite("metrics/verdicts.json", lambda d: d["list/two"].update(verdict="pass")), 4,
                  "list/two.json: says something else than metrics/verdicts.json"),
    "a result": (lambda: rewrite("audit/list/two.json", lambda d: d["predicate"].update(result="PASSED")), 4,
                 "is not the one that audit/index.json names"),
    "a record is gone": (lambda: Path("audit/list/one.json").unlink(), 4, "audit/list/one.json: cannot be read"),
    "a record more": (lambda: shutil.copyfile("audit/list/one.json", "audit/list/new.json"), 4, "is not in audit/"),
    "a key twice": (lambda: Path("audit/list/one.json").write_text('{"a": 1, "a": 2}'), 4, "'a' stands twice"),
    "a truncated record": (lambda: Path("audit/list/one.json").write_bytes(b'{"_type": "'), 4, "is no record"),
    "a path trick": (lambda: rewrite("audit/list/one.json", lambda d: d["subject"][0].update(name="../../x")), 4,
                     "is no record of this version (subject/0/name)"),
    "dvc.lock": (lambda: Path("dvc.lock").unlink(), 5, "dvc.lock: is missing"),
    "another run's dvc.lock": (lambda: rewrite_lock(), 5, "audit/index.json: is not what the last run wrote"),
}  # fmt: skip


def numbers(table: str) -> None:
    """Other numbers of list/one, of which dvc.lock says that the run wrote them."""
    file, lock = Path("metrics") / table, Path("dvc.lock")
    old = hashlib.md5(file.read_bytes()).hexdigest()
    head, *rows = file.read_text().splitlines()
    rows = [row + "9" if row.startswith("list,one,") else row for row in rows]
    file.write_text("\n".join([head, *rows]) + "\n")
    lock.write_text(lock.read_text().replace(old, hashlib.md5(file.read_bytes()).hexdigest()))


@pytest.mark.parametrize("table", ["rates.csv", "frames.csv"])
def test_other_numbers_are_named_though_dvc_lock_was_edited_too(here: Path, table: str) -> None:
    numbers(table)
    found = verify(str(ENCODER))
    assert found.exit_code == 4 and f"other numbers than those of list/one in metrics/{table}" in found.stdout
    assert verify("build/encoders/list/two").exit_code == 1  # which fails as before: its own numbers are as they were


def test_records_beside_weights_make_no_repository_of_them(here: Path) -> None:
    """What lies in a folder does not decide that its weights go unread."""
    shutil.copytree(ENCODER, "elsewhere")
    for name in ("audit", "metrics"):
        shutil.copytree(name, Path("elsewhere") / name)
    shutil.copyfile("dvc.lock", "elsewhere/dvc.lock")
    flip(Path("elsewhere/model.safetensors"))
    assert verify("elsewhere").exit_code == 3 and verify("elsewhere", "--encoder", "list/one").exit_code == 3


def rewrite_lock() -> None:
    index = Path("audit/index.json").read_bytes()
    text = Path("dvc.lock").read_text()
    Path("dvc.lock").write_text(text.replace(hashlib.md5(index).hexdigest(), "f" * 32))


@pytest.mark.parametrize("name", SPOILT)
def test_what_was_changed_is_named(here: Path, name: str) -> None:
    spoil, code, said = SPOILT[name]
    spoil()
    found = verify()
    assert found.exit_code == code and said in found.output, found.output
    assert found.exception is None or isinstance(found.exception, SystemExit)


def test_a_large_file_is_not_read(here: Path) -> None:
    with open("audit/list/one.json", "wb") as file:
        file.truncate(65 * 2**20)
    assert "larger than 64 MiB" in verify().stdout


def test_files_that_nobody_tested(here: Path) -> None:
    Path("x.safetensors").write_bytes(b"x")
    assert verify("x.safetensors").exit_code == 3
    found = verify("nowhere")
    assert found.exit_code == 2 and "nowhere: is not here; name a folder" in found.stderr
    os.mkfifo("pipe")
    found = verify("pipe")
    assert found.exit_code == 2 and "neither a file nor a folder" in found.stderr
    Path("small.tar.gz").write_bytes(b"packed")
    assert "unpack it" in verify("small.tar.gz").stdout
    Path("empty").mkdir()
    assert verify("empty").exit_code == 3 and verify("empty", "--encoder", "list/none").exit_code == 2
    shutil.copytree(ENCODER, "copy")
    flip(Path("copy/model.safetensors"))
    assert verify("copy").exit_code == 3 and "no record speaks of these" in verify("copy").stdout
    found = verify("copy", "--encoder", "list/one")
    assert found.exit_code == 3 and "copy/model.safetensors: is not the file that was tested" in found.stdout
    shutil.rmtree(ENCODER)
    found = verify(str(ENCODER))
    assert found.exit_code == 2 and "run `dvc pull`" in found.stderr


def test_findings_as_json(here: Path) -> None:
    found = verify("--json")
    assert {entry["kind"] for entry in json.loads(found.stdout)} == {"verdict", "note"} and found.exit_code == 1


def edit_log(edit: Callable[[list[str]], list[str]]) -> None:
    LOG.write_text("".join(f"{line}\n" for line in edit(LOG.read_text().splitlines())))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda lines: lines[1:], "line 1 does not follow the line before it"),
        (lambda lines: lines[:-1], "does not end with the record of releases/small that is here"),
        (
            lambda lines: [line.replace("FAILED", "PASSED") for line in lines],
            "line 2 does not follow the line before it",
        ),
        (lambda lines: ["x", *lines], "line 1 is none of this log"),
        (lambda lines: [], "does not end with the record of list/one that is here"),
    ],
)
def test_a_log_that_was_rewritten_is_named(here: Path, edit: Any, said: str) -> None:
    edit_log(edit)
    found = verify()
    assert found.exit_code == 7 and f"log: audit/log.jsonl: {said}" in found.stdout, found.output


def test_the_log_tells_what_became_of_encoders(here: Path) -> None:
    made = [json.loads(line) for line in LOG.read_text().splitlines()]
    assert {line["encoder"] for line in made} == {"list/both", "list/one", "list/s", "list/two", "releases/small"}
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    for words in (["init", "-q"], ["add", "audit"], ["commit", "-qm", "run"]):
        subprocess.run([*git, *words], check=True)
    Path("audit/list/one.json").unlink()
    before = LOG.read_text()
    attest.run()
    assert LOG.read_text().startswith(before) and json.loads(LOG.read_text().splitlines()[-1])["event"] == "made"
    lock()
    assert "log:" not in verify().stdout
    LOG.unlink()
    index = json.loads(Path("audit/index.json").read_text())
    append(LOG, [Event("made", name, entry["record"], "PASSED") for name, entry in index.items()])
    assert "does not begin as it does in the last commit" in verify().stdout


def test_the_line_of_what_is_withdrawn_hides_an_id_that_tells(here: Path) -> None:
    """As after `expunge hide`: the record of the old id goes."""
    old = Path("audit/list/quill-lamp.json")
    shutil.copy("audit/list/s.json", old)
    append(LOG, [Event("made", "list/quill-lamp", file_digest(old), "PASSED")])
    before = LOG.read_text()
    attest.run()
    added = LOG.read_text().removeprefix(before)
    line = json.loads(added)
    assert line["event"] == "withdrawn" and line["encoder"] == "list/[confidential]" and "quill" not in added
    lock()
    assert "log:" not in verify().stdout
    shutil.copy("audit/list/one.json", "audit/list/gone.json")
    attest.run()
    assert json.loads(LOG.read_text().splitlines()[-1])["encoder"] == "list/gone"


def test_the_folder_of_another_is_not_the_one_that_was_tested(here: Path) -> None:
    """Each of these made verify say that all is as recorded, of another encoder."""
    two = "build/encoders/list/two"
    shutil.copyfile(ENCODER / "model.safetensors", f"{two}/other.safetensors")
    Path(f"{two}/model.safetensors").unlink()
    Path(f"{two}/other.safetensors").rename(f"{two}/model.safetensors")
    found = verify(f"{two}/model.safetensors")
    assert found.exit_code == 3 and "the record of list/two does not speak of it" in found.stdout
    assert verify(f"{ENCODER}/model.safetensors", "--encoder", "list/two").exit_code == 3
    shutil.rmtree(two)
    shutil.copytree(ENCODER, two)
    rewrite("audit/index.json", lambda d: d.pop("list/two"))
    found = verify(two)
    assert found.exit_code == 4 and "list/two: has no record" in found.stdout


def test_a_folder_with_records_of_its_own_is_no_repository(here: Path) -> None:
    for folder in (Path("planted"), ENCODER):
        (folder / "audit").mkdir(parents=True)
        (folder / "audit/index.json").write_text("{}")
    assert (
        verify(str(ENCODER)).exit_code == 3
        and "audit/index.json: is no file that was recorded" in verify(str(ENCODER)).stdout
    )
    assert verify("planted", "--encoder", "list/one").exit_code == 3


def test_an_encoder_without_a_record_is_named(here: Path) -> None:
    rewrite("audit/index.json", lambda d: d.clear())
    found = verify()
    assert found.exit_code == 4 and "list/one: has a verdict or a folder here, and no record" in found.stdout
    shutil.copytree(ENCODER, "build/encoders/list/rogue")
    assert "list/rogue: has a verdict or a folder here" in verify().stdout


def test_an_edit_is_found_whatever_is_named(here: Path) -> None:
    rewrite("metrics/verdicts.json", lambda d: d["list/two"]["reasons"][0].update(value=0.0))
    for path in (ENCODER, ENCODER / "model.safetensors"):
        found = verify(str(path))
        assert found.exit_code == 5 and "metrics/verdicts.json: is not what the last run" in found.stdout, found.output
    Path("metrics/verdicts.json").unlink()
    assert verify(f"{ENCODER}/model.safetensors").exit_code == 4


@pytest.mark.parametrize("target", ["nowhere", "config.json", ".", "/dev/zero"])
def test_links_are_named_and_not_followed_out(here: Path, target: str) -> None:
    (ENCODER / "config.json").unlink()
    (ENCODER / "config.json").symlink_to(target)
    (ENCODER / "more").symlink_to(target)
    shutil.copytree(ENCODER, "elsewhere", symlinks=True)
    for words in ([], [str(ENCODER)], ["elsewhere"], ["elsewhere", "--encoder", "list/one"]):
        found = verify(*words)
        assert found.exit_code == 3 and isinstance(found.exception, SystemExit), found.output


@pytest.mark.parametrize(
    "text", ["null", "[1]", '"x"', "stages: {a: .nan}", 'stages: {a: {outs: [{path: "a\\0b", md5: x}]}}']
)
def test_a_lock_of_any_form_is_named(here: Path, text: str) -> None:
    Path("dvc.lock").write_text(text)
    found = verify()
    assert found.exit_code == 5 and isinstance(found.exception, SystemExit), found.output


@pytest.mark.parametrize(
    "name", ["metrics/rates.csv", "metrics/verdicts.json", "audit/index.json", "audit/list/one.json"]
)
def test_a_loop_of_links_and_a_folder_in_a_files_place(here: Path, name: str) -> None:
    for make in (lambda file: file.symlink_to(file.name), lambda file: file.mkdir()):
        Path(name).unlink() if Path(name).is_symlink() or Path(name).is_file() else None
        make(Path(name))
        found = verify()
        assert found.exit_code > 1 and isinstance(found.exception, SystemExit), found.output


def test_other_peoples_words_are_one_line(here: Path) -> None:
    (ENCODER / "x\nall is as recorded\x1b[31m").write_text("x")
    found = verify(str(ENCODER))
    assert "\\nall is as recorded\\x1b[31m: is no file that was recorded" in found.stdout and "\x1b" not in found.stdout
