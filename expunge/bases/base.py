"""A loaded base and the few plain functions through which methods and stages use it.

    base = load(load_spec("emoji"), t2v=True)
    c = encode_prompts(base, ["a photo of a cat"])                 (1, L, D)
    eps = predict_noise(base, latents, timesteps, c)               like latents
    images = sample_images(base, ["a photo of a cat"], seeds=[0])  (1, H, W, 3) uint8

No caller sees a U-Net: what its family calls it stands in `bases.families`, other prediction types in `target`.
The encoder stays in float32; the denoiser runs in the base's dtype (autocast), losses and solver steps in float32.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from expunge.bases.arithmetic import choose_device, choose_dtype
from expunge.bases.edits import Edit, read_edit, save_edit
from expunge.bases.families.stable_diffusion import DENOISERS, reads_text
from expunge.bases.pipelines import load_t2i, load_t2v, quiet, training_schedule
from expunge.bases.spec import Pipeline, Spec, load_spec

__all__ = [
    "Base", "Edit", "Spec", "add_noise", "decode", "denoiser_of", "deterministic", "encode_images", "encode_prompts",
    "load", "load_edit", "load_spec", "predict_noise", "sample_images", "sample_videos", "store_edit", "target",
    "text_gram",
]  # fmt: skip


@dataclass(frozen=True)
class Base:
    spec: Spec
    device: torch.device
    dtype: torch.dtype  # of the denoiser's arithmetic
    t2i: Any  # diffusers pipeline
    t2v: Any | None  # diffusers pipeline; None unless asked for
    encoder: Any  # the original text encoder: CLIPTextModel, float32, frozen
    encoder_dtype: torch.dtype  # in which the base's file stores it, and unlearned ones are stored
    noise: Any  # DDPMScheduler with the training schedule of the T2I model

    @property
    def timesteps(self) -> int:
        """Length of the training schedule; a timestep is an integer in [0, timesteps)."""
        return int(self.noise.config.num_train_timesteps)


def load(spec: Spec, t2v: bool = False) -> Base:
    """Load the T2I pipeline, and the T2V one if asked, frozen, on the base's device.

    :raises InputError: weights are missing or broken, the device is not there, the T2V pipeline has another encoder,
        or a scheduler or prediction type is unknown.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it once, at its first call
    device = choose_device(spec)
    dtype = choose_dtype(spec, device)
    with quiet():
        pipe, encoder_dtype = load_t2i(spec)
        video = load_t2v(spec, pipe) if t2v else None
        for pipeline in (pipe, video):
            if pipeline is not None:
                _settle(pipeline, device, dtype)
    return Base(spec, device, dtype, pipe, video, pipe.text_encoder, encoder_dtype, training_schedule(spec, pipe))


