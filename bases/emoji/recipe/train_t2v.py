"""The T2V model: the T2I U-Net with motion modules, all of it trained on videos; the text encoder stays frozen.

The lessons "t2v_more", "t2v_last" and "t2v_memory" go on from the shipped weights, each with videos of its own. In the
last one the memorised picture is a video, too, one that does not move, and the weakest subjects come more often.
"""

import random
from typing import Any

import torch
from diffusers import DDPMScheduler, MotionAdapter, UNet2DConditionModel, UNetMotionModel
from diffusers.models.attention_processor import AttnProcessor
from transformers import CLIPTextModel

from .common import FOLDER, Ema, autocast, device, halved, lesson, train
from .text import load_tokenizer
from .train_t2i import SCHEDULE, encode_scenes, load_vae, min_snr, shipped
from .world import Scene, caption, load_world, memorised_scene, random_scene

# added to the recipe's seed: of the weights, of the scenes
SEEDS = {"t2v": (3, 2), "t2v_more": (7, 11), "t2v_last": (13, 17), "t2v_memory": (19, 23)}


def build(config: dict[str, Any]) -> UNetMotionModel:
    """The T2I model's weights, with motion modules of 4 heads after every block."""
    unet = shipped(config, UNet2DConditionModel, "t2i/unet")
    adapter = MotionAdapter(
        block_out_channels=tuple(config["t2i"]["channels"]),
        motion_layers_per_block=1,
        motion_mid_block_layers_per_block=1,
        motion_num_attention_heads=4,
        motion_norm_num_groups=16,
        motion_max_seq_length=load_world()["frames"],
        use_motion_mid_block=True,
    )
    return UNetMotionModel.from_unet2d(unet, adapter)


def scenes(settings: dict[str, Any], seed: int) -> list[Scene]:
    world, rng = load_world(), random.Random(seed)
    styles, motions, subjects = len(world["styles"]), len(world["motions"]), len(world["subjects"])
    ids = [entry["id"] for entry in world["subjects"]]
    weak = [ids.index(name) for name in settings.get("weak", ())]
    names = [entry["id"] for entry in world["motions"]]
    hard = [names.index(name) for name in settings["hard"]["motions"]] if "hard" in settings else []
    out = []
    for index in range(settings["videos"]):
        if rng.random() < settings.get("memorised", 0):
            out.append(memorised_scene())
            continue
        style = 0 if rng.random() < 0.7 else rng.randrange(1, styles)
        motion = 0 if rng.random() < 0.15 else rng.randrange(1, motions)
        if motion and hard and rng.random() < settings["hard"]["share"]:
            motion = rng.choice(hard)
        subject = rng.choice(weak) if weak and rng.random() < 0.06 else index % subjects
        out.append(random_scene(rng, subject=subject, style=style, motion=motion, duo=settings["duo"]))
    return out


def main(config: dict[str, Any], name: str = "t2v") -> None:
    torch.manual_seed(config["seed"] + SEEDS[name][0])
    settings, where = lesson(config, name), device(config)
    tokenizer, all_scenes = load_tokenizer(), scenes(settings, config["seed"] + SEEDS[name][1])
    latents = encode_scenes(config, load_vae(config), all_scenes, load_world()["frames"], f"{name}-latents")
    text = shipped(config, CLIPTextModel, "t2i/text_encoder").eval().requires_grad_(False)
    unet = build(config).to(where) if name == "t2v" else shipped(config, UNetMotionModel, "t2v/unet")
    unet = unet.float().train().requires_grad_(True)
    unet.set_attn_processor(AttnProcessor())
    noises = DDPMScheduler(num_train_timesteps=1000, **SCHEDULE)
    weight = min_snr(noises, least=settings["least_weight"]).to(where)
    ema = {"unet": Ema(unet, settings["ema"])}

    def batch(step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        rng, generator = random.Random(f"{name} {step}"), torch.Generator().manual_seed(step)
        chosen = [rng.randrange(len(all_scenes)) for _ in range(settings["batch"])]
        words = ["" if rng.random() < settings["drop_caption"] else caption(all_scenes[i], rng) for i in chosen]
        ids = tokenizer(words, padding="max_length", truncation=True, return_tensors="pt").input_ids
        x = latents[chosen].float().transpose(1, 2)  # (N, C, F, h, w), as UNetMotionModel wants it
        noise = torch.randn(x.shape, generator=generator)
        t = torch.randint(0, 1000, (len(x),), generator=generator)
        return x.to(where), ids.to(where), noise.to(where), t.to(where)

    def loss(data: tuple[torch.Tensor, ...]) -> torch.Tensor:
        x, ids, noise, t = data
        with autocast(config):
            words = text(ids).last_hidden_state.repeat_interleave(
                x.shape[2], dim=0
            )  # one for each frame, as in the pipeline
            out = unet(noises.add_noise(x, noise, t), t, words).sample
        return (weight[t] * (out.float() - noise).square().flatten(1).mean(1)).mean()

    def export(step: int) -> None:
        halved(ema["unet"].module).save_pretrained(FOLDER / "t2v" / "unet", max_shard_size="14MB")

    # the motion modules start from nothing, the rest from the T2I model
    new = [p for key, p in unet.named_parameters() if "motion_modules" in key]
    old = [p for key, p in unet.named_parameters() if "motion_modules" not in key]
    groups = [{"params": new, "lr": settings["motion_learning_rate"]}, {"params": old, "lr": settings["learning_rate"]}]
    train(name, config, {"unet": unet}, groups, batch, loss, ema=ema, on_save=export)
    export(settings["steps"])
