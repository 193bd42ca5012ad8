"""Loads a base's diffusers pipelines with their solvers, and checks that both have the same text encoder."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from expunge.bases import hub
from expunge.bases.edits import differing, file_dtype
from expunge.bases.families import stable_diffusion as family
from expunge.bases.sources import Needed, needed_sources
from expunge.bases.spec import Pipeline, Spec
from expunge.core.errors import InputError, Problem


def load_t2i(spec: Spec) -> tuple[Any, torch.dtype]:
    """(the T2I pipeline in float32 on the cpu, the dtype in which its files store the text encoder).

    :raises InputError: weights are missing or broken, or the scheduler is unknown.
    """
    needed = needed_sources(spec)["t2i"]
    folder = _folder(spec, needed)
    pipe = _from_folder(spec, spec.t2i, folder, needed.source.variant, {})
    return pipe, file_dtype(folder / family.ENCODER_FOLDER, needed.source.variant)


def load_t2v(spec: Spec, t2i: Any) -> Any:
    """The T2V pipeline with the T2I pipeline's text encoder. If it has its own text encoder, the two must be equal.

    :raises InputError: as `load_t2i`; or the text encoders differ.
    """
    import diffusers

    needed, parts = needed_sources(spec), dict[str, Any]()
    for part, kind in family.VIDEO_PARTS.items():
        own = needed.get(f"t2v.{part}")
        if own is not None:
            folder = _folder(spec, own)
            with _readable(own.source.where, folder):
                parts[part] = getattr(diffusers, kind).from_pretrained(
                    folder, torch_dtype=torch.float32, use_safetensors=True, variant=own.source.variant
                )
    whole = needed.get("t2v")
    if whole is None:
        shared = {part: getattr(t2i, part) for part in family.SHARED_PARTS}
        pipe = getattr(diffusers, spec.t2v.pipeline)(**{"motion_adapter": None, **shared, **parts})
        return _with_solver(spec, spec.t2v, pipe)
    pipe = _from_folder(spec, spec.t2v, _folder(spec, whole), whole.source.variant, parts)
    differ = differing(t2i.text_encoder.state_dict(), pipe.text_encoder.state_dict())
    if differ:
        what = f"the text encoder is not the T2I pipeline's: {len(differ)} tensors differ ({differ[0]}, ...)"
        raise InputError([Problem(whole.source.where, what, "pair models that share one text encoder")])
    pipe.register_modules(text_encoder=t2i.text_encoder, tokenizer=t2i.tokenizer)
    return pipe


def _folder(spec: Spec, needed: Needed) -> Path:
    return hub.resolve(spec, needed.source, needed.files, needed.optional)


def _from_folder(spec: Spec, pipeline: Pipeline, folder: Path, variant: str | None, parts: dict[str, Any]) -> Any:
    import diffusers

    with _readable(str(spec.file), folder):
        pipe = getattr(diffusers, pipeline.pipeline).from_pretrained(
            folder,
            torch_dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            variant=variant,
            **family.WITHOUT[pipeline.pipeline],
            **parts,
        )
    return _with_solver(spec, pipeline, pipe)


def _with_solver(spec: Spec, pipeline: Pipeline, pipe: Any) -> Any:
    import diffusers

    name = pipeline.scheduler or type(pipe.scheduler).__name__
    solver: Any = getattr(diffusers, name, None)
    if not (isinstance(solver, type) and issubclass(solver, diffusers.SchedulerMixin)):
        raise InputError([Problem(str(spec.file), f"diffusers has no scheduler {name}", "see its documentation")])
    made = solver.from_config(pipe.scheduler.config, **pipeline.scheduler_options)  # type: ignore[attr-defined]
    pipe.register_modules(scheduler=made)
    return pipe


def training_schedule(spec: Spec, pipe: Any) -> Any:
    """A DDPMScheduler with the schedule that a pipeline's model was trained on."""
    from diffusers import DDPMScheduler

    noise = DDPMScheduler.from_config({k: v for k, v in pipe.scheduler.config.items() if not k.startswith("_")})
    if noise.config.prediction_type not in family.PREDICTIONS:
        what = f"the T2I model predicts {noise.config.prediction_type!r}"
        raise InputError(
            [Problem(str(spec.file), what, f"use a model that predicts one of {', '.join(family.PREDICTIONS)}")]
        )
    return noise


@contextmanager
def _readable(where: str, folder: Path) -> Iterator[None]:
    """Turn an error while weights are read into an InputError of one line."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        what = f"{folder} cannot be loaded: {' '.join(str(error).split())[:300]}"
        fix = "put a complete diffusers folder with safetensors there"
        raise InputError([Problem(where, what, fix)]) from error


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
