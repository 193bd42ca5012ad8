"""Pictures and videos on disk. Every writer gives the same bytes for the same pixels and writes atomically.

- `.png`: one picture, lossless; a video as a strip, its frames side by side: H x (F * W).
- `.mp4`: H.264 in yuv420p for a browser's <video loop muted playsinline>; the strip is what is measured, not this.
- `.gif` and contact sheets, for documents.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from expunge.core.files import write_aside

# One thread and no encoder's signature: the same bytes on every run. A key frame every second lets a page seek.
X264 = {
    "threads": "1", "preset": "medium", "crf": "14", "tune": "animation",
    "x264-params": "threads=1:lookahead-threads=1",
}  # fmt: skip


def write_png(file: Path | str, picture: np.ndarray) -> None:
    """Write one picture, (H, W, 3) uint8.

    :raises ValueError: another shape or type.
    """
    from PIL import Image

    _check(picture, 3)
    image = Image.fromarray(picture)
    write_aside(Path(file), lambda part: image.save(part, format="PNG", compress_level=6))


def read_png(file: Path | str) -> np.ndarray:
    """(H, W, 3) uint8."""
    from PIL import Image

    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB")).copy()


def write_strip(file: Path | str, frames: np.ndarray) -> None:
    """Write a video (F, H, W, 3) uint8 as one PNG of H x (F * W), lossless."""
    _check(frames, 4)
    write_png(file, np.concatenate(list(frames), axis=1))


def read_strip(file: Path | str, frames: int) -> np.ndarray:
    """(F, H, W, 3) uint8 of a strip of that many frames.

    :raises ValueError: the width is no multiple of `frames`.
    """
    picture = read_png(file)
    if frames < 1 or picture.shape[1] % frames:
        raise ValueError(f"{file} is {picture.shape[1]} pixels wide: no strip of {frames} frames")
    return np.stack(np.split(picture, frames, axis=1))


def enlarge(pictures: np.ndarray, scale: int) -> np.ndarray:
    """(..., H, W, 3) -> (..., scale * H, scale * W, 3): each pixel becomes a square."""
    return pictures.repeat(scale, axis=-3).repeat(scale, axis=-2)


def write_mp4(file: Path | str, frames: np.ndarray, fps: int, scale: int | None = None) -> None:
    """Write a video (F, H, W, 3) uint8 for browsers: H.264, yuv420p, no sound, the index first.

    Odd sides get one more row or column of the last pixels, since yuv420p halves them.

    :param scale: each pixel becomes a square of that side; by default 4 for frames below 128 pixels, else 1.
    """
    _check(frames, 4)
    scale = scale or (4 if max(frames.shape[1:3]) <= 128 else 1)
    frames = enlarge(frames, scale)
    odd = [(0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)]
    frames = np.ascontiguousarray(np.pad(frames, odd, mode="edge"))
    write_aside(Path(file), lambda part: _encode(part, frames, fps))


def _encode(file: Path, frames: np.ndarray, fps: int) -> None:
    """H.264 of frames with even sides."""
    import av

    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(file), "w", format="mp4", options=options) as out:
        stream: Any = out.add_stream("libx264", rate=fps, options=X264)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt, stream.gop_size = "yuv420p", max(fps, 1)
        stream.codec_context.flags |= 1 << 23  # AV_CODEC_FLAG_BITEXACT
        stream.codec_context.time_base = Fraction(1, fps)
        stream.codec_context.color_range = 1  # limited ("tv")
        stream.codec_context.colorspace = stream.codec_context.color_primaries = stream.codec_context.color_trc = 1
        for index, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture = picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            picture.pts, picture.time_base = index, Fraction(1, fps)
            for packet in stream.encode(picture):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)


def read_mp4(file: Path | str) -> np.ndarray:
    """(F, H, W, 3) uint8, as a browser would show it (lossy, enlarged)."""
    import av

    with av.open(str(file)) as video:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)])


def write_gif(file: Path | str, frames: np.ndarray, fps: int, scale: int = 2) -> None:
    """Write a video (F, H, W, 3) uint8 as a GIF that loops; one palette of 256 colours for all frames."""
    from PIL import Image

    _check(frames, 4)
    frames = enlarge(frames, scale)
    palette = Image.fromarray(np.concatenate(list(frames), axis=0)).quantize(256, dither=Image.Dither.NONE)
    pages = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    duration = round(1000 / fps / 10) * 10  # GIF counts hundredths of a second
    options: dict[str, Any] = {"save_all": True, "append_images": pages[1:], "loop": 0, "duration": duration}
    write_aside(Path(file), lambda part: pages[0].save(part, format="GIF", optimize=False, **options))


def contact_sheet(
    rows: Sequence[Sequence[np.ndarray]],
    scale: int = 2,
    gap: int = 6,
    labels: Sequence[str] = (),
    headings: Sequence[str] = (),
    background: tuple[int, int, int] = (255, 255, 255),
    ink: tuple[int, int, int] = (40, 40, 48),
) -> np.ndarray:
    """Pictures of one size in a grid, as one picture (H, W, 3) uint8.

    :param rows: each a list of (h, w, 3) uint8 pictures. Videos: pass their frames, or `before_after` them first.
    :param labels: a text at the left of each row. :param headings: a text above each column.
    :raises ValueError: there are no pictures, or their sizes differ.
    """
    from PIL import Image, ImageDraw, ImageFont

    sizes = {picture.shape for row in rows for picture in row}
    if len(sizes) != 1:
        raise ValueError(f"a contact sheet needs pictures of one size, not {sorted(sizes)}")
    height, width = (scale * side for side in sizes.pop()[:2])
    font = ImageFont.load_default(size=14)
    left = max((int(font.getlength(text)) for text in labels), default=-gap) + 2 * gap
    top = 18 + 2 * gap if any(headings) else gap
    columns = max(map(len, rows))
    size = (left + columns * (width + gap), top + len(rows) * (height + gap))
    sheet = Image.new("RGB", size, background)
    pen = ImageDraw.Draw(sheet)
    for index, text in enumerate(headings):
        pen.text((left + index * (width + gap) + width / 2, top - gap), text, ink, font, anchor="mb")
    for y, row in enumerate(rows):
        if y < len(labels):
            pen.text((gap, top + y * (height + gap) + height / 2), labels[y], ink, font, anchor="lm")
        for x, picture in enumerate(row):
            square = Image.fromarray(enlarge(picture, scale))
            sheet.paste(square, (left + x * (width + gap), top + y * (height + gap)))
    return np.asarray(sheet).copy()


def before_after(before: np.ndarray, after: np.ndarray, gap: int = 4) -> np.ndarray:
    """Two pictures (H, W, 3) or videos (F, H, W, 3) side by side, white between them."""
    shape = list(before.shape)
    shape[-2] = gap
    return np.concatenate([before, np.full(shape, 255, np.uint8), after], axis=-2)


def _check(pixels: np.ndarray, axes: int) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != axes or pixels.shape[-1] != 3 or 0 in pixels.shape:
        shape = "(H, W, 3)" if axes == 3 else "(F, H, W, 3)"
        raise ValueError(f"needs {shape} uint8, not {pixels.shape} {pixels.dtype}")
