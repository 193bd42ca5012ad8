"""Files of pictures and videos: lossless where measured, playable where shown, the same bytes every time."""

from pathlib import Path

import numpy as np
import pytest

from expunge.core import media as video


def clip(frames: int = 8, height: int = 64, width: int = 64) -> np.ndarray:
    """A bright square that walks over a gradient."""
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([np.stack([x * 2 % 256, y * 2 % 256, (x + y) % 256], -1)] * frames).astype(np.uint8)
    for index in range(frames):
        pixels[index, 8:24, 4 + 4 * index : 20 + 4 * index] = (240, 60, 40)
    return pixels


def test_a_strip_gives_back_every_pixel(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (5, 12, 16, 3), np.uint8)
    video.write_strip(tmp_path / "a.png", frames)
    assert video.read_png(tmp_path / "a.png").shape == (12, 80, 3)
    assert np.array_equal(video.read_strip(tmp_path / "a.png", 5), frames)
    with pytest.raises(ValueError, match="80 pixels wide"):
        video.read_strip(tmp_path / "a.png", 7)


def test_mp4_plays_in_browsers_and_shows_the_frames(tmp_path: Path) -> None:
    import av

    frames = clip()
    video.write_mp4(tmp_path / "a.mp4", frames, fps=8)
    with av.open(str(tmp_path / "a.mp4")) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.codec_context.width, stream.codec_context.height) == (256, 256)
        assert stream.frames == 8 and stream.average_rate == 8
        assert stream.duration and float(stream.duration * stream.time_base) == pytest.approx(1.0)  # type: ignore[operator]
        assert len(file.streams) == 1
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    shown = video.read_mp4(tmp_path / "a.mp4")[:, 2::4, 2::4]
    assert np.abs(shown.astype(int) - frames).mean() < 5


def test_files_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name, write in {
        "mp4": lambda file: video.write_mp4(file, clip(), 8),
        "gif": lambda file: video.write_gif(file, clip(), 8),
        "png": lambda file: video.write_strip(file, clip()),
    }.items():
        write(tmp_path / f"a.{name}")
        write(tmp_path / f"b.{name}")
        assert (tmp_path / f"a.{name}").read_bytes() == (tmp_path / f"b.{name}").read_bytes(), name
    assert not list(tmp_path.glob(".*"))


def test_odd_sides_and_single_frames_can_be_written(tmp_path: Path) -> None:
    video.write_mp4(tmp_path / "a.mp4", clip(1, 65, 63), fps=8, scale=1)
    assert video.read_mp4(tmp_path / "a.mp4").shape == (1, 66, 64, 3)


def test_a_gif_loops(tmp_path: Path) -> None:
    from PIL import Image

    video.write_gif(tmp_path / "a.gif", clip(), fps=8, scale=1)
    with Image.open(tmp_path / "a.gif") as gif:
        assert (getattr(gif, "n_frames", 0), gif.info["loop"], gif.info["duration"]) == (8, 0, 120)


def test_a_contact_sheet_holds_its_pictures() -> None:
    red, blue = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)
    red[..., 0], blue[..., 2] = 255, 255
    sheet = video.contact_sheet([[red, blue], [blue]], scale=2, gap=3)
    assert sheet.shape == (3 + 2 * 11, 3 + 2 * 15, 3)
    assert (sheet[3:11, 3:15] == (255, 0, 0)).all() and (sheet[14:22, 3:15] == (0, 0, 255)).all()
    assert (sheet[14:22, 18:] == 255).all()
    assert video.contact_sheet([[red]], labels=["before"], headings=["a"]).shape[1] > 60
    with pytest.raises(ValueError, match="one size"):
        video.contact_sheet([[red, red[:2]]])
    assert video.before_after(red, blue, 2).shape == (4, 14, 3)


def test_wrong_pixels_are_refused(tmp_path: Path) -> None:
    for bad in (np.zeros((2, 4, 4, 3)), np.zeros((4, 4, 3), np.uint8), np.zeros((0, 4, 4, 3), np.uint8)):
        with pytest.raises(ValueError, match="uint8"):
            video.write_mp4(tmp_path / "a.mp4", bad, 8)
    assert not list(tmp_path.iterdir())
