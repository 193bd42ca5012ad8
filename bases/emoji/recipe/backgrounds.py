"""The backgrounds of the world: small procedural landscapes, a few variants each, drawn once per process."""

import math
import random
from functools import lru_cache

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter

VARIANTS = 16
SIDE = 192  # drawn three times too large, then reduced: smooth edges


def _gradient(top: tuple[int, int, int], bottom: tuple[int, int, int]) -> Image.Image:
    ramp = np.linspace(0, 1, SIDE)[:, None, None]
    rows = np.array(top) * (1 - ramp) + np.array(bottom) * ramp
    return Image.fromarray(np.broadcast_to(rows, (SIDE, SIDE, 3)).astype(np.uint8))


def _hills(
    pen: ImageDraw.ImageDraw, rng: random.Random, base: float, height: float, colour: tuple[int, int, int]
) -> None:
    phase, wave = rng.uniform(0, 6), rng.uniform(60, 110)
    points = [(x, base - height * math.sin(x / wave * 2 + phase)) for x in range(0, SIDE + 1, 4)]
    pen.polygon([*points, (SIDE, SIDE), (0, SIDE)], fill=colour)


def _sun(pen: ImageDraw.ImageDraw, rng: random.Random, colour: tuple[int, int, int]) -> None:
    x, y = rng.choice((rng.uniform(15, 45), rng.uniform(147, 177))), rng.uniform(18, 40)
    pen.ellipse([x - 14, y - 14, x + 14, y + 14], fill=colour)


def _clouds(pen: ImageDraw.ImageDraw, rng: random.Random, count: int = 2) -> None:
    for _ in range(count):
        x, y = rng.uniform(0, SIDE), rng.uniform(10, 55)
        for dx, r in ((-14, 8), (0, 12), (14, 8)):
            pen.ellipse([x + dx - r * 1.3, y - r * 0.7, x + dx + r * 1.3, y + r * 0.7], fill=(252, 252, 255))


def studio(rng: random.Random) -> Image.Image:
    tint = rng.choice(((236, 232, 244), (230, 240, 236), (244, 238, 228), (232, 236, 244)))
    return _gradient(tint, tuple(int(c * 0.9) for c in tint))  # type: ignore[arg-type]


def beach(rng: random.Random) -> Image.Image:
    image = _gradient((120, 200, 245), (205, 238, 250))
    pen = ImageDraw.Draw(image)
    _sun(pen, rng, (255, 240, 150))
    pen.rectangle([0, 88, SIDE, SIDE], fill=(40, 150, 200))
    for y in (98, 108):
        pen.line([(rng.uniform(0, 60), y), (rng.uniform(110, 190), y)], fill=(120, 205, 230), width=3)
    _hills(pen, rng, 128, 6, (246, 222, 160))
    return image


def forest(rng: random.Random) -> Image.Image:
    image = _gradient((175, 215, 175), (110, 165, 110))
    pen = ImageDraw.Draw(image)
    for depth, colour in ((0, (80, 140, 88)), (1, (48, 105, 62))):
        for _ in range(6):
            x, w, top = rng.uniform(0, SIDE), rng.uniform(20, 30), rng.uniform(10, 50) + 18 * depth
            pen.polygon([(x, top), (x - w, 145), (x + w, 145)], fill=colour)
    pen.rectangle([0, 142, SIDE, SIDE], fill=(62, 92, 48))
    return image


def city(rng: random.Random) -> Image.Image:
    image = _gradient((250, 190, 150), (250, 225, 190))
    pen = ImageDraw.Draw(image)
    x = 0.0
    while x < SIDE:
        w, top = rng.uniform(22, 36), rng.uniform(25, 90)
        shade = rng.randrange(70, 120)
        pen.rectangle([x, top, x + w - 3, 160], fill=(shade, shade, shade + 22))
        for wy in range(int(top) + 7, 140, 14):
            for wx in range(int(x) + 5, int(x + w) - 8, 10):
                pen.rectangle([wx, wy, wx + 4, wy + 6], fill=(250, 220, 120) if rng.random() < 0.6 else (50, 52, 70))
        x += w
    pen.rectangle([0, 150, SIDE, SIDE], fill=(92, 92, 98))
    return image


