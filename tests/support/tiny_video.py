"""Small random bases of CogVideoX and Wan, which draw pictures and videos with one pipeline, in the real layouts."""

from pathlib import Path
from typing import Any

from tests.support import tiny, tiny_pixart

WIDTH, CONTEXT, FRAMES = 32, 16, {"cogvideox": 8, "wan": 5}


def make_base(folder: Path, kind: str, **changes: Any) -> Path:
    """Write a base and return `folder`. :param kind: "cogvideox" or "wan", which is the base's name, too.

    :param changes: settings of the transformer.
    """
    import torch

    pipeline = {"cogvideox": "CogVideoXPipeline", "wan": "WanPipeline"}[kind]
    place = {"pipeline": pipeline, "path": f"{kind}/model"}
    tiny.make_base(
        folder, kind, t2i=place, t2v=dict(place), frames=FRAMES[kind], resolution=16, scheduler=None,
        judge={"model": f"{kind}/judge", "vocabulary": f"{kind}/vocabulary.yaml", "motion": None},
    )  # fmt: skip
    file = folder / f"{kind}.yaml"
    file.write_text(file.read_text().replace("scheduler: null\n", ""))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        {"cogvideox": make_cogvideox, "wan": make_wan}[kind](folder / kind / "model", **changes)
    return folder


def tokenizer_in(folder: Path) -> Any:
    tokenizer = tiny_pixart.make_tokenizer(folder / "tokenizer")
    tokenizer.model_max_length = CONTEXT
    return tokenizer


def text_config(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer), "d_model": WIDTH, "d_kv": 16, "d_ff": 48, "num_layers": 3, "num_heads": 2,
        "feed_forward_proj": "gated-gelu", "dropout_rate": 0.0, "pad_token_id": 0, "eos_token_id": 1,
    }  # fmt: skip


def make_cogvideox(folder: Path, **changes: Any) -> None:
    from diffusers import (
        AutoencoderKLCogVideoX,
        CogVideoXDDIMScheduler,
        CogVideoXPipeline,
        CogVideoXTransformer3DModel,
    )
    from transformers import T5Config, T5EncoderModel

    tokenizer = tokenizer_in(folder)
    vae: Any = AutoencoderKLCogVideoX(
        in_channels=3, out_channels=3, down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4, block_out_channels=(8, 8, 8, 8), latent_channels=4,
        layers_per_block=1, norm_num_groups=2, temporal_compression_ratio=4,
    )  # fmt: skip
    transformer: Any = CogVideoXTransformer3DModel(
        num_attention_heads=2, attention_head_dim=16, in_channels=4, out_channels=4, time_embed_dim=8,
        text_embed_dim=WIDTH, num_layers=2, sample_width=2, sample_height=2, sample_frames=FRAMES["cogvideox"],
        patch_size=2, temporal_compression_ratio=4, max_text_seq_length=CONTEXT, use_rotary_positional_embeddings=True,
        **changes,
    )  # fmt: skip
    encoder: Any = T5EncoderModel(T5Config(**text_config(tokenizer)))
    for part in (vae, transformer, encoder):
        part.half()
    CogVideoXPipeline(
        tokenizer, encoder, vae, transformer, CogVideoXDDIMScheduler(prediction_type="v_prediction")
    ).save_pretrained(folder)


def make_wan(folder: Path, **changes: Any) -> None:
    from diffusers import AutoencoderKLWan, FlowMatchEulerDiscreteScheduler, WanPipeline, WanTransformer3DModel
    from transformers import UMT5Config, UMT5EncoderModel

    tokenizer = tokenizer_in(folder)
    vae: Any = AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    transformer: Any = WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=16, out_channels=16,
        text_dim=WIDTH, freq_dim=256, ffn_dim=32, num_layers=2, cross_attn_norm=True,
        qk_norm="rms_norm_across_heads", rope_max_seq_len=32, **changes,
    )  # fmt: skip
    for block in transformer.blocks:  # so that a picture tells prompts apart
        block.attn2.to_out[0].weight.data *= 5
    vae.decoder.conv_out.weight.data *= 10
    encoder: Any = UMT5EncoderModel(UMT5Config(**text_config(tokenizer)))
    for part in (vae, transformer, encoder):
        part.half()
    WanPipeline(
        tokenizer=tokenizer, text_encoder=encoder, vae=vae, transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    ).save_pretrained(folder)  # fmt: skip
