"""Signatures over records: DSSE envelopes (https://github.com/secure-systems-lab/dsse), in files beside them.

    write_signature(Path("audit/l/e.json"), signer)                 adds to audit/l/e.dsse
    names = signers_of(Path("audit/l/e.json"), trusted, "record")   whose signatures hold

An envelope holds the very bytes of the record, so that a third party needs nothing else. A key signs in its role alone.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expunge.core.files import write_json
from expunge.core.strict_json import strict_json
from expunge.records.keys import Trusted

if TYPE_CHECKING:
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import CryptoSigner

PAYLOAD = "application/vnd.in-toto+json"


class BadSignature(Exception):
    """Why a signature does not hold: what it says, in words."""


def envelope_of(statement: Path) -> Path:
    """The file of a statement's signatures."""
    return statement.with_suffix(".dsse")


def write_signature(statement: Path, signer: "CryptoSigner") -> Path:
    """Sign a statement's bytes. Signatures of others that hold for the same bytes stay; those of other bytes go."""
    from securesystemslib.dsse import Envelope

    file, payload = envelope_of(statement), statement.read_bytes()
    try:
        envelope = _read(file)
    except (OSError, BadSignature):
        envelope = None
    if envelope is None or envelope.payload != payload or envelope.payload_type != PAYLOAD:
        envelope = Envelope(payload, PAYLOAD, {})
    envelope.sign(signer)
    write_json(file, envelope.to_dict())
    return file


def signers_of(statement: Path, trusted: Sequence[Trusted], role: str) -> list[str]:
    """The names of the trusted keys whose signatures hold for the statement as it is now.

    :raises OSError: there is no signature. :raises BadSignature: the envelope is broken, is over other bytes, or none
        of its signatures is by a key that is trusted in this role.
    """
    from securesystemslib.exceptions import UnverifiedSignatureError
    from securesystemslib.signer import Key

    envelope = _read(envelope_of(statement))
    if envelope.payload_type != PAYLOAD:
        raise BadSignature(f"is an envelope of {envelope.payload_type!r}, not of {PAYLOAD}")
    if envelope.payload != statement.read_bytes():
        raise BadSignature(f"is over other bytes than {statement.name} has now")
    signed = list[Trusted]()
    for each in trusted:
        key: Key = each.key
        signature = envelope.signatures.get(key.keyid)
        if signature is None:
            continue
        try:
            key.verify_signature(signature, envelope.pae())
        except UnverifiedSignatureError:
            raise BadSignature(f"has a signature that says it is by {each.name}, and is not") from None
        signed.append(each)
    return in_role(signed, role)


def in_role(signed: Sequence[Trusted], role: str) -> list[str]:
    """The names of those who signed and may. :raises BadSignature: nobody did, or none of them may."""
    if good := [each.name for each in signed if role in each.roles]:
        return good
    if signed:
        raise BadSignature(f"is signed by {', '.join(each.name for each in signed)}, who may not sign a {role}")
    raise BadSignature("is signed by no key that is trusted here")


def state_of(statement: Path, trusted: Sequence[Trusted]) -> str:
    """ "signed by ...", "not signed", or why its signature does not hold."""
    try:
        return f"signed by {', '.join(signers_of(statement, trusted, 'record'))}"
    except OSError:
        return "not signed"
    except BadSignature as error:
        return f"its signature {error}"


def bytes_of(file: Path) -> bytes:
    """:raises FileNotFoundError: there is no file. :raises BadSignature: it cannot be read: that is not the same."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BadSignature(f"cannot be read ({error.strerror})") from None


def _read(file: Path) -> "Envelope":
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import FormatError

    try:
        data: Any = strict_json(bytes_of(file))
        return Envelope.from_dict(json.loads(json.dumps(data)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, FormatError) as error:
        raise BadSignature(f"is no DSSE envelope ({error})") from None
