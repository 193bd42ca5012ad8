"""A folder that a release hands on, and a third party who has nothing but it and a public key."""

import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import CLIPTextModel

from expunge.core.digest import file_digest, folder_files
from expunge.core.yamlfile import load
from expunge.records.keys import signer_of
from expunge.records.log import read_log
from expunge.records.signing import write_signature
from tests.support.attested import command, flip, model_signing, rewrite, sign, verify

FILES = {
    "encoder/config.json", "encoder/model.safetensors", "encoder/README.md", "record.json", "record.dsse",
    "verdict.json", "rates.csv", "frames.csv", "README.md", "bom.cdx.json", "bom.spdx.json", "summary.html",
    "release.json", "release.dsse", "encoder.sig",
}  # fmt: skip


def without_report(folder: str) -> set[str]:
    """The files of a release but those of its report."""
    return {name for name in folder_files(folder) if not name.startswith("report/")}


def test_the_log_says_what_was_released(away: Path, here: Path) -> None:
    lines, problems = read_log(here / "audit/log.jsonl")
    last = lines[-1]
    assert not problems and (last.event, last.encoder, last.result) == ("released", "releases/small", "PASSED")
    assert last.release == file_digest("small/release.json") and last.record == file_digest("small/record.json")
    assert verify(str(here)).exit_code == 1  # an encoder that fails, as before: the log is whole


def check(*words: str) -> Any:
    return verify("small", "--signed", "--trusted", "ours.yaml", *words)


def test_a_third_party_verifies_it_with_nothing_else(away: Path) -> None:
    assert without_report("small") == FILES
    found = check()
    assert found.exit_code == 0, found.output
    assert "release.json: is signed by the team (as release)" in found.stdout
    assert "record.json: is signed by the team (as record)" in found.stdout
    assert CLIPTextModel.from_pretrained("small/encoder").config.hidden_size
    html = Path("small/summary.html").read_text()
    assert "May small go out? Yes" in html and "list/one" in html and "Signature" in html


def test_the_tar_is_the_same_for_the_same_release(away: Path, here: Path) -> None:
    with tarfile.open(here / "release" / "small.tar") as tar:
        assert {entry.name.removeprefix("small/") for entry in tar if entry.isfile()} == folder_files("small").keys()
        assert {(entry.mtime, entry.uid, entry.uname) for entry in tar} == {(0, 0, "")}
        tar.extractall("again", filter="data")
    assert folder_files("again/small") == folder_files("small")


def test_the_command_of_model_signing_verifies_what_was_released(away: Path) -> None:
    """audit/'s own signature is over training.json, too, which is not released."""
    assert "encoder: is signed by the team (OpenSSF model signing)" in check().stdout
    (entry,) = load(Path("ours.yaml")).value
    Path("team.pub").write_text(entry["public"])
    assert model_signing("small/encoder", "small/encoder.sig", "team.pub").returncode == 0
    Path("small/encoder/adapter.safetensors").write_text("x")
    assert model_signing("small/encoder", "small/encoder.sig", "team.pub").returncode != 0
    Path("small/encoder/adapter.safetensors").unlink()
    Path("small/encoder.sig").unlink()
    assert check().exit_code == 0  # release.dsse is over the same files


def test_a_release_does_not_say_itself_whom_to_trust(away: Path, tmp_path: Path) -> None:
    """Keys that lie in the release are nobody's but those of who made it."""
    evil = tmp_path / "evil.pem"
    made = command("keys", "new", str(evil), "--name", "the team", "--role", "record", "--role", "release")
    Path("small/audit").mkdir()
    Path("small/audit/trusted.yaml").write_text(made.stdout)
    rewrite("small/release.json", lambda d: d["subject"].append(
        {"name": "audit/trusted.yaml", "digest": {"sha256": file_digest("small/audit/trusted.yaml")}}))  # fmt: skip
    write_signature(Path("small/release.json"), signer_of(evil.read_bytes(), os.environ["EXPUNGE_KEY_PASSWORD"]))
    Path("audit").mkdir()
    shutil.copyfile("ours.yaml", "audit/trusted.yaml")
    found = verify("small", "--signed")
    assert found.exit_code == 6 and "no key that is trusted here" in found.stdout, found.output


