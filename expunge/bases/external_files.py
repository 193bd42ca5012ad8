"""The files of an edit that somebody else made: which of them are read, and one digest of their content. No torch.

It is a .safetensors file, or a folder with some: an encoder's, a denoiser's, or a pipeline's with the folders of its
text encoders and of its denoiser in it.
"""

import stat
from collections.abc import Collection, Iterable
from pathlib import Path

from expunge.bases.families import Family, families
from expunge.bases.families.names import ENCODER_FOLDER, IGNORED, encoder_name, normal_name
from expunge.core.digest import digest, file_digest
from expunge.core.errors import InputError, Problem, shown

FIX = "name a .safetensors file, or a folder of diffusers; convert a .bin, .pt or .ckpt first, with a program you trust"
CHECKPOINT = ("cond_stage_model.", "model.diffusion_model.", "first_stage_model.")
LORA = ("lora_", ".lora.", "hada_", "lokr_", "dora_scale")


def kind_of(names: Iterable[str], family: Family | None) -> str | None:
    """What a file is by its tensors' names: "lora", "checkpoint", "denoiser", "encoder"; None: nothing that is read.

    :param family: whose denoiser and encoder are known; None: those of all.
    """
    names, known = list(names), families() if family is None else (family,)
    if any(mark in name for name in names for mark in LORA):
        return "lora"
    if any(name.startswith(CHECKPOINT) for name in names):
        return "checkpoint"
    for each in known:
        if any(name.startswith(tuple(each.DENOISER_NAMES)) for name in denoiser_names(names, each)):
            return "denoiser"
    begin = tuple(name for each in known for name in each.ENCODER_NAMES)
    return "encoder" if any(normal_name(name).startswith(begin) for name in names) else None


def denoiser_names(names: Iterable[str], family: Family) -> dict[str, str]:
    """{a tensor's name in the denoiser: its name in a file, where the name of the denoiser may stand before it}."""
    return {name.removeprefix(f"{family.DENOISER}."): name for name in names}


def encoder_names(names: Iterable[str], family: Family, part: str = ENCODER_FOLDER) -> dict[str, str]:
    """{a tensor's name as in `normal_name`: its name in an encoder's file}, of what a denoiser sees the effect of.

    :param part: what the pipeline calls the encoder; the names of those after the first begin with it.
    """
    unread = (*IGNORED, *family.NOT_READ, *family.TIED)
    return {normal_name(encoder_name(name, part)): name for name in names if not name.endswith(unread)}


def encoder_of(file: Path, family: Family) -> str:
    """Which of the pipeline's text encoders a file holds, by its folder: the first one where that does not tell."""
    return file.parent.name if file.parent.name in family.ENCODERS else ENCODER_FOLDER


def needed_names(own: Iterable[str], whole: Collection[str], family: Family) -> set[str]:
    """The encoder's own tensors that belong to the text encoders `whole`. :param own: names as in `normal_name`."""
    first = {name: name.partition(".")[0] for name in own}
    return {name for name, part in first.items() if (part if part in family.ENCODERS else ENCODER_FOLDER) in whole}


def files_of(path: Path) -> dict[str, Path]:
    """{name inside the edit: file}, in order; a single file has the name "weights.safetensors", whatever it is called.

    :raises InputError: it is missing, or holds no weights that are read.
    """
    try:
        if path.is_dir():
            parts = ("", *sorted({part for family in families() for part in (*family.ENCODERS, family.DENOISER)}))
            found = {
                f"{part}/{f.name}".lstrip("/"): f for part in parts for f in sorted((path / part).glob("*.safetensors"))
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
