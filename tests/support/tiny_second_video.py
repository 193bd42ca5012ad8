"""Small random bases of the second video pipelines: PixArt with Allegro, Stable Diffusion with ModelScope."""

import re
from pathlib import Path
from typing import Any

from tests.support import tiny, tiny_pixart

SIDE = 16  # pixels of a video; a tile of Allegro's VAE
ANCESTRAL = "scheduler: EulerAncestralDiscreteScheduler"  # as Allegro is published
FRAMES = {"allegro": 24, "modelscope": 3}


def make_base(folder: Path, kind: str) -> Path:
    """Write a base and return `folder`. :param kind: "allegro" or "modelscope", which is the base's name, too."""
    import torch

    base, make, t2v = {
        "allegro": (
            tiny_pixart.make_base,
            make_allegro,
            f"pipeline: AllegroPipeline, path: allegro/whole, {ANCESTRAL}",
        ),
        "modelscope": (tiny.make_base, make_modelscope, "pipeline: TextToVideoSDPipeline, unet: modelscope/unet3d"),
    }[kind]
    base(folder, kind)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        make(folder / kind)
    change(folder / f"{kind}.yaml", t2v, FRAMES[kind])
    return folder


def change(file: Path, t2v: str, frames: int) -> None:
    """Put another T2V pipeline and another number of frames into a base's file."""
    text = re.sub(r"t2v:.*?(?=judge:)", f"t2v: {{{t2v}, resolution: {SIDE}}}\n", file.read_text(), flags=re.DOTALL)
    file.write_text(re.sub(r"^frames: .*$", f"frames: {frames}", text, flags=re.MULTILINE))


def make_allegro(folder: Path) -> None:
    """An AllegroPipeline with the text encoder of `folder/t2i`."""
    from diffusers import AllegroPipeline, AllegroTransformer3DModel, AutoencoderKLAllegro, PixArtSigmaPipeline

    vae: Any = AutoencoderKLAllegro(
        block_out_channels=(8, 8, 8, 8), latent_channels=4, layers_per_block=1, norm_num_groups=2, sample_size=SIDE
    )
    transformer: Any = AllegroTransformer3DModel(
        num_attention_heads=2, attention_head_dim=24, in_channels=4, out_channels=4, num_layers=2,
        cross_attention_dim=48, sample_height=2, sample_width=2, sample_frames=6, caption_channels=tiny_pixart.WIDTH,
    )  # fmt: skip
    t2i: Any = PixArtSigmaPipeline.from_pretrained(folder / "t2i")
    for part in (vae, transformer, t2i.text_encoder):
        part.half()
    pipe: Any = AllegroPipeline(t2i.tokenizer, t2i.text_encoder, vae, transformer, t2i.scheduler)
    pipe.save_pretrained(folder / "whole")


def make_modelscope(folder: Path) -> None:
    from diffusers import UNet3DConditionModel

    unet: Any = UNet3DConditionModel(
        sample_size=8, in_channels=8, out_channels=8, block_out_channels=(16, 32), layers_per_block=1,
        norm_num_groups=8, cross_attention_dim=32, attention_head_dim=2,
        down_block_types=("DownBlock3D", "CrossAttnDownBlock3D"), up_block_types=("CrossAttnUpBlock3D", "UpBlock3D"),
    )  # fmt: skip
    unet.half().save_pretrained(folder / "unet3d")
