"""Contact sheets: what is on them, where, and how large they may be."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from expunge.core.media import write_png, write_strip
from expunge.report import sheet_drawing as drawing
from expunge.report import sheets
from expunge.report.pairs import Pair
from tests.support.made_run import film, make_run, picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    build = tmp_path_factory.mktemp("sheets") / "build"
    sheets.write_sheets(build / "report" / "sheets", make_run(build))
    return build / "report" / "sheets"


def test_each_encoder_with_something_to_show_has_a_png_and_a_gif(folder: Path) -> None:
    names = {file.name for file in folder.iterdir()}
    assert names == {f"characters--{name}.{kind}" for name in ("bolt", "both") for kind in ("png", "gif")}
    assert all(0 < file.stat().st_size < drawing.LIMIT for file in folder.iterdir())
    with Image.open(folder / "characters--bolt.gif") as gif:
        assert gif.n_frames == 8 and gif.info["duration"] == 120 and gif.info["loop"] == 0  # type: ignore[attr-defined]


def test_before_stands_above_after_in_its_own_pixels() -> None:
    before, after = picture(10, 64), picture(200, 64)
    column = drawing.Column("target", True, "a thing", before[None], after[None])
    page, tiles = drawing.compose("list / thing", "", [[column]], 128)
    (x, y, _), (x2, y2, _) = tiles
    assert x == x2 and y2 == y + 128 + drawing.GAP
    drawing._png(page, tiles, 128)
    drawn = np.asarray(page)
    assert (drawn[y : y + 128 : 2, x : x + 128 : 2] == before).all()
    assert (drawn[y2 : y2 + 128 : 2, x : x + 128 : 2] == after).all()


def test_a_gif_moves_as_the_videos_do(tmp_path: Path) -> None:
    still, moving = np.repeat(picture(10)[None], 8, 0), film(60)
    for name, frames in (("a", still), ("b", moving)):
        write_strip(tmp_path / f"{name}.png", frames)
    pair = Pair("target", "video", "x", 0, tmp_path / "a.png", tmp_path / "b.png", None, None)
    file = drawing.draw(tmp_path / "x.gif", drawing.Sheet("x", "", [[pair]], 8, None))
    with Image.open(file) as gif:
        shown = []
        for index in range(8):
            gif.seek(index)
            shown.append(np.asarray(gif.convert("RGB")).astype(int))
    (x, top, _), (_, below, _) = drawing.compose("x", "", [[drawing.Column("target", True, "x", still, moving)]], 192)[
        1
    ]
    first, last = shown[0], shown[5]
    assert (first[top : top + 192, x : x + 192] == last[top : top + 192, x : x + 192]).all()
    assert (first[below : below + 192, x : x + 192] != last[below : below + 192, x : x + 192]).mean() > 0.2
    seen = first[below : below + 192 : 8, x : x + 192 : 8]
    assert np.abs(seen - moving[0]).mean() < 12  # 256 colours


def test_a_large_base_still_fits_the_limit(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2, 40, 256, 256, 3), np.uint8)
    for index, frames in enumerate(noise):
        write_strip(tmp_path / f"{index}.png", frames)
    pair = Pair("target", "video", "noise", 0, tmp_path / "0.png", tmp_path / "1.png", None, None)
    file = drawing.draw(tmp_path / "x.gif", drawing.Sheet("noise", "", [[pair] * 4] * 2, 8, 40))
    assert file.stat().st_size < drawing.LIMIT
    with Image.open(file) as gif:
        assert gif.n_frames == 14 and gif.info["duration"] == 380  # type: ignore[attr-defined]  # every third of 40


def test_pictures_that_are_not_square_keep_their_shape(tmp_path: Path) -> None:
    write_png(tmp_path / "wide.png", np.full((100, 200, 3), 9, np.uint8))
    tile = np.asarray(drawing._fitted(np.full((100, 200, 3), 9, np.uint8), 128))
    assert tile.shape == (128, 128, 3) and (tile[64] == 9).all() and (tile[5] == drawing.PAPER).all()


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    run = make_run(tmp_path / "build")
    first = {f.name: f.read_bytes() for f in sheets.write_sheets(tmp_path / "a", run)}
    assert {f.name: f.read_bytes() for f in sheets.write_sheets(tmp_path / "b", run, processes=2)} == first


def test_a_sheet_that_would_come_out_the_same_is_not_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, kept, drawn = make_run(tmp_path / "build"), tmp_path / "kept", list[str]()

    def draw(file: Path, sheet: drawing.Sheet) -> Path:
        drawn.append(file.name)
        return drawing.draw(file, sheet)

    monkeypatch.setattr(sheets, "draw", draw)

    def written(folder: str, version: str = "1") -> tuple[dict[str, bytes], list[str]]:
        drawn.clear()
        files = sheets.write_sheets(tmp_path / folder, run, kept=kept, version=version)
        return {file.name: file.read_bytes() for file in files}, sorted(drawn)

    first, names = written("a")
    assert names == sorted(first) and len(names) == 4
    assert written("b") == (first, [])

    prompt = next((tmp_path / "build/renders/characters/bolt").rglob("image-*.png"))
    write_png(prompt, picture(99))
    again, names = written("c")
    assert names == ["characters--bolt.png"] and again["characters--bolt.png"] != first["characters--bolt.png"]

    broken = next(kept.glob("*.gif/*"))
    broken.write_bytes(b"cut")
    assert written("d")[0] == again and len(drawn) == 1
    assert written("e", version="2") == (again, sorted(first)) and len(list(kept.glob("*/*"))) == 4
