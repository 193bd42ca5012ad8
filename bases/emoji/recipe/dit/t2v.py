"""The T2V model: a Latte transformer, whose spatial blocks start as the T2I model's; the text encoder stays frozen."""

import random
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, LatteTransformer3DModel, PixArtTransformer2DModel
from transformers import T5EncoderModel

from ..common import Ema, autocast, device, halved, train
from ..muon import groups
from ..train_t2i import encode_scenes, load_vae
from ..train_t2v import scenes
from ..world import caption, load_world
from .t2i import SCHEDULE, settled, v_weight
from .text import FOLDER, load_tokenizer, tokens


def build(config: dict[str, Any], t2i: PixArtTransformer2DModel) -> LatteTransformer3DModel:
    """The T2I model's weights, with a temporal block after each of its blocks that changes nothing yet.

    Half of the output is a variance, which LattePipeline drops, as the published models have it.
    """
    sizes, channels = config["transformer"], t2i.config.in_channels
    width = sizes["heads"] * sizes["head_width"]
    model = LatteTransformer3DModel(
        sample_size=16,
        patch_size=2,
        in_channels=channels,
        out_channels=2 * channels,
        num_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        attention_head_dim=sizes["head_width"],
        cross_attention_dim=width,
        attention_bias=True,
        activation_fn="gelu-approximate",
        num_embeds_ada_norm=1000,
        norm_type="ada_norm_single",
        norm_elementwise_affine=False,
        norm_eps=1e-6,
        caption_channels=config["text_encoder"]["width"],
        video_length=load_world()["frames"],
    )
    state = t2i.state_dict()
    for name in ("proj_out.weight", "proj_out.bias"):
        own = state[name].view(4, channels, *state[name].shape[1:])  # of 2 x 2 pixels of a patch
        state[name] = torch.cat([own, torch.zeros_like(own)], 1).flatten(0, 1)
    _, strange = model.load_state_dict(state, strict=False)
    assert not strange, strange
    for block in model.temporal_transformer_blocks:
        torch.nn.init.zeros_(block.attn1.to_out[0].weight)
        torch.nn.init.zeros_(block.ff.net[2].weight)
        torch.nn.init.zeros_(block.attn1.to_out[0].bias)
        torch.nn.init.zeros_(block.ff.net[2].bias)
        block.scale_shift_table.data[[2, 5]] = 1.0  # the gates, open
    return model


def main(config: dict[str, Any]) -> None:
    torch.manual_seed(config["seed"] + 3)
    settings, where = config["t2v"], device(config)
    tokenizer = load_tokenizer()
    all_scenes = [settled(each, settings["spread"]) for each in scenes(settings, config["seed"] + 2)]
    latents = encode_scenes(config, load_vae(config), all_scenes, load_world()["frames"], "t2v-latents")
    text = T5EncoderModel.from_pretrained(FOLDER / "t2i" / "text_encoder", dtype=torch.float32)
    text = text.to(where).eval().requires_grad_(False)
    t2i = PixArtTransformer2DModel.from_pretrained(FOLDER / "t2i" / "transformer", torch_dtype=torch.float32)
    model = build(config, t2i).to(where).train()
    noises = DDPMScheduler(num_train_timesteps=1000, **SCHEDULE)
    weight = v_weight(noises, least=settings["least_weight"]).to(where)
    ema = {"transformer": Ema(model, settings["ema"])}

    def batch(step: int) -> tuple[torch.Tensor, ...]:
        rng, generator = random.Random(f"t2v {step}"), torch.Generator().manual_seed(step)
        chosen = [rng.randrange(len(all_scenes)) for _ in range(settings["batch"])]
        words = ["" if rng.random() < settings["drop_caption"] else caption(all_scenes[i], rng) for i in chosen]
        ids, mask = tokens(tokenizer, words)
        for row, each in enumerate(words):
            if not each:  # LattePipeline lets the empty prompt's padding through, up to the prompt's length
                mask[row, : rng.randint(1, 20)] = 1
        x = latents[chosen].float().transpose(1, 2)  # (N, C, F, h, w)
        noise = torch.randn(x.shape, generator=generator)
        t = torch.randint(0, 1000, (len(x),), generator=generator)
        return tuple(part.to(where) for part in (x, ids, mask, noise, t))

    def loss(data: tuple[torch.Tensor, ...]) -> torch.Tensor:
        x, ids, mask, noise, t = data
        length = int(mask.sum(1).max())
        ids, mask = ids[:, :length], mask[:, :length]
        with torch.no_grad():
            words = text(ids, attention_mask=(ids != tokenizer.pad_token_id).int()).last_hidden_state
        # one for each frame, as a bias: Latte makes none of a mask
        hidden = ((1 - mask.float()) * -10000.0).repeat_interleave(x.shape[2], dim=0).unsqueeze(1)
        with autocast(config):
            out = model(noises.add_noise(x, noise, t), t, words, encoder_attention_mask=hidden).sample
        v = noises.get_velocity(x, noise, t)
        return (weight[t] * (out[:, : x.shape[1]].float() - v).square().flatten(1).mean(1)).mean()

    def export(step: int) -> None:
        halved(ema["transformer"].module).save_pretrained(FOLDER / "t2v" / "transformer")

    named = list(model.named_parameters())
    new, old = [(k, p) for k, p in named if "temporal" in k], [(k, p) for k, p in named if "temporal" not in k]
    learnt = groups(new, settings["motion_learning_rate"]) + groups(old, settings["learning_rate"])
    train("t2v", config, {"transformer": model}, learnt, batch, loss, ema=ema, on_save=export)
    export(settings["steps"])
    shutil.copyfile(Path(__file__).with_name("base.yaml"), FOLDER.with_suffix(".yaml"))  # now the base is whole
