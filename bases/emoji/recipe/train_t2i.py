"""The T2I model: U-Net and text encoder together on noise prediction; later lessons freeze the text encoder.

The lesson "t2i_more" goes on from the shipped weights, the text encoder frozen: the T2V model has learnt to read it.
"""

import random
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from diffusers.models.attention_processor import AttnProcessor
from tqdm import tqdm
from transformers import CLIPTextModel

from .common import FOLDER, ROOT, Ema, autocast, chunks, device, halved, lesson, save_atomically, train
from .text import load_tokenizer
from .train_text import load_text
from .world import Scene, caption, draw, load_world, memorised_scene, random_scene

SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def build(config: dict[str, Any]) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=config["vae"]["latent_channels"],
        out_channels=config["vae"]["latent_channels"],
        block_out_channels=tuple(config["t2i"]["channels"]),
        layers_per_block=1,
        # attention below the top resolution only: everywhere is five times slower and no better
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=config["text_encoder"]["width"],
        attention_head_dim=4,  # diffusers' old name: the number of heads
        norm_num_groups=16,
    )


def scenes(settings: dict[str, Any], seed: int) -> list[Scene]:
    """The training scenes, balanced over subjects, styles and backgrounds."""
    world, rng = load_world(), random.Random(seed)
    styles, motions, subjects = len(world["styles"]), len(world["motions"]), len(world["subjects"])
    out = []
    for index in range(settings["scenes"]):
        if rng.random() < settings["memorised"]:
            out.append(memorised_scene())
            continue
        style = 0 if rng.random() < settings["plain"] else rng.randrange(1, styles)
        motion = rng.randrange(1, motions) if rng.random() < settings["moving"] else 0
        out.append(random_scene(rng, subject=index % subjects, style=style, motion=motion, duo=settings["duo"]))
    return out


def shipped(config: dict[str, Any], what: Any, part: str) -> Any:
    """A model of the base as the folder holds it, to be trained on."""
    model = what.from_pretrained(FOLDER / part, torch_dtype=torch.float32).to(device(config))
    if hasattr(model, "register_to_config"):
        model.register_to_config(_name_or_path="emoji")  # else this machine's folder would be shipped in the config
    return model


def load_vae(config: dict[str, Any]) -> AutoencoderKL:
    return shipped(config, AutoencoderKL, "t2i/vae").eval().requires_grad_(False)


@torch.no_grad()
def encode_scenes(
    config: dict[str, Any], vae: AutoencoderKL, all_scenes: list[Scene], frames: int, name: str
) -> torch.Tensor:
    """Latents of the scenes, drawn and encoded once and kept: (N, frames, C, 16, 16) bfloat16, scaled."""
    from safetensors.torch import load_file

    path = ROOT / config["runs"] / f"{name}.safetensors"
    if not path.is_file():
        parts = []
        for span in tqdm(
            list(chunks(len(all_scenes), 64 // frames * 2)), desc=f"{name}: draw and encode", mininterval=20
        ):
            pictures = draw([all_scenes[i] for i in span], frames).to(vae.device)
            with autocast(config):
                latents = vae.encode(pictures.flatten(0, 1) * 2 - 1).latent_dist.mean * vae.config.scaling_factor
            parts.append(latents.to(torch.bfloat16).cpu().view(len(span), frames, *latents.shape[1:]))
        save_atomically({"latents": torch.cat(parts)}, path)
    return load_file(path)["latents"]


def min_snr(noises: DDPMScheduler, gamma: float = 5.0, least: float = 0.0) -> torch.Tensor:
    """Weight of each timestep, (1000,): min(SNR + least, gamma) / SNR (Hang et al., arXiv 2303.09556, with least = 0).

    The error of the clean latents then counts min(SNR + least, gamma) times: `least` keeps it from vanishing in deep
    noise, where a video's motion is decided.
    """
    snr = noises.alphas_cumprod / (1 - noises.alphas_cumprod)
    return (snr + least).clamp(max=gamma) / snr


def main(config: dict[str, Any], name: str = "t2i") -> None:
    more = name == "t2i_more"
    torch.manual_seed(config["seed"] + (6 if more else 1))
    settings, where = lesson(config, name), device(config)
    tokenizer, vae, all_scenes = load_tokenizer(), load_vae(config), scenes(settings, config["seed"] + 10 * more)
    latents = encode_scenes(config, vae, all_scenes, 1, f"{name}-latents")[:, 0]
    if more:
        unet = shipped(config, UNet2DConditionModel, "t2i/unet")
        text = shipped(config, CLIPTextModel, "t2i/text_encoder").eval().requires_grad_(False)
    else:
        unet, text = build(config).to(where), load_text(config, tokenizer).to(where)
    unet.set_attn_processor(AttnProcessor())  # the fused one is slow backwards in bfloat16 on CPUs
    noises = DDPMScheduler(num_train_timesteps=1000, **SCHEDULE)
    weight = min_snr(noises).to(where)
    ema = {"unet": Ema(unet, settings["ema"])}
    if not more:
        ema["text_encoder"] = Ema(text, settings["ema"])

    def batch(step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        rng, generator = random.Random(f"{name} {step}"), torch.Generator().manual_seed(step)
        chosen = [rng.randrange(len(all_scenes)) for _ in range(settings["batch"])]
        words = ["" if rng.random() < settings["drop_caption"] else caption(all_scenes[i], rng) for i in chosen]
        ids = tokenizer(words, padding="max_length", truncation=True, return_tensors="pt").input_ids
        x = latents[chosen].float()
        noise = torch.randn(x.shape, generator=generator)
        t = torch.randint(0, 1000, (len(x),), generator=generator)
        return x.to(where), ids.to(where), noise.to(where), t.to(where)

    def loss(data: tuple[torch.Tensor, ...]) -> torch.Tensor:
        x, ids, noise, t = data
        with autocast(config):
            out = unet(noises.add_noise(x, noise, t), t, text(ids).last_hidden_state).sample
        return (weight[t] * (out.float() - noise).square().flatten(1).mean(1)).mean()

    def export(step: int) -> None:
        """Write the averaged weights as the pipeline that everything else loads."""
        StableDiffusionPipeline(
            vae=halved(vae),
            text_encoder=halved(ema["text_encoder"].module if "text_encoder" in ema else text),
            tokenizer=tokenizer,
            unet=halved(ema["unet"].module),
            scheduler=DPMSolverMultistepScheduler(**SCHEDULE, algorithm_type="dpmsolver++", use_karras_sigmas=True),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        ).save_pretrained(FOLDER / "t2i")

    groups = [{"params": list(unet.parameters()), "lr": settings["learning_rate"]}]
    if not more:
        groups.append({"params": list(text.parameters()), "lr": settings["text_learning_rate"]})
    train(name, config, {"unet": unet, "text_encoder": text}, groups, batch, loss, ema=ema, every=500, on_save=export)
    export(settings["steps"])
