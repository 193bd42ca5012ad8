"""A concept's curve over the frames of its videos, as geometry for an inline SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from expunge.verdicts.frame_curves import FramePoint

WIDTH, HEIGHT = 520, 150  # of the SVG's view box
LEFT, RIGHT, TOP, BOTTOM = 40, 24, 14, 34  # margins
TICKS = 8  # numbers along the frames at most


@dataclass(frozen=True)
class Mark:
    """One frame after unlearning."""

    x: float
    y: float
    text: str  # the frame in words


@dataclass(frozen=True)
class FrameChart:
    """Shares of videos, frame by frame: two lines, WIDTH by HEIGHT."""

    videos: int
    before: str  # points of a polyline; "": the original encoder drew none
    after: str
    marks: list[Mark]
    xs: list[tuple[float, int]]  # ticks: place, number of the frame from 1
    ys: list[tuple[float, str]]


def frame_chart(points: Sequence[FramePoint]) -> FrameChart | None:
    """The chart of one encoder or concept, frames in order; None without points."""
    if not points:
        return None
    last = max(point.frame for point in points) or 1

    def x(frame: int) -> float:
        return round(LEFT + frame / last * (WIDTH - LEFT - RIGHT), 1)

    before = [(x(p.frame), _y(p.before)) for p in points if p.before is not None]
    marks = [Mark(x(p.frame), _y(p.value), _words(p)) for p in points]
    step = -(-len(points) // TICKS)
    return FrameChart(
        max(p.n for p in points), _line(before), _line([(m.x, m.y) for m in marks]), marks,
        [(x(p.frame), p.frame + 1) for p in points[::step]],
        [(_y(share), f"{100 * share:.0f}") for share in (0, 0.5, 1)],
    )  # fmt: skip


def _y(share: float) -> float:
    return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def _line(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)


def _words(point: FramePoint) -> str:
    before = f"{100 * point.before:.0f} % → " if point.before is not None else ""
    return f"frame {point.frame + 1}: {before}{100 * point.value:.0f} % of {point.n} videos"
