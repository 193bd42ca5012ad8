"""In which frames of its videos is a concept seen, before and after? `metrics/frames.csv`.

    curves = curves_of(rows, plan)                    [FramePoint(...), ...], sorted
    write_curves(Path("metrics/frames.csv"), curves)

A concept that is gone from the first frames can come back in later ones (temporal re-emergence: PROBE, arXiv
2603.21547), which one rate over whole videos hides. A motion has no curve: it is seen in whole videos, not in frames.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import fmean
from typing import Any

from expunge.core.files import write_csv
from expunge.core.unit_names import ORIGINAL, Name
from expunge.judging.table import Row, frame_of, pair_of
from expunge.plan.contract import Plan
from expunge.verdicts.csv_rows import read_rows
from expunge.verdicts.statistics import wilson

Shown = Mapping[Any, Mapping[int, float]]  # by place of a video: {frame: 1 where it shows the concept, else 0}


@dataclass(frozen=True, order=True)
class FramePoint:
    """The target videos of an encoder, or of one of its concepts, at one frame."""

    list: str
    encoder: str
    concept: str  # id; "": the encoder as a whole
    frame: int  # from 0
    value: float  # share of the videos in which this frame shows the target
    low: float  # its 95 % interval
    high: float
    n: int  # videos
    before: float | None  # the same with the original encoder


COLUMNS = tuple(field.name for field in fields(FramePoint))


def curves_of(rows: Iterable[Row], plan: Plan) -> list[FramePoint]:
    """A point for each frame, of every encoder that has target videos and of each concept of a joint one, sorted.

    :param rows: with `judging.table.COLUMNS`; they may hold codes in place of texts.
    """
    units: dict[tuple[str, str, str], dict[Any, dict[int, float]]] = {}
    for row in rows:
        frame = frame_of(row["metric"])
        if frame is not None:
            unit = units.setdefault((row["list"], row["encoder"], row["concept"]), {})
            unit.setdefault(pair_of(row), {})[frame] = row["value"]
    points = []
    for encoder, job in plan.encoders.items():
        name = Name.parse(encoder)
        scopes = {"": job.concepts} | {Name.parse(c).id: (c,) for c in job.concepts if len(job.concepts) > 1}
        for scope, concepts in scopes.items():
            members = [Name.parse(concept) for concept in concepts]
            after = _together(units.get((each.list, name.column, each.id), {}) for each in members)
            before = _together(units.get((each.list, ORIGINAL, each.id), {}) for each in members)
            points += _curve((name.list, name.id, scope), after, {p: f for p, f in before.items() if p in after})
    return sorted(points)


def _together(units: Iterable[Shown]) -> dict[Any, Mapping[int, float]]:
    """The videos of several concepts; one that two of them share counts once."""
    return {place: frames for unit in units for place, frames in unit.items()}


def _curve(about: tuple[str, str, str], after: Shown, before: Shown) -> list[FramePoint]:
    points = []
    for frame in sorted({frame for video in after.values() for frame in video}):
        seen, was = ([video[frame] for video in side.values() if frame in video] for side in (after, before))
        share = sum(seen) / len(seen)
        points.append(
            FramePoint(*about, frame, share, *wilson(sum(seen), len(seen)), len(seen), fmean(was) if was else None)
        )
    return points


def write_curves(file: Path, points: Sequence[FramePoint]) -> None:
    """CSV with COLUMNS; numbers have 6 significant digits, None is empty."""
    write_csv(file, ({key: _short(value) for key, value in asdict(point).items()} for point in points), COLUMNS)


def read_curves(file: Path) -> list[FramePoint]:
    """What `write_curves` wrote. :raises InputError: the file is missing or has another form."""
    return read_rows(file, _point, "frames")


def _point(row: Mapping[str, str]) -> FramePoint:
    value, low, high = (float(row[key]) for key in ("value", "low", "high"))
    before = float(row["before"]) if row["before"] else None
    about = row["list"], row["encoder"], row["concept"]
    return FramePoint(*about, int(row["frame"]), value, low, high, int(row["n"]), before)


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
