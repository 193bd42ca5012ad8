"""The judge: what does a picture or a video show? A zero-shot CLIP, separate from the encoder that is edited.

    judge = load_judge(load_spec("emoji"))                                 expunge.judging.judges
    chances = classify(judge, images, "subject")                           (N, labels)

An axis ("subject", "style", "background", "motion") is a list of labels; a label's embedding is the normalised mean of
its names in its axis' templates (Radford et al. 2021, section 3.1.4). Frames are judged one by one; motions are judged
by a small classifier over whole videos if the base has one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from expunge.core.errors import InputError, Problem
from expunge.core.words import plain
from expunge.judging.clip import Tokenise
from expunge.judging.motion import MotionJudge
from expunge.judging.vocabulary import Label, matching

BATCH = 256  # frames in one pass


@dataclass(frozen=True)
class Judge:
    model: Any  # open_clip CLIP, frozen, float32
    tokenise: Tokenise
    preprocess: Mapping[str, Any]  # size, mean, std
    device: Any
    templates: Mapping[str, tuple[str, ...]]  # by axis
    labels: Mapping[str, tuple[Label, ...]]  # by axis
    embeddings: Mapping[str, Tensor]  # by axis: (labels, D), of length 1
    motion: MotionJudge | None = None


def make_judge(
    model: Any,
    tokenise: Tokenise,
    preprocess: Mapping[str, Any],
    templates: Mapping[str, tuple[str, ...]],
    labels: Mapping[str, tuple[Label, ...]],
    motion: MotionJudge | None = None,
    device: Any = "cpu",
) -> Judge:
    """A judge from its parts. If there is a motion classifier, its labels become the ids of the motion axis."""
    labels = dict(labels)
    if motion is not None:
        written = {label.id: label for label in labels.get("motion", ())}
        labels["motion"] = tuple(written.get(name, Label(name, (name,))) for name in motion.labels)
    judge = Judge(model, tokenise, preprocess, device, templates, labels, {}, motion)
    return replace(judge, embeddings={axis: _embed(judge, axis) for axis in labels if labels[axis]})


def with_names(judge: Judge, asks: Iterable[tuple[str, str]]) -> Judge:
    """The judge, with a new label for every asked (axis, name) that it does not know.

    :raises InputError: a motion that the motion classifier was not trained on.
    """
    labels = dict(judge.labels)
    changed = set()
    for axis, name in asks:
        if matching(labels.get(axis, ()), name):
            continue
        if axis == "motion" and judge.motion is not None:
            fix = f"ask for one of {', '.join(judge.motion.labels)}"
            raise InputError([Problem("judge", f"does not know the motion {name!r}", fix)])
        labels[axis] = (*labels.get(axis, ()), Label(name, (name,)))
        changed.add(axis)
    if not changed:
        return judge
    judge = replace(judge, labels=labels)
    return replace(judge, embeddings={**judge.embeddings, **{axis: _embed(judge, axis) for axis in changed}})


def find_labels(judge: Judge, axis: str, name: str) -> tuple[int, ...]:
    """Indices of the labels that a name means: several if a word has several senses ("mouse").

    The comparison with ids and names ignores case, a leading article, hyphens and underscores.

    :raises InputError: no label has it (`with_names` adds it).
    """
    indices = matching(judge.labels.get(axis, ()), name)
    if not indices:
        raise InputError([Problem("judge", f"has no {axis} {name!r}", "add it to the vocabulary")])
    return indices


@torch.no_grad()
def features(judge: Judge, frames: np.ndarray) -> np.ndarray:
    """Image embeddings of length 1, float32: (N, H, W, 3) uint8 -> (N, D), (N, F, H, W, 3) -> (N, F, D).

    :raises ValueError: the frames have another shape or type.
    """
    if frames.dtype != np.uint8 or frames.ndim not in (4, 5) or frames.shape[-1] != 3:
        raise ValueError(f"frames must be uint8 (N, [F,] H, W, 3), not {frames.dtype} {frames.shape}")
    pictures = frames.reshape(-1, *frames.shape[-3:])
    some = pictures if len(pictures) else np.zeros((1, 64, 64, 3), np.uint8)  # one blank picture gives the width D
    encoded = torch.cat([_look(judge, part).float().cpu() for part in _parts(some)])[: len(pictures)]
    return encoded.reshape(*frames.shape[:-3], -1 if len(pictures) else encoded.shape[-1]).numpy()


@torch.no_grad()
def text_features(judge: Judge, texts: Sequence[str]) -> np.ndarray:
    """Text embeddings of length 1, (N, D) float32."""
    return judge.model.encode_text(judge.tokenise(list(texts)).to(judge.device), normalize=True).float().cpu().numpy()


@torch.no_grad()
def classify(judge: Judge, frames: np.ndarray, axis: str, encoded: np.ndarray | None = None) -> np.ndarray:
    """Probabilities of an axis' labels, in the order of `judge.labels[axis]`, float32.

    :param frames: uint8, pictures (N, H, W, 3) -> (N, labels); videos (N, F, H, W, 3) -> (N, F, labels), but
        (N, labels) for motions: from the motion classifier, or else from the mean of the frames' embeddings.
    :param encoded: what `features` returns for these frames, so that they are encoded once for all axes and metrics.
    :raises ValueError: the frames have another shape or type, or the axis is motion and the frames are pictures.
    """
    if axis == "motion" and frames.ndim == 4:
        raise ValueError("a motion can be seen in videos only")
    if axis == "motion" and judge.motion is not None:
        videos = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 1, 4, 2, 3)
        parts = [judge.motion(part.to(judge.device)).float().cpu() for part in videos.split(32) if len(part)]
        return (torch.cat(parts) if parts else torch.zeros(0, len(judge.motion.labels))).softmax(dim=-1).numpy()
    pictures = torch.from_numpy(features(judge, frames) if encoded is None else encoded).to(judge.device)
    if axis == "motion":
        pictures = F.normalize(pictures.mean(dim=1), dim=-1)
    logits = judge.model.logit_scale.exp() * pictures @ judge.embeddings[axis].T
    return logits.float().softmax(dim=-1).cpu().numpy()


@torch.no_grad()
def _embed(judge: Judge, axis: str) -> Tensor:
    """(labels, D). A name that several labels share ("mouse") cannot tell them apart; it is dropped if others exist."""
    labels = judge.labels[axis]
    names = [{plain(name) for name in label.names} for label in labels]
    rows = []
    for index, label in enumerate(labels):
        others = set().union(*names[:index], *names[index + 1 :])
        own = [name for name in label.names if plain(name) not in others] or label.names or (label.id,)
        forms = label.templates or judge.templates.get(axis) or ("{}",)
        texts = [form.replace("{}", name) for form in forms for name in own]
        encoded = judge.model.encode_text(judge.tokenise(texts).to(judge.device), normalize=True)
        rows.append(F.normalize(encoded.mean(dim=0), dim=0))
    return torch.stack(rows)


def _parts(frames: np.ndarray) -> Iterable[Tensor]:
    for start in range(0, len(frames), BATCH):
        yield torch.from_numpy(np.ascontiguousarray(frames[start : start + BATCH])).permute(0, 3, 1, 2)


def _look(judge: Judge, pictures: Tensor) -> Tensor:
    """(N, 3, H, W) uint8 -> (N, D) of length 1. The shorter side is scaled to `size`, then the centre is cropped."""
    size = int(judge.preprocess["size"])
    x = pictures.to(judge.device).float() / 255
    height, width = x.shape[-2:]
    scale = size / min(height, width)
    shape = (max(size, round(height * scale)), max(size, round(width * scale)))
    if shape != (height, width):
        x = F.interpolate(x, shape, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
    top, left = (shape[0] - size) // 2, (shape[1] - size) // 2
    x = x[..., top : top + size, left : left + size]
    mean, std = (x.new_tensor(judge.preprocess[key]).view(3, 1, 1) for key in ("mean", "std"))
    return judge.model.encode_image((x - mean) / std, normalize=True)
