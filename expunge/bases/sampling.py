"""Draws images and videos of prompts, each from its own seed, with the original base or with an edit applied."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from expunge.bases.base import Base, autocast, deterministic
from expunge.bases.condition import Condition, condition_of, joined
from expunge.bases.edits import Edit
from expunge.bases.families import Family
from expunge.bases.latents import decode, decode_videos
from expunge.bases.spec import Pipeline
from expunge.bases.text import encode_empty

Prompts = Sequence[str] | Condition


def sample_images(
    base: Base,
    prompts: Prompts,
    seeds: Sequence[int],
    edit: Edit | None = None,
    return_latents: bool = False,
) -> Any:
    """Images (N, H, W, 3) uint8, one per (prompt, seed); with `return_latents` also the z_0 (N, C, h, w) float32, cpu.

    Each sample has its own generator on the cpu, so its noise depends on its seed and not on the batch.

    :param prompts: texts, or a condition in place of texts. :param edit: the changes of unlearning; None: the
    original base.
    """
    images, latents = [], []
    for z0 in _sample(base, base.t2i, base.spec.t2i, prompts, seeds, edit):
        images.append(decode(base, z0))
        latents.append(z0.float().cpu())
    if not images:
        images, latents = [np.zeros((0, base.spec.t2i.height, base.spec.t2i.width, 3), np.uint8)], [torch.zeros(0)]
    return (np.concatenate(images), torch.cat(latents)) if return_latents else np.concatenate(images)


def sample_videos(base: Base, prompts: Prompts, seeds: Sequence[int], edit: Edit | None = None) -> np.ndarray:
    """Videos (N, F, H, W, 3) uint8, one per (prompt, seed); see `sample_images`.

    :raises ValueError: the base was loaded without its T2V pipeline.
    """
    if base.t2v is None:
        raise ValueError("the base was loaded without its T2V pipeline: load(spec, t2v=True)")
    videos = []
    for z0 in _sample(base, base.t2v, base.spec.t2v, prompts, seeds, edit, base.spec.frames):
        videos.append(decode_videos(base, z0))
    shape = 0, base.spec.frames, base.spec.t2v.height, base.spec.t2v.width, 3
    return np.concatenate(videos) if videos else np.zeros(shape, np.uint8)


def sample_pairs(
    base: Base, modality: str, original: Condition, edited: Condition, seeds: Sequence[int], edit: Edit
) -> tuple[np.ndarray, np.ndarray]:
    """(samples of the base as it is, samples of the edit), each as `sample_images` or `sample_videos` returns them.

    An edit of the text encoder alone shares its batches with the original, since one large batch is faster than two.

    :param original: what the base's own encoder makes of the prompts. :param edited: the same of the edit's encoder.
    """
    sample = sample_images if modality == "image" else sample_videos
    if edit.denoiser:
        return sample(base, original, seeds), sample(base, edited, seeds, edit)
    empty = torch.cat([_empty(base, each, len(seeds), modality == "video") for each in (Edit(base.encoder), edit)])
    both = sample(base, joined([original, edited]), [*seeds, *seeds], Edit(base.encoder, empty))
    return both[: len(seeds)], both[len(seeds) :]


@torch.no_grad()
def _sample(
    base: Base,
    pipe: Any,
    settings: Pipeline,
    prompts: Prompts,
    seeds: Sequence[int],
    edit: Edit | None,
    frames: int | None = None,
) -> Iterator[Tensor]:
    """The denoised latents of each batch, before decoding. :param frames: of a video; None: a picture."""
    if len(prompts) != len(seeds):
        raise ValueError(f"{len(prompts)} prompts, but {len(seeds)} seeds")
    edit, family = edit or Edit(base.encoder), base.spec.family
    denoiser = getattr(pipe, family.DENOISER)
    count = frames or family.PICTURE_FRAMES
    extra = {} if count is None else {family.FRAMES: count}
    empty = _empty(base, edit, len(seeds), frames is not None) if settings.guidance > 1 else None
    for start in range(0, len(seeds), settings.batch):
        batch = slice(start, start + settings.batch)
        condition = _part(base, prompts, batch, edit.encoder)  # outside of autocast, to encode in float32
        text, each_frame = condition.embeddings, condition.embeddings.ndim == 4
        with (
            autocast(base),
            deterministic(base),
            _changed(denoiser, edit.denoiser),
            _fed(family, denoiser, frames, empty is not None),
            _by_frame(denoiser, text, empty is not None),
        ):
            result = pipe(
                **family.call(
                    denoiser,
                    text[:, 0] if each_frame else text,
                    None if empty is None else empty[batch],
                    frames is not None,
                ),
                height=settings.height,
                width=settings.width,
                num_inference_steps=settings.steps,
                guidance_scale=settings.guidance,
                generator=[torch.Generator().manual_seed(int(seed)) for seed in seeds[batch]],
                output_type="latent",
                return_dict=False,
                **extra,
            )
        yield family.latents_of(result[0], frames)


@torch.no_grad()
def _empty(base: Base, edit: Edit, count: int, video: bool) -> Tensor:
    """(count, L, D): what guidance takes for the empty prompt of each sample."""
    empty = edit.unconditional
    if empty is None:
        empty = encode_empty(base, edit.encoder, video)
    return empty.to(base.device).expand(count, -1, -1)


def _part(base: Base, prompts: Prompts, batch: slice, encoder: Any) -> Condition:
    """The condition of a batch, on the base's device."""
    if isinstance(prompts, Condition):
        return prompts.each(lambda tensor: tensor[batch].to(base.device))
    return condition_of(base, prompts[batch], encoder)


@contextmanager
def _fed(family: Family, denoiser: Any, frames: int | None, guided: bool) -> Iterator[None]:
    """Make what the pipeline gives the denoiser right for embeddings in place of prompts."""

    def right(module: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, family.fed(kwargs, frames, guided)

    hook = denoiser.register_forward_pre_hook(right, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def _by_frame(denoiser: Any, text: Tensor, guided: bool) -> Iterator[None]:
    """Where texts are (N, F, L, D), feed the denoiser one for each frame: pipelines repeat a single one over them.

    :raises ValueError: the denoiser reads one text for a whole video.
    """
    if text.ndim == 3:
        yield
        return
    frames = text.flatten(0, 1)

    def replace(module: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        repeated = kwargs["encoder_hidden_states"]  # with guidance, the empty prompt's come first
        if len(repeated) != len(frames) * (1 + guided):
            raise ValueError(f"{type(denoiser).__name__} reads no text for each frame")
        own = torch.cat([repeated[: len(repeated) - len(frames)], frames.to(repeated)])
        return args, {**kwargs, "encoder_hidden_states": own}

    hook = denoiser.register_forward_pre_hook(replace, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def _changed(denoiser: Any, changes: Mapping[str, Tensor]) -> Iterator[None]:
    """Add an edit's changes to a denoiser, and restore the original bytes at the end."""
    if not changes:
        yield
        return
    own = dict(denoiser.named_parameters())
    before = {name: own[name].detach().clone() for name in changes}
    try:
        for name, change in changes.items():
            own[name].add_(change.to(own[name]))
        yield
    finally:
        for name, tensor in before.items():
            own[name].copy_(tensor)
