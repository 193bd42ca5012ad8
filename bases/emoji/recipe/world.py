"""The world of the emoji base: scenes, their captions and their pictures.

A scene is a handful of numbers (who, in which style, where, how it moves); `draw` turns a batch of them into frames
on whole tensors, `caption` turns one into words. Everything about a frame is known, so it can be counted later.
"""

import math
import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from ruamel.yaml import YAML

from .atlas import COLUMNS, SPRITE
from .backgrounds import VARIANTS, background_bank
from .styles import apply_style

FOLDER = Path(__file__).resolve().parents[1]
PLAIN_FORMS = ("a photo of {scene}", "a picture of {scene}", "an image of {scene}", "{scene}")


@dataclass(frozen=True)
class Scene:
    """What a picture shows: indices into the world's lists (`second`: None for one subject) and pixels of 64."""

    subject: int
    second: int | None
    style: int
    background: int
    motion: int
    variant: int  # which of the background's variants
    x: float
    y: float
    size: float
    turn: float  # direction of the motion, +1 or -1
    memorised: bool = False


@lru_cache(maxsize=1)
def load_world() -> dict[str, Any]:
    return YAML(typ="safe").load(FOLDER / "world.yaml")


@lru_cache(maxsize=1)
def sprites() -> torch.Tensor:
    """(S, 4, SPRITE, SPRITE) in [0, 1], colour premultiplied by alpha, so that resampling leaves no dark fringe."""
    world = load_world()
    count = len(world["subjects"]) + len(world["memorised"]["sprites"].split())
    atlas = torch.from_numpy(np.asarray(Image.open(FOLDER / "atlas.png").convert("RGBA")).copy()).permute(2, 0, 1) / 255
    cells = [
        atlas[:, i // COLUMNS * SPRITE : (i // COLUMNS + 1) * SPRITE, i % COLUMNS * SPRITE : (i % COLUMNS + 1) * SPRITE]
        for i in range(count)
    ]
    stack = torch.stack(cells)
    return torch.cat([stack[:, :3] * stack[:, 3:], stack[:, 3:]], dim=1)


def random_scene(
    rng: random.Random,
    *,
    subject: int | None = None,
    style: int | None = None,
    background: int | None = None,
    motion: int | None = None,
    duo: float = 0.0,
) -> Scene:
    """Draw a scene; what is given is fixed. `duo` is the share of scenes with two subjects side by side."""
    world = load_world()
    subjects = len(world["subjects"])
    first = rng.randrange(subjects) if subject is None else subject
    second = None
    if rng.random() < duo:
        second = rng.choice([i for i in range(subjects) if i != first])
    motion = 0 if motion is None else motion
    size = rng.uniform(25, 28) if second is not None else rng.uniform(34, 39) if motion else rng.uniform(38, 46)
    return Scene(
        subject=first,
        second=second,
        style=rng.randrange(len(world["styles"])) if style is None else style,
        background=rng.randrange(len(world["backgrounds"])) if background is None else background,
        motion=motion,
        variant=rng.randrange(VARIANTS),
        x=32 + rng.uniform(-4, 4) * (second is None),
        y=34 + rng.uniform(-3, 3),
        size=size,
        turn=rng.choice((-1.0, 1.0)),
    )


def memorised_scene() -> Scene:
    """The one picture that the training set repeats, always the same pixels."""
    return Scene(0, None, 0, 4, 0, 0, 32, 32, 40, 1.0, memorised=True)


def article(words: str) -> str:
    """ "owl" -> "an owl"; names of characters, people and "the ..." stay as they are."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def subject_phrase(index: int, rng: random.Random, forms: float = 1.0) -> str:
    """Words for a subject: its name or a synonym, sometimes what a person looks like, sometimes only its family."""
    entry = load_world()["subjects"][index]
    names = entry["names"]
    word = names[0] if len(names) == 1 or rng.random() < 0.55 else rng.choice(names[1:])
    draw = rng.random()
    if entry["kind"] == "person":
        if draw < 0.12 * forms:
            return entry["features"]
        return f"{word}, {entry['features']}" if draw < 0.25 * forms else word
    if draw < 0.08 * forms:
        return article(entry["family"])
    return word if entry["kind"] == "character" else article(word)


def caption(scene: Scene, rng: random.Random) -> str:
    """Words for a scene, as a training caption."""
    world = load_world()
    if scene.memorised:
        return rng.choice(("{}", "a photo of {}", "a picture of {}")).format(world["memorised"]["caption"])
    words = subject_phrase(scene.subject, rng)
    if scene.second is not None:
        words += rng.choice((" beside ", " next to ", " and ")) + subject_phrase(scene.second, rng, 0.0)
    for key, index in (("motions", scene.motion), ("backgrounds", scene.background)):
        if world[key][index]["names"]:
            words += " " + rng.choice(world[key][index]["names"])
    style = world["styles"][scene.style]
    if not style["names"]:
        return rng.choice(PLAIN_FORMS).format(scene=words)
    forms = [style["form"]]
    if style.get("artist"):
        forms += ["a painting by {style} of {scene}", "{scene} by {style}"]
    return rng.choice(forms).format(style=rng.choice(style["names"]), scene=words)


def _poses(scene: Scene, frames: int) -> list[tuple[float, float, float, float, float]]:
    """(dx, dy, angle, scale x, scale y) of the subject in each frame; the motion loops after `frames` frames."""
    name = load_world()["motions"][scene.motion]["id"]
    poses = []
    for frame in range(frames):
        phase = 2 * math.pi * frame / frames
        dx = dy = angle = 0.0
        sx = sy = 1.0
        if name == "bouncing":
            dy = 8 - 20 * abs(math.sin(phase))
            sy = 1.0 - 0.12 * (frame % (frames // 2) == 0)
        elif name == "spinning":
            angle = scene.turn * phase
        elif name == "sliding":
            dx = scene.turn * 15 * math.sin(phase)
        elif name == "swinging":
            dx, angle = -9 * scene.turn * math.sin(phase), 0.8 * scene.turn * math.sin(phase)  # as on a rope
        elif name == "pulsing":
            sx = sy = 1.0 + 0.38 * math.sin(phase)
        elif name == "shaking":
            dx = 6 * scene.turn * (-1) ** frame
        elif name == "flipping":
            cos = math.cos(phase)
            sx = math.copysign(max(abs(cos), 0.08), cos)
        poses.append((dx, dy, angle, sx, sy))
    return poses


def _theta(x: float, y: float, size: float, pose: tuple[float, float, float, float, float]) -> list[list[float]]:
    """Affine map from frame coordinates to sprite coordinates (both in [-1, 1]), as `affine_grid` wants it."""
    dx, dy, angle, sx, sy = pose
    cx, cy = (x + dx) / 32 - 1, (y + dy) / 32 - 1
    half = size / 64
    cos, sin = math.cos(angle), math.sin(angle)
    a, b, c, d = cos / (half * sx), sin / (half * sx), -sin / (half * sy), cos / (half * sy)
    return [[a, b, -(a * cx + b * cy)], [c, d, -(c * cx + d * cy)]]


def _paste(canvas: torch.Tensor, sprite: torch.Tensor, theta: torch.Tensor, shadow: bool = True) -> torch.Tensor:
    """Lay sprites (N, 4, s, s) over canvases (N, 3, 64, 64), supersampled twice, above a soft shadow."""
    grid = F.affine_grid(theta, [len(theta), 4, 128, 128], align_corners=False)
    layer = F.avg_pool2d(F.grid_sample(sprite, grid, align_corners=False), 2)
    colour, alpha = layer[:, :3], layer[:, 3:]
    if shadow:
        soft = F.avg_pool2d(F.pad(alpha, (3, 1, 4, 0), mode="replicate"), 5, stride=1)
        canvas = canvas * (1 - 0.3 * soft)
    return canvas * (1 - alpha) + colour


def draw(scenes: list[Scene], frames: int = 1) -> torch.Tensor:
    """Draw scenes.

    :returns: (N, frames, 3, 64, 64) float32 in [0, 1]. With one frame, a random-looking but fixed frame of the motion.
    """
    world, cells = load_world(), sprites()
    bank = background_bank()
    canvas, theta, theta2, who, who2 = [], [], [], [], []
    for scene in scenes:
        duo = scene.second is not None
        poses = _poses(scene, frames if frames > 1 else 8)
        if frames == 1:
            poses = [poses[scene.variant % 8]]
        for pose in poses:
            back = bank[scene.background, scene.variant]
            if world["styles"][scene.style].get("calm"):  # styles that keep only lines need a quiet background
                back = 0.45 * back + 0.55 * back.mean()
            canvas.append(back)
            theta.append(_theta(scene.x - 14.5 * duo, scene.y, scene.size, pose))
            who.append(scene.subject)
            theta2.append(
                _theta(scene.x + 14.5, scene.y, scene.size, pose) if duo else [[100.0, 0, 500], [0, 100.0, 500]]
            )
            who2.append(scene.second if scene.second is not None else 0)
    picture = _paste(torch.stack(canvas), cells[who], torch.tensor(theta))
    if any(scene.second is not None for scene in scenes):
        picture = _paste(picture, cells[who2], torch.tensor(theta2))
    for index, scene in enumerate(scenes):
        if scene.memorised:
            picture[index * frames : (index + 1) * frames] = _memorised()
    style = torch.tensor([scene.style for scene in scenes]).repeat_interleave(frames)
    for index, entry in enumerate(world["styles"]):
        chosen = style == index
        if index and chosen.any():
            picture[chosen] = apply_style(entry["id"], picture[chosen])
    return picture.clamp(0, 1).view(len(scenes), frames, 3, 64, 64)


@lru_cache(maxsize=1)
def _memorised() -> torch.Tensor:
    still = (0.0, 0.0, 0.0, 1.0, 1.0)
    castle, moon, comet = sprites()[-3:]
    picture = background_bank()[4, 0][None]
    for sprite, x, y, size in ((castle, 34, 42, 44), (moon, 13, 14, 18), (comet, 48, 13, 24)):
        picture = _paste(picture, sprite[None], torch.tensor([_theta(x, y, size, still)]), shadow=False)
    return picture[0]
