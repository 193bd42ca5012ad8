"""A base's T2I pipeline as one checkpoint file, under the names of CompVis' and Stability's code.

The renaming is written by hand, after diffusers' scripts/convert_diffusers_to_original_stable_diffusion.py, so that it
checks the converter that the exports use.
"""

import re
from pathlib import Path
from typing import Any

RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection",
}  # fmt: skip
TOP = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip
VAE = {
    "conv_norm_out": "norm_out", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out", "group_norm": "norm",
    "conv_shortcut": "nin_shortcut",
}  # fmt: skip


def write_checkpoint(pipe: Any, file: Path, dtype: Any, open_clip: bool = False, ema: bool = False) -> dict[str, Any]:
    """Write the checkpoint; returns its tensors. `open_clip`: the encoder in the layout of SD 2.x."""
    import torch
    from safetensors.torch import save_file

    layers, blocks = pipe.unet.config.layers_per_block, len(pipe.unet.config.block_out_channels)
    tensors = {f"model.diffusion_model.{unet_name(n, layers)}": t for n, t in pipe.unet.state_dict().items()}
    if ema:
        tensors |= {"model_ema." + n.split(".", 1)[1].replace(".", ""): t for n, t in tensors.items()}
    tensors |= {f"first_stage_model.{vae_name(n, blocks)}": vae_tensor(n, t) for n, t in pipe.vae.state_dict().items()}
    state = {n: t for n, t in pipe.text_encoder.state_dict().items() if not n.endswith("position_ids")}
    state = {n.removeprefix("text_model."): t for n, t in state.items()}
    if open_clip:
        tensors |= open_clip_tensors(state)
    else:
        tensors |= {f"cond_stage_model.transformer.text_model.{n}": t for n, t in state.items()}
    tensors = {n: t.detach().to(dtype).clone().contiguous() for n, t in tensors.items()}
    tensors["alphas_cumprod"] = torch.linspace(1, 0, 1000)  # stays float32, as in real checkpoints
    tensors["global_step"] = torch.tensor([875000])
    if not open_clip:  # older versions of transformers stored them
        length = state["embeddings.position_embedding.weight"].shape[0]
        tensors["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(length)[None]
    save_file(tensors, file, metadata={"format": "pt", "modelspec.title": "tiny"})
    return tensors


def unet_name(name: str, layers: int) -> str:
    """diffusers' name of a U-Net's tensor -> LDM's. :param layers: layers per block."""
    for old, new in TOP.items():
        if name.startswith(f"{old}."):
            return new + name.removeprefix(old)
    if found := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", name):
        what, index, rest = found[1], int(found[2]), found[3]
        return f"middle_block.{2 * index if what == 'resnets' else 1}.{rest if what == 'attentions' else resnet(rest)}"
    found = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)", name)
    assert found, name
    side, block, what, index, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    if what == "downsamplers":
        return f"input_blocks.{(layers + 1) * (block + 1)}.0.op.{rest.removeprefix('conv.')}"
    if what == "upsamplers":  # after the attention, where the block has one: in the tiny U-Net the first up block
        return f"output_blocks.{(layers + 1) * block + layers}.{2 if block == 0 else 1}.{rest}"
    place = (
        f"input_blocks.{(layers + 1) * block + index + 1}"
        if side == "down"
        else f"output_blocks.{(layers + 1) * block + index}"
    )
    return f"{place}.0.{resnet(rest)}" if what == "resnets" else f"{place}.1.{rest}"


def resnet(rest: str) -> str:
    part, _, kind = rest.rpartition(".")
    return f"{RESNET[part]}.{kind}"


def vae_name(name: str, blocks: int) -> str:
    name = re.sub(r"down_blocks\.(\d)\.resnets\.", r"down.\1.block.", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0\.", r"down.\1.downsample.", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets\.", lambda m: f"up.{blocks - 1 - int(m[1])}.block.", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0\.", lambda m: f"up.{blocks - 1 - int(m[1])}.upsample.", name)
    name = re.sub(r"mid_block\.resnets\.(\d)\.", lambda m: f"mid.block_{int(m[1]) + 1}.", name)
    name = re.sub(r"mid_block\.attentions\.0\.", "mid.attn_1.", name)
    for old, new in VAE.items():
        name = name.replace(f"{old}.", f"{new}.")
    return name


def vae_tensor(name: str, tensor: Any) -> Any:
    """LDM's attention in the VAE is made of convolutions of width 1."""
    attention = "attentions" in name and name.endswith("weight") and "norm" not in name
    return tensor.reshape(*tensor.shape, 1, 1) if attention else tensor


def open_clip_tensors(state: dict[str, Any]) -> dict[str, Any]:
    """transformers' CLIPTextModel under open_clip's names; q, k and v of a layer are one tensor."""
    import torch

    names = {
        "embeddings.token_embedding.weight": "token_embedding.weight",
        "embeddings.position_embedding.weight": "positional_embedding",
        "final_layer_norm.weight": "ln_final.weight", "final_layer_norm.bias": "ln_final.bias",
    }  # fmt: skip
    parts = {
        "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
        "self_attn.out_proj": "attn.out_proj",
    }  # fmt: skip
    out = {new: state[old] for old, new in names.items()}
    for number in range(len({n.split(".")[2] for n in state if n.startswith("encoder.layers.")})):
        old, new = f"encoder.layers.{number}", f"transformer.resblocks.{number}"
        for kind in ("weight", "bias"):
            out |= {f"{new}.{b}.{kind}": state[f"{old}.{a}.{kind}"] for a, b in parts.items()}
            three = [state[f"{old}.self_attn.{each}_proj.{kind}"] for each in "qkv"]
            out[f"{new}.attn.in_proj_{kind}"] = torch.cat(three)
    width = state["final_layer_norm.weight"].shape[0]
    out["text_projection"] = torch.eye(width)
    return {f"cond_stage_model.model.{n}": t for n, t in out.items()}
