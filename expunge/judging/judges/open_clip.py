"""The judge of type `open-clip`: a CLIP model of open_clip, and a motion classifier if the base has one.

Its weights are a folder of the base (`model:`) or a name and tag of open_clip on the hub (`pretrained:`).
"""

import json
from pathlib import Path
from typing import Any

from expunge.bases.families.stable_diffusion import TOKENIZER_FILES
from expunge.bases.spec import Spec
from expunge.judging.vocabulary import read_vocabulary

PACKAGES = ("open-clip-torch",)
NETWORK = ("config.json", "model.safetensors")


def load(spec: Spec, device: Any) -> Any:
    """Load the `Judge` onto a device, in float32.

    :raises InputError: weights or vocabulary are missing or broken.
    """
    from expunge.judging.clip import load_clip, load_pretrained
    from expunge.judging.judge import make_judge
    from expunge.judging.motion import load_motion

    own = spec.judge.model
    model, tokenise, preprocess = load_clip(own, device) if own is not None else load_pretrained(spec, device)
    motion = load_motion(spec.judge.motion, device) if spec.judge.motion is not None else None
    templates, labels = read_vocabulary(spec.judge.vocabulary) if spec.judge.vocabulary is not None else ({}, {})
    return make_judge(model, tokenise, preprocess, templates, labels, motion, device)


def files(spec: Spec) -> dict[str, Path]:
    """The local files that `load` opens, keyed by names that do not depend on where the files are."""
    judge, opened = spec.judge, dict[str, Path]()
    for part, folder in (("model", judge.model), ("motion", judge.motion)):
        opened |= {f"{part}/{name}": folder / name for name in NETWORK if folder is not None}
    if judge.model is not None and (tokenizer := _tokenizer(judge.model)) is not None:
        opened |= {f"tokenizer/{name}": tokenizer / name for name in TOKENIZER_FILES}
    if judge.vocabulary is not None:
        opened["vocabulary"] = judge.vocabulary
    return {name: file for name, file in opened.items() if file.is_file()}


def _tokenizer(model: Path) -> Path | None:
    """The tokenizer folder that a model's config names; None if the config cannot be read or names none."""
    try:
        return model / json.loads((model / "config.json").read_text("utf-8"))["tokenizer"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
