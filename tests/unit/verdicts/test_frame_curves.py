"""The share of target videos that show the concept, frame by frame."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.core.errors import InputError
from expunge.judging.table import frame_measure
from expunge.report.frame_chart import HEIGHT, WIDTH, frame_chart
from expunge.verdicts.frame_curves import COLUMNS, FramePoint, curves_of, read_curves, write_curves
from expunge.verdicts.statistics import wilson
from tests.support.made_plan import made_concept, made_plan

PLAN = made_plan({"l/a": made_concept("a"), "l/b": made_concept("b")}, {"l/a": ["l/a"], "l/joint": ["l/a", "l/b"]})


def video(encoder: str, concept: str, prompt: str, *frames: int) -> list[dict[str, Any]]:
    about = {"list": "l", "encoder": encoder, "concept": concept, "modality": "video", "group": "target", "seed": 0}
    rows = [{**about, "prompt": prompt, "metric": "seen", "value": float(any(frames))}]
    return rows + [
        {**about, "prompt": prompt, "metric": frame_measure(i), "value": float(seen)} for i, seen in enumerate(frames)
    ]


def test_each_frame_has_its_share_before_and_after() -> None:
    rows = [
        *video("original", "a", "x", 1, 1), *video("original", "a", "y", 1, 0),
        *video("original", "a", "left out", 0, 0), *video("a", "a", "x", 0, 1), *video("a", "a", "y", 0, 0),
    ]  # fmt: skip
    assert curves_of(rows, PLAN) == [
        FramePoint("l", "a", "", 0, 0.0, *wilson(0, 2), 2, 1.0),
        FramePoint("l", "a", "", 1, 0.5, *wilson(1, 2), 2, 0.5),
    ]


def test_a_joint_encoder_has_a_curve_and_each_of_its_concepts_another() -> None:
    rows = [*video("joint", "a", "x", 1), *video("joint", "b", "y", 0), *video("joint", "b", "x", 1)]
    points = curves_of(rows, PLAN)
    assert [(p.concept, p.value, p.n, p.before) for p in points] == [
        ("", 0.5, 2, None),
        ("a", 1, 1, None),
        ("b", 0.5, 2, None),
    ]
    assert curves_of(video("m", "m", "spinning")[:1], PLAN) == []


shares = st.floats(0, 1).map(lambda share: float(f"{share:.6g}"))
points = st.builds(
    FramePoint, st.just("l"), st.sampled_from(["a", "b"]), st.sampled_from(["", "c"]), st.integers(0, 64), shares,
    shares, shares, st.integers(1, 99), st.none() | shares,
)  # fmt: skip


@given(st.lists(points, max_size=5))
def test_a_table_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, some: list[FramePoint]) -> None:
    file = tmp_path_factory.mktemp("frames") / "frames.csv"
    write_curves(file, some)
    assert read_curves(file) == some
    assert file.read_text().splitlines()[0] == ",".join(COLUMNS)


@pytest.mark.parametrize("text", [None, "frame\n1\n", ",".join(COLUMNS) + "\nl,a,,zero,1,0,1,1,\n"])
def test_a_broken_table_is_one_error(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "frames.csv").write_text(text)
    with pytest.raises(InputError, match=r"frames\.csv"):
        read_curves(tmp_path / "frames.csv")


@given(st.lists(st.tuples(shares, st.none() | shares), min_size=1, max_size=40))
def test_a_chart_lies_in_its_box(values: list[tuple[float, float | None]]) -> None:
    some = [FramePoint("l", "a", "", i, after, 0, 1, 3, before) for i, (after, before) in enumerate(values)]
    chart = frame_chart(some)
    assert chart is not None and len(chart.marks) == len(some) and len(chart.xs) <= 8
    assert all(0 <= mark.x <= WIDTH and 0 <= mark.y <= HEIGHT for mark in chart.marks)
    assert [mark.x for mark in chart.marks] == sorted({mark.x for mark in chart.marks})
    assert len(chart.before.split()) == sum(before is not None for _, before in values)
    assert frame_chart([]) is None