def encode_prompts(base: Base, prompts: Sequence[str], encoder: Any | None = None) -> Tensor:
    """(N, L, D) float32: what the base's pipeline feeds its denoiser, the last hidden state after the final layer norm.

    :param encoder: an unlearned encoder in place of the base's own; gradients reach its parameters.
    """
    encoder = base.encoder if encoder is None else encoder
    tokens = base.t2i.tokenizer(
        list(prompts),
        padding="max_length",
        max_length=base.t2i.tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    masked = getattr(encoder.config, "use_attention_mask", False)
    mask = tokens.attention_mask.to(base.device) if masked else None
    return encoder(tokens.input_ids.to(base.device), attention_mask=mask)[0]


def denoiser_of(base: Base) -> Any:
    """The T2I denoiser, frozen: what a method copies to change it."""
    return getattr(base.t2i, DENOISERS[base.spec.t2i.pipeline])


def predict_noise(
    base: Base, latents: Tensor, timesteps: Tensor, embeddings: Tensor, denoiser: Any | None = None
) -> Tensor:
    """The denoiser's output, float32 like the noised latents, for timesteps (N,) and embeddings (N, L, D).

    :param latents: (N, C, h, w) for the T2I denoiser, (N, C, F, h, w) for the T2V one. :param denoiser: a changed one
        in place of the base's own; gradients reach its parameters.
    """
    if latents.ndim == 5:
        denoiser = getattr(base.t2v, DENOISERS[base.spec.t2v.pipeline]) if denoiser is None else denoiser
        embeddings = embeddings.repeat_interleave(latents.shape[2], dim=0)  # one for each frame, as the pipeline does
    denoiser = denoiser_of(base) if denoiser is None else denoiser
    with _autocast(base):
        return denoiser(latents, timesteps, encoder_hidden_states=embeddings, return_dict=False)[0].float()


def text_gram(base: Base) -> Tensor:
    """W^T W, (D, D) float32, of all key and value projections W of the denoisers' cross-attention, stacked.

    ||W (a - b)||^2 = (a - b)^T W^T W (a - b) is all that a denoiser can see of a change of its text.
    """
    denoisers = [getattr(pipe, DENOISERS[type(pipe).__name__]) for pipe in (base.t2i, base.t2v) if pipe is not None]
    grams = [
        module.weight.float().T @ module.weight.float()
        for denoiser in denoisers
        for name, module in denoiser.named_modules()
        if reads_text(name)
    ]
    return torch.stack(grams).sum(0)


def add_noise(base: Base, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps, shapes (N, C, h, w), timesteps (N,)."""
    return base.noise.add_noise(latents, noise, timesteps)


def target(base: Base, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """What `predict_noise` was trained to give: the noise, the velocity, or the clean latents."""
    kind = base.noise.config.prediction_type
    if kind == "v_prediction":
        return base.noise.get_velocity(latents, noise, timesteps)
    return latents if kind == "sample" else noise


def sample_images(
    base: Base,
    prompts: Sequence[str] | Tensor,
    seeds: Sequence[int],
    edit: Edit | None = None,
    return_latents: bool = False,
) -> Any:
    """Images (N, H, W, 3) uint8, one per (prompt, seed); with `return_latents` also the z_0 (N, C, h, w) float32, cpu.

    Each sample has its own generator on the cpu, so that it depends on its prompt and seed and not on the batch.

    :param prompts: texts, or embeddings (N, L, D) to be fed in their place. :param edit: what unlearning changed; None:
    the base as it is.
    """
    images, latents = [], []
    for _, z0 in _sample(base, base.t2i, base.spec.t2i, prompts, seeds, edit, {}):
        images.append(decode(base, z0))
        latents.append(z0.float().cpu())
    if not images:
        size = base.spec.resolution
        images, latents = [np.zeros((0, size, size, 3), np.uint8)], [torch.zeros(0)]
    return (np.concatenate(images), torch.cat(latents)) if return_latents else np.concatenate(images)


def sample_videos(
    base: Base,
    prompts: Sequence[str] | Tensor,
    seeds: Sequence[int],
    edit: Edit | None = None,
) -> np.ndarray:
    """Videos (N, F, H, W, 3) uint8, one per (prompt, seed); see `sample_images`.

    :raises ValueError: the base was loaded without its T2V pipeline.
    """
    if base.t2v is None:
        raise ValueError("the base was loaded without its T2V pipeline: load(spec, t2v=True)")
    videos = []
    extra = {"num_frames": base.spec.frames}
    for batch, z0 in _sample(base, base.t2v, base.spec.t2v, prompts, seeds, edit, extra):
        frames = decode(base, z0.transpose(1, 2).flatten(0, 1))  # (N, C, F, h, w) -> (N F, C, h, w)
        videos.append(frames.reshape(len(batch), -1, *frames.shape[1:]))
    size = base.spec.resolution
    return np.concatenate(videos) if videos else np.zeros((0, base.spec.frames, size, size, 3), np.uint8)


@torch.no_grad()
def decode(base: Base, latents: Tensor) -> np.ndarray:
    """Latents (N, C, h, w) as the denoiser sees them -> images (N, H, W, 3) uint8; the VAE runs in float32."""
    vae, pictures = base.t2i.vae, []
    for part in latents.to(base.device, torch.float32).split(max(base.spec.t2i.batch, 1)):
        pixels = vae.decode(part / vae.config.scaling_factor + (vae.config.shift_factor or 0), return_dict=False)[0]
        pixels = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        pictures.append(pixels.permute(0, 2, 3, 1).cpu().numpy())
    return np.concatenate(pictures)


@torch.no_grad()
def encode_images(base: Base, images: np.ndarray) -> Tensor:
    """Images (N, H, W, 3) uint8 -> latents (N, C, h, w) float32 on the cpu: the mean of the VAE's posterior."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).to(base.device, torch.float32) / 127.5 - 1
    vae = base.t2i.vae
    means = [vae.encode(part).latent_dist.mean for part in pixels.split(max(base.spec.t2i.batch, 1))]
    return ((torch.cat(means) - (vae.config.shift_factor or 0)) * vae.config.scaling_factor).cpu()


def load_edit(base: Base, folder: Path | str) -> Edit:
    """What `store_edit` wrote, on the base's device."""
    with quiet():
        return read_edit(Path(folder), base.device)


def store_edit(base: Base, folder: Path | str, edit: Edit) -> None:
    """Write an unlearned encoder as `load_edit` and `CLIPTextModel.from_pretrained` read it, in the base's dtype."""
    save_edit(edit, Path(folder), base.encoder_dtype)


@contextmanager
def deterministic(base: Base) -> Iterator[None]:
    """On a GPU, only kernels that give the same bytes twice; a CPU does so anyway."""
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


@torch.no_grad()
def _sample(
    base: Base,
    pipe: Any,
    how: Pipeline,
    prompts: Sequence[str] | Tensor,
    seeds: Sequence[int],
    edit: Edit | None,
    extra: dict[str, Any],
) -> Iterator[tuple[Sequence[str] | Tensor, Tensor]]:
    """Batches of (prompts, latents)."""
    if len(prompts) != len(seeds):
        raise ValueError(f"{len(prompts)} prompts, but {len(seeds)} seeds")
    edit = edit or Edit(base.encoder)
    unconditional = edit.unconditional
    if how.guidance > 1 and unconditional is None:
        unconditional = encode_prompts(base, [""], edit.encoder)
    for start in range(0, len(prompts), how.batch):
        batch = prompts[start : start + how.batch]
        negative = unconditional.to(base.device).expand(len(batch), -1, -1) if unconditional is not None else None
        fed = isinstance(batch, Tensor)  # else encoded here, in float32: outside of autocast
        embeddings = batch.to(base.device) if fed else encode_prompts(base, batch, edit.encoder)  # type: ignore[union-attr, arg-type]
        with _autocast(base), deterministic(base), _changed(pipe, edit.denoiser):
            result = pipe(
                prompt_embeds=embeddings,
                negative_prompt_embeds=negative if how.guidance > 1 else None,
                height=base.spec.resolution,
                width=base.spec.resolution,
                num_inference_steps=how.steps,
                guidance_scale=how.guidance,
                generator=[torch.Generator().manual_seed(int(seed)) for seed in seeds[start : start + how.batch]],
                output_type="latent",
                return_dict=False,
                **extra,
            )
        yield batch, result[0]


@contextmanager
def _changed(pipe: Any, changes: Mapping[str, Tensor]) -> Iterator[None]:
    """A pipeline's denoiser with what an edit adds to it; the same bytes as before are put back at the end."""
    if not changes:
        yield
        return
    own = dict(getattr(pipe, DENOISERS[type(pipe).__name__]).named_parameters())
    before = {name: own[name].detach().clone() for name in changes}
    try:
        for name, change in changes.items():
            own[name].add_(change.to(own[name]))
        yield
    finally:
        for name, tensor in before.items():
            own[name].copy_(tensor)


def _settle(pipeline: Any, device: torch.device, dtype: torch.dtype) -> None:
    """Freeze a pipeline's models and put them on the device, in the form that is fastest there."""
    pipeline.set_progress_bar_config(disable=True)  # the stages show their own
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            part.to(device).eval().requires_grad_(False)
    denoiser = getattr(pipeline, DENOISERS[type(pipeline).__name__])
    if device.type == "cuda":
        denoiser.to(dtype)  # autocast would cast it at every call; the encoder and the VAE stay in float32
    elif device.type == "cpu" and dtype != torch.float32 and denoiser.config.sample_size <= 32:
        from diffusers.models.attention_processor import AttnProcessor

        # scaled_dot_product_attention in bfloat16 on a CPU: a training step takes 61 ms, not 50, on small latents.
        denoiser.set_attn_processor(AttnProcessor())


def _autocast(base: Base) -> AbstractContextManager[Any]:
    return nullcontext() if base.dtype == torch.float32 else torch.autocast(base.device.type, base.dtype)
