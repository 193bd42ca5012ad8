"""Writes a Stable Diffusion folder as one file in the original layout (CompVis), as the community passes models on."""

import json
import re
from pathlib import Path
from typing import Any

RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection",
}  # fmt: skip
UNET = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip
ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def write_checkpoint(file: Path, t2i: Path) -> Path:
    """Write the models of a T2I folder into one file; returns it."""
    import torch
    from safetensors.torch import load_file, save_file

    model = "diffusion_pytorch_model.safetensors"
    state: dict[str, Any] = {"alphas_cumprod": torch.ones(10), "model_ema.decay": torch.ones(())}
    for name, tensor in load_file(t2i / "unet" / model).items():
        layers = json.loads((t2i / "unet" / "config.json").read_text())["layers_per_block"]
        state[f"model.diffusion_model.{_unet(name, layers)}"] = tensor
    blocks = len(json.loads((t2i / "vae" / "config.json").read_text())["block_out_channels"])
    for name, tensor in load_file(t2i / "vae" / model).items():
        renamed = _vae(name, blocks)
        as_conv = ".attn_1." in renamed and tensor.ndim == 2
        state[f"first_stage_model.{renamed}"] = tensor[:, :, None, None] if as_conv else tensor
    clip = "cond_stage_model.transformer.text_model."
    for name, tensor in load_file(t2i / "text_encoder" / "model.safetensors").items():
        state[clip + name.removeprefix("text_model.")] = tensor
    state[f"{clip}embeddings.position_ids"] = torch.arange(40)[None]
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, file)
    return file


def _unet(name: str, layers: int) -> str:
    for new, old in UNET.items():
        if name.startswith(f"{new}."):
            return name.replace(new, old, 1)
    side, block, kind, index, rest = _split(name)
    for new, old in RESNET.items() if kind == "resnets" else ():
        rest = rest.replace(new, old, 1) if rest.startswith(new) else rest
    if side == "mid_block":
        return f"middle_block.{1 if kind == 'attentions' else 2 * index}.{rest}"
    place = block * (layers + 1) + index
    if kind == "downsamplers":
        return f"input_blocks.{(block + 1) * (layers + 1)}.0.{rest.replace('conv', 'op')}"
    if kind == "upsamplers":
        return f"output_blocks.{place + layers}.{2 if block == 0 else 1}.{rest}"  # the tiny model's first block attends
    side, place = ("input_blocks", place + 1) if side == "down_blocks" else ("output_blocks", place)
    return f"{side}.{place}.{1 if kind == 'attentions' else 0}.{rest}"


def _vae(name: str, blocks: int) -> str:
    name = name.replace("conv_norm_out", "norm_out")
    half, _, inner = name.partition(".")
    if "block" not in inner:
        return name
    side, block, kind, index, rest = _split(inner)
    rest = rest.replace("conv_shortcut", "nin_shortcut")
    if side == "mid_block" and kind == "attentions":
        new = next(new for new in ATTENTION if rest.startswith(f"{new}."))
        return f"{half}.mid.attn_1.{rest.replace(new, ATTENTION[new], 1)}"
    if side == "mid_block":
        return f"{half}.mid.block_{index + 1}.{rest}"
    place = f"{half}.down.{block}" if side == "down_blocks" else f"{half}.up.{blocks - 1 - block}"
    ends = {"resnets": f"block.{index}.", "downsamplers": "downsample.", "upsamplers": "upsample."}
    return f"{place}.{ends[kind]}{rest}"


def _split(name: str) -> tuple[str, int, str, int, str]:
    """ "up_blocks.1.resnets.0.conv1.bias" -> its side, block, kind of module, index and the rest."""
    found = re.fullmatch(r"(down_blocks|up_blocks|mid_block)\.(?:(\d+)\.)?(\w+)\.(\d+)\.(.+)", name)
    assert found is not None, name
    return found[1], int(found[2] or 0), found[3], int(found[4]), found[5]
