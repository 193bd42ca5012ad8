"""Samples: planned samples with the pixels that were drawn for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from expunge.concepts.samples import PlannedSample, read_planned

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Sample:
    """A planned sample and its pixels."""

    index: int  # position in the concept's list of planned samples
    planned: PlannedSample
    pixels: "np.ndarray"  # uint8: (H, W, 3), or (F, H, W, 3) for a video

    @property
    def group(self) -> str:
        return self.planned.group

    @property
    def prompt(self) -> str:
        return self.planned.prompt

    @property
    def seed(self) -> int:
        return self.planned.seed

    @property
    def modality(self) -> str:
        return self.planned.modality

    @property
    def axis(self) -> str:
        return self.planned.asks.axis

    @property
    def asked(self) -> str:
        return self.planned.asks.name


def read_samples(folder: Path, frames: int, codes: Mapping[str, str] | None = None) -> list[Sample]:
    """The samples of one unit of build/renders, from its prompts.json and PNGs.

    Pictures that ask for a motion are left out: a single picture cannot show a motion.

    :param frames: number of frames of each video. :param codes: {code: text} of hidden texts; None: they stay codes.
    :raises InputError: prompts.json is missing or broken.
    """
    from expunge.core.media import read_png, read_strip

    samples = []
    for index, planned in enumerate(read_planned(folder / "prompts.json", codes)):
        video = planned.modality == "video"
        if planned.asks.axis == "motion" and not video:
            continue
        file = folder / planned.file
        samples.append(Sample(index, planned, read_strip(file, frames) if video else read_png(file)))
    return samples
