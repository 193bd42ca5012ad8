"""The judge of type `open-clip`: a CLIP model of open_clip, and a motion classifier if the base has one.

Its weights are a folder of the base (`model:`) or a name and tag of open_clip on the hub (`pretrained:`).
"""

from pathlib import Path
from typing import Any

from expunge.bases.parts import read_header, read_json
from expunge.bases.spec import Spec
from expunge.core.errors import InputError, Problem
from expunge.judging.clip_folder import clip_folder
from expunge.judging.vocabulary import read_vocabulary

PACKAGES = ("open-clip-torch",)
NETWORK = ("config.json", "model.safetensors")


def load(spec: Spec, device: Any) -> Any:
    """Load the `Judge` onto a device, in float32.

    :raises InputError: weights or vocabulary are missing or broken.
    """
    from expunge.judging.clip import load_clip, load_open_clip, load_pretrained
    from expunge.judging.judge import make_judge
    from expunge.judging.motion import load_motion

    own = spec.judge.model
    found = clip_folder(own, spec.judge.where) if own is not None else None
    if own is None or found is None:
        model, tokenise, preprocess = load_pretrained(spec, device)
    else:
        model, tokenise, preprocess = load_open_clip(found, device) if found.published else load_clip(own, device)
    motion = load_motion(spec.judge.motion, device) if spec.judge.motion is not None else None
    templates, labels = read_vocabulary(spec.judge.vocabulary) if spec.judge.vocabulary is not None else ({}, {})
    return make_judge(model, tokenise, preprocess, templates, labels, motion, device)


def files(spec: Spec) -> dict[str, Path]:
    """The local files that `load` opens, keyed by names that do not depend on where the files are.

    :raises InputError: the model's folder is incomplete.
    """
    judge, opened = spec.judge, dict[str, Path]()
    if judge.model is not None:
        found = clip_folder(judge.model, judge.where)
        network = (found.config, found.weights)
        opened |= {f"{'model' if each in network else 'tokenizer'}/{each.name}": each for each in found.files()}
    if judge.motion is not None:
        opened |= {f"motion/{name}": judge.motion / name for name in NETWORK}
    if judge.vocabulary is not None:
        opened["vocabulary"] = judge.vocabulary
    return {name: file for name, file in opened.items() if file.is_file()}


def problems(spec: Spec) -> list[Problem]:
    """What is wrong with the judge's files as far as they tell without loading a model. Imports no torch."""
    judge, found = spec.judge, list[Problem]()
    try:
        if judge.model is not None:
            read_header(clip_folder(judge.model, judge.where).weights)
    except InputError as error:
        found += error.problems
    except ValueError as error:
        found.append(Problem(judge.where, f"the judge's {error}", "copy the complete folder there again"))
    try:
        if judge.vocabulary is not None:
            read_vocabulary(judge.vocabulary)
    except InputError as error:
        found += error.problems
    return found + _motion(judge.motion, judge.where)


def _motion(folder: Path | None, where: str) -> list[Problem]:
    """What is wrong with the folder of the motion classifier."""
    if folder is None:
        return []
    fix = "restore the folder from git, or write `motion: null`"
    missing = [name for name in NETWORK if not (folder / name).is_file()]
    if missing:
        return [Problem(where, f"the motion classifier's folder {folder.name} has no {', '.join(missing)}", fix)]
    try:
        read_header(folder / NETWORK[1])
        config = read_json(folder / NETWORK[0]) or {}
    except ValueError as error:
        return [Problem(where, f"the motion classifier's {error}", fix)]
    lacks = [key for key in ("labels", "channels", "size") if key not in config]
    return [Problem(where, f"the motion classifier's config.json has no {', '.join(lacks)}", fix)] if lacks else []
