"""Loads a base's diffusers pipelines with their solvers, and checks that both have the same text encoder."""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from expunge.bases import hub
from expunge.bases.check_motion import what_moves
from expunge.bases.check_tokenizer import spelling_missing
from expunge.bases.edits import file_dtype
from expunge.bases.families import Family
from expunge.bases.families.names import ENCODER_FOLDER
from expunge.bases.loading import load_all, load_model, readable
from expunge.bases.schedule import Schedule, schedule_of
from expunge.bases.sharing import differing_from
from expunge.bases.single_file import load_checkpoint
from expunge.bases.sources import Needed, needed_sources
from expunge.bases.spec import Pipeline, Spec
from expunge.bases.stored import dtype_of, load_stored
from expunge.core.errors import InputError, Problem


def load_t2i(spec: Spec) -> tuple[Any, torch.dtype]:
    """(the T2I pipeline in float32 on the cpu, the dtype in which its files store the text encoder).

    :raises InputError: weights are missing or broken, or the scheduler is unknown; the problems of all parts.
    """
    needed = needed_sources(spec)["t2i"]
    folder = _folder(spec, needed)
    if spec.t2i.source is not None and spec.t2i.source.single:
        pipe, dtype = load_checkpoint(spec.t2i.pipeline, spec.t2i.source)
        return _with_solver(spec, spec.t2i, pipe), dtype
    pipe = _from_folder(spec, spec.t2i, "t2i", folder, needed, {})
    return pipe, file_dtype(folder / ENCODER_FOLDER, needed.source.variant)


def load_t2v(spec: Spec, t2i: Any) -> Any:
    """The T2V pipeline with the T2I pipeline's text encoder. If it has its own text encoder, the two must be equal.

    :raises InputError: as `load_t2i`; or the text encoders differ.
    """
    import diffusers

    parts, whole = load_video_parts(spec), needed_sources(spec).get("t2v")
    if whole is None:
        shared = {part: getattr(t2i, part) for part in spec.family.SHARED_PARTS}
        where = next(iter(spec.t2v.parts.values()), spec.t2v.source or spec.t2i.source).where  # type: ignore[union-attr]
        optional = dict.fromkeys(spec.family.OPTIONAL_MODELS)
        _require_motion(spec.family, where, {**optional, **shared, **parts})
        with readable(where, "t2v", spec.file):
            pipe = getattr(diffusers, spec.t2v.pipeline)(**{**optional, **shared, **parts})
        return _with_solver(spec, spec.t2v, pipe)
    where, folder, variant = whole.source.where, _folder(spec, whole), whole.source.variant
    shared = {part: getattr(t2i, part) for part in spec.family.ENCODERS}
    for part, encoder in shared.items():
        with readable(where, f"t2v.{part}", folder):
            differ = differing_from(spec.family, encoder, folder, part, variant)
        if differ:
            what = f"the text encoder is not the T2I pipeline's: {len(differ)} tensors differ ({differ[0]}, ...)"
            raise InputError([Problem(where, what, "pair models that share one text encoder")])
    pipe = _from_folder(spec, spec.t2v, "t2v", folder, whole, {**shared, **parts})
    pipe.register_modules(**{part: getattr(t2i, part) for part in spec.family.TOKENIZERS})
    return pipe


def load_video_parts(spec: Spec) -> dict[str, Any]:
    """The parts of the T2V pipeline for which the base's file names a folder of their own.

    :raises InputError: the problems of all.
    """

    def load(needed: Needed, part: str, kind: str) -> Any:
        source = needed.source
        return load_model(f"t2v.{part}", kind, _folder(spec, needed), source.where, source.variant)

    needed = needed_sources(spec)
    own = {part: needed.get(f"t2v.{part}") for part in spec.family.VIDEO_PARTS}
    return load_all(
        {part: partial(load, each, part, spec.family.VIDEO_PARTS[part]) for part, each in own.items() if each}
    )


def _folder(spec: Spec, needed: Needed) -> Path:
    return hub.resolve(spec, needed.source, needed.files, needed.optional)


