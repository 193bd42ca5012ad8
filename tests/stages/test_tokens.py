"""Keys in a token, by PKCS#11: signed with SoftHSM, checked as any other signature."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from expunge.core.yamlfile import load
from tests.support.attested import ENCODER, sign, verify

MODULE = next((path for path in (
    Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/lib64/softhsm/libsofthsm2.so"),
) if path.exists()), None)  # fmt: skip
READY = MODULE is not None and importlib.util.find_spec("PyKCS11") is not None
needs_token = pytest.mark.skipif(not READY, reason="needs SoftHSM (Debian: apt-get install softhsm2) and PyKCS11")
PIN = "1234 5&6;7"
NEW_KEY = """
import sys
import PyKCS11
from asn1crypto.keys import ECDomainParameters, NamedCurve

lib = PyKCS11.PyKCS11Lib().load(pkcs11dll_filename=sys.argv[1])
slot = next(each for each in lib.getSlotList() if lib.getTokenInfo(each).label.strip() == "release")
session = lib.openSession(slot, PyKCS11.CKF_SERIAL_SESSION | PyKCS11.CKF_RW_SESSION)
session.login(sys.argv[2])
curve = ECDomainParameters(name="named", value=NamedCurve("secp256r1")).dump()
same = [(PyKCS11.CKA_TOKEN, PyKCS11.CK_TRUE), (PyKCS11.CKA_LABEL, "team"), (PyKCS11.CKA_ID, (1,))]
private = [(PyKCS11.CKA_SIGN, PyKCS11.CK_TRUE), (PyKCS11.CKA_SENSITIVE, PyKCS11.CK_TRUE),
           (PyKCS11.CKA_PRIVATE, PyKCS11.CK_TRUE)]
session.generateKeyPair(
    [*same, (PyKCS11.CKA_EC_PARAMS, curve), (PyKCS11.CKA_VERIFY, PyKCS11.CK_TRUE)], [*same, *private],
    mecha=PyKCS11.Mechanism(PyKCS11.CKM_EC_KEY_PAIR_GEN, None),
)
"""


def run(*words: str) -> "Result":
    """A command of expunge in a process of its own: a module of PKCS#11 is loaded once in each."""
    done = subprocess.run([sys.executable, "-m", "expunge", *words], capture_output=True, text=True, check=False)
    return Result(done.returncode, done.stdout, done.stderr)


class Result(NamedTuple):
    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


@pytest.fixture
def token(here: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of a key on the curve P-256 in a token that was made for this test, without its PIN."""
    folder = here.parent / "tokens"
    folder.mkdir()
    config = here.parent / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(config))
    monkeypatch.setenv("EXPUNGE_KEY_PASSWORD", PIN)
    words = ["softhsm2-util", "--init-token", "--free", "--label", "release", "--pin", PIN, "--so-pin", "admin"]
    subprocess.run(words, check=True, capture_output=True)
    subprocess.run([sys.executable, "-c", NEW_KEY, str(MODULE), PIN], check=True, capture_output=True)
    uri = f"pkcs11:token=release;object=team?module-path={MODULE}"
    shown = run("keys", "show", uri, "--name", "the token")
    assert shown.exit_code == 0, shown.output
    Path("audit/trusted.yaml").write_text(shown.stdout)
    return uri


@needs_token
def test_records_folders_and_releases_are_signed_in_the_token(here: Path, token: str) -> None:
    assert run("sign", "--key", token).exit_code == 0
    found = verify(str(ENCODER), "--signed")
    assert found.exit_code == 0 and "is signed by the token" in found.stdout, found.output
    public = here.parent / "token.pub"
    public.write_text(load(Path("audit/trusted.yaml")).value[0]["public"])
    code = "import sys; from model_signing._cli import main; sys.exit(main())"
    words = ["verify", "key", str(ENCODER), "--signature", "audit/list/one.sig", "--public_key", str(public)]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = run("release", "small", "--key", token, "--no-report")
    assert made.exit_code == 0, made.output
    found = verify("release/small", "--signed", "--trusted", "audit/trusted.yaml")
    assert found.exit_code == 0 and "is signed by the token (as release)" in found.stdout, found.output
    envelope = json.loads(Path("release/small/release.dsse").read_text())
    envelope["signatures"][0]["sig"] = json.loads(Path("audit/list/one.dsse").read_text())["signatures"][0]["sig"]
    Path("release/small/release.dsse").write_text(json.dumps(envelope))
    assert verify("release/small", "--trusted", "audit/trusted.yaml").exit_code == 6


@needs_token
def test_the_pin_may_lie_in_a_file(here: Path, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXPUNGE_KEY_PASSWORD")
    (here.parent / "pin").write_text(PIN)
    found = run("sign", "list/one", "--key", f"{token}&pin-source=file:{here.parent / 'pin'}")
    assert found.exit_code == 0, found.output


@needs_token
@pytest.mark.parametrize(("old", "new", "said"), [
    ("token=release", "token=other", "Could not find a token with label other"),
    ("object=team", "object=other", "Could not find any object with label other"),
    ("module-path=", "module-path=/nowhere", "its module is not there"),
    ("object=team", "object=team;object=team", "duplicate path attribute"),
    ("pkcs11:", "pkcs11:x", ""),
], ids=["token", "key", "module", "twice", "form"])  # fmt: skip
def test_a_key_that_is_not_there_is_one_line(token: str, old: str, new: str, said: str) -> None:
    found = run("sign", "list/one", "--key", token.replace(old, new, 1))
    assert found.exit_code == 2 and said in found.stderr and len(found.stderr.strip().splitlines()) == 1, found.stderr
    assert PIN not in found.output and not Path("audit/list/one.dsse").exists()


@needs_token
def test_a_wrong_pin_is_told_and_not_shown(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPUNGE_KEY_PASSWORD", "quite-wrong")
    found = run("sign", "list/one", "--key", token)
    assert found.exit_code == 2 and "CKR_PIN_INCORRECT" in found.stderr and "quite-wrong" not in found.output


@needs_token
def test_no_pin_stands_on_the_command_line(token: str) -> None:
    found = run("sign", "list/one", "--key", f"{token}&pin-value=1234")
    assert found.exit_code == 2 and "holds the PIN" in found.stderr


def test_without_the_extra_it_says_what_to_install(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPUNGE_KEY_PASSWORD", PIN)
    monkeypatch.setitem(sys.modules, "PyKCS11", None)
    found = sign("list/one", "--key", "pkcs11:token=release;object=team?module-path=/usr/lib/x.so")
    assert found.exit_code == 2 and "extra pkcs11" in found.stderr
