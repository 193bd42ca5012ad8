"""Keys that never leave a token (a smart card, an HSM), by PKCS#11; needs the extra `pkcs11`.

    token = Token.open("pkcs11:token=release;object=team?module-path=/usr/lib/softhsm/libsofthsm2.so", pin)
    write_signature(file, token.signer)
    token.sign_folder(folder, signature)

The URI is that of RFC 7512: `token` or `slot-id`, `object` or `id`, and `module-path`, or a `module-name` in
/usr/lib/pkcs11. The PIN does not stand in it, where other programs could read it: it comes from EXPUNGE_KEY_PASSWORD,
is asked for, or `pin-source` names a file that holds it. model-signing reads the URI and talks to the token; it signs
folders in its own form. Records are signed with the same session, since a token lets one log in once.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from expunge.core.errors import InputError, Problem
from expunge.records.folder_signing import sign_folder_by
from expunge.records.keys import CURVES

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from securesystemslib.signer import Signer

SCHEME = "pkcs11:"
HASHES = dict(zip(CURVES, ("sha256", "sha384", "sha512"), strict=True))
EXAMPLE = "pkcs11:token=NAME;object=KEY?module-path=/usr/lib/.../module.so"


def is_token(source: str) -> bool:
    """Is a key named that lies in a token?"""
    return source.startswith(SCHEME)


def needs_pin(source: str) -> bool:
    """Does the URI not say itself where the PIN is?"""
    return "pin-source=" not in source.partition("?")[2]


@dataclass(frozen=True)
class Token:
    """A key in a token, logged in. The session lasts as long as this object does."""

    config: Any  # model_signing.signing.Config
    signer: "Signer"
    public: "EllipticCurvePublicKey"

    @classmethod
    def open(cls, uri: str, pin: str | None) -> "Token":
        """:param pin: None: the URI says where it is.

        :raises InputError: the extra is not installed, or no such key can be used.
        """
        try:
            import PyKCS11
        except ImportError:
            fix = "install expunge with the extra pkcs11: `uv sync --extra pkcs11`"
            raise InputError([Problem("--key", "is in a token, and PyKCS11 is not installed", fix)]) from None
        from model_signing import signing

        if "pin-value=" in uri:
            fix = "set EXPUNGE_KEY_PASSWORD, or write pin-source=FILE"
            raise InputError([Problem("--key", "holds the PIN, which other programs can read there", fix)])
        mark = "&" if "?" in uri else "?"
        whole = uri if pin is None else f"{uri}{mark}pin-value={quote(pin, safe='')}"
        try:
            config = signing.Config().use_pkcs11_signer(pkcs11_uri=whole)
        except (ValueError, OSError, PyKCS11.PyKCS11Error) as error:
            what = str(error).replace(whole, uri) or "its module is not there"
            raise InputError([Problem(uri, f"is no key that can be used ({what})", f"write {EXAMPLE}")]) from None
        inner = config._signer  # of the library's own; it has no other way to the session
        public = inner.public_key()
        if public.curve.name not in CURVES:
            raise InputError([Problem(uri, f"is on none of the curves {', '.join(CURVES)}", "name another key")])
        return cls(config, _signer_of(inner, public), public)

    def sign_folder(self, folder: Path, signature: Path) -> None:
        """As `folder_signing.sign_folder`."""
        sign_folder_by(self.config, folder, signature)


def _signer_of(inner: Any, public: "EllipticCurvePublicKey") -> "Signer":
    """A signer of securesystemslib, which signs with the session that is open."""
    import PyKCS11
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from securesystemslib.signer import Signature, Signer, SSlibKey

    class InToken(Signer):
        """Signs in the token: the digest goes in, (r, s) comes out."""

        @classmethod
        def from_priv_key_uri(cls, priv_key_uri: str, public_key: Any, secrets_handler: Any = None) -> "InToken":
            raise ValueError("a key in a token is opened by Token.open")

        @property
        def public_key(self) -> SSlibKey:
            return key

        def sign(self, payload: bytes) -> Signature:
            digest = hashlib.new(HASHES[public.curve.name], payload).digest()
            mechanism = PyKCS11.Mechanism(PyKCS11.CKM_ECDSA, None)
            pair = bytes(inner.session.sign(inner._private_key, digest, mecha=mechanism))
            r, s = (int.from_bytes(half) for half in (pair[: len(pair) // 2], pair[len(pair) // 2 :]))
            return Signature(key.keyid, encode_dss_signature(r, s).hex())

    key = SSlibKey.from_crypto(public)
    return InToken()
