"""What to do about weight files that are missing, from what lies there instead."""

import glob
import json
import re
from collections.abc import Sequence
from pathlib import Path

_WHY = "; a .bin, .ckpt or .pt file can run code when it is read, so none is opened here"
CONVERT = f"convert them where you trust them, with `safetensors.torch.save_file(model.state_dict(), file)`{_WHY}"
CONVERT_FOLDER = (
    "convert them where you trust them, with `{}.from_pretrained(folder, use_safetensors=False)"
    f".save_pretrained(new_folder)`{_WHY}"
)
CONVERT_FILE = (
    'convert them where you trust them, with `StableDiffusionPipeline.from_single_file("model.ckpt")'
    f".save_pretrained(new_folder)`{_WHY}"
)
PICKLES = (".bin", ".ckpt", ".pt", ".pth")


def advice(folder: Path, missing: Sequence[str], otherwise: str | None = None) -> str:
    """What to write or do if a folder lacks some files.

    :param missing: their names relative to the folder. :param otherwise: what to do where nothing else lies there.
    """
    weights = [name for name in missing if name.endswith(".safetensors")]
    variants = [_variants(folder, name) for name in weights]
    common = set.intersection(*variants) if variants else set()
    if common and len(weights) == len(missing):
        return f"write `variant: {sorted(common)[0]}` beside the folder's `path:` or `repo:`"
    others = {name: sorted(each)[0] for name, each in zip(weights, variants, strict=True) if each}
    if others:
        name, variant = next(iter(others.items()))
        stem = name.removesuffix(".safetensors")
        return f"rename {stem}.{variant}.safetensors to {name}, or write `variant: {variant}` and name all files alike"
    pickled = [each[0] for name in weights if (each := _pickles(folder, name))]
    if pickled:
        kind = "StableDiffusionPipeline" if any("/" in name for name in missing) else _class_of(folder)
        are = "there is" if len(pickled) == 1 else "there are"
        return f"{are} {', '.join(pickled)}: {CONVERT_FOLDER.format(kind)}"
    return (
        f"put a diffusers folder with safetensors there ({', '.join(missing[:4])})" if otherwise is None else otherwise
    )


def _variants(folder: Path, name: str) -> set[str]:
    """{"fp16"} where model.fp16.safetensors lies beside the missing model.safetensors, or its index does."""
    place = folder / name
    stem = re.escape(place.name.removesuffix(".safetensors"))
    pattern = re.compile(rf"{stem}\.([a-z0-9_]+)\.safetensors|{stem}\.safetensors\.index\.([a-z0-9_]+)\.json")
    names = [file.name for file in place.parent.glob(f"{glob.escape(place.stem)}.*")] if place.parent.is_dir() else []
    return {match[1] or match[2] for each in names if (match := pattern.fullmatch(each))}


def _class_of(folder: Path) -> str:
    """The diffusers class of the model in a folder."""
    try:
        return str(json.loads((folder / "config.json").read_text("utf-8"))["_class_name"])
    except (OSError, ValueError, KeyError, TypeError):
        return "DiffusionPipeline"


def _pickles(folder: Path, name: str) -> list[str]:
    parent = (folder / name).parent
    files = sorted(parent.iterdir()) if parent.is_dir() else []
    return [file.relative_to(folder).as_posix() for file in files if file.suffix in PICKLES]
