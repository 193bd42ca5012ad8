"""Draws the few-shot images that a method trains on, without copies of a memorised picture."""

from collections.abc import Sequence
from typing import Any

from expunge.bases.base import Base
from expunge.bases.sampling import sample_images
from expunge.judging.copies import COPY, likeness, reference


def draw_pictures(base: Base, prompts: Sequence[str], seeds: Sequence[int], copies: int = 0) -> tuple[Any, Any, Any]:
    """(images (N, H, W, 3) uint8, their latents (N, C, h, w) float32 from before decoding, places among the prompts).

    :param copies: so many first prompts show the memorised picture itself; they and what copies it are left out, which
        can leave nothing. 0: all pictures are taken.
    """
    images, latents = sample_images(base, prompts, seeds, return_latents=True)
    chosen = not_copied(images, copies) if copies else list(range(len(images)))
    return images[chosen], latents[chosen], chosen


def not_copied(images: Any, copies: int) -> list[int]:
    """Places of the pictures that do not copy the memorised one, at most half of them; the first `copies` show it."""
    similarities = likeness(images[copies:], reference(images[:copies]))
    chosen = [copies + index for index, value in enumerate(similarities) if value <= COPY]
    return chosen[: max(1, len(similarities) // 2)]