@pytest.mark.parametrize("digest", ["", "x" * 64, "0" * 63, 5])
def test_a_statement_with_no_digest_is_none(away: Path, digest: Any) -> None:
    rewrite("small/release.json", lambda d: d["subject"][0]["digest"].update(sha256=digest))
    found = check()
    assert found.exit_code == 2 and "is no statement of a release" in found.stderr


def test_a_name_that_leads_elsewhere_is_no_release(here: Path) -> None:
    found = command("release", "../list/one")
    assert found.exit_code == 2 and "is no name of a release" in found.stderr


def test_a_key_that_the_repository_does_not_trust_is_said(here: Path, key: Path) -> None:
    trusted = Path("audit/trusted.yaml")
    trusted.write_text(trusted.read_text().replace("record, release", "record"))
    found = command("release", "small", "--key", str(key))
    assert found.exit_code == 0 and "audit/trusted.yaml names no such key as release" in found.stderr


def edit(name: str, change: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: rewrite(f"small/{name}", change)


def picture() -> Path:
    return next(Path("small/report/media").rglob("*.png"))


SPOILT: dict[str, tuple[Callable[[], Any], int, str]] = {
    "a number of the card": (lambda: flip(Path("small/README.md")), 3, "README.md: is not the file that was released"),
    "the encoder's own card": (lambda: flip(Path("small/encoder/README.md")), 3, "encoder/README.md: is not the file"),
    "a bill of materials": (lambda: flip(Path("small/bom.cdx.json")), 3, "bom.cdx.json: is not the file"),
    "the other one": (lambda: flip(Path("small/bom.spdx.json")), 3, "bom.spdx.json: is not the file"),
    "a frame's number": (lambda: flip(Path("small/frames.csv")), 3, "frames.csv: is not the file"),
    "a word of the report": (lambda: flip(Path("small/report/index.html")), 3, "report/index.html: is not the file"),
    "its script": (lambda: flip(Path("small/report/assets/report.js")), 3, "report/assets/report.js: is not the file"),
    "a picture": (lambda: flip(picture()), 3, ".png: is not the file"),
    "a page more": (lambda: Path("small/report/x.html").write_text("x"), 3, "report/x.html: is no file of the release"),
    "a picture less": (lambda: picture().unlink(), 3, ".png: is missing"),
    "a byte of the weights": (lambda: flip(Path("small/encoder/model.safetensors")), 3, "model.safetensors: is not"),
    "a number": (lambda: flip(Path("small/rates.csv")), 3, "rates.csv: is not the file that was released"),
    "a word of the page": (lambda: flip(Path("small/summary.html")), 3, "summary.html: is not the file"),
    "the record": (lambda: flip(Path("small/record.json")), 3, "record.json: is not the file"),
    "a file more": (lambda: Path("small/encoder/adapter.safetensors").write_text("x"), 3, "is no file of the release"),
    "a file less": (lambda: Path("small/verdict.json").unlink(), 3, "verdict.json: is missing"),
    "a link": (
        lambda: (Path("small/rates.csv").unlink(), Path("small/rates.csv").symlink_to("/etc/hosts")), 3, "is a link"),
    "the statement": (edit("release.json", lambda d: d["predicate"].update(result="WARNED")), 6, "over other bytes"),
    "no signature": (lambda: Path("small/release.dsse").unlink(), 6, "release.json: is not signed"),
    "the record's signature": (
        lambda: shutil.copyfile("small/record.dsse", "small/release.dsse"), 6, "is over other bytes"),
    "the folder's signature": (
        edit("encoder.sig", lambda d: d["dsseEnvelope"].update(payload="AAAA")), 6, "encoder.sig: is no signature of"),
    "another form": (lambda: Path("small/release.json").write_text('{"subject": 3}'), 2, "is no statement of a"),
    "a key twice": (lambda: Path("small/release.json").write_text('{"a": 1, "a": 2}'), 2, "stands twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_what_was_changed_on_the_way_is_named(away: Path, name: str) -> None:
    spoil, code, said = SPOILT[name]
    spoil()
    found = check()
    assert found.exit_code == code and said in found.output, found.output


def test_another_encoder_under_a_forged_statement(away: Path) -> None:
    """Weights that nobody tested, and a statement that says they were: the record and the signature tell."""
    flip(Path("small/encoder/model.safetensors"))
    now = folder_files("small")["encoder/model.safetensors"]

    def forge(data: Any) -> None:
        next(s for s in data["subject"] if s["name"] == "encoder/model.safetensors")["digest"]["sha256"] = now

    rewrite("small/release.json", forge)
    found = check()
    assert found.exit_code == 3 and "encoder/model.safetensors: is not the file that was tested" in found.stdout
    assert "is over other bytes" in found.stdout


def test_a_key_that_is_not_ours(away: Path, here: Path) -> None:
    other = command("keys", "new", str(here.parent / "other.pem"), "--name", "somebody", "--role", "release")
    Path("theirs.yaml").write_text(other.stdout)
    found = verify("small", "--trusted", "theirs.yaml")
    assert found.exit_code == 6 and "is signed by no key that is trusted here" in found.stdout


def test_what_is_not_released(here: Path, key: Path) -> None:
    flip(Path("build/encoders/releases/small/model.safetensors"))
    found = command("release", "small")
    assert found.exit_code == 2 and "is not the file that was tested" in found.stderr and not Path("release").exists()
    assert command("release", "none").exit_code == 2


def test_a_release_that_fails_is_not_released(here: Path) -> None:
    def fail(data: Any) -> None:
        data["predicate"]["result"] = "FAILED"

    rewrite("audit/releases/small.json", fail)
    found = command("release", "small")
    assert found.exit_code == 2 and "says something else than metrics/verdicts.json" in found.stderr


def test_a_release_in_an_encoders_place_is_not_that_encoder(here: Path, key: Path) -> None:
    assert sign("--key", str(key)).exit_code == 0 and command("release", "small", "--key", str(key)).exit_code == 0
    assert verify("release/small", "--signed").exit_code == 0
    assert verify("release/small", "--signed", "--encoder", "list/two").exit_code == 3
    shutil.rmtree("build/encoders/list/two")
    shutil.copytree("release/small", "build/encoders/list/two")
    assert verify("build/encoders/list/two", "--signed").exit_code == 3


def test_a_folder_that_is_there_stays(here: Path) -> None:
    assert command("release", "small", "--out", "mine").exit_code == 0
    before = folder_files("mine")
    found = command("release", "small", "--out", "mine", "--no-report")
    assert found.exit_code == 2 and "is there already" in found.stderr and folder_files("mine") == before
    Path("tarred.tar").write_text("somebody's")
    found = command("release", "small", "--out", "tarred", "--tar")
    assert found.exit_code == 2 and "tarred.tar: is there already" in found.stderr and not Path("tarred").exists()
    found = command("release", "small", "--out", "with", "--adapter")
    assert found.exit_code == 2 and "adapter.safetensors: was asked for, and the method" in found.stderr
    assert command("release", "small", "--out", "again").exit_code == 0 and folder_files("again") == before


def test_the_page_of_a_release_that_fails_says_no() -> None:
    from expunge.records.release_folder import Chosen, summary

    weights = {"name": "build/encoders/releases/x/model.safetensors", "digest": {"sha256": "7" * 64}}
    concept = {"concept": "l/<b>", "request": {"id": "R-<1>"}}
    told = {
        "encoder": "releases/x", "result": "FAILED", "base": {"name": "emoji", "digest": "b"}, "concepts": [concept],
        "method": "solve", "attacks": {"words": {}}, "attacked": ["l/<b>"], "notCovered": ["The denoiser stays."],
        "origin": {"git": {"commit": None, "dirty": None}},
    }  # fmt: skip
    reason = {"concept": "", "metric": "target", "modality": "image", "value": 0.5, "threshold": "<= 0.05", "sure": 1,
              "verdict": "fail", "required": True}  # fmt: skip
    html = summary("x", {"subject": [weights], "predicate": told}, {"reasons": [reason]}, Chosen(adapter=True))
    assert "May x go out? No" in html and "0.5 (&lt;= 0.05)" in html and "R-&lt;1&gt;" in html and "<b>" not in html
    assert "adapter.safetensors lies beside it" in html and json.dumps("7" * 64)[1:-1] in html
