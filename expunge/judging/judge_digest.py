"""Everything that determines a judge's answers, as one digest and as its parts. Imports no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from expunge.bases.base_digest import minor_versions
from expunge.bases.hub import pin_of, walk
from expunge.bases.lock import check_files
from expunge.bases.roots import lies_outside
from expunge.bases.spec import Spec
from expunge.core.digest import digest, file_digest
from expunge.judging.clip_folder import PUBLISHED_WEIGHTS
from expunge.judging.judges import module_of

PATHS = ("model", "vocabulary", "motion")  # keys of the section `judge:` that name files


def judge_digest(spec: Spec) -> str:
    """sha256 of `judge_parts`; the same wherever the files lie.

    :raises InputError: as `judge_parts`.
    """
    return digest(judge_parts(spec))


def judge_parts(spec: Spec) -> dict[str, Any]:
    """Everything that determines the judge's answers, as plain data.

        {"type": "open-clip", "judge.pretrained": {"name", "tag"}, "weights": "owner/name@revision" or None,
         "versions": {"open-clip-torch": "3.3"}, "files": {"model/config.json": sha256, ...}}

    A key of the section `judge:` that names no file appears as "judge.<key>".

    :raises InputError: the type is unknown, a revision is neither pinned, locked nor cached, or files outside bases/
        are not those of the lock.
    """
    judge, module = spec.judge, module_of(spec)
    files = module.files(spec) if hasattr(module, "files") else _all_files(spec)
    settings = {key: value for key, value in judge.settings.items() if key not in (*PATHS, "type")}
    if judge.pretrained is not None:  # its repository and revision are in `weights`
        settings["pretrained"] = {"name": judge.pretrained[0], "tag": judge.pretrained[1]}
    digests = {name: file_digest(file) for name, file in files.items()}
    _check_outside(spec, files, digests)
    return {
        **{f"judge.{key}": value for key, value in settings.items()},
        "type": judge.type,
        "weights": pin_of(spec, judge.weights, PUBLISHED_WEIGHTS[:1]) if judge.weights is not None else None,
        "versions": minor_versions(*getattr(module, "PACKAGES", ())),
        "files": digests,
    }


def _check_outside(spec: Spec, files: Mapping[str, Path], digests: Mapping[str, str]) -> None:
    """Hold the files that lie outside bases/ to what the base's lock recorded.

    The network's tokenizer may lie beside its folder: the lock names it "tokenizer/vocab.json" among the network's.
    """
    folder = spec.file.parent
    for key, path in (("model", spec.judge.model), ("motion", spec.judge.motion)):
        own: dict[str, str] = {}
        if path is not None and lies_outside(path, folder):
            own = {name.removeprefix(f"{key}/"): value for name, value in digests.items() if name.startswith(f"{key}/")}
        if key == "model":
            beside = [name for name in digests if name.startswith("tokenizer/")]
            own |= {name: digests[name] for name in beside if lies_outside(files[name].parent, folder)}
        if own:
            check_files(spec, spec.judge.where, str(spec.judge.settings[key]), own)


def _all_files(spec: Spec) -> dict[str, Path]:
    """For a judge module without `files`: all files below the paths that the base's file names."""
    named = {"model": spec.judge.model, "vocabulary": spec.judge.vocabulary, "motion": spec.judge.motion}
    return {
        f"{key}/{file.relative_to(path).as_posix()}": file
        for key, path in named.items()
        if path is not None
        for file in walk(path)
    }
