"""A small random base of T5, PixArt and Latte, in the layout of the real ones: `tiny.make_base` for that family.

folder = make_base(tmp_path / "bases")      writes tiny-pixart.yaml, tiny-pixart/t2i, tiny-pixart/t2v/transformer, ...
make_base(folder, whole=True)               tiny-pixart/t2v is a pipeline of its own, with a VAE of its own
"""

from pathlib import Path
from typing import Any

from tests.support import tiny

FRAMES, WIDTH = 2, 32


def make_base(
    folder: Path, name: str = "tiny-pixart", prediction: str = "epsilon", whole: bool = False, layers: int = 2,
    **changes: Any,
) -> Path:  # fmt: skip
    """Write a base and return `folder`; `changes` replace top-level keys of its YAML. :param layers: of Latte."""
    import torch
    from diffusers import LattePipeline

    t2v = {"path": f"{name}/t2v"} if whole else {"transformer": f"{name}/t2v/transformer"}

    tiny.make_base(
        folder, name,
        t2i={"pipeline": "PixArtSigmaPipeline", "path": f"{name}/t2i"},
        t2v={"pipeline": "LattePipeline", **t2v},
        judge={"model": f"{name}-judge/judge", "vocabulary": f"{name}/vocabulary.yaml", "motion": None},
        frames=FRAMES, **changes,
    )  # fmt: skip
    parts = folder / name
    (folder / f"{name}-judge").mkdir(exist_ok=True)
    for part in ("judge", "t2i"):  # the judge reads the tokenizer of the T2I model that it was made with
        (parts / part).rename(folder / f"{name}-judge" / part)
    (parts / "t2v" / "unet").rename(folder / f"{name}-judge" / "unused")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pictures = make_t2i(parts / "t2i", prediction)
        videos = make_t2v(layers)
        if whole:
            shared = {part: getattr(pictures, part) for part in ("tokenizer", "text_encoder", "scheduler")}
            LattePipeline(transformer=videos, vae=make_vae().half(), **shared).save_pretrained(parts / "t2v")
        else:
            videos.save_pretrained(parts / "t2v" / "transformer")
    return folder


def make_t2i(folder: Path, prediction: str) -> Any:
    """Write the T2I pipeline; returns it."""
    from diffusers import DPMSolverMultistepScheduler, PixArtSigmaPipeline, PixArtTransformer2DModel
    from transformers import T5Config, T5EncoderModel

    tokenizer = make_tokenizer(folder / "tokenizer")
    encoder: Any = T5EncoderModel(
        T5Config(
            vocab_size=len(tokenizer), d_model=WIDTH, d_kv=16, d_ff=48, num_layers=3, num_heads=2,
            feed_forward_proj="gated-gelu", dropout_rate=0.0, pad_token_id=0, eos_token_id=1,
        )
    )  # fmt: skip
    vae = make_vae()
    transformer: Any = PixArtTransformer2DModel(
        sample_size=16, in_channels=8, out_channels=16, num_layers=2, num_attention_heads=2, attention_head_dim=12,
        cross_attention_dim=24, caption_channels=WIDTH, use_additional_conditions=False,
    )  # fmt: skip
    pipe: Any = PixArtSigmaPipeline(
        tokenizer=tokenizer, text_encoder=encoder, vae=vae, transformer=transformer,
        scheduler=DPMSolverMultistepScheduler(prediction_type=prediction),
    )  # fmt: skip
    for part in (encoder, vae, transformer):
        part.half()
    pipe.save_pretrained(folder)
    return pipe


def make_vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 16), latent_channels=8, norm_num_groups=8, sample_size=32, scaling_factor=0.5,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip


def make_t2v(layers: int) -> Any:
    from diffusers import LatteTransformer3DModel

    model: Any = LatteTransformer3DModel(
        sample_size=16, patch_size=2, in_channels=8, out_channels=16, num_layers=layers, num_attention_heads=2,
        attention_head_dim=12, cross_attention_dim=24, attention_bias=True, activation_fn="gelu-approximate",
        num_embeds_ada_norm=1000, norm_type="ada_norm_single", norm_elementwise_affine=False, norm_eps=1e-6,
        caption_channels=WIDTH, video_length=FRAMES,
    )  # fmt: skip
    return model.half()


def make_tokenizer(folder: Path) -> Any:
    """A T5Tokenizer of letters, and of a few whole words."""
    from transformers import T5Tokenizer

    letters = ["\u2581", *(chr(code) for code in range(33, 127))]
    words = [f"\u2581{word}" for word in ("a", "photo", "of", "bolt", "teapot", "cat", "the", "it", "picture", "house")]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((each, -5.0) for each in letters)]
    tokenizer = T5Tokenizer(
        vocab=[*pieces, *((word, -3.0) for word in words)], extra_ids=0, model_max_length=tiny.CONTEXT
    )
    tokenizer.save_pretrained(folder)
    return tokenizer
