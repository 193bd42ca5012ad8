"""A loaded base: a T2I and a T2V model that share one text encoder, both frozen and on one device.

    base = load(load_spec("emoji"), t2v=True)
    c = condition_of(base, ["a photo of a cat"])                   text for a denoiser: condition.py
    eps = predict_noise(base, latents, timesteps, c)               shape of latents: denoising.py
    images = sample_images(base, ["a photo of a cat"], seeds=[0])  (1, H, W, 3) uint8: sampling.py

Callers need not know the model's architecture: `bases.families` names its parts, and `denoising.target` handles
prediction types other than noise. The encoder, the losses and the solver steps use float32. The denoiser uses the
base's dtype (autocast).
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from expunge.bases.additions import add_all
from expunge.bases.arithmetic import choose_device, choose_dtype
from expunge.bases.change import read_change, save_change
from expunge.bases.change_mark import MARK, is_change
from expunge.bases.edits import Edit, read_edit, save_edit
from expunge.bases.encoders import encoder_in
from expunge.bases.offload import Placement, placement_of
from expunge.bases.pipelines import load_t2i, load_t2v, quiet, training_schedule
from expunge.bases.schedule import Schedule
from expunge.bases.spec import Spec
from expunge.bases.stored import dtype_of


@dataclass(frozen=True)
class Base:
    spec: Spec
    device: torch.device
    dtype: torch.dtype  # of the denoiser's arithmetic
    t2i: Any  # diffusers pipeline
    t2v: Any | None  # diffusers pipeline; None unless asked for
    encoder: Any  # the original text encoder, or all of them (bases/encoders.py), float32, frozen
    encoder_dtype: torch.dtype  # of the encoder in the base's files; unlearned encoders are stored in it, too
    noise: Schedule  # of the T2I model's training
    sums: Path | None = None  # a folder in which sums over the kept vocabulary are held (bases/vocabulary_sums.py)
    placement: Placement | None = None  # where its models lie; None: on the device

    @property
    def timesteps(self) -> int:
        """Length of the training schedule; a timestep is an integer in [0, timesteps)."""
        return self.noise.length


def load(spec: Spec, t2v: bool = False, sums: Path | None = None, draws_only: bool = False) -> Base:
    """Load the T2I pipeline, and the T2V one if asked, frozen, on the base's device.

    :param sums: a folder for what is computed once a base; None: a process holds it in memory alone.
    :param draws_only: nothing is trained with it: then the file's `offload` holds, and its `storage` for the denoiser.

    :raises InputError: weights are missing or broken, the device does not exist, the T2V pipeline has another
        encoder, a scheduler or prediction type is unknown, or a LoRA or textual inversion does not fit.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it once, at its first call
    device = choose_device(spec)
    dtype = choose_dtype(spec, device)
    with quiet():
        pipe, encoder_dtype = load_t2i(spec)
        video = load_t2v(spec, pipe) if t2v else None
        add_all(spec, pipe, video)
        placement = placement_of(spec, device, draws_only)
        pipelines = [each for each in (pipe, video) if each is not None]
        for pipeline in pipelines:
            _settle(pipeline, getattr(pipeline, spec.family.DENOISER), placement.home, device, dtype)
        placement.keep(spec.family, pipelines, dtype)
    encoder, schedule = encoder_in(spec.family, pipe), training_schedule(spec, pipe)
    return Base(spec, device, dtype, pipe, video, encoder, encoder_dtype, schedule, sums, placement)


def denoiser_of(base: Base) -> Any:
    """The frozen T2I denoiser. A method that changes the denoiser copies it first."""
    return getattr(base.t2i, base.spec.family.DENOISER)


def load_edit(base: Base, folder: Path | str) -> Edit:
    """Read what `store_edit` wrote, to where the base's own models are."""
    with quiet():
        home = base.device if base.placement is None else base.placement.home
        if is_change(Path(folder)):
            edit = read_change(Path(folder), base.spec.family, base.encoder, base.encoder_dtype, home)
        else:
            edit = read_edit(Path(folder), base.spec.family, home, dtype_of(base.spec.storage))
    if base.placement is not None:
        base.placement.keep_encoder(base.spec.family, edit.encoder)
    return edit


def store_edit(base: Base, folder: Path | str, edit: Edit, stored: str = "whole") -> None:
    """Write an edit to a folder, for `load_edit`. The encoder's tensors get the dtype that the base's files have.

    :param stored: whole: `from_pretrained` of the encoder's class reads the folder, too; change: where the edit has an
        adapter, this stands for the encoder (bases/change.py); where it has none, the encoder is stored whole.
    """
    (Path(folder) / MARK).unlink(missing_ok=True)
    if stored == "change" and edit.adapter:
        save_change(edit, Path(folder), base.spec.family, base.encoder, base.encoder_dtype)
    else:
        save_edit(edit, Path(folder), base.spec.family, base.encoder_dtype)


@contextmanager
def deterministic(base: Base) -> Iterator[None]:
    """On a GPU, use kernels that give the same bytes in every run. A CPU gives the same bytes without this."""
    if base.device.type != "cuda":
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    try:
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]


def autocast(base: Base) -> AbstractContextManager[Any]:
    """A context in which the denoiser computes in the base's dtype; for float32 it does nothing."""
    return nullcontext() if base.dtype == torch.float32 else torch.autocast(base.device.type, base.dtype)


def _settle(pipeline: Any, denoiser: Any, home: torch.device, device: torch.device, dtype: torch.dtype) -> None:
    """Freeze a pipeline's models and put them where they lie, in the form that runs fastest on the device."""
    pipeline.set_progress_bar_config(disable=True)  # the stages show their own progress
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            part.to(home).eval().requires_grad_(False)
    for module in denoiser.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.to(memory_format=torch.channels_last)  # it is faster so
    if device.type == "cpu" and dtype != torch.float32 and (getattr(denoiser.config, "sample_size", None) or 64) <= 32:
        from diffusers.models.attention_processor import AttnProcessor

        # For small latents in bfloat16 on a CPU, a training step takes 61 ms with scaled_dot_product_attention, and
        # 50 ms with this processor.
        denoiser.set_attn_processor(AttnProcessor())
