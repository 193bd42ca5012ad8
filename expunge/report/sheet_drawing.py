"""How a contact sheet is drawn: text with Pillow, pictures in their own pixels, a GIF with one palette."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from expunge.core.files import write_aside
from expunge.core.media import read_png, read_strip
from expunge.report.definitions import definition
from expunge.report.pairs import Pair

LIMIT = 1_000_000  # bytes of a file
SIDES = {"image": (128, 96, 64), "video": (192, 128, 96, 64)}  # pixels of a tile, the largest that fits the limit
FRAMES = 16  # of a GIF at most; from a longer video it takes every second one, or fewer
LINES = 2  # of a caption
PAPER, INK, SOFT = (251, 250, 248), (29, 29, 34), (106, 106, 117)
MARKS = {True: (201, 74, 50), False: (54, 139, 98)}  # what must go, what must stay
TEXT_COLOURS = [
    tuple(round(p + k / 5 * (c - p)) for p, c in zip(PAPER, colour, strict=True))
    for colour in (INK, SOFT, *MARKS.values())
    for k in range(6)
]  # with the blends at the edges of letters
GAP, LEFT, MARGIN = 6, 52, 16

Tile = tuple[int, int, np.ndarray]  # x, y, frames (F, H, W, 3) uint8


@dataclass(frozen=True)
class Column:
    """A prompt with both encoders."""

    group: str
    forget: bool
    caption: str
    before: np.ndarray  # uint8 (F, H, W, 3); one frame for a picture
    after: np.ndarray


@dataclass(frozen=True)
class Sheet:
    """What a file shows; it can be sent to another process."""

    title: str
    note: str
    pairs: list[list[Pair]]  # a row of pairs for each concept
    fps: int
    frames: int | None


def draw(file: Path, sheet: Sheet) -> Path:
    """Write a sheet below the limit, with as many concepts as fit and then with the largest tiles that fit."""
    video = file.suffix == ".gif"
    rows = [[_column(pair, sheet.frames) for pair in pairs] for pairs in sheet.pairs]
    data = b""
    for count, side in product(range(len(rows), 0, -1), SIDES["video" if video else "image"]):
        page, tiles = compose(sheet.title, sheet.note, rows[:count], side)
        data = _gif(page, tiles, side, sheet.fps) if video else _png(page, tiles, side)
        if len(data) < LIMIT:
            break
    write_aside(file, lambda part: part.write_bytes(data))
    return file


def compose(title: str, note: str, rows: Sequence[Sequence[Column]], side: int) -> tuple[Any, list[Tile]]:
    """The sheet without its pictures, as a Pillow picture, and where they go: before above after, under their group."""
    from PIL import Image, ImageDraw, ImageFont

    large, normal, small = (ImageFont.load_default(size=size) for size in (20, 13, 11))
    block = 24 + 2 * (side + GAP) + 15 * LINES + 10
    width = max(2 * MARGIN + LEFT + max(map(len, rows)) * (side + GAP) - GAP, 460)
    sheet = Image.new("RGB", (width, 52 + len(rows) * block + 6), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, 14), title, INK, large)
    if large.getlength(title) + small.getlength(note) + 3 * MARGIN < width:
        pen.text((width - MARGIN, 20), note, SOFT, small, anchor="ra")
    tiles: list[Tile] = []
    for index, row in enumerate(rows):
        top = 52 + index * block
        for y, text in ((top + 24 + side / 2, "before"), (top + 24 + side * 1.5 + GAP, "after")):
            pen.text((MARGIN, y), text, SOFT, normal, anchor="lm")
        for place, column in enumerate(row):
            x = MARGIN + LEFT + place * (side + GAP)
            if place == 0 or row[place - 1].group != column.group:
                pen.ellipse((x, top + 7, x + 7, top + 14), MARKS[column.forget])
                pen.text((x + 12, top + 4), definition(column.group).title.lower(), INK, normal)
            tiles += [(x, top + 24, column.before), (x, top + 24 + side + GAP, column.after)]
            for line, text in enumerate(_wrapped(column.caption, small, side)):
                pen.text((x, top + 24 + 2 * (side + GAP) + 15 * line), text, SOFT, small)
    return sheet, tiles


def _column(pair: Pair, frames: int | None) -> Column:
    before, after = (_pixels(path, pair.modality, frames) for path in (pair.before, pair.after) if path)
    return Column(pair.group, pair.forget, pair.prompt, before, after)


def _pixels(file: Path, modality: str, frames: int | None) -> np.ndarray:
    if modality == "image":
        return read_png(file)[None]
    if frames:
        return read_strip(file, frames)
    height, width = read_png(file).shape[:2]
    return read_strip(file, max(1, width // height))


def _fitted(picture: np.ndarray, side: int) -> Any:
    """A picture to be drawn in a square tile: as it is where its pixels become whole squares, else resampled."""
    from PIL import Image, ImageOps

    image = Image.fromarray(picture)
    if image.width == image.height and side % image.width == 0:
        return image
    return ImageOps.pad(image, (side, side), Image.Resampling.LANCZOS, color=PAPER)


def _wrapped(text: str, font: Any, width: int) -> list[str]:
    """At most `LINES` lines of words; an ellipsis marks what is left out."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        elif len(lines) < LINES:
            lines.append(word)
        else:
            lines[-1] += "…"
            break
    return [_cut(line, font, width) for line in lines]


def _cut(text: str, font: Any, width: int) -> str:
    while len(text) > 1 and font.getlength(text) > width:
        text = text[:-2].rstrip() + "…"
    return text


def _png(page: Any, tiles: Sequence[Tile], side: int) -> bytes:
    from PIL import Image

    for x, y, pixels in tiles:
        page.paste(_fitted(pixels[0], side).resize((side, side), Image.Resampling.NEAREST), (x, y))
    out = io.BytesIO()
    page.save(out, "PNG", compress_level=6)
    return out.getvalue()


def _gif(page: Any, tiles: Sequence[Tile], side: int, fps: int) -> bytes:
    """One palette for all frames, so that nothing flickers; shorter videos stay at their last frame.

    Colours are counted and mapped before the pictures are enlarged, since this takes the most time.
    """
    from PIL import Image

    length = max(len(pixels) for _, _, pixels in tiles)
    step = -(-length // FRAMES)
    moments = range(0, length, step)
    fitted = [[_fitted(pixels[min(f, len(pixels) - 1)], side) for f in moments] for _, _, pixels in tiles]
    size = fitted[0][0].size
    whole = Image.new("RGB", (size[0] * len(moments), size[1] * len(tiles)))
    for row, frames in enumerate(fitted):
        for column, frame in enumerate(frames):
            whole.paste(frame.resize(size), (column * size[0], row * size[1]))
    palette = Image.new("P", (1, 1))
    colours = whole.quantize(256 - len(TEXT_COLOURS), dither=Image.Dither.NONE).getpalette() or []
    palette.putpalette([*(part for colour in TEXT_COLOURS for part in colour), *colours])
    mapped, empty = (image.quantize(palette=palette, dither=Image.Dither.NONE) for image in (whole, page))
    pages = []
    for column in range(len(moments)):
        frame = empty.copy()
        for row, (x, y, _) in enumerate(tiles):
            left, top = column * size[0], row * size[1]
            tile = mapped.crop((left, top, left + size[0], top + size[1]))
            frame.paste(tile.resize((side, side), Image.Resampling.NEAREST), (x, y))
        pages.append(frame)
    out = io.BytesIO()
    pages[0].save(out, "GIF", save_all=True, append_images=pages[1:], loop=0, duration=round(100 * step / fps) * 10)
    return out.getvalue()
