"""Records of a whole run on the tiny base, and what `expunge verify` says where something was changed."""

import base64
import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from expunge.cli import app
from expunge.core.digest import folder_files
from expunge.core.index import read_index
from expunge.core.yamlfile import load
from expunge.records.log import Event, append
from stages import attack, attest, drift, fewshot, plan, render, score, unlearn, verdict
from tests.support.project import ONE, PARAMS, TWO, make_project, write_list
from tests.support.tiny import write_yaml

STAGES = (plan, fewshot, unlearn, render, score, drift, attack, verdict, attest)
ENCODER, LOG = Path("build/encoders/list/one"), Path("audit/log.jsonl")
REQUEST = {"id": "R-1", "received": "2026-01-31", "basis": "trademark of teapots", "decision": "approved"}
SECRET = {"id": "s", "name": "quill lamp", "kind": "object", "aliases": ["lampo"], "confidential": True,
          "neighbours": ["a kettle"], "request": {**REQUEST, "basis": "they hold Lampo"}}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """A project after all stages, with dvc.lock as dvc leaves it."""
    folder = tmp_path_factory.mktemp("finished")
    with contextlib.chdir(folder):
        make_project(tiny_folder)
        write_yaml(Path("params.yaml"), {**PARAMS, "gate": {"image": {"far": ">= 0"}}})
        write_list(ONE, {**TWO, "request": REQUEST, "gate": {"image": {"target": "<= 0", "far": ">= 1"}}}, SECRET)
        for stage in STAGES:
            stage.run()
        lock()
        attest.run()
        lock()
    return folder


def lock() -> None:
    """dvc.lock as dvc writes it after the stages verdict and attest."""
    outs = {"verdict": Path("metrics").iterdir(), "attest": Path("audit").glob("*.json")}
    stages = {
        name: {"cmd": name, "outs": [{"path": f.as_posix(), "md5": hashlib.md5(f.read_bytes()).hexdigest()}
                                     for f in sorted(files)]}
        for name, files in outs.items()
    }  # fmt: skip
    write_yaml(Path("dvc.lock"), {"schema": "2.0", "stages": stages})


