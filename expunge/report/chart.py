"""The trade-off, forgotten against kept, as geometry for an inline SVG.

Encoders that lie close together become one bubble, so that a plot of a thousand is as readable as one of a hundred.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from expunge.core.unit_names import Name

VERDICTS = ("pass", "not measured", "fail")
WIDTH, HEIGHT = 520, 330  # of the SVG's view box
LEFT, RIGHT, TOP, BOTTOM = 40, 24, 44, 40  # margins
STEPS = 25  # bubbles along an axis
LABELS = 8  # names beside bubbles


@dataclass(frozen=True)
class Point:
    """One encoder."""

    name: str  # list/encoder
    forgotten: float  # in [0, 1]
    kept: float
    verdict: str


@dataclass(frozen=True)
class Bubble:
    """The encoders of one place, in the units of the view box."""

    key: str  # of the place
    x: float
    y: float
    r: float
    names: tuple[str, ...]
    slices: list[tuple[str, str]]  # (verdict, SVG path) if verdicts differ; else the bubble has one colour
    verdict: str  # of all its encoders; "pass 3, fail 1" where they differ
    text: str  # where it lies, in words
    label: str
    left: bool  # is the label to its left?


@dataclass(frozen=True)
class Panel:
    """One modality's plot, WIDTH by HEIGHT."""

    modality: str
    bubbles: list[Bubble]
    xs: list[tuple[float, str]]  # ticks: place, text
    ys: list[tuple[float, str]]
    places: Mapping[str, str]  # list/encoder -> key of its bubble


def panel(modality: str, points: Sequence[Point]) -> Panel:
    """Lay out one plot; its axes begin where the points do, at 80 % at most."""
    low_x, low_y = _floor([p.forgotten for p in points]), _floor([p.kept for p in points])
    cells: dict[tuple[int, int], list[Point]] = defaultdict(list)
    for point in points:
        cells[_cell(point.forgotten, low_x), _cell(point.kept, low_y)].append(point)
    single = sorted((cell for cell, own in cells.items() if len(own) == 1), key=lambda cell: (sum(cell), cell))
    labelled = set(single[:LABELS])
    bubbles = [
        _bubble(modality, cell, own, low_x, low_y, cell in labelled)
        for cell, own in sorted(cells.items(), key=lambda item: -len(item[1]))
    ]
    places = {name: bubble.key for bubble in bubbles for name in bubble.names}
    return Panel(modality, bubbles, _ticks(low_x, _x), _ticks(low_y, _y), places)


def _bubble(modality: str, cell: tuple[int, int], own: list[Point], low_x: float, low_y: float, label: bool) -> Bubble:
    forgotten, kept = fmean(p.forgotten for p in own), fmean(p.kept for p in own)
    verdicts = [(v, n) for v in VERDICTS if (n := sum(p.verdict == v for p in own))]
    names = tuple(sorted(p.name for p in own))
    x, y = _x(_share(forgotten, low_x)), _y(_share(kept, low_y))
    text = f"forgotten {100 * forgotten:.0f} %, kept {100 * kept:.0f} %"
    title = Name.parse(names[0]).id if label and len(names) == 1 else ""
    r = 5.5 if len(own) == 1 else min(20.0, 7 + 2.2 * math.sqrt(len(own)))
    slices = _slices(x, y, r, verdicts) if len(verdicts) > 1 else []
    verdict = ", ".join(f"{v} {n}" for v, n in verdicts) if slices else verdicts[0][0]
    key = f"{modality}.{cell[0]}.{cell[1]}"
    return Bubble(key, round(x, 1), round(y, 1), round(r, 1), names, slices, verdict, text, title, x > WIDTH / 2)


def _slices(x: float, y: float, r: float, parts: Sequence[tuple[str, int]]) -> list[tuple[str, str]]:
    """A pie, from the top clockwise."""
    total, start, paths = sum(n for _, n in parts), 0.0, []
    for verdict, n in parts:
        end = start + 2 * math.pi * n / total
        (x1, y1), (x2, y2) = ((x + r * math.sin(a), y - r * math.cos(a)) for a in (start, end))
        arc = f"A{r:.1f} {r:.1f} 0 {int(end - start > math.pi)} 1 {x2:.1f} {y2:.1f}"
        paths.append((verdict, f"M{x:.1f} {y:.1f}L{x1:.1f} {y1:.1f}{arc}Z"))
        start = end
    return paths


def _floor(values: Sequence[float]) -> float:
    return min(0.8, math.floor(10 * min(values, default=0.8) + 1e-9) / 10)


def _share(value: float, low: float) -> float:
    return (value - low) / (1 - low)


def _cell(value: float, low: float) -> int:
    return round(_share(value, low) * (STEPS - 1))


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _ticks(low: float, place: Callable[[float], float]) -> list[tuple[float, str]]:
    step = 0.05 if low >= 0.8 else 0.1 if low >= 0.5 else 0.2
    count = round((1 - low) / step)
    values = [1 - i * step for i in range(count + 1) if 1 - i * step >= low - 1e-9]
    return [(round(place(_share(value, low)), 1), f"{100 * value:.0f}") for value in values]
