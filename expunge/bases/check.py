"""What is wrong with a base as far as its files tell without loading a model. Imports no torch.

base_problems(load_spec("emoji"))       [] if the files are there, fit together and name what exists
"""

import re
from typing import Any

from expunge.bases.check_additions import addition_problems
from expunge.bases.check_checkpoint import checkpoint_problems
from expunge.bases.check_motion import motion_problems
from expunge.bases.check_scheduler import scheduler_problems
from expunge.bases.check_sizes import size_problems
from expunge.bases.check_tokenizer import differing_tokenizers, tokenizer_problems
from expunge.bases.families import Family
from expunge.bases.families.names import ENCODER_FOLDER, normal_name, prediction_of
from expunge.bases.hub import find_folder, loaded_files
from expunge.bases.parts import Found, Part, parts_of
from expunge.bases.placement import placement_problems, wrong_class
from expunge.bases.sources import missing_checkpoint, needed_sources
from expunge.bases.spec import Spec
from expunge.core.errors import InputError, Problem, in_order


def base_problems(spec: Spec) -> list[Problem]:
    """Everything that is wrong with a base's models, schedulers and tokenizer, in the order of the base's file.

    A repository that is not in the hub's cache is not looked at.
    """
    found = parts_of(spec)
    problems = [*_missing_files(spec), *found.problems, *_classes(spec, found)]
    if not problems:  # sizes of the wrong model say nothing more
        family = spec.family
        problems = [*_encoders(family, found), *_sizes(family, found), *_predictions(family, found)]
        problems += [*motion_problems(spec, found), *size_problems(spec, found)]
        problems += [*checkpoint_problems(found), *_skipped(spec, found)]
    folder = find_folder(spec, needed_sources(spec)["t2i"].source)
    encoder = found.parts.get(f"t2i.{ENCODER_FOLDER}")
    for part, tokenizer in zip(spec.family.ENCODERS, spec.family.TOKENIZERS, strict=True):
        own = found.parts.get(f"t2i.{part}")
        if folder is not None and own is not None:
            problems += tokenizer_problems(spec.family, own, folder / tokenizer)
    if folder is not None:
        problems += differing_tokenizers(spec, folder)
    return in_order([*problems, *addition_problems(spec, encoder), *scheduler_problems(spec, found)])


def _missing_files(spec: Spec) -> list[Problem]:
    problems: list[Problem] = []
    for needed in needed_sources(spec).values():
        problems += missing_checkpoint(needed)
        try:
            if needed.source.path is not None:
                loaded_files(spec, needed.source, needed.source.path, needed.files, needed.optional)
        except InputError as error:
            problems += error.problems
    return problems


def _classes(spec: Spec, found: Found) -> list[Problem]:
    """Parts of another class than the family's, and pipelines of another family."""
    problems, family = [], spec.family
    for kind, classes in (("t2i", family.CLASSES), ("t2v", family.VIDEO_CLASSES)):
        index = found.parts.get(f"{kind}.index")
        replaced = spec.t2v.parts if kind == "t2v" else ()
        for part, entry in (index.config if index is not None else {}).items():
            given = entry[1] if isinstance(entry, list) and len(entry) == 2 else None
            if index is None or given is None or part in family.OTHER_PARTS or part in replaced:
                continue
            if given not in classes.get(part, ()):
                what = f"{kind}: model_index.json names a {given} as {part}"
                wanted = ", ".join(f"{name}: {' or '.join(each)}" for name, each in classes.items())
                problems.append(Problem(index.where, what, f"use a model of the {family.NAME} family ({wanted})"))
    for name in spec.t2v.parts:
        single, kind = found.parts.get(f"t2v.{name}"), family.VIDEO_PARTS[name]
        if single is not None and single.config.get("_class_name", kind) != kind:
            problems.append(wrong_class(single.where, single.label, single.config["_class_name"], kind))
    return problems


def _encoders(family: Family, found: Found) -> list[Problem]:
    """Text encoders whose file does not hold what config.json asks for, by names and shapes."""
    problems: list[Problem] = []
    for label, part in found.parts.items():
        wanted = family.encoder_shapes(part.config)
        if label.partition(".")[2] not in family.ENCODERS or not part.tensors or not wanted:
            continue
        given = {normal_name(name): shape for name, shape in part.tensors.items()}
        given = {name: shape for name, shape in given.items() if not name.endswith(tuple(family.TIED))}
        wrong = placement_problems(part.where, label, wanted.keys() - given.keys(), given.keys() - wanted.keys())
        problems += wrong or _embeddings(part, given, wanted)
    return problems


def _skipped(spec: Spec, found: Found) -> list[Problem]:
    """A `clip_skip` that leaves no layer of the text encoder."""
    part = found.parts.get(f"t2i.{ENCODER_FOLDER}")
    if spec.clip_skip is not None and not spec.family.SKIPS:
        what = f"`clip_skip` is {spec.clip_skip}, and no pipeline of {spec.family.NAME} skips layers"
        return [Problem(str(spec.file), what, "take it out")]
    layers = part.config.get("num_hidden_layers") if part is not None else None
    if spec.clip_skip is None or not isinstance(layers, int) or spec.clip_skip < layers:
        return []
    what = f"`clip_skip` is {spec.clip_skip}, and the text encoder has {layers} layers"
    return [Problem(str(spec.file), what, f"write at most {layers - 1}")]


def _embeddings(
    part: Part, given: dict[str, tuple[int, ...]], wanted: dict[str, tuple[Any, ...] | None]
) -> list[Problem]:
    problems = []
    for name, shape in wanted.items():
        if shape is not None and None not in shape and given[name] != shape:
            called = re.sub(r".*?(\w+)_embedding\.weight|.*", r"\1", name) or "token"
            what = f"{part.label}: the {called} embeddings are {list(given[name])}, and config.json says {list(shape)}"
            problems.append(Problem(part.where, what, "put the config.json and the weights of one model there"))
    return problems


def _sizes(family: Family, found: Found) -> list[Problem]:
    """Denoisers that do not fit the text encoder or the VAE."""
    problems = []
    for label in (f"t2i.{family.DENOISER}", f"t2v.{family.DENOISER}"):
        part = found.parts.get(label)
        own_vae = found.parts.get(f"{label[:3]}.vae") or found.parts.get("t2i.vae")
        for key, kinds, own in family.SIZES:
            others = [each for kind in kinds if (each := own_vae if kind == "vae" else found.parts.get(f"t2i.{kind}"))]
            sizes = [int(each.config[own]) for each in others if each.config.get(own) is not None]
            if part is None or len(sizes) < len(kinds) or part.config.get(key) is None:
                continue
            given, wanted = part.config[key], sum(sizes)
            if set(given if isinstance(given, list) else [given]) != {wanted}:
                owners = " and ".join(each.label for each in others)
                has = f"has {own} {wanted}" if len(others) == 1 else f"have {own} {wanted} together"
                what = f"{label}: {key} is {given}, and {owners} {has}"
                problems.append(Problem(part.where, what, "use parts that were trained together"))
    return problems


def _predictions(family: Family, found: Found) -> list[Problem]:
    """A T2I scheduler whose prediction type training does not support."""
    part = found.parts.get("t2i.scheduler")
    kind = prediction_of(part.config) if part is not None else "epsilon"
    if part is None or kind in family.PREDICTIONS:
        return []
    fix = f"use a model that predicts one of {', '.join(family.PREDICTIONS)}"
    return [Problem(part.where, f"the T2I model predicts {kind!r}", fix)]