def _from_folder(
    spec: Spec, pipeline: Pipeline, label: str, folder: Path, needed: Needed, parts: dict[str, Any]
) -> Any:
    """A pipeline from its folder. Its models are loaded one by one, to see whether each tensor finds its place.

    :param label: "t2i" or "t2v", for problems. :param parts: models that are loaded already.
    """
    import diffusers

    where, variant, family = needed.source.where, needed.source.variant, spec.family
    with readable(where, label, folder):
        index = json.loads((folder / "model_index.json").read_text("utf-8"))
    classes = family.VIDEO_CLASSES if label == "t2v" else family.CLASSES
    loads: dict[str, Callable[[], Any]] = {}
    for part in family.MODELS:
        kind = (index.get(part) or (None, None))[1]
        if kind is not None and part not in parts:
            if kind not in classes[part]:
                fix = f"use a model of the {family.NAME} family ({part}: {' or '.join(classes[part])})"
                raise InputError([Problem(where, f"{label}: model_index.json names a {kind} as {part}", fix)])
            what = f"{label}.{part}", kind, folder / part, where, variant
            if part in family.ENCODERS:
                loads[part] = partial(load_stored, family, *what, dtype_of(spec.storage))
            else:
                loads[part] = partial(load_model, *what)
    parts = {**load_all(loads), **parts}
    if label == "t2v":
        _require_motion(family, where, parts)
    problems = [spelling_missing(family, where, f"{label}.{each}", folder / each) for each in family.TOKENIZERS]
    if any(problems):
        raise InputError([problem for some in problems for problem in some])
    with readable(where, label, folder):
        pipe = getattr(diffusers, pipeline.pipeline).from_pretrained(
            folder,
            torch_dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            variant=variant,
            **{**family.T2I, **family.T2V}[pipeline.pipeline],
            **parts,
        )
    if family.CUTS:
        pipe.tokenizer.model_max_length = min(pipe.tokenizer.model_max_length, family.LONGEST_PROMPT)
    return _with_solver(spec, pipeline, pipe)


def _require_motion(family: Family, where: str, parts: Mapping[str, Any]) -> None:
    """diffusers makes random motion modules for a T2V pipeline that has none."""
    adapted = any(parts.get(part) is not None for part in family.OPTIONAL_MODELS)
    if not adapted and type(parts.get(family.DENOISER)).__name__ != family.MOVING:
        raise InputError([Problem(where, "`t2v` has no motion modules", what_moves(family))])


def _with_solver(spec: Spec, pipeline: Pipeline, pipe: Any) -> Any:
    import diffusers

    name = pipeline.scheduler or type(pipe.scheduler).__name__
    solver: Any = getattr(diffusers, name, None)
    if not (isinstance(solver, type) and issubclass(solver, diffusers.SchedulerMixin)):
        fix = "see its documentation"
        raise InputError([Problem(pipeline.scheduler_where, f"diffusers has no scheduler {name}", fix)])
    with readable(pipeline.scheduler_where, f"{name} with its options", spec.file):
        made = solver.from_config(pipe.scheduler.config, **pipeline.scheduler_options)  # type: ignore[attr-defined]
    pipe.register_modules(scheduler=made)
    return pipe


def training_schedule(spec: Spec, pipe: Any) -> Schedule:
    """The schedule that a pipeline's model was trained on. :raises InputError: training does not support it."""
    noise = schedule_of(pipe.scheduler)
    if noise.prediction not in spec.family.PREDICTIONS:
        what = f"the T2I model predicts {noise.prediction!r}"
        raise InputError(
            [Problem(str(spec.file), what, f"use a model that predicts one of {', '.join(spec.family.PREDICTIONS)}")]
        )
    return noise


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the loading bars and warnings of diffusers and transformers, and restore their settings at the end."""
    import diffusers.utils.logging as a
    import transformers.utils.logging as b

    levels = a.get_verbosity(), b.get_verbosity()
    bars = a.is_progress_bar_enabled() if hasattr(a, "is_progress_bar_enabled") else True, b.is_progress_bar_enabled()
    try:
        for log in (a, b):
            log.set_verbosity_error()
            log.disable_progress_bar()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level, bar in zip((a, b), levels, bars, strict=True):
            log.set_verbosity(level)
            if bar:
                log.enable_progress_bar()
