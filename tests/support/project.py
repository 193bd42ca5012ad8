"""A small project in a temporary folder: the tiny base, a list of two concepts, parameters for a run of seconds."""

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from expunge.concepts.private import WORDS, private_file
from tests.support.paths import ROOT
from tests.support.tiny import write_yaml

ONE = {"id": "one", "name": "bolt", "kind": "character", "aliases": ["bob"], "neighbours": ["dog"]}
TWO = {"id": "two", "name": "teapot", "kind": "object", "parameters": {"steps": 2}}
SALT = "5a" * 32
PARAMS: dict[str, Any] = {
    "base": "tiny", "seed": 0, "fewshot": {"images": 2, "anchor_images": 3},
    "unlearn": {"method": "few-shot", "few-shot": {"steps": 1, "batch": 1}},
    "render": {"images": {"target": 1, "aliases": 1, "far": 1}, "videos": {"target": 1}},
    "attack": {"words": {"images": 1, "videos": 0}, "seeds": {"images": 1, "seeds": 1}},
    "run": {"executor": "inline"},
}  # fmt: skip


def make_project(tiny_folder: Path) -> None:
    """Into the working folder: bases/, params.yaml, concepts/list.yaml, attacks/found.csv."""
    from stages import attack, drift, render
    from stages.runtime import models, planned

    shutil.copytree(tiny_folder, "bases", copy_function=shutil.copyfile)
    write_yaml(Path("params.yaml"), PARAMS)
    write_list(ONE, TWO)
    Path("attacks").mkdir()
    Path("attacks/found.csv").write_text("concept,attack,modality,prompt,seed\n")
    planned.require_arithmetic.cache_clear()
    loaded = (models.loaded_base, models.loaded_edit, models.loaded_judge)
    for cached in (*loaded, render.sample_once, drift.originals, attack.drawn_by_original):
        cached.cache_clear()


def make_project_with_code(folder: Path, tiny_folder: Path) -> None:
    """Into a folder: what `make_project` makes, and a copy of the packages, which a test may change."""
    with contextlib.chdir(folder):
        make_project(tiny_folder)
    for package in ("expunge", "stages"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))


def write_list(*concepts: Mapping[str, Any]) -> None:
    """concepts/list.yaml: an encoder for each concept, and a joint one, "both". The words of confidential concepts go
    into the private file."""
    joint = {"both": [concept["id"] for concept in concepts]}
    hidden = {c["id"]: {k: v for k, v in c.items() if k in WORDS} for c in concepts if c.get("confidential")}
    shown = [{k: v for k, v in c.items() if k not in hidden.get(c["id"], ())} for c in concepts]
    text = {"title": "T", "owner": "O", "encoders": {"single": True, "joint": joint}, "concepts": shown}
    write_yaml(Path("concepts/list.yaml"), text)
    private = private_file(Path("concepts"))
    if hidden:
        write_yaml(private, {"salt": SALT, "concepts": hidden})
    else:
        private.unlink(missing_ok=True)
