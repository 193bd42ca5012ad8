"""Keys that sign records, and the file that says whose are trusted, and for what.

    new_key(Path("~/.keys/team.pem"), password)             an elliptic-curve key (NIST P-256), encrypted
    pem = read_pem("~/.keys/team.pem")                      or the name of an environment variable that holds the key
    signer = signer_of(pem, password)
    trusted = read_trusted(Path("audit/trusted.yaml"))

A private key never lies in the repository: both writing one there and signing with one that lies there are refused.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expunge.core.errors import InputError, Problem
from expunge.core.schema import schema_problems, validator_of
from expunge.core.yamlfile import load

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, SSlibKey

ROLES = ("request", "record", "release")  # what a key may sign: the decision on a request, a record, a release
CURVES = ("secp256r1", "secp384r1", "secp521r1")
PASSWORD = "EXPUNGE_KEY_PASSWORD"  # environment variable
SCHEMA: dict[str, Any] = {
    "type": "array", "minItems": 1, "description": "keys that are trusted", "items": {
        "type": "object", "additionalProperties": False, "required": ["name", "roles", "public"],
        "description": "a key, as {name, roles, public}",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 200, "description": "whose key it is"},
            "roles": {"type": "array", "minItems": 1, "items": {"enum": list(ROLES)},
                      "description": f"what it may sign, of {', '.join(ROLES)}"},
            "public": {"type": "string", "pattern": "^-----BEGIN PUBLIC KEY-----",
                       "description": "the public key, as `expunge keys new` prints it"},
        },
    },
}  # fmt: skip


@dataclass(frozen=True)
class Trusted:
    """A public key, whose it is, and what it may sign."""

    name: str
    roles: tuple[str, ...]
    key: "SSlibKey"


def new_key(file: Path, password: str) -> str:
    """Write a new private key, readable by its owner alone, and return its public key (PEM).

    :raises InputError: the file is there already, lies in a git repository, or cannot be written; no password.
    """
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    if not password:
        raise InputError([Problem(PASSWORD, "is empty", "choose a password: the key is stored encrypted")])
    _require_outside(file)
    key = ec.generate_private_key(ec.SECP256R1())
    lock = form.BestAvailableEncryption(password.encode())
    text = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, lock)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(text)
    except FileExistsError:
        fix = "name another file; a key that is lost cannot be had again"
        raise InputError([Problem(str(file), "is there already", fix)]) from None
    except OSError as error:
        raise InputError([Problem(str(file), f"cannot be written ({error.strerror})", "name another file")]) from None
    return public_pem(key.public_key())


def public_pem(key: Any) -> str:
    """A public key as audit/trusted.yaml holds it."""
    from cryptography.hazmat.primitives import serialization as form

    return key.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo).decode()


def read_pem(source: str) -> bytes:
    """A private key as it is stored. :param source: a file, or the name of an environment variable that holds it.

    :raises InputError: there is no such key, or it lies in a git repository.
    """
    if source in os.environ:
        return os.environ[source].encode()
    file = Path(source).expanduser()
    _require_outside(file)
    try:
        return file.read_bytes()
    except OSError as error:
        fix = "name the file of a private key, or an environment variable that holds one"
        raise InputError([Problem(source, f"cannot be read ({error.strerror})", fix)]) from None


def signer_of(pem: bytes, password: str | None = None) -> "CryptoSigner":
    """:raises InputError: the password is wrong, or the key is of another kind."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec
    from securesystemslib.signer import CryptoSigner

    try:
        key = form.load_pem_private_key(pem, password.encode() if password else None)
    except (ValueError, TypeError) as error:
        fix = f"set {PASSWORD} to its password, or name another key"
        raise InputError([Problem("the key", f"is no private key that can be used ({error})", fix)]) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in CURVES:
        fix = "make one with `expunge keys new`: OpenSSF model signing knows no other kind"
        raise InputError([Problem("the key", f"is on none of the curves {', '.join(CURVES)}", fix)])
    return CryptoSigner(key)


def read_trusted(file: Path) -> list[Trusted]:
    """:raises InputError: everything that is wrong with the file, with lines."""
    from cryptography.hazmat.primitives import serialization as form
    from securesystemslib.signer import SSlibKey

    tree, where = load(file), file.as_posix()
    problems = schema_problems(tree, where, validator_of(SCHEMA), "the file of trusted keys")
    trusted = []
    for place, entry in enumerate(tree.value if not problems else ()):
        try:
            key = SSlibKey.from_crypto(form.load_pem_public_key(entry["public"].encode()))
            trusted.append(Trusted(entry["name"], tuple(entry["roles"]), key))
        except ValueError as error:
            line = tree.at([place, "public"]).line
            fix = "write it as `expunge keys new` printed it"
            problems.append(Problem(f"{where}:{line}", f"is no public key that can be used ({error})", fix))
    if problems:
        raise InputError(problems)
    return trusted


def _require_outside(file: Path) -> None:
    """:raises InputError: the file lies in a git repository, whence a private key would go wherever that goes."""
    place = file.expanduser().resolve().parent
    bare = ("HEAD", "objects", "refs")
    places = (place, *place.parents)
    if any((each / ".git").exists() or all((each / name).exists() for name in bare) for each in places):
        fix = "keep it outside, such as in ~/.config/expunge"
        raise InputError([Problem(str(file), "lies in a git repository, where no private key may lie", fix)])
