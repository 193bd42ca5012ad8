"""The networks of a judge and their files: an open_clip CLIP and a small motion classifier. Safetensors only.

    model = build_clip(model_cfg)                                    train it, then
    save_judge("bases/emoji/judge", model, model_cfg, preprocess, "../t2i/tokenizer")
    model, tokenise, preprocess = load_clip("bases/emoji/judge")

A folder holds `config.json` and `model.safetensors` (float16 on disk, float32 in memory).
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from expunge.bases.spec import Source, Spec
from expunge.core.errors import InputError, Problem

Tokenise = Callable[[Sequence[str]], Tensor]


def build_clip(model_cfg: Mapping[str, Any]) -> Any:
    """An untrained open_clip.model.CLIP.

    :param model_cfg: {"embed_dim", "vision_cfg", "text_cfg"} as open_clip's own model configs have them. A `layers` of
        four numbers in vision_cfg makes a ModifiedResNet, one number a ViT.
    """
    from open_clip.model import CLIP

    vision = dict(model_cfg["vision_cfg"])
    if isinstance(vision.get("layers"), list):
        vision["layers"] = tuple(vision["layers"])
    return CLIP(model_cfg["embed_dim"], vision, dict(model_cfg["text_cfg"]))


def clip_tokenizer(folder: Path | str, context: int) -> Tokenise:
    """texts -> (N, context) int64: start, BPE ids, end, then zeros, as open_clip's own tokenizer lays them out.

    open_clip pools the text at the highest id, so the end token must be it.

    :param folder: holds vocab.json and merges.txt of a CLIP tokenizer.
    :raises InputError: the folder holds no such tokenizer.
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
        for row, found in zip(ids, rows, strict=True):
            row[: len(found)] = torch.tensor(found)
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
    _save(Path(folder), config, model, dtype)


def load_clip(folder: Path | str, device: Any = "cpu") -> tuple[Any, Tokenise, dict[str, Any]]:
    """What `save_judge` wrote: the frozen model in float32, its tokeniser and its preprocessing.

    :raises InputError: the folder is not there, incomplete, or its weights are not those of its config.
    """
    folder = Path(folder)
    config = _config(folder)
    model = build_clip(config["model_cfg"])
    _load(folder, model)
    tokenise = clip_tokenizer(folder / config["tokenizer"], config["context_length"])
    return model.to(device).eval().requires_grad_(False), tokenise, config["preprocess"]


def load_pretrained(spec: Spec, device: Any) -> tuple[Any, Tokenise, dict[str, Any]]:
    """An open_clip model by name and tag, from the hub's cache, safetensors only; pinned, or recorded in the lock.

    :raises InputError: open_clip does not know the name and tag, or the weights are not there.
    """
    import open_clip
    from safetensors.torch import load_file

    from expunge.bases.hub import resolve

    assert spec.judge.pretrained is not None
    name, tag = spec.judge.pretrained
    config = open_clip.get_pretrained_cfg(name, tag)
    repo = str(config.get("hf_hub") or "").rstrip("/")
    source = spec.judge.weights or (Source(f"{spec.file}", repo=repo) if repo else None)
    if source is None:
        known = ", ".join(tags[1] for tags in open_clip.list_pretrained() if tags[0] == name) or "an open_clip model"
        what = f"open_clip knows no {name} {tag} on the hub"
        raise InputError([Problem(str(spec.file), what, f"write one of {known}")])
    weights = "open_clip_model.safetensors"
    folder = resolve(spec, source, [weights])
    model = open_clip.create_model(name, pretrained=None, load_weights=False, precision="fp32", device="cpu")
    model.load_state_dict(load_file(folder / weights))
    size = model.visual.image_size
    preprocess = {
        "size": size[0] if isinstance(size, tuple | list) else size,
        "mean": list(config.get("mean") or open_clip.OPENAI_DATASET_MEAN),
        "std": list(config.get("std") or open_clip.OPENAI_DATASET_STD),
    }
    return model.to(device).eval().requires_grad_(False), open_clip.get_tokenizer(name), preprocess


