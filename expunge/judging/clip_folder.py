"""The two layouts of a judge's folder: ours, and open_clip's, as LAION and the hub publish it. Imports no torch.

ours         config.json ({model_cfg, preprocess, tokenizer, context_length}), model.safetensors
open_clip    open_clip_config.json ({model_cfg, preprocess_cfg}), open_clip_model.safetensors
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expunge.bases.advice import CONVERT, PICKLES
from expunge.bases.families.sd import TOKENIZER_FILES
from expunge.bases.parts import read_json
from expunge.core.errors import InputError, Problem

PUBLISHED = "open_clip_config.json"
# open_clip itself looks for these names, in this order
PUBLISHED_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
KEYS = ("model_cfg", "preprocess", "tokenizer", "context_length")  # of our config.json


@dataclass(frozen=True)
class ClipFolder:
    """The files of a judge's network."""

    config: Path
    weights: Path
    tokenizer: Path | None  # a folder; None: the vocabulary comes with the package open_clip
    published: bool  # is it laid out as open_clip lays it out?

    def files(self) -> list[Path]:
        """The config, the weights and the tokenizer's files that exist."""
        own = [self.tokenizer / name for name in TOKENIZER_FILES] if self.tokenizer is not None else []
        return [file for file in (self.config, self.weights, *own) if file.is_file()]


def clip_folder(folder: Path, where: str) -> ClipFolder:
    """The layout of a judge's folder. :param where: the place in the base's file, for problems.

    :raises InputError: a file is missing or is none of a judge's, or the weights lie there as a pickle only.
    """
    if not folder.is_dir():
        raise InputError(
            [Problem(where, f"the judge's folder {folder.name} is not there", "correct the path, or put it there")]
        )
    try:
        return _published(folder, where) if (folder / PUBLISHED).is_file() else _own(folder, where)
    except ValueError as error:
        raise InputError([Problem(where, f"the judge's {error}", "copy the complete folder there again")]) from None


def _own(folder: Path, where: str) -> ClipFolder:
    config = _config(folder, "config.json", KEYS, where)
    weights = _weights(folder, ("model.safetensors",), where)
    tokenizer = folder / str(config["tokenizer"])
    whole = (tokenizer / "tokenizer.json").is_file()
    needed = ("vocab.json",) if whole else ("vocab.json", "merges.txt")
    if missing := [name for name in needed if not (tokenizer / name).is_file()]:
        what = f"the judge's tokenizer {config['tokenizer']!r} holds no {', '.join(missing)}"
        raise InputError([Problem(where, what, "name a folder with vocab.json and merges.txt in its config.json")])
    return ClipFolder(folder / "config.json", weights, tokenizer, False)


def _published(folder: Path, where: str) -> ClipFolder:
    text = (_config(folder, PUBLISHED, ("model_cfg",), where)["model_cfg"] or {}).get("text_cfg") or {}
    if text.get("hf_model_name"):
        what = f"the judge's text tower is {text['hf_model_name']}, which open_clip would download"
        raise InputError([Problem(where, what, "use a CLIP with a text tower of its own")])
    weights = _weights(folder, PUBLISHED_WEIGHTS, where)
    tokenizer = folder if text.get("hf_tokenizer_name") else None
    if tokenizer is not None and not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        what = f"the judge needs the tokenizer {text['hf_tokenizer_name']}, and the folder holds none"
        raise InputError([Problem(where, what, f"put its tokenizer.json beside {PUBLISHED}")])
    return ClipFolder(folder / PUBLISHED, weights, tokenizer, True)


def _config(folder: Path, name: str, keys: tuple[str, ...], where: str) -> dict[str, Any]:
    config = read_json(folder / name)
    if config is None:
        fix = f"put an open_clip folder there ({PUBLISHED} and {PUBLISHED_WEIGHTS[0]}), or write `pretrained:`"
        raise InputError([Problem(where, f"the judge's folder {folder.name} has no {name}", fix)])
    missing = [key for key in keys if key not in config]
    if missing:
        what = f"the judge's {name} has no {', '.join(missing)}: it is none of open_clip"
        fix = f"take {PUBLISHED} and {PUBLISHED_WEIGHTS[0]} of the same model instead"
        raise InputError([Problem(where, what, fix)])
    return config


def _weights(folder: Path, names: tuple[str, ...], where: str) -> Path:
    file = next((folder / name for name in names if (folder / name).is_file()), None)
    if file is None:
        pickled = [each.name for each in sorted(folder.iterdir()) if each.suffix in PICKLES]
        fix = f"there is {pickled[0]}: {CONVERT}" if pickled else "copy the complete folder there again"
        raise InputError([Problem(where, f"the judge's folder {folder.name} has no {names[0]}", fix)])
    return file
