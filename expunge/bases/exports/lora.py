"""The change of the text encoder as a LoRA, under the names of kohya's sd-scripts.

    lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight    A (r, in)
    lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight      B (out, r)
    lora_te_text_model_encoder_layers_0_mlp_fc1.alpha               r, so that W' = W + B A at strength 1

A1111, ComfyUI and diffusers' load_lora_weights read them.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from expunge.bases.exports import Order
from expunge.bases.exports.parts import cast, dtype_of, encoder_tensors, original_tensors, own_pipeline
from expunge.core.errors import InputError, Problem


def write(order: Order, out: Path) -> list[str]:
    """:raises InputError: the edit has no adapter; the problem says which rank its change has."""
    adapter = order.folder / "adapter.safetensors"
    if not adapter.is_file():
        raise InputError([_not_low(order)])
    tensors = cast(kohya(load_file(adapter)), dtype_of(order), order.name)
    save_file(tensors, out, metadata={"format": "pt", "ss_network_module": "networks.lora", **order.about})
    return ["the concept is gone only while this LoRA is loaded, at strength 1 for the text encoder"]


def kohya(adapter: dict[str, Tensor]) -> dict[str, Tensor]:
    """An adapter under peft's names ("text_encoder.<module>.lora_A.weight") under those of kohya's scripts.

    All modules get the greatest of their ranks, by zeros: diffusers (0.42) loses the alpha of some modules where ranks
    differ, and then adds their changes at another strength.
    """
    tensors = {}
    rank = max((tensor.shape[0] for name, tensor in adapter.items() if name.endswith("lora_A.weight")), default=0)
    for name, tensor in sorted(adapter.items()):
        down = name.endswith("lora_A.weight")
        missing = rank - tensor.shape[0 if down else 1]
        tensor = torch.nn.functional.pad(tensor, (0, 0, 0, missing) if down else (0, missing))
        module, _, _ = name.removesuffix(".weight").rpartition(".")
        key = "lora_te_" + module.removeprefix("text_encoder.").replace(".", "_")
        tensors[f"{key}.{'lora_down' if down else 'lora_up'}.weight"] = tensor
        if down:
            tensors[f"{key}.alpha"] = torch.tensor(float(tensor.shape[0]), dtype=tensor.dtype)
    attention = [name for name in adapter if "self_attn" in name and name.endswith("lora_A.weight")]
    if attention and not any("self_attn.out_proj" in name for name in attention):
        tensors |= _no_change(attention[0], adapter[attention[0]], rank)
    return tensors


def _no_change(name: str, like: Tensor, rank: int) -> dict[str, Tensor]:
    """A change of zero to the output projection of an attention.

    diffusers (0.42, `convert_state_dict_to_diffusers`) takes a LoRA for one of this layout by its output projections
    alone. Without one it leaves out the query, key and value projections, and says so in a warning only.
    """
    key = "lora_te_" + name.partition(".self_attn")[0].removeprefix("text_encoder.").replace(".", "_")
    width = like.shape[1]
    return {
        f"{key}_self_attn_out_proj.lora_down.weight": torch.zeros(rank, width, dtype=like.dtype),
        f"{key}_self_attn_out_proj.lora_up.weight": torch.zeros(width, rank, dtype=like.dtype),
        f"{key}_self_attn_out_proj.alpha": torch.tensor(float(rank), dtype=like.dtype),
    }


def _not_low(order: Order) -> Problem:
    """Why an encoder without an adapter is no LoRA: which rank its change has, and what no LoRA can change."""
    before, after = original_tensors(own_pipeline(order)[0]), encoder_tensors(order)
    changes = {name: (after[name].float() - tensor).float() for name, tensor in before.items() if name in after}
    changed = {name: change for name, change in changes.items() if bool(change.any())}
    fix = "write --to diffusers, single-file or comfyui, or unlearn by solve or distil"
    if not changed:
        return Problem(order.name, f"the method {order.method} changed nothing in the text encoder", fix)
    linear = {name: change for name, change in changed.items() if change.ndim == 2 and "embedding" not in name}
    parts = []
    if linear:
        ranks = {name: int(torch.linalg.matrix_rank(change)) for name, change in linear.items()}
        name = max(ranks, key=lambda each: ranks[each])
        parts.append(f"its change has the rank {ranks[name]} of {min(linear[name].shape)} ({name})")
    others = [name for name in changed if name not in linear]
    if others:
        parts.append(f"it changed {len(others)} tensors that no LoRA changes ({others[0]})")
    return Problem(order.name, f"is no LoRA: {', and '.join(parts)}", fix)
