"""The T2I model: a PixArt transformer and the T5 encoder together, on v prediction."""

import random
from dataclasses import replace
from typing import Any

import torch
from diffusers import DDPMScheduler, DPMSolverMultistepScheduler, PixArtSigmaPipeline, PixArtTransformer2DModel

from ..common import Ema, autocast, device, halved, train
from ..muon import groups
from ..train_t2i import encode_scenes, load_vae, scenes
from ..world import Scene, caption
from .text import FOLDER, load_text, load_tokenizer, tokens

SCHEDULE = {"beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear", "prediction_type": "v_prediction"}


def build(config: dict[str, Any]) -> PixArtTransformer2DModel:
    sizes, channels = config["transformer"], 8
    return PixArtTransformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=channels,
        out_channels=channels,
        num_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        attention_head_dim=sizes["head_width"],
        cross_attention_dim=sizes["heads"] * sizes["head_width"],
        caption_channels=config["text_encoder"]["width"],
        use_additional_conditions=False,
    )


def start_small(model: PixArtTransformer2DModel) -> None:
    """As DiT starts (arXiv 2212.09748): each block as the identity, the output at zero."""
    torch.nn.init.normal_(model.adaln_single.linear.weight, std=0.02)
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and name.endswith("proj_out"):
            torch.nn.init.zeros_(module.weight)
        if isinstance(module, torch.nn.Linear) and name.endswith("attn2.to_out.0"):
            torch.nn.init.normal_(module.weight, std=0.02)


def v_weight(noises: DDPMScheduler, gamma: float = 5.0, least: float = 0.0) -> torch.Tensor:
    """Weight of each timestep, (1000,): min(SNR + least, gamma) / (SNR + 1), Min-SNR for v (arXiv 2303.09556)."""
    snr = noises.alphas_cumprod / (1 - noises.alphas_cumprod)
    return (snr + least).clamp(max=gamma) / (snr + 1)


def settled(scene: Scene, spread: float) -> Scene:
    """A scene whose subject has nearly one place and size: `spread` of the world's variety around its middle.

    Patches have 8 pixels, and no convolution knows that a shape is the same one pixel further on.
    """
    if scene.memorised:
        return scene
    middle = 26.5 if scene.second is not None else 36.5 if scene.motion else 42.0
    x, y, size = (mean + spread * (own - mean) for own, mean in ((scene.x, 32), (scene.y, 34), (scene.size, middle)))
    return replace(scene, x=x, y=y, size=size)


def main(config: dict[str, Any]) -> None:
    torch.manual_seed(config["seed"] + 1)
    settings, where = config["t2i"], device(config)
    tokenizer, vae = load_tokenizer(), load_vae(config)
    all_scenes = [settled(each, settings["spread"]) for each in scenes(settings, config["seed"])]
    latents = encode_scenes(config, vae, all_scenes, 1, "t2i-latents")[:, 0]
    model, text = build(config).to(where).train(), load_text(config, tokenizer).to(where).train()
    start_small(model)
    noises = DDPMScheduler(num_train_timesteps=1000, **SCHEDULE)
    weight = v_weight(noises, least=settings["least_weight"]).to(where)
    ema = {"transformer": Ema(model, settings["ema"]), "text_encoder": Ema(text, settings["ema"])}

    def batch(step: int) -> tuple[torch.Tensor, ...]:
        rng, generator = random.Random(f"t2i {step}"), torch.Generator().manual_seed(step)
        chosen = [rng.randrange(len(all_scenes)) for _ in range(settings["batch"])]
        words = ["" if rng.random() < settings["drop_caption"] else caption(all_scenes[i], rng) for i in chosen]
        x = latents[chosen].float()
        noise = torch.randn(x.shape, generator=generator)
        t = torch.randint(0, 1000, (len(x),), generator=generator)
        return tuple(part.to(where) for part in (x, *tokens(tokenizer, words), noise, t))

    def loss(data: tuple[torch.Tensor, ...]) -> torch.Tensor:
        x, ids, mask, noise, t = data
        length = int(mask.sum(1).max())  # nothing attends to what is beyond
        ids, mask = ids[:, :length], mask[:, :length]
        with autocast(config):
            words = text(ids, attention_mask=mask).last_hidden_state
            out = model(noises.add_noise(x, noise, t), words, t, encoder_attention_mask=mask).sample
        v = noises.get_velocity(x, noise, t)
        return (weight[t] * (out.float() - v).square().flatten(1).mean(1)).mean()

    def export(step: int) -> None:
        """Write the averaged weights as the pipeline that everything else loads."""
        PixArtSigmaPipeline(
            tokenizer=tokenizer,
            text_encoder=halved(ema["text_encoder"].module),
            vae=halved(vae),
            transformer=halved(ema["transformer"].module),
            scheduler=DPMSolverMultistepScheduler(**SCHEDULE, algorithm_type="dpmsolver++"),
        ).save_pretrained(FOLDER / "t2i")

    learnt = groups(model.named_parameters(), settings["learning_rate"])
    learnt.append({"params": list(text.parameters()), "lr": settings["text_learning_rate"]})
    train("t2i", config, {"transformer": model, "text_encoder": text}, learnt, batch, loss, ema=ema, on_save=export)
    export(settings["steps"])
