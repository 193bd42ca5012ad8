"""Signatures over an encoder's folder in the form of OpenSSF model signing, which its own command verifies, too.

    sign_folder(Path("build/encoders/l/e"), Path("audit/l/e.sig"), pem, password)
    names = signers_of_folder(Path("audit/l/e.sig"), digest, trusted)

    model_signing verify key build/encoders/l/e --signature audit/l/e.sig --public_key team.pub

The library signs, since the form is its own. Checking needs no more than the envelope inside, and no slow import.
"""

import base64
import binascii
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from expunge.core.strict_json import strict_json
from expunge.records.keys import Trusted
from expunge.records.signing import PAYLOAD, BadSignature, bytes_of, in_role

PREDICATE = "https://model_signing/signature/v1.0"
ROLE = "record"


def sign_folder(folder: Path, signature: Path, pem: bytes, password: str | None) -> None:
    """Write the signature of a folder as it is. Links inside it are followed: DVC may have made them.

    :param pem: a private key as it is stored, with its password.
    """
    from model_signing import signing

    lock: Any = password.encode() if password else None  # the library says str, and passes it on where bytes are due
    with tempfile.TemporaryDirectory() as aside:  # which others cannot read; the library takes keys as files alone
        key = Path(aside) / "key.pem"
        key.touch(0o600)
        key.write_bytes(pem)
        config = signing.Config().use_elliptic_key_signer(private_key=key, password=lock)
        sign_folder_by(config, folder, signature)


def sign_folder_by(config: Any, folder: Path, signature: Path) -> None:
    """As `sign_folder`. :param config: `model_signing.signing.Config` that knows the key."""
    from model_signing import hashing

    with tempfile.TemporaryDirectory() as aside:
        made = Path(aside) / "signature"
        config.set_hashing_config(hashing.Config().set_allow_symlinks(True)).sign(folder, made)
        part = signature.with_name(f".{signature.name}.part")
        part.write_bytes(made.read_bytes())
        part.replace(signature)


def signers_of_folder(signature: Path, digest: str, trusted: Sequence[Trusted], role: str = ROLE) -> list[str]:
    """The names of the trusted keys that signed a folder with this digest.

    :raises OSError: there is no signature. :raises BadSignature: it is broken, over another folder, or by no key that
        may sign in this role.
    """
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import UnverifiedSignatureError
    from securesystemslib.signer import Signature

    try:
        envelope: Any = strict_json(bytes_of(signature))["dsseEnvelope"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        signed = [base64.b64decode(each["sig"], validate=True).hex() for each in envelope["signatures"]]
        statement = json.loads(payload)
        own = [subject["digest"]["sha256"] for subject in statement["subject"]]
        kinds = envelope["payloadType"], statement["predicateType"]
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise BadSignature(f"is no signature of OpenSSF model signing ({error})") from None
    if kinds != (PAYLOAD, PREDICATE):
        raise BadSignature(f"is a signature of {kinds[1]!r}, not of {PREDICATE}")
    if own != [digest]:
        raise BadSignature("is over another folder, or over other files than the record names")
    pae, by = Envelope(payload, PAYLOAD, {}).pae(), list[Trusted]()
    for each in trusted:
        for sig in signed:
            try:
                each.key.verify_signature(Signature(each.key.keyid, sig), pae)
            except UnverifiedSignatureError:
                continue
            by.append(each)
    return in_role(by, role)