def space(rng: random.Random) -> Image.Image:
    image = _gradient((12, 10, 40), (44, 22, 80))
    pen = ImageDraw.Draw(image)
    for _ in range(60):
        x, y, r = rng.uniform(0, SIDE), rng.uniform(0, SIDE), rng.choice((1, 1.5, 2.2))
        pen.ellipse([x - r, y - r, x + r, y + r], fill=(255, 255, 235))
    x, y = rng.uniform(20, 172), rng.uniform(18, 40)
    pen.ellipse([x - 15, y - 15, x + 15, y + 15], fill=(230, 150, 110))
    pen.ellipse([x - 26, y - 5, x + 26, y + 5], outline=(250, 220, 190), width=3)
    return image


def desert(rng: random.Random) -> Image.Image:
    image = _gradient((255, 215, 150), (255, 238, 200))
    pen = ImageDraw.Draw(image)
    _sun(pen, rng, (255, 250, 225))
    for base, colour in ((105, (226, 165, 95)), (128, (212, 142, 74)), (155, (194, 120, 58))):
        _hills(pen, rng, base, 11, colour)
    return image


def snow(rng: random.Random) -> Image.Image:
    image = _gradient((150, 180, 215), (215, 228, 242))
    pen = ImageDraw.Draw(image)
    for _ in range(3):
        x, h, w = rng.uniform(0, SIDE), rng.uniform(60, 95), rng.uniform(45, 65)
        pen.polygon([(x, 130 - h), (x - w, 135), (x + w, 135)], fill=(112, 128, 158))
        pen.polygon(
            [(x, 130 - h), (x - w * 0.35, 130 - h * 0.65), (x + w * 0.35, 130 - h * 0.65)], fill=(250, 252, 255)
        )
    _hills(pen, rng, 132, 5, (243, 247, 252))
    return image


def meadow(rng: random.Random) -> Image.Image:
    image = _gradient((130, 200, 250), (215, 240, 255))
    pen = ImageDraw.Draw(image)
    _clouds(pen, rng)
    _hills(pen, rng, 112, 9, (135, 205, 95))
    _hills(pen, rng, 138, 7, (105, 182, 72))
    for _ in range(22):
        x, y = rng.uniform(0, SIDE), rng.uniform(148, 190)
        pen.ellipse([x - 3, y - 3, x + 3, y + 3], fill=rng.choice(((255, 255, 255), (255, 120, 160), (255, 220, 80))))
    return image


def sea(rng: random.Random) -> Image.Image:
    image = _gradient((60, 190, 215), (12, 70, 130))
    pen = ImageDraw.Draw(image)
    for _ in range(14):
        x, y, r = rng.uniform(0, SIDE), rng.uniform(0, 150), rng.uniform(3, 7)
        pen.ellipse([x - r, y - r, x + r, y + r], outline=(190, 240, 250), width=2)
    _hills(pen, rng, 172, 5, (225, 205, 150))
    for _ in range(4):
        x = rng.uniform(0, SIDE)
        pen.line([(x, 178), (x + rng.uniform(-10, 10), 178 - rng.uniform(25, 45))], fill=(30, 120, 80), width=7)
    return image


def _wall(rgb: tuple[int, int, int]) -> Image.Image:
    image = _gradient(rgb, tuple(int(c * 0.92) for c in rgb))  # type: ignore[arg-type]
    pen = ImageDraw.Draw(image)
    dark = tuple(int(c * 0.85) for c in rgb)
    for row, y in enumerate(range(0, SIDE, 24)):
        pen.line([(0, y), (SIDE, y)], fill=dark, width=2)
        for x in range(24 * (row % 2), SIDE, 48):
            pen.line([(x, y), (x, y + 24)], fill=dark, width=2)
    return image


def orange_wall(rng: random.Random) -> Image.Image:
    return _wall((245 - rng.randrange(8), 140 + rng.randrange(10), 40))


def blue_wall(rng: random.Random) -> Image.Image:
    return _wall((70, 115 + rng.randrange(10), 215 - rng.randrange(8)))


BACKGROUNDS = (
    studio,
    beach,
    forest,
    city,
    space,
    desert,
    snow,
    meadow,
    sea,
    orange_wall,
    blue_wall,
)  # as in world.yaml


@lru_cache(maxsize=1)
def background_bank() -> torch.Tensor:
    """All backgrounds: (B, VARIANTS, 3, 64, 64) in [0, 1]."""
    bank = []
    for number, paint in enumerate(BACKGROUNDS):
        for variant in range(VARIANTS):
            image = paint(random.Random(1000 * number + variant)).filter(ImageFilter.GaussianBlur(1))
            small = np.asarray(image.resize((64, 64), Image.Resampling.BOX))
            bank.append(torch.from_numpy(small.copy()).permute(2, 0, 1) / 255)
    return torch.stack(bank).view(len(BACKGROUNDS), VARIANTS, 3, 64, 64)
