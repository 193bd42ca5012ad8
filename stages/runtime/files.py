"""What stages read and write besides their units."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from expunge.concepts.lists import Concept, Sense
from expunge.core.errors import InputError, Problem

# Who asked, whether it may be named and what is expected of the result: none of it changes an encoder or an attack.
PRIVATE = ("request", "confidential", "gate")


def read_index(out: Path | str) -> dict[str, Any]:
    """The index of a stage's out.

    :raises InputError: it is not there or cannot be read.
    """
    file = Path(out) / "index.json"
    try:
        return json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        fix = f"run `dvc repro` up to the stage {Path(out).name}, or `dvc pull`"
        raise InputError([Problem(file.as_posix(), "is missing or broken", fix)]) from None


def read_params() -> dict[str, Any]:
    """params.yaml.

    :raises InputError: it is missing or broken.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(Path("params.yaml").read_text("utf-8"))
    except (OSError, YAMLError) as error:
        fix = "write valid YAML; `git diff params.yaml` shows what changed"
        raise InputError([Problem("params.yaml", str(error).splitlines()[0], fix)]) from None


def images_of(concept: str, shown: str) -> str:
    """The unit of the stage fewshot with a concept's images: "list/concept", or "list/concept--anchor"."""
    return concept if shown == "target" else f"{concept}--{shown}"


def public(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What of a concept an encoder may depend on."""
    return {key: value for key, value in entry.items() if key not in PRIVATE}


def concept_of(entry: Mapping[str, Any]) -> Concept:
    """A concept of the plan as a method sees it."""
    data: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in public(entry).items()
    }
    sense = data.pop("sense")
    return Concept(**data, sense=Sense(tuple(sense["forget"]), tuple(sense["keep"])) if sense else None)
