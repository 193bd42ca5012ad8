"""The plan as files that may be handed on: index.json without the words of confidential concepts, words.bin with them,
encrypted by the salt of the private file. Who has that file opens the plan; everybody else reads codes.

    write_sealed(Path("build/plan/index.json"), plan, veil)
    plan, veil = read_opened(Path("build/plan/index.json"), Path("concepts"))

The same plan gives the same bytes (AES-SIV, RFC 5297). What draws and trains reads the opened one; verdicts, records
and the report read index.json alone (`contract.read_plan`), so they cannot tell what they do not know.
"""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec

from expunge.concepts.confidential import OPEN, Secret, Veil
from expunge.concepts.private import private_of
from expunge.core.codes import opened
from expunge.core.errors import InputError, Problem
from expunge.core.files import write_aside
from expunge.plan.contract import Plan, read_plan, write_plan

WORDS = "words.bin"


def closed_plan(plan: Plan, veil: Veil, codes: dict[str, str] | None = None) -> Plan:
    """The plan with codes in place of texts. :param codes: the hidden texts are added to it, {code: text}."""
    if not veil:
        return plan
    raw = msgspec.to_builtins(plan)
    base = raw.pop("base")  # which knows nothing of concepts
    closed: Plan = msgspec.convert({"base": base, **veil.closed(raw, codes=codes)}, Plan)
    return closed


def with_encoders(veil: Veil, plan: Plan) -> Veil:
    """The veil, which then knows which encoders forget its concepts."""
    members = {name: tuple(c for c in job.concepts if c in veil.secrets) for name, job in plan.encoders.items()}
    return replace(veil, encoders={name: own for name, own in members.items() if own}) if veil else veil


def write_sealed(file: Path, plan: Plan, veil: Veil) -> None:
    codes: dict[str, str] = {}
    write_plan(file, closed_plan(plan, veil, codes))
    if not veil:
        file.with_name(WORDS).unlink(missing_ok=True)
        return
    secrets = {name: asdict(secret) for name, secret in veil.secrets.items()}
    text = msgspec.json.encode({"codes": codes, "secrets": secrets})
    sealed = _cipher(veil.salt).encrypt(text, None)
    write_aside(file.with_name(WORDS), lambda part: part.write_bytes(sealed))


def read_opened(file: Path, lists: Path) -> tuple[Plan, Veil]:
    """(the plan with all words, what hides them again).

    :param lists: the folder whose private file opens it, where something is confidential.
    :raises InputError: the plan or the private file is missing or broken, or the one does not belong to the other.
    """
    plan, words = read_plan(file), file.with_name(WORDS)
    if not any(concept.confidential for concept in plan.concepts.values()):
        return plan, OPEN
    salt = private_of(lists).salt
    try:
        found: dict[str, Any] = msgspec.json.decode(_cipher(salt).decrypt(words.read_bytes(), None))
        codes, secrets = found["codes"], msgspec.convert(found["secrets"], dict[str, Secret])
    except OSError:
        raise InputError([Problem(words.as_posix(), "is missing", "run `dvc repro plan`, or `dvc pull`")]) from None
    except Exception as error:  # cryptography and msgspec each have their own; neither says a word of the content
        what = f"cannot be opened with the private file that is here ({type(error).__name__})"
        raise InputError([Problem(words.as_posix(), what, "bring its private file, or run `dvc repro plan`")]) from None
    whole: Plan = msgspec.convert(opened(msgspec.to_builtins(plan), codes), Plan)
    return whole, with_encoders(Veil(salt, secrets, codes=codes), plan)


def _cipher(salt: str) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    return AESSIV(hashlib.sha512(f"expunge words {salt}".encode()).digest())
