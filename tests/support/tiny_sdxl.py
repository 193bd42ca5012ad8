"""A small random base of Stable Diffusion XL with AnimateDiff: `tiny.make_base` with two text encoders.

folder = make_base(tmp_path / "bases")      writes tiny-sdxl.yaml, tiny-sdxl/t2i, tiny-sdxl/adapter, ...
"""

from pathlib import Path
from typing import Any

from tests.support import tiny

WIDTH, WIDTH_2, POOLED, FRAMES = 32, 48, 24, 2


def make_base(folder: Path, name: str = "tiny-sdxl", zeros: bool = True, whole: bool = False, **changes: Any) -> Path:
    """Write a base and return `folder`.

    :param zeros: does the pipeline take zeros for the empty prompt? :param whole: the T2V pipeline has a folder of its
        own, not an adapter alone.
    """
    import torch
    from diffusers import AnimateDiffSDXLPipeline, MotionAdapter

    own = {"path": f"{name}/t2v"} if whole else {"adapter": f"{name}/adapter"}
    tiny.make_base(
        folder, name,
        t2i={"pipeline": "StableDiffusionXLPipeline", "path": f"{name}/t2i"},
        t2v={"pipeline": "AnimateDiffSDXLPipeline", **own},
        judge={"model": f"{name}-judge/judge", "vocabulary": f"{name}/vocabulary.yaml", "motion": None},
        frames=FRAMES, **changes,
    )  # fmt: skip
    parts = folder / name
    (folder / f"{name}-judge").mkdir(exist_ok=True)
    for part in ("judge", "t2i", "t2v"):  # the judge reads the tokenizer of the T2I model that it was made with
        (parts / part).rename(folder / f"{name}-judge" / part)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        images = make_t2i(parts / "t2i", zeros)
        motion: Any = MotionAdapter(
            block_out_channels=(16, 32), motion_layers_per_block=1, motion_num_attention_heads=2,
            motion_norm_num_groups=8, motion_max_seq_length=8, use_motion_mid_block=False,
        )  # fmt: skip
        motion.half().save_pretrained(parts / "adapter")
        if whole:
            models = {key: each for key, each in images.components.items() if key not in ("image_encoder",)}
            video: Any = AnimateDiffSDXLPipeline(**models, motion_adapter=motion)
            video.unet.half()
            video.save_pretrained(parts / "t2v")
    return folder


def make_t2i(folder: Path, zeros: bool = True) -> Any:
    from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    tokenizers = [tiny.make_tokenizer(folder / part) for part in ("tokenizer", "tokenizer_2")]
    tokenizers[1].pad_token = "!"
    start, end = tokenizers[0].bos_token_id, tokenizers[0].eos_token_id

    def config(width: int, layers: int) -> CLIPTextConfig:
        return CLIPTextConfig(
            vocab_size=len(tokenizers[0]), hidden_size=width, intermediate_size=64, num_hidden_layers=layers,
            num_attention_heads=2, max_position_embeddings=tiny.CONTEXT, bos_token_id=start, eos_token_id=end,
            pad_token_id=end, projection_dim=POOLED,
        )  # fmt: skip

    encoders = CLIPTextModel(config(WIDTH, 3)), CLIPTextModelWithProjection(config(WIDTH_2, 4))
    vae: Any = AutoencoderKL(
        block_out_channels=(8, 16), latent_channels=4, norm_num_groups=8, sample_size=32, scaling_factor=0.5,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    unet: Any = UNet2DConditionModel(
        sample_size=16, in_channels=4, out_channels=4, block_out_channels=(16, 32), layers_per_block=1,
        norm_num_groups=8, cross_attention_dim=WIDTH + WIDTH_2, attention_head_dim=(2, 4),
        transformer_layers_per_block=(1, 2), use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=8, projection_class_embeddings_input_dim=POOLED + 6 * 8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    pipe: Any = StableDiffusionXLPipeline(
        vae=vae, text_encoder=encoders[0], text_encoder_2=encoders[1], tokenizer=tokenizers[0],
        tokenizer_2=tokenizers[1], unet=unet, force_zeros_for_empty_prompt=zeros, add_watermarker=False,
        scheduler=DPMSolverMultistepScheduler(beta_schedule="scaled_linear"),
    )  # fmt: skip
    for part in (*encoders, vae, unet):
        part.half()
    pipe.save_pretrained(folder)
    return pipe
