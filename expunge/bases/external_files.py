"""The files of an edit that somebody else made: which of them are read, and one digest of their content. No torch.

It is a .safetensors file, or a folder with some: an encoder's, a U-Net's, or a pipeline's with `text_encoder/` and
`unet/` in it.
"""

import stat
from collections.abc import Iterable
from pathlib import Path

from expunge.bases.families.names import normal_name
from expunge.core.digest import digest, file_digest
from expunge.core.errors import InputError, Problem, shown

PARTS = ("", "text_encoder", "unet")  # the folders that are looked into
FIX = "name a .safetensors file, or a folder of diffusers; convert a .bin, .pt or .ckpt first, with a program you trust"
CHECKPOINT = ("cond_stage_model.", "model.diffusion_model.", "first_stage_model.")
DENOISER = ("down_blocks.", "up_blocks.", "mid_block.", "conv_in.", "conv_out.", "conv_norm_out.", "time_embedding.")
ENCODER = ("encoder.layers.", "embeddings.", "final_layer_norm.")
NOT_READ = ("position_ids", "text_projection.weight", "logit_scale")  # no part of what a denoiser sees of a text
LORA = ("lora_", ".lora.", "hada_", "lokr_", "dora_scale")


def kind_of(names: Iterable[str]) -> str | None:
    """What a file is by its tensors' names: "lora", "checkpoint", "denoiser", "encoder"; None: nothing that is read."""
    names = list(names)
    if any(mark in name for name in names for mark in LORA):
        return "lora"
    if any(name.startswith(CHECKPOINT) for name in names):
        return "checkpoint"
    if any(name.removeprefix("unet.").startswith(DENOISER) for name in names):
        return "denoiser"
    return "encoder" if any(normal_name(name).startswith(ENCODER) for name in names) else None


def files_of(path: Path) -> dict[str, Path]:
    """{name inside the edit: file}, in order; a single file has the name "weights.safetensors", whatever it is called.

    :raises InputError: it is missing, or holds no weights that are read.
    """
    try:
        if path.is_dir():
            found = {
                f"{part}/{f.name}".lstrip("/"): f for part in PARTS for f in sorted((path / part).glob("*.safetensors"))
            }
            found = {name: file for name, file in found.items() if not _is_second_copy(name, found)}
        else:
            found = {"weights.safetensors": path} if path.suffix == ".safetensors" else {}
            path.stat()
        if not found:
            raise InputError([Problem(shown(path), "holds no weights as .safetensors", FIX)])
        for file in found.values():
            if not stat.S_ISREG(file.stat().st_mode):
                raise InputError([Problem(shown(file), "is no file", FIX)])
    except FileNotFoundError:
        fix = "correct the path, or put it there (`dvc pull` brings what the team keeps in DVC)"
        raise InputError([Problem(shown(path), "cannot be read (there is no such file or folder)", fix)]) from None
    except OSError as error:
        raise InputError([Problem(shown(path), f"cannot be read ({error.strerror})", FIX)]) from None
    return found


def content_digest(path: Path) -> str:
    """sha256 over the files that are read; it does not depend on where they lie.

    :raises InputError: as `files_of`.
    """
    return digest({name: file_digest(file) for name, file in files_of(path).items()})


def _is_second_copy(name: str, found: dict[str, Path]) -> bool:
    """Is it a variant such as model.fp16.safetensors beside model.safetensors?"""
    stem = name.removesuffix(".safetensors")
    plain, _, variant = stem.rpartition(".")
    return bool(plain and variant) and f"{plain}.safetensors" in found
