"""Loads a checkpoint of one file, in the layout of CompVis or Stability, with diffusers' `from_single_file`.

The settings and the tokenizer come from a local folder, so nothing is asked of the network.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from expunge.bases.check_checkpoint import parts_lacking
from expunge.bases.check_tokenizer import spelling_missing
from expunge.bases.edits import tensor_digests
from expunge.bases.families import sd as family
from expunge.bases.families.names import ENCODER_FOLDER, IGNORED, TOKENIZER_FOLDER
from expunge.bases.loading import not_finite, readable
from expunge.bases.parts import read_header
from expunge.bases.placement import placement_problems
from expunge.bases.spec import Source
from expunge.core.errors import InputError, Problem

# Tensors of an open_clip text encoder that Stable Diffusion 2.x does not use; its last layer is left out as well.
UNUSED = ("text_projection", "logit_scale", "attn_mask", *IGNORED)


def load_checkpoint(pipeline: str, source: Source) -> tuple[Any, torch.dtype]:
    """(the pipeline in float32 on the cpu, the dtype in which the file stores the text encoder).

    :raises InputError: the file cannot be read, or tensors are missing, found no place or are not finite.
    """
    import diffusers

    with readable(source.where, "t2i.checkpoint", source.written):
        given = _read(source, family.CHECKPOINT_PREFIXES)
        lacks = parts_lacking(source.where, "t2i.checkpoint", read_header(Path(str(source.path))))
        tokenizer = Path(str(source.config)) / TOKENIZER_FOLDER
        problems = [
            *(lacks or _lacking(source, given)),
            *spelling_missing(family, source.where, "t2i.tokenizer", tokenizer),
        ]
        if problems:
            raise InputError(problems)
        pipe = getattr(diffusers, pipeline).from_single_file(
            str(source.path),
            config=str(source.config),
            torch_dtype=torch.float32,
            local_files_only=True,
            **family.T2I[pipeline],
        )
    for part in family.CHECKPOINT_PREFIXES:
        model, label = getattr(pipe, part), f"t2i.{part}"
        missing = [name for name, tensor in model.state_dict().items() if tensor.is_meta]
        extra = [] if missing else _without_place(model, given[part])
        problems += placement_problems(source.where, label, missing, extra)
        problems += not_finite(source.where, label, model)
    if problems:
        raise InputError(problems)
    kinds = {tensor.dtype for tensor in given[ENCODER_FOLDER].values()}
    return pipe, next((kind for kind in (torch.float32, torch.bfloat16, torch.float16) if kind in kinds), torch.float32)


def _read(source: Source, parts: Iterable[str]) -> dict[str, dict[str, Tensor]]:
    """{part: {name in the file: tensor}}, memory-mapped."""
    given: dict[str, dict[str, Tensor]] = {part: {} for part in parts}
    with safe_open(str(source.path), "pt") as file:
        for name in file.keys():  # noqa: SIM118 (no iterator)
            for part, prefixes in family.CHECKPOINT_PREFIXES.items():
                if name.startswith(prefixes) and not name.endswith(UNUSED):
                    given[part][name] = file.get_tensor(name)
    return given


def _lacking(source: Source, given: dict[str, dict[str, Tensor]]) -> list[Problem]:
    """Tensors that the settings ask for and the file lacks; diffusers would end in an error without their names."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint

    problems: list[Problem] = []
    models: dict[str, tuple[Any, Any]] = {
        "unet": (UNet2DConditionModel, convert_ldm_unet_checkpoint),
        "vae": (AutoencoderKL, convert_ldm_vae_checkpoint),
    }
    for part, (kind, convert) in models.items():
        config = kind.load_config(str(source.config), subfolder=part, local_files_only=True)
        with torch.device("meta"):
            wanted = kind.from_config(config).state_dict().keys()
        missing = wanted - convert(checkpoint=given[part], config=config).keys()
        problems += placement_problems(source.where, f"t2i.{part}", missing, [])
    return problems


def _without_place(model: nn.Module, given: dict[str, Tensor]) -> list[str]:
    """The names of a checkpoint's tensors whose numbers are nowhere in the model.

    Their numbers are compared only if their count is not the model's, since the layout renames and splits tensors.
    """
    layers = getattr(model.config, "num_hidden_layers", None)
    left_out = f".resblocks.{layers}."  # the last layer of an open_clip encoder, which the settings leave out
    given = {name: tensor for name, tensor in given.items() if left_out not in name}
    state = model.state_dict()
    if sum(tensor.numel() for tensor in given.values()) == sum(tensor.numel() for tensor in state.values()):
        return []
    known = set(tensor_digests({name: t.flatten() for name, t in state.items()}).values())
    digests = tensor_digests({name: t.flatten() for name, t in given.items() if "in_proj" not in name})
    return [name for name, value in digests.items() if value not in known]
