"""Signatures over records and encoders' folders: by whom, and what does not hold."""

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expunge.core.yamlfile import load
from stages import attest
from tests.support.attested import ENCODER, command, flip, model_signing, record, rewrite, sign, verify


def test_a_signed_record_says_by_whom(here: Path, key: Path) -> None:
    assert "list/one.json: is not signed" in verify("--signed").stdout and verify("--signed").exit_code == 6
    assert sign("--key", str(key)).exit_code == 0
    found = verify("--signed")
    assert found.exit_code == 1 and "is signed by the team (and of 4 more)" in found.stdout, found.output
    assert oct(key.stat().st_mode & 0o777) == "0o600" and b"ENCRYPTED" in key.read_bytes()
    before = Path("audit/list/one.dsse").read_bytes()
    attest.run()
    assert Path("audit/list/one.dsse").read_bytes() == before and verify("--signed").exit_code == 1


def test_the_command_of_model_signing_verifies_our_folders(here: Path, key: Path) -> None:
    assert sign("list/one", "--key", str(key)).exit_code == 0
    (entry,) = load(Path("audit/trusted.yaml")).value
    public = here.parent / "team.pub"
    public.write_text(entry["public"])
    words = str(ENCODER), "audit/list/one.sig", str(public)
    found = model_signing(*words)
    assert found.returncode == 0, found.stderr
    assert verify(str(ENCODER), "--signed").exit_code == 0
    told = json.loads(base64.b64decode(json.loads(Path("audit/list/one.sig").read_text())["dsseEnvelope"]["payload"]))
    assert told["subject"][0]["digest"]["sha256"] == record()["subject"][-1]["digest"]["sha256"]  # one digest for both
    flip(ENCODER / "config.json", 5)
    assert model_signing(*words).returncode != 0


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
    made = command("keys", "new", str(file), "--name", f"a {role}", "--role", role)
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
    made = command("keys", "new", "team.pem")
    assert made.exit_code == 2 and "where no private key may lie" in made.stderr and not Path("team.pem").exists()
    shutil.copyfile(key, "team.pem")
    found = sign("--key", "team.pem")
    assert found.exit_code == 2 and "where no private key may lie" in found.stderr
    assert command("keys", "new", str(key)).exit_code == 2  # it is there already


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
        ("[]\n", "audit/trusted.yaml:1"),
        ("", "audit/trusted.yaml:1"),
        ("- name: a\n  roles: [boss]\n  public: x\n", "audit/trusted.yaml:2"),
        ("- name: a\n  roles: [record]\n  public: '-----BEGIN PUBLIC KEY-----'\n", "audit/trusted.yaml:3"),
    ],
)
def test_wrong_files_of_trusted_keys(here: Path, text: str, said: str) -> None:
    Path("audit/trusted.yaml").write_text(text)
    found = verify()
    assert found.exit_code == 2 and said in found.stderr, found.output
