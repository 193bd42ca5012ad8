"""What the last run on this machine did with each unit: reused it, or made it anew and why; and how long it took.

The files `.expunge/why/<stage>.json` and `.expunge/seconds/<stage>.json` describe this machine only, outside git.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from expunge.core.files import BROKEN_JSON, write_json

WHY, SECONDS = Path(".expunge/why"), Path(".expunge/seconds")


@dataclass(frozen=True)
class UnitAccount:
    key: str
    made: bool
    reasons: tuple[str, ...]  # "parameters.steps: 60 -> 80"; empty if it was reused


def write_account(stage: str, units: Mapping[str, UnitAccount]) -> None:
    write_json(WHY / f"{stage}.json", msgspec.to_builtins(dict(units)))


def read_account(stage: str) -> dict[str, UnitAccount]:
    """{unit: account}; {} where the stage never ran on this machine."""
    return _read(WHY / f"{stage}.json", dict[str, UnitAccount])


def write_seconds(stage: str, seconds: Mapping[str, float], units: Iterable[str]) -> None:
    """Add the seconds that units took in this run; those of units that are gone are dropped, the others stay."""
    names = set(units)
    merged = {**read_seconds(stage), **seconds}
    write_json(SECONDS / f"{stage}.json", {name: value for name, value in sorted(merged.items()) if name in names})


def read_seconds(stage: str) -> dict[str, float]:
    """{unit: seconds that it took when it was last computed on this machine}."""
    return _read(SECONDS / f"{stage}.json", dict[str, float])


def _read(file: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, *BROKEN_JSON):
        return {}
