"""The autoencoder: 64x64 pixels to 16x16 latents. L1 on pixels and on their differences (edges), a light KL."""

import random
from typing import Any

import torch
from diffusers import AutoencoderKL

from .common import FOLDER, autocast, device, halved, train
from .world import draw, load_world, random_scene


def build(config: dict[str, Any]) -> AutoencoderKL:
    channels = config["vae"]["channels"]
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        block_out_channels=tuple(channels),
        layers_per_block=1,
        latent_channels=config["vae"]["latent_channels"],
        # one group: several groups of few channels forget how bright and how colourful a patch is (docs/emoji.md)
        norm_num_groups=1,
        sample_size=64,
        mid_block_add_attention=False,
    )
    for name, module in vae.named_modules():  # residual branches start at zero: faster at a high learning rate
        if name.endswith(".conv2"):
            torch.nn.init.zeros_(module.weight)
            torch.nn.init.zeros_(module.bias)
    return vae


def reconstruction_loss(out: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    edges = (out.diff(dim=-1) - x.diff(dim=-1)).abs().mean() + (out.diff(dim=-2) - x.diff(dim=-2)).abs().mean()
    return (out - x).abs().mean() + 0.5 * edges


def draw_batch(what: str, step: int, count: int) -> torch.Tensor:
    """Pictures of a step, (count, 3, 64, 64) in [-1, 1]."""
    rng, motions = random.Random(f"{what} {step}"), len(load_world()["motions"])
    scenes = [
        random_scene(
            rng, style=0 if rng.random() < 0.4 else None, motion=rng.choice((0, rng.randrange(motions))), duo=0.1
        )
        for _ in range(count)
    ]
    return draw(scenes)[:, 0] * 2 - 1


def main(config: dict[str, Any]) -> None:
    torch.manual_seed(config["seed"])
    where, settings = device(config), config["vae"]
    vae = build(config).to(where)

    def batch(step: int) -> torch.Tensor:
        return draw_batch("vae", step, settings["batch"]).to(where)

    def loss(x: torch.Tensor) -> torch.Tensor:
        with autocast(config):
            posterior = vae.encode(x).latent_dist
            out = vae.decode(posterior.sample()).sample
        return reconstruction_loss(out.float(), x) + settings["kl"] * posterior.kl().float().mean()

    train(
        "vae", config, {"vae": vae}, [{"params": list(vae.parameters()), "lr": settings["learning_rate"]}], batch, loss
    )
    vae.eval()
    with torch.no_grad():  # latents of unit variance, as diffusion wants them
        latents = torch.cat([vae.encode(batch(-1 - i)).latent_dist.mean for i in range(8)])
    vae.register_to_config(scaling_factor=float(1 / latents.std()))
    halved(vae).save_pretrained(FOLDER / "t2i" / "vae")
