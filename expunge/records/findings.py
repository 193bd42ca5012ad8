"""What checking finds: kinds with their exit codes, and whose signatures count."""

from collections.abc import Sequence
from dataclasses import dataclass

from expunge.records.keys import Trusted

RESIGN = "sign it anew, or say with --trusted whose keys are trusted"
# {kind: exit code of `expunge verify`}, the gravest first
KINDS = {"digest": 3, "signature": 6, "record": 4, "log": 7, "lock": 5, "verdict": 1, "note": 0}


@dataclass(frozen=True)
class Trust:
    """Whose signatures count, and whether each record must have one."""

    keys: Sequence[Trusted] = ()
    required: bool = False


@dataclass(frozen=True)
class Finding:
    """What is wrong, or a note. `kind` is one of KINDS."""

    kind: str
    where: str
    what: str
    fix: str = ""


def exit_code(findings: list[Finding]) -> int:
    """That of the gravest finding; 0 where there are only notes."""
    kinds = {finding.kind for finding in findings}
    return next((code for kind, code in KINDS.items() if kind in kinds), 0)