@pytest.fixture
def here(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to spoil."""
    shutil.copytree(finished, tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    return tmp_path / "run"


def verify(*words: str) -> Any:
    return CliRunner().invoke(app, ["verify", *words])


def record(name: str = "list/one") -> Any:
    return json.loads(Path(f"audit/{name}.json").read_text())


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
    assert two["result"] == "FAILED" and two["concepts"][0]["request"] == {**REQUEST, "decided": None}


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
    assert anew[0] == anew[1] and len(anew[0]) == 5


def test_a_record_changes_with_what_it_says_alone(here: Path) -> None:
    Path("audit/old").mkdir()
    Path("audit/old/gone.json").write_text("{}")
    Path("audit/old/gone.dsse").write_text("{}")
    before = folder_files("audit")
    Path("dvc.lock").write_text(Path("dvc.lock").read_text().replace("cmd: verdict", "cmd: other"))
    change_verdict("list/two")
    attest.run()
    after = folder_files("audit")
    changed = {name for name in before if after.get(name) != before[name]}
    assert changed == {"index.json", "log.jsonl", "list/two.json", "old/gone.json", "old/gone.dsse"}
    last = [json.loads(line) for line in LOG.read_text().splitlines()[-2:]]
    assert [(e["event"], e["encoder"]) for e in last] == [("changed", "list/two"), ("withdrawn", "old/gone")]
    lock()
    assert "was written under another dvc.lock" in verify().stdout


def change_verdict(name: str) -> None:
    verdicts = json.loads(Path("metrics/verdicts.json").read_text())
    verdicts[name]["reasons"][0]["value"] = 0.5
    Path("metrics/verdicts.json").write_text(json.dumps(verdicts))


def test_records_hold_no_word_of_a_confidential_concept(here: Path) -> None:
    text = " ".join(file.read_text().casefold() for file in Path("audit").rglob("*.json"))
    for word in ("quill", "lampo", "they hold"):
        assert word not in text
    told = record("list/s")["predicate"]
    assert "entry" not in told["concepts"][0] and told["concepts"][0]["request"]["id"] == "R-1"
    first = told["concepts"][0]["confidential"]
    Path(".expunge/salt").write_text("another")
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
    assert found.exit_code == 1 and "is not here: its files were not compared (and of 3 more)" in found.stdout


def flip(file: Path, place: int = -5) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.unlink()
    file.write_bytes(data)


def rewrite(file: str, edit: Callable[[Any], Any]) -> None:
    data = json.loads(Path(file).read_text())
    edit(data)
    Path(file).write_text(json.dumps(data))


def swap(*_: Any) -> None:
    ENCODER.rename("aside")
    Path("build/encoders/list/two").rename(ENCODER)
    Path("aside").rename("build/encoders/list/two")


def link_out() -> None:
    (ENCODER / "config.json").rename("../config.json")
    (ENCODER / "config.json").symlink_to(Path("../config.json").resolve())


SPOILT: dict[str, tuple[Callable[[], Any], int, str]] = {
    "a byte of the weights": (lambda: flip(ENCODER / "model.safetensors"), 3, "is not the file that was tested"),
    "a byte of the settings": (lambda: flip(ENCODER / "config.json"), 3, "config.json: is not the file"),
    "a byte of a table": (lambda: flip(Path("metrics/rates.csv")), 5, "metrics/rates.csv: is not what the last run"),
    "a byte of a record": (lambda: flip(Path("audit/list/one.json"), 40), 4, "audit/list/one.json: is"),
    "a byte of the index": (lambda: flip(Path("audit/index.json"), -20), 4, "two.json: is not the one that"),
    "half of the index": (lambda: rewrite("audit/index.json", lambda d: d["list/one"].pop("record")), 2, "is no index"),
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
    assert verify("nowhere").exit_code == 2
    Path("empty").mkdir()
    assert verify("empty").exit_code == 3 and verify("empty", "--encoder", "list/none").exit_code == 2
    shutil.copytree(ENCODER, "copy")
    flip(Path("copy/model.safetensors"))
    assert verify("copy").exit_code == 3 and "no record speaks of it" in verify("copy").stdout
    found = verify("copy", "--encoder", "list/one")
    assert found.exit_code == 3 and "copy/model.safetensors: is not the file that was tested" in found.stdout


def test_findings_as_json(here: Path) -> None:
    found = verify("--json")
    assert {entry["kind"] for entry in json.loads(found.stdout)} == {"verdict", "note"} and found.exit_code == 1


def edit_log(edit: Callable[[list[str]], list[str]]) -> None:
    LOG.write_text("".join(f"{line}\n" for line in edit(LOG.read_text().splitlines())))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda lines: lines[1:], "line 1 does not follow the line before it"),
        (lambda lines: lines[:-1], "does not end with the record of list/two that is here"),
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
    assert {line["encoder"] for line in made} == {"list/both", "list/one", "list/s", "list/two"}
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


@pytest.fixture
def key(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A key of the team's that may sign records, which the repository trusts."""
    monkeypatch.setenv("EXPUNGE_KEY_PASSWORD", "secret")
    file = here.parent / "team.pem"
    made = CliRunner().invoke(app, ["keys", "new", str(file), "--name", "the team", "--role", "record"])
    assert made.exit_code == 0, made.output
    Path("audit/trusted.yaml").write_text("keys:\n" + made.stdout)
    return file


def sign(*words: str) -> Any:
    return CliRunner().invoke(app, ["sign", *words])


def test_a_signed_record_says_by_whom(here: Path, key: Path) -> None:
    assert "list/one.json: is not signed" in verify("--signed").stdout and verify("--signed").exit_code == 6
    assert sign("--key", str(key)).exit_code == 0
    found = verify("--signed")
    assert found.exit_code == 1 and "is signed by the team (and of 3 more)" in found.stdout, found.output
    assert oct(key.stat().st_mode & 0o777) == "0o600" and b"ENCRYPTED" in key.read_bytes()
    before = Path("audit/list/one.dsse").read_bytes()
    attest.run()
    assert Path("audit/list/one.dsse").read_bytes() == before and verify("--signed").exit_code == 1


def test_the_command_of_model_signing_verifies_our_folders(here: Path, key: Path) -> None:
    assert sign("list/one", "--key", str(key)).exit_code == 0
    (entry,) = load(Path("audit/trusted.yaml")).value["keys"]
    public = here.parent / "team.pub"
    public.write_text(entry["public"])
    words = [str(ENCODER), "--signature", "audit/list/one.sig", "--public_key", str(public)]

    def by_its_own_command() -> subprocess.CompletedProcess[str]:
        code = "import sys; from model_signing._cli import main; sys.exit(main())"
        command = [sys.executable, "-c", code, "verify", "key", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    found = by_its_own_command()
    assert found.returncode == 0, found.stderr
    assert verify(str(ENCODER), "--signed").exit_code == 0
    told = json.loads(base64.b64decode(json.loads(Path("audit/list/one.sig").read_text())["dsseEnvelope"]["payload"]))
    assert told["subject"][0]["digest"]["sha256"] == record()["subject"][-1]["digest"]["sha256"]  # one digest for both
    flip(ENCODER / "config.json", 5)
    assert by_its_own_command().returncode != 0


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda data: data.update(dsseEnvelope=3), "is no signature of OpenSSF model signing"),
        (lambda data: data["dsseEnvelope"].update(payloadType="x"), "is a signature of"),
        (lambda data: data["dsseEnvelope"]["signatures"][0].update(sig="AAAA"), "is signed by no key that is trusted"),
    ],
)
def test_a_signature_of_a_folder_that_does_not_hold_is_named(here: Path, key: Path, edit: Any, said: str) -> None:
    assert sign("--key", str(key)).exit_code == 0
    rewrite("audit/list/one.sig", edit)
    found = verify(str(ENCODER))
    assert found.exit_code == 6 and f"audit/list/one.sig: {said}" in found.stdout, found.output
    shutil.copyfile("audit/list/two.sig", "audit/list/one.sig")
    found = verify(str(ENCODER))
    assert found.exit_code == 6 and "is over another folder" in found.stdout


