"""Edits that somebody else made: their place is checked, and the digest of their content joins the encoder's job."""

import os
import shutil
import uuid
from dataclasses import replace
from pathlib import Path, PurePosixPath

from expunge.bases.check_external import header_problems
from expunge.bases.external_files import content_digest, files_of
from expunge.bases.spec import Spec
from expunge.core.errors import InputError, Problem
from expunge.core.files import write_aside
from expunge.core.schema import short
from expunge.methods import METHODS
from expunge.plan.contract import Plan

FOLDER = "external"  # a dependency of the stage plan, so that dvc notices other content


def with_digests(plan: Plan, spec: Spec | None = None) -> Plan:
    """The plan, with the digest of each file that a method reads among the parameters of its encoder.

    The key of a unit holds these parameters, so other content makes the encoder, and all that depends on it, anew.

    :param spec: the base, which they must fit by the names and shapes of their tensors; None: that is not checked.
    :raises InputError: a path is not below external/, is missing, holds no weights, or does not fit.
    """
    problems: list[Problem] = []
    encoders = dict(plan.encoders)
    for name, job in plan.encoders.items():
        knob = METHODS[job.method].file
        if not knob:
            continue
        try:
            place = _place(name, job.method, str(job.parameters.get(knob, "")))
            digest = content_digest(place)
            problems += header_problems(place, spec) if spec is not None else []
            encoders[name] = replace(job, parameters={**job.parameters, "digest": digest})
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(dict.fromkeys(problems))
    return replace(plan, encoders=encoders)


def _place(encoder: str, method: str, text: str) -> Path:
    """:raises InputError: the path is empty, absolute, or leaves external/. Links are followed, as dvc makes some."""
    path = PurePosixPath(text)
    if len(path.parts) < 2 or path.parts[0] != FOLDER or ".." in path.parts or "\\" in text:
        what = f"{method} reads {short(text)}" if text else f"{method} names no `path`"
        fix = f"write `parameters: {{path: {FOLDER}/NAME.safetensors}}`, and put the file there"
        raise InputError([Problem(encoder, what, fix)])
    return Path(path)


def place_of(path: Path, name: str) -> Path:
    """Where an edit lies below external/, or where `copy_in` will put it."""
    whole = Path(os.path.abspath(path))  # links are left as they are: dvc makes some
    if whole.is_relative_to(Path.cwd() / FOLDER):
        return whole.relative_to(Path.cwd())
    return Path(FOLDER) / (name if path.is_dir() else f"{name}.safetensors")


def copy_in(path: Path, name: str, force: bool = False) -> Path:
    """Copy what is read of an edit into external/, under a name; returns the place. What lies there already stays.

    :raises InputError: it cannot be read or written, or another one of this name is there (without `force`).
    """
    files, place = files_of(path), place_of(path, name)
    if place.exists() and place.samefile(path):
        return place
    if place.exists():
        if content_digest(place) == content_digest(path):
            return place
        if not force:
            fix = "write --force to replace it, or another --name"
            raise InputError([Problem(place.as_posix(), "is there already, with other content", fix)])
    try:
        if path.is_file():
            write_aside(place, lambda part: shutil.copyfile(path, part))
            return place
        aside = _made(Path(FOLDER) / f".{name}.{uuid.uuid4().hex}.part")
        try:
            for inside, file in files.items():
                shutil.copyfile(file, _made((aside / inside).parent) / file.name)
            if place.exists():
                shutil.rmtree(place)
            aside.rename(place)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise InputError([Problem(place.as_posix(), f"cannot be written ({error.strerror})", "make room")]) from None
    return place


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
