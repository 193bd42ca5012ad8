"""The open_clip network of a judge, from a folder of the base or from the hub's cache. Safetensors only.

model = build_clip(model_cfg)                                    train it, then
save_judge("bases/emoji/judge", model, model_cfg, preprocess, "../t2i/tokenizer")
model, tokenise, preprocess = load_clip("bases/emoji/judge")
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from expunge.bases.hub import resolve
from expunge.bases.loading import readable
from expunge.bases.spec import Source, Spec
from expunge.core.errors import InputError, Problem
from expunge.judging.clip_folder import ClipFolder
from expunge.judging.weights import load_network, load_weights, read_config, save_network

Tokenise = Callable[[Sequence[str]], Tensor]


def build_clip(model_cfg: Mapping[str, Any]) -> Any:
    """An untrained open_clip.model.CLIP.

    :param model_cfg: {"embed_dim", "vision_cfg", "text_cfg"} as in open_clip's own model configs. If `layers` in
        vision_cfg is a list of four numbers, the vision tower is a ModifiedResNet; if it is one number, a ViT.
    """
    from open_clip.model import CLIP

    vision = dict(model_cfg["vision_cfg"])
    if isinstance(vision.get("layers"), list):
        vision["layers"] = tuple(vision["layers"])
    return CLIP(model_cfg["embed_dim"], vision, dict(model_cfg["text_cfg"]))


def clip_tokenizer(folder: Path | str, context: int) -> Tokenise:
    """texts -> (N, context) int64: start, BPE ids, end, then zeros, as open_clip's own tokenizer lays them out.

    open_clip pools the text at the highest id, so the end token must have the highest id.

    :param folder: contains vocab.json and merges.txt of a CLIP tokenizer.
    :raises InputError: the folder has no such tokenizer.
    """
    from transformers import CLIPTokenizer

    if not (Path(folder) / "vocab.json").is_file():
        raise InputError([Problem(str(folder), "holds no CLIP tokenizer", "put vocab.json and merges.txt there")])
    tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    end = int(tokenizer.eos_token_id)
    if end != max(tokenizer.get_vocab().values()):
        what = "the end token is not the highest id, where the judge pools its text"
        raise InputError([Problem(f"{folder}/vocab.json", what, "use a CLIP vocabulary, which ends with it")])

    def tokenise(texts: Sequence[str]) -> Tensor:
        rows = tokenizer(list(texts), truncation=True, max_length=context, padding=False)["input_ids"]
        ids = torch.zeros(len(rows), context, dtype=torch.long)
        for row, tokens in zip(ids, rows, strict=True):
            row[: len(tokens)] = torch.tensor(tokens)
        return ids

    return tokenise


def save_judge(
    folder: Path | str,
    model: nn.Module,
    model_cfg: Mapping[str, Any],
    preprocess: Mapping[str, Any],
    tokenizer: str,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write `config.json` and `model.safetensors`.

    :param preprocess: {"size": pixels, "mean": [3 numbers], "std": [3 numbers]} of pictures in [0, 1].
    :param tokenizer: path of the CLIP tokenizer's folder, relative to `folder`.
    """
    config = {
        "model_cfg": model_cfg,
        "preprocess": preprocess,
        "tokenizer": tokenizer,
        "context_length": model_cfg["text_cfg"]["context_length"],
    }
    save_network(Path(folder), config, model, dtype)


def load_clip(folder: Path | str, device: Any = "cpu") -> tuple[Any, Tokenise, dict[str, Any]]:
    """What `save_judge` wrote: the frozen model in float32, its tokeniser and its preprocessing.

    :raises InputError: the folder is missing or incomplete, or its weights do not fit its config.
    """
    folder = Path(folder)
    config = read_config(folder)
    with readable(str(folder), "the judge", folder):
        model, tokenizer = build_clip(config["model_cfg"]), folder / config["tokenizer"]
        context, preprocess = config["context_length"], config["preprocess"]
    load_network(folder, model)
    return model.to(device).eval().requires_grad_(False), clip_tokenizer(tokenizer, context), preprocess


def load_open_clip(folder: ClipFolder, device: Any = "cpu") -> tuple[Any, Tokenise, dict[str, Any]]:
    """The model of a folder that open_clip wrote, as LAION and the hub publish it: as `load_clip` returns it.

    :raises InputError: the config is none of open_clip, or the weights do not fit it.
    """
    import open_clip

    place = f"local-dir:{folder.config.parent}"
    with readable(str(folder.config.parent), "the judge", folder.config):
        model = open_clip.create_model(place, load_weights=False, precision="fp32", device="cpu")
        tokenise = open_clip.get_tokenizer(place)
        config = json.loads(folder.config.read_text("utf-8")).get("preprocess_cfg") or {}
    load_weights(folder.weights, model, "copy the complete folder there again")
    return model.to(device).eval().requires_grad_(False), tokenise, _preprocess(model, config)


def load_pretrained(spec: Spec, device: Any) -> tuple[Any, Tokenise, dict[str, Any]]:
    """An open_clip model by name and tag, from the hub's cache; safetensors only. The revision is pinned or locked.

    :raises InputError: open_clip does not know the name and tag, or the weights are missing.
    """
    import open_clip

    assert spec.judge.pretrained is not None
    name, tag = spec.judge.pretrained
    config = open_clip.get_pretrained_cfg(name, tag)
    repo = str(config.get("hf_hub") or "").rstrip("/")
    source = spec.judge.weights or (Source(spec.judge.where, repo=repo) if repo else None)
    if source is None:
        tags = ", ".join(tag for model, tag in open_clip.list_pretrained() if model == name) or "an open_clip model"
        what = f"open_clip has no {name} {tag} on the hub"
        raise InputError([Problem(spec.judge.where, what, f"write one of {tags}")])
    weights = "open_clip_model.safetensors"
    folder = resolve(spec, source, [weights])
    model = open_clip.create_model(name, pretrained=None, load_weights=False, precision="fp32", device="cpu")
    load_weights(folder / weights, model, "fetch the repository again")
    return model.to(device).eval().requires_grad_(False), open_clip.get_tokenizer(name), _preprocess(model, config)


def _preprocess(model: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """The size, mean and standard deviation of the pictures that a model of open_clip reads."""
    import open_clip

    size = model.visual.image_size
    return {
        "size": size[0] if isinstance(size, tuple | list) else size,
        "mean": list(config.get("mean") or open_clip.OPENAI_DATASET_MEAN),
        "std": list(config.get("std") or open_clip.OPENAI_DATASET_STD),
    }
