"""The autoencoder's second lesson: its decoder alone, on latents that are a little off, as a diffusion model's are.

The encoder stays as it is, and with it every latent that the denoisers learn from.
"""

from typing import Any

import torch

from .common import FOLDER, autocast, halved, train
from .train_t2i import load_vae
from .train_vae import draw_batch, reconstruction_loss


def main(config: dict[str, Any]) -> None:
    torch.manual_seed(config["seed"] + 5)
    settings, vae = config["decoder"], load_vae(config)
    trained = torch.nn.ModuleDict({"decoder": vae.decoder, "post_quant_conv": vae.post_quant_conv}).requires_grad_(True)

    def batch(step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(step)
        x = draw_batch("decoder", step, settings["batch"])
        noise = torch.randn(len(x), vae.config.latent_channels, 16, 16, generator=generator)
        off = settings["noise"] * torch.rand(len(x), 1, 1, 1, generator=generator) / vae.config.scaling_factor
        return x.to(vae.device), noise.to(vae.device), off.to(vae.device)

    def loss(data: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> torch.Tensor:
        x, noise, off = data
        with autocast(config):
            with torch.no_grad():
                latents = vae.encode(x).latent_dist.mean + off * noise
            out = vae.decode(latents).sample
        return reconstruction_loss(out.float(), x)

    groups = [{"params": list(trained.parameters()), "lr": settings["learning_rate"]}]
    train("decoder", config, {"decoder": trained}, groups, batch, loss)
    halved(vae.eval()).save_pretrained(FOLDER / "t2i" / "vae")
