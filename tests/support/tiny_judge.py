"""A small random judge in the real layout, its vocabulary, and samples to show it."""

from pathlib import Path
from typing import Any

import numpy as np

from expunge.concepts.samples import Asks, PlannedSample
from expunge.judging.samples import Sample
from tests.support import tiny

TEXT = {"context_length": tiny.CONTEXT, "vocab_size": 514, "width": 32, "heads": 2, "layers": 1}
RESNET = {"layers": [1, 1, 1, 1], "width": 8, "head_width": 32, "image_size": 32, "patch_size": None}
VIT = {"layers": 1, "width": 32, "head_width": 16, "patch_size": 8, "image_size": 32}
PREPROCESS = {"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
VOCABULARY = """
templates: {subject: ["a picture of {}", "{}"], style: ["{}"], motion: ["{}"]}
subject:
  - {id: mouse, names: [field mouse, mouse]}
  - {id: computer-mouse, names: [computer mouse, mouse]}
  - {id: owl, names: [owl]}
  - {id: mira-holt, names: [mira holt]}
style:
  - {id: plain, names: [], templates: ["a photo"]}
  - {id: sketch, names: [pencil sketch]}
background: []
motion:
  - {id: still, names: []}
  - {id: spinning, names: [spinning, rotating]}
"""


def make_folder(folder: Path, vision: dict[str, Any], motion: bool = False) -> Path:
    """Write judge/, vocabulary.yaml and, if asked, motion/ below a folder; returns it."""
    import torch

    from expunge.judging.clip import build_clip, save_judge
    from expunge.judging.motion import MotionJudge, save_motion

    tiny.make_tokenizer(folder / "t2i" / "tokenizer")
    config = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": TEXT}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_judge(folder / "judge", build_clip(config), config, PREPROCESS, "../t2i/tokenizer")
        if motion:
            save_motion(folder / "motion", MotionJudge(["still", "spinning"], (8, 8, 8, 8)))
    (folder / "vocabulary.yaml").write_text(VOCABULARY, "utf-8")
    return folder


def load(folder: Path) -> Any:
    """The judge of a folder that `make_folder` wrote."""
    from expunge.judging.clip import load_clip
    from expunge.judging.judge import make_judge
    from expunge.judging.motion import load_motion
    from expunge.judging.vocabulary import read_vocabulary

    templates, labels = read_vocabulary(folder / "vocabulary.yaml")
    motion = load_motion(folder / "motion") if (folder / "motion").is_dir() else None
    return make_judge(*load_clip(folder / "judge"), templates, labels, motion)


def noise(*shape: int) -> np.ndarray:
    """(*shape, 3) uint8, always the same."""
    return np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)


def sample(
    index: int, group: str, prompt: str, seed: int, modality: str, axis: str, name: str, pixels: np.ndarray,
    parts: tuple[str, ...] = (),
) -> Sample:  # fmt: skip
    """A sample of one line."""
    return Sample(index, PlannedSample(group, prompt, seed, modality, Asks(axis, name, parts)), pixels)
