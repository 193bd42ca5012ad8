"""Reads the factors of a LoRA: W' = W + (alpha / r) B A, with A (r, in) and B (out, r) (Hu et al., arXiv 2106.09685).

    lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight, .lora_up.weight, .alpha       kohya's sd-scripts
    text_encoder.text_model.encoder.layers.0.mlp.fc1.lora_A.weight, .lora_B.weight              diffusers with peft
    unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight      older diffusers
    transformer.transformer_blocks.0.attn1.to_q.lora_A.weight, .lora_B.weight                   another family's

A convolution's A is (r, in, h, w), and its B (out, r, 1, 1). Without an alpha, alpha is r.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from expunge.bases.families import Family
from expunge.bases.families.names import normal_name

_FACTOR = re.compile(
    r"(?P<module>.+?)(?:"
    r"\.lora_(?P<kohya>down|up)\.weight|\.lora_(?P<peft>A|B)(?:\.default)?\.weight|"
    r"(?:\.|_)lora\.(?P<old>down|up)\.weight|\.lora_linear_layer\.(?P<text>down|up)\.weight|(?P<alpha>\.alpha))"
)
DENOISER = "denoiser"  # a part; the others are the text encoders, by their names in the pipeline
_KOHYA = "lora_unet_"  # kohya's scripts call every denoiser so
METADATA = "lora_adapter_metadata"  # where diffusers writes the settings of a LoRA
_NOT_PLAIN = ("use_dora", "use_rslora", "alpha_pattern", "rank_pattern")


@dataclass(frozen=True)
class Factors:
    """The two factors of one module, and alpha / r."""

    up: Tensor
    down: Tensor
    scale: float


@dataclass(frozen=True)
class Lora:
    """The factors by (part, module's flat name), and what is not read: a plain LoRA has none of it."""

    factors: dict[tuple[str, str], Factors] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)  # names of tensors
    incomplete: list[tuple[str, str]] = field(default_factory=list)  # modules that lack one of their factors
    settings: list[str] = field(default_factory=list)  # keys of the metadata


def prefixes(family: Family) -> dict[str, str]:
    """{how the names of a part's tensors begin in a file: the part}."""
    encoders = list(family.ENCODERS)
    numbers = [""] if len(encoders) == 1 else range(1, len(encoders) + 1)
    kohya = {f"lora_te{number}_": part for number, part in zip(numbers, encoders, strict=True)}
    return {_KOHYA: DENOISER, **kohya, **{f"{name}.": part for part, name in own_names(family).items()}}


def own_names(family: Family) -> dict[str, str]:
    """{part: what diffusers calls it}."""
    return {DENOISER: family.DENOISER, **{part: part for part in family.ENCODERS}}


def read_lora(tensors: Mapping[str, Tensor], metadata: Mapping[str, str], family: Family) -> Lora:
    """The factors in a file.

    :raises ValueError: what diffusers wrote into the metadata is no mapping, or lacks an alpha.
    """
    about = json.loads(metadata.get(METADATA, "{}"))
    if not isinstance(about, dict):
        raise ValueError("it is no mapping")
    if lost := [key for key in about if key.endswith(".r") and f"{key.removesuffix('.r')}.lora_alpha" not in about]:
        raise ValueError(f"{lost[0]} stands without its lora_alpha")
    lora = Lora(settings=[key for key in about if key.endswith(_NOT_PLAIN) and about[key]])
    found: dict[tuple[str, str], dict[str, Tensor]] = {}
    parts, called = prefixes(family), own_names(family)
    for name, tensor in tensors.items():
        match = _FACTOR.fullmatch(name)
        prefix = next((prefix for prefix in parts if name.startswith(prefix)), None)
        if match is None or prefix is None:
            lora.unread.append(name)
            continue
        kind = match["kohya"] or match["old"] or match["text"] or {"A": "down", "B": "up"}.get(match["peft"], "alpha")
        module = flat(match["module"].removeprefix(prefix).replace(".processor", ""))
        found.setdefault((parts[prefix], re.sub(r"_to_out$", "_to_out_0", module)), {})[kind] = tensor
    for (part, module), each in found.items():
        if "up" not in each or "down" not in each:
            lora.incomplete.append((part, module))
            continue
        rank = each["down"].shape[0]
        alpha = float(each["alpha"]) if "alpha" in each else float(about.get(f"{called[part]}.lora_alpha") or rank)
        lora.factors[part, module] = Factors(each["up"], each["down"], alpha / rank)
    return lora


def change_of(factors: Factors, weight: Tensor) -> Tensor | None:
    """(alpha / r) B A in the weight's shape, float32 on the cpu; None where the factors do not fit."""
    up, down = (each.flatten(1).float().cpu() if each.ndim > 1 else each for each in (factors.up, factors.down))
    fits = up.ndim == down.ndim == 2 and up.shape[1] == down.shape[0] and up.shape[0] == weight.shape[0]
    if not fits or up.shape[0] * down.shape[1] != weight.numel():
        return None
    return factors.scale * (up @ down).reshape(weight.shape)


def weights_of(model: nn.Module) -> dict[str, tuple[str, Any]]:
    """{module's flat name: (its weight's name as in `normal_name`, its weight)} of linear layers and convolutions."""
    return {
        flat(name): (f"{normal_name(name)}.weight", module.weight)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    }


def flat(module: str) -> str:
    """A module's name with `_` between its parts, as kohya writes it, without the prefix of older text encoders."""
    return re.sub(r"[._]+", "_", normal_name(module)).removeprefix("text_model_")