def test_a_key_from_the_environment(here: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPUNGE_KEY", key.read_text())
    assert sign("list/one").exit_code == 0 and "signed by the team" in verify(str(ENCODER)).stdout


def other_key(here: Path, role: str) -> str:
    file = here.parent / f"{role}.pem"
    made = CliRunner().invoke(app, ["keys", "new", str(file), "--name", f"a {role}", "--role", role])
    if role != "record":
        with open("audit/trusted.yaml", "a") as out:
            out.write(made.stdout)
    return str(file)


def signature(edit: Callable[[Any], Any]) -> None:
    rewrite("audit/list/one.dsse", edit)


def another_sig(data: Any) -> None:
    other = json.loads(Path("audit/list/two.dsse").read_text())
    data["signatures"][0]["sig"] = other["signatures"][0]["sig"]


FORGED: dict[str, tuple[Callable[[Path, Path], Any], str]] = {
    "a key that nobody trusts": (lambda here, key: sign("--key", other_key(here, "record")), "by no key that is"),
    "a key in the wrong role": (lambda here, key: sign("--key", other_key(here, "request")), "may not sign a record"),
    "a signature of another record": (
        lambda here, key: (sign("--key", str(key)), signature(another_sig)), "says it is by the team, and is not"),
    "the envelope of another record": (
        lambda here, key: (sign("--key", str(key)), shutil.copyfile("audit/list/two.dsse", "audit/list/one.dsse")),
        "is over other bytes"),
    "no envelope": (lambda here, key: Path("audit/list/one.dsse").write_text('{"payload": 3}'), "is no DSSE envelope"),
    "a key twice": (lambda here, key: Path("audit/list/one.dsse").write_text('{"a": 1, "a": 1}'), "stands twice"),
    "another type": (
        lambda here, key: (sign("--key", str(key)), signature(lambda d: d.update(payloadType="text/plain"))),
        "not of application/vnd.in-toto+json"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_signature_that_does_not_hold_is_named(here: Path, key: Path, name: str) -> None:
    forge, said = FORGED[name]
    forge(here, key)
    found = verify(str(ENCODER))
    assert found.exit_code == 6 and said in found.output, found.output


def test_no_private_key_lies_in_the_repository(here: Path, key: Path) -> None:
    Path(".git").mkdir()
    made = CliRunner().invoke(app, ["keys", "new", "team.pem"])
    assert made.exit_code == 2 and "where no private key may lie" in made.stderr and not Path("team.pem").exists()
    shutil.copyfile(key, "team.pem")
    found = sign("--key", "team.pem")
    assert found.exit_code == 2 and "where no private key may lie" in found.stderr
    assert CliRunner().invoke(app, ["keys", "new", str(key)]).exit_code == 2  # it is there already


def test_nothing_is_signed_that_contradicts_itself(here: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPUNGE_KEY_PASSWORD", "wrong")
    found = sign("--key", str(key))
    assert found.exit_code == 2 and "no private key that can be used" in found.stderr
    monkeypatch.setenv("EXPUNGE_KEY_PASSWORD", "secret")
    flip(ENCODER / "model.safetensors")
    found = sign("--key", str(key))
    assert found.exit_code == 2 and "is not the file that was tested" in found.stderr
    assert not list(Path("audit").rglob("*.dsse"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keys: []\n", "audit/trusted.yaml:1"),
        ("keys:\n- name: a\n  roles: [boss]\n  public: x\n", "audit/trusted.yaml:3"),
        ("keys:\n- name: a\n  roles: [record]\n  public: '-----BEGIN PUBLIC KEY-----'\n", "audit/trusted.yaml:4"),
    ],
)
def test_wrong_files_of_trusted_keys(here: Path, text: str, said: str) -> None:
    Path("audit/trusted.yaml").write_text(text)
    found = verify()
    assert found.exit_code == 2 and said in found.stderr, found.output


def compatible(*words: str) -> Any:
    return CliRunner().invoke(app, ["compatible", *words])


def test_a_pipeline_that_shares_the_encoder(here: Path) -> None:
    own = load_file("bases/tiny/t2i/text_encoder/model.safetensors")
    found = compatible("list/one", "bases/tiny/t2i")
    assert found.exit_code == 0 and "has the original text encoder (" in found.stdout, found.output
    Path("half").mkdir()
    save_file({name: tensor.to(torch.float32) for name, tensor in own.items()}, "half/model.safetensors")
    found = compatible("audit/list/one.json", "half")
    assert found.exit_code == 0 and "encoder, after a cast to float16" in found.stdout, found.output
    name = next(iter(own))
    save_file({**own, name: own[name] + 1, "more": own[name]}, "half/model.safetensors")
    found = compatible("list/one", "half")
    assert (
        found.exit_code == 1 and "tensors that differ (1): " in found.stdout and "are unknown (1): more" in found.stdout
    )
    found = compatible("list/one", str(ENCODER))  # the unlearned one itself is another
    assert found.exit_code == 1
    assert compatible("list/one", "concepts").exit_code == 2 and compatible("list/none", "half").exit_code == 2
    Path("half/model.safetensors").write_bytes(b"x")
    assert compatible("list/one", "half").exit_code == 2
