"""Diffusers pipelines from a base's files: device, dtype, solver, and the proof that both share one text encoder."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from expunge.bases import hub
from expunge.bases.edits import differing, file_dtype
from expunge.bases.spec import Pipeline, Spec
from expunge.core.errors import InputError, Problem

# Which part of a pipeline predicts the noise, and what a pipeline must be told not to load.
DENOISERS = {"StableDiffusionPipeline": "unet", "AnimateDiffPipeline": "unet"}
WITHOUT: dict[str, dict[str, Any]] = {
    "StableDiffusionPipeline": {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False},
    "AnimateDiffPipeline": {"feature_extractor": None},
}
PREDICTIONS = ("epsilon", "v_prediction", "sample")


def choose_device(spec: Spec) -> torch.device:
    """The device of a spec; `auto` is cuda, then mps, then cpu.

    :raises InputError: it is not there.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if spec.device == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if there[name]))
    device = torch.device(spec.device)
    if not there[device.type] or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        fix = f"write `device: auto` (this machine has {', '.join(n for n, here in there.items() if here)})"
        raise InputError([Problem(str(spec.file), f"there is no device {spec.device}", fix)])
    return device


def choose_dtype(spec: Spec, device: torch.device) -> torch.dtype:
    """The dtype of the denoiser's arithmetic on a device; see schema.json for `auto`."""
    if spec.dtype != "auto":
        return getattr(torch, spec.dtype)
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    # Without instructions for it, bfloat16 is emulated on a CPU and slower than float32; with them a video of the
    # embedded base takes 0.9 s in place of 1.6 s (2 cores, AVX-512).
    features = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    fast = device.type == "cpu" and any(getattr(torch.cpu, name, lambda: False)() for name in features)
    return torch.bfloat16 if fast else torch.float32


def load_t2i(spec: Spec) -> tuple[Any, torch.dtype]:
    """(the T2I pipeline in float32 on the cpu, the dtype in which its file stores the text encoder)."""
    source = spec.t2i.source
    assert source is not None  # load_spec saw to it
    folder = hub.resolve(spec, source, hub.pipeline_files(source.variant))
    pipe = _from_folder(spec, spec.t2i, folder, source.variant, {})
    return pipe, file_dtype(folder / "text_encoder", source.variant)


def load_t2v(spec: Spec, t2i: Any) -> Any:
    """The T2V pipeline, which takes the T2I pipeline's text encoder: proven equal where it brings one of its own."""
    import diffusers

    how, parts = spec.t2v, {}
    for key, kind in (("unet", diffusers.UNetMotionModel), ("motion_adapter", diffusers.MotionAdapter)):
        source = how.unet if key == "unet" else how.adapter
        if source is not None:
            folder = hub.resolve(spec, source, hub.module_files(source.variant))
            with _readable(source.where, folder):
                parts[key] = kind.from_pretrained(
                    folder, torch_dtype=torch.float32, use_safetensors=True, variant=source.variant
                )
    if how.source is None or how.source == spec.t2i.source or _same_place(how, spec.t2i):
        own = {key: getattr(t2i, key) for key in ("vae", "text_encoder", "tokenizer", "unet", "scheduler")}
        pipe = getattr(diffusers, how.pipeline)(**{"motion_adapter": None, **own, **parts})
        return _with_solver(spec, how, pipe)
    folder = hub.resolve(spec, how.source, _own_files(how, how.source.variant))
    pipe = _from_folder(spec, how, folder, how.source.variant, parts)
    differ = differing(t2i.text_encoder.state_dict(), pipe.text_encoder.state_dict())
    if differ:
        what = f"the text encoder is not the T2I pipeline's: {len(differ)} tensors differ ({differ[0]}, ...)"
        raise InputError([Problem(how.source.where, what, "pair models that share one text encoder")])
    pipe.register_modules(text_encoder=t2i.text_encoder, tokenizer=t2i.tokenizer)
    return pipe


def _own_files(how: Pipeline, variant: str | None) -> list[str]:
    """What a T2V pipeline's own folder must hold: its U-Net only if the base's file names no other."""
    return [name for name in hub.pipeline_files(variant) if how.unet is None or not name.startswith("unet/")]


def _same_place(one: Pipeline, other: Pipeline) -> bool:
    a, b = one.source, other.source
    return a is not None and b is not None and (a.path, a.repo, a.revision) == (b.path, b.repo, b.revision)


def _from_folder(spec: Spec, how: Pipeline, folder: Path, variant: str | None, parts: dict[str, Any]) -> Any:
    import diffusers

    with _readable(str(spec.file), folder):
        pipe = getattr(diffusers, how.pipeline).from_pretrained(
            folder,
            torch_dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            variant=variant,
            **WITHOUT[how.pipeline],
            **parts,
        )
    return _with_solver(spec, how, pipe)


def _with_solver(spec: Spec, how: Pipeline, pipe: Any) -> Any:
    import diffusers

    name = how.scheduler or type(pipe.scheduler).__name__
    solver: Any = getattr(diffusers, name, None)
    if not (isinstance(solver, type) and issubclass(solver, diffusers.SchedulerMixin)):
        raise InputError([Problem(str(spec.file), f"diffusers has no scheduler {name}", "see its documentation")])
    made = solver.from_config(pipe.scheduler.config, **how.scheduler_options)  # type: ignore[attr-defined]
    pipe.register_modules(scheduler=made)
    return pipe


def training_schedule(spec: Spec, pipe: Any) -> Any:
    """A DDPMScheduler with the schedule that a pipeline's model was trained on."""
    from diffusers import DDPMScheduler

    noise = DDPMScheduler.from_config({k: v for k, v in pipe.scheduler.config.items() if not k.startswith("_")})
    if noise.config.prediction_type not in PREDICTIONS:
        what = f"the T2I model predicts {noise.config.prediction_type!r}"
        raise InputError([Problem(str(spec.file), what, f"take a model that predicts one of {', '.join(PREDICTIONS)}")])
    return noise


@contextmanager
def _readable(where: str, folder: Path) -> Iterator[None]:
    """Weights that cannot be read become one line."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        what = f"{folder} cannot be loaded: {' '.join(str(error).split())[:300]}"
        fix = "put a complete diffusers folder with safetensors there"
        raise InputError([Problem(where, what, fix)]) from error


@contextmanager
def quiet() -> Iterator[None]:
    """No loading bars and warnings of diffusers and transformers; what they were set to comes back."""
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
