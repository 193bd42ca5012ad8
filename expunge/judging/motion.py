"""The motion classifier of a judge: which motion does a whole video show? A single frame cannot tell."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from expunge.bases.loading import readable
from expunge.judging.weights import load_network, read_config, save_network


class MotionJudge(nn.Module):
    """Which motion a short video shows: a 3D CNN of 0.25 M parameters over small frames.

    Its input channels are gray, colour, the difference from the video's mean frame (the thing that moves, without the
    background) and the difference from the frame before. The convolutions keep position on a 4 x 4 grid; space and time
    are pooled at the very end, by mean and by maximum. Four temporal convolutions of width 3 span nine frames, so a
    whole turn in eight frames fits.
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
    save_network(Path(folder), config, model, dtype)


def load_motion(folder: Path | str, device: Any = "cpu") -> MotionJudge:
    """What `save_motion` wrote, frozen, in float32.

    :raises InputError: the folder is incomplete, or its weights do not fit its config.
    """
    config = read_config(Path(folder))
    with readable(str(folder), "the motion classifier", folder):
        model = MotionJudge(config["labels"], config["channels"], config["size"])
    load_network(Path(folder), model)
    return model.to(device).eval().requires_grad_(False)
