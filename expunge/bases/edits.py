"""The changes that unlearning makes to a base: compare two encoders, write the changes to files, read them back."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from expunge.bases.encoders import parts_of, together
from expunge.bases.families import Family
from expunge.bases.families.names import encoder_folders, normal_name, weights_name
from expunge.bases.parts import weight_files
from expunge.bases.stored import load_stored
from expunge.core.errors import InputError, Problem


@dataclass(frozen=True)
class Edit:
    """The changes that unlearning makes to a base.

    :param encoder: the text encoder, of the base's class, float32, frozen.
    :param unconditional: (1, L, D), or (N, L, D) for N samples; replaces the encoder's embedding of the empty prompt.
        None: the encoder's own embedding.
    :param denoiser: {tensor's name: change}; the change is added to the tensors of this name in the T2I and the T2V
        denoiser. Empty where only the text encoder changes.
    :param adapter: {"<module>.lora_A.weight": A (r, in), "<module>.lora_B.weight": B (out, r)} where the encoder's
        change W' - W equals B A; `encoder` already contains this change. Empty where it has another form.
    """

    encoder: Any
    unconditional: Tensor | None = None
    denoiser: Mapping[str, Tensor] = field(default_factory=dict)
    adapter: Mapping[str, Tensor] = field(default_factory=dict)


def tensor_digests(tensors: Mapping[str, Tensor], dtype: torch.dtype = torch.float16) -> dict[str, str]:
    """{normalised name: sha256 of its shape and its bytes after a cast to `dtype`}; position ids are left out.

    The cast makes a float16 and a float32 copy of the same weights equal.
    """
    digests = {}
    for name, tensor in tensors.items():
        if not name.endswith("position_ids"):
            data = tensor.detach().to("cpu", dtype).flatten()  # the same bytes in any memory layout
            content = str(tuple(tensor.shape)).encode() + data.view(torch.uint8).numpy().tobytes()
            digests[normal_name(name)] = hashlib.sha256(content).hexdigest()
    return digests


def differing(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> list[str]:
    """The normalised names of tensors that only one of two encoders has or that differ, in order."""
    a, b = tensor_digests(one), tensor_digests(other)
    return sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))


def file_dtype(folder: Path, variant: str | None = None) -> torch.dtype:
    """The dtype in which a folder stores its encoder, whose weights may be in pieces."""
    kinds: set[str] = set()
    for file in weight_files(folder, weights_name("model", variant)):
        with safe_open(file, "pt") as tensors:
            kinds |= {tensors.get_slice(name).get_dtype() for name in tensors.keys()}  # noqa: SIM118 (no iterator)
    stored = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
    return next((dtype for kind, dtype in stored.items() if kind in kinds), torch.float32)


def changed_parameters(original: nn.Module, encoder: nn.Module, dtype: torch.dtype) -> int:
    """How many numbers of two encoders differ once both are stored as `dtype`."""
    own, new = dict(original.named_parameters()), dict(encoder.named_parameters())
    return sum(int((own[name].detach().to(dtype) != new[name].detach().to(dtype)).sum()) for name in own)


def save_edit(edit: Edit, folder: Path, family: Family, dtype: torch.dtype) -> None:
    """Write a folder that `from_pretrained` of the encoder's class loads: config.json and model.safetensors. Of several
    text encoders, the others lie in a folder each, by their names in the pipeline.

    The encoder's tensors are stored as `dtype` (that of the base's files). CLIP's names begin with `text_model.`, which
    every version of transformers, A1111 and ComfyUI knows. config.json says float32, so that the loaded encoder fits a
    float32 pipeline without a further argument. The other changes go into files of their own: unconditional.safetensors
    (float32), denoiser.safetensors (`dtype`), adapter.safetensors (float16, with peft's names). The same edit gives the
    same bytes. The files are written to a temporary folder and then moved into `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for place, encoder in zip(encoder_folders(family), parts_of(family, edit.encoder).values(), strict=True):
            _save_encoder(encoder, aside / place, family, dtype)
        unconditional = {} if edit.unconditional is None else {"embedding": edit.unconditional}
        for name, more, kind in (
            ("unconditional", unconditional, torch.float32),
            ("denoiser", edit.denoiser, dtype),
            ("adapter", edit.adapter, torch.float16),
        ):
            if more:
                stored = {key: tensor.detach().to("cpu", kind).contiguous() for key, tensor in more.items()}
                save_file(stored, aside / f"{name}.safetensors", metadata={"format": "pt"})
            else:
                (folder / f"{name}.safetensors").unlink(missing_ok=True)
        for file in sorted(each for each in aside.rglob("*") if each.is_file()):
            kept = folder / file.relative_to(aside)
            kept.parent.mkdir(exist_ok=True)
            os.replace(file, kept)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _save_encoder(encoder: Any, folder: Path, family: Family, dtype: torch.dtype) -> None:
    encoder.config.save_pretrained(folder)
    config = folder / "config.json"
    text = config.read_text("utf-8")
    text = re.sub(r'"(torch_)?dtype": "\w+"', '"dtype": "float32"', text)
    if '"dtype"' not in text:
        text = text.replace("{", '{\n  "dtype": "float32",', 1)
    config.write_text(text, "utf-8")
    state = {n: t for n, t in encoder.state_dict().items() if not n.endswith(("position_ids", *family.TIED))}
    tensors = {family.stored_name(n): t.detach().to("cpu", dtype).contiguous() for n, t in state.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def read_edit(folder: Path, family: Family, device: torch.device, dtype: torch.dtype = torch.float32) -> Edit:
    """Read what `save_edit` wrote, onto a device. The encoder is frozen, and computes in float32.

    :param dtype: in which the encoder's layers are held (bases/stored.py).
    :raises InputError: the folder lacks config.json or model.safetensors, or the encoder's tensors do not fit.
    """
    encoders = {}
    for place, (part, kind) in zip(encoder_folders(family), family.ENCODERS.items(), strict=True):
        own = folder / place
        if not (own / "model.safetensors").is_file() or not (own / "config.json").is_file():
            fix = "run the unlearn stage, or name a folder with config.json and model.safetensors"
            raise InputError([Problem(str(own), "lacks config.json or model.safetensors", fix)])
        encoders[part] = load_stored(family, "the encoder", kind, own, str(own), None, dtype)
    encoder = together(encoders)
    encoder.to(device).eval().requires_grad_(False)
    return edit_of(encoder, folder, device)


def edit_of(encoder: Any, folder: Path, device: torch.device) -> Edit:
    """The edit of an encoder and of what lies in the folder beside it."""
    more = {name: folder / f"{name}.safetensors" for name in ("unconditional", "denoiser", "adapter")}
    read = {name: load_file(file, device=str(device)) for name, file in more.items() if file.is_file()}
    unconditional = read.get("unconditional", {}).get("embedding")
    return Edit(encoder, unconditional, read.get("denoiser", {}), read.get("adapter", {}))