class MotionJudge(nn.Module):
    """Which motion a short video shows: a 3D CNN of 0.25 M parameters over small frames.

    It sees colour, what differs from the video's mean frame (the thing that moves, without the background) and the
    difference to the frame before. Position is kept down to a 4 x 4 grid; space and time are pooled at the very end,
    by mean and by maximum. Four temporal convolutions of width 3 span nine frames, a whole turn in eight included.
    """

    def __init__(self, labels: Sequence[str], channels: Sequence[int] = (24, 48, 64, 80), size: int = 32) -> None:
        super().__init__()
        self.labels, self.channels, self.size = tuple(labels), tuple(channels), size
        layers: list[nn.Module] = []
        width = 10
        for index, out in enumerate(self.channels):
            stride = (1, 2, 2) if index < 3 else (1, 1, 1)
            layers += [nn.Conv3d(width, out, 3, stride, 1, bias=False), nn.GroupNorm(8, out), nn.SiLU()]
            width = out
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(2 * width, len(self.labels))

    def forward(self, frames: Tensor) -> Tensor:
        """(N, F, 3, H, W), uint8 in [0, 255] or float in [0, 1], at least two frames -> logits (N, labels)."""
        if frames.dtype == torch.uint8:
            frames = frames.to(self.head.weight.dtype) / 255
        small = F.adaptive_avg_pool2d(frames.flatten(0, 1), self.size).unflatten(0, frames.shape[:2]).transpose(1, 2)
        moving = small - small.mean(dim=2, keepdim=True)
        change = F.pad(small[:, :, 1:] - small[:, :, :-1], (0, 0, 0, 0, 1, 0))
        gray = small.mean(dim=1, keepdim=True)
        features = self.body(torch.cat([2 * gray - 1, 2 * small - 1, 3 * moving, 3 * change], dim=1))
        return self.head(torch.cat([features.mean(dim=(2, 3, 4)), features.amax(dim=(2, 3, 4))], dim=1))


def save_motion(folder: Path | str, model: MotionJudge, dtype: torch.dtype = torch.float16) -> None:
    """Write `config.json` ({"labels", "channels", "size"}) and `model.safetensors`."""
    config = {"labels": list(model.labels), "channels": list(model.channels), "size": model.size}
    _save(Path(folder), config, model, dtype)


def load_motion(folder: Path | str, device: Any = "cpu") -> MotionJudge:
    """What `save_motion` wrote, frozen, in float32.

    :raises InputError: as `load_clip`.
    """
    config = _config(Path(folder))
    model = MotionJudge(config["labels"], config["channels"], config["size"])
    _load(Path(folder), model)
    return model.to(device).eval().requires_grad_(False)


def _save(folder: Path, config: Mapping[str, Any], model: nn.Module, dtype: torch.dtype) -> None:
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    state = {
        name: (tensor.to(dtype) if tensor.is_floating_point() else tensor).detach().cpu().contiguous().clone()
        for name, tensor in model.state_dict().items()
    }
    save_file(state, folder / ".model.part", metadata={"format": "pt"})
    (folder / ".config.part").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    os.replace(folder / ".model.part", folder / "model.safetensors")
    os.replace(folder / ".config.part", folder / "config.json")


def _config(folder: Path) -> dict[str, Any]:
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            fix = "restore the folder from git, or train it again with the base's recipe"
            raise InputError([Problem(str(folder), f"is no judge: {name} is missing", fix)])
    return json.loads((folder / "config.json").read_text("utf-8"))


def _load(folder: Path, model: nn.Module) -> None:
    from safetensors.torch import load_file

    state = load_file(folder / "model.safetensors")
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        what = f"the weights are not those of config.json ({str(error).splitlines()[-1].strip()[:120]})"
        raise InputError([Problem(f"{folder}/model.safetensors", what, "restore the folder from git")]) from None
