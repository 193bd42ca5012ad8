"""Contact sheets for slides and pull requests: before above after, as a PNG of pictures and a GIF of videos.

    write_sheets(Path("build/report/sheets"), run)      <list>--<encoder>.png and .gif, each below 1 MB

A joint encoder's sheet shows its first concepts. Nothing of a confidential concept is on any sheet. Drawing one takes
longer than all else that the report says of its encoder, so those drawn before can be kept and taken again.
"""

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from expunge.core.digest import digest, file_digest
from expunge.core.files import write_aside
from expunge.core.unit_names import Name
from expunge.report.pairs import Pair, drawn_first, pairs_of
from expunge.report.run import Run
from expunge.report.sheet_drawing import Sheet, draw

CONCEPTS = 4  # of a joint encoder
PICTURES = {"target": 3, "aliases": 1, "probes": 1, "near": 2, "far": 1, "sense": 1, "beside": 1}  # columns
VIDEOS = {"target": 1, "aliases": 1, "near": 1, "far": 1}
MANY = 100  # with more sheets than this, several processes draw


def write_sheets(
    folder: Path, run: Run, processes: int | None = None, kept: Path | None = None, version: str = ""
) -> list[Path]:
    """Write the sheets of every encoder that has something to show, and return their files.

    :param processes: how many draw at once; by default one for a few sheets, else one for each core, eight at most.
    :param kept: a folder in which the sheets of this run are kept for the next, and from which those are taken that
        would come out the same; others are removed. :param version: of the code that draws.
    """
    sheets = {folder / f"{Name.parse(name).stem}{suffix}": sheet
              for name in run.plan.encoders for suffix, sheet in sheets_of(run, name)}  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [*sheets.items()]
    if kept is not None:
        keys = {file: f"{_key(sheet, version)}{file.suffix}" for file, sheet in jobs}
        jobs = [(file, sheet) for file, sheet in jobs if not _taken(kept / keys[file], file)]
    _draw_all(jobs, processes)
    if kept is not None:
        for file, _ in jobs:
            _keep(kept / keys[file], file)
        for old in [old for old in kept.glob("*/*") if old.parent.name not in keys.values()]:
            shutil.rmtree(old.parent, ignore_errors=True)
    return [*sheets]


def _draw_all(jobs: Sequence[tuple[Path, Sheet]], processes: int | None) -> None:
    count = processes or (min(8, os.cpu_count() or 1) if len(jobs) > MANY else 1)
    if count == 1 or not jobs:
        for job in jobs:
            draw(*job)
        return
    with ProcessPoolExecutor(count) as pool:
        list(pool.map(draw, *zip(*jobs, strict=True), chunksize=8))


def _key(sheet: Sheet, version: str) -> str:
    """A digest of all that a sheet shows, pictures included."""
    files = [[file_digest(each) for pair in row for each in (pair.before, pair.after) if each] for row in sheet.pairs]
    texts = [[(pair.group, pair.modality, pair.prompt) for pair in row] for row in sheet.pairs]
    return digest([version, sheet.title, sheet.note, sheet.fps, sheet.frames, texts, files])


def _taken(place: Path, file: Path) -> bool:
    """Was the sheet kept, in a file whose name is its digest? Then it is copied."""
    for old in place.glob("*"):
        if file_digest(old) == old.name:
            shutil.copyfile(old, file)
            return True
        old.unlink()
    return False


def _keep(place: Path, file: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    write_aside(place / file_digest(file), lambda part: shutil.copyfile(file, part))


def sheets_of(run: Run, name: str) -> list[tuple[str, Sheet]]:
    """(".png" or ".gif", sheet) of an encoder."""
    sheets = []
    concepts = [c for c in run.plan.encoders[name].concepts if not run.plan.concepts[c].confidential][:CONCEPTS]
    rows = [pairs_of(run, name, concept) for concept in concepts]
    for suffix, modality, counts in ((".png", "image", PICTURES), (".gif", "video", VIDEOS)):
        chosen = [pairs for pairs in (_choose(row, modality, counts) for row in rows) if pairs]
        if chosen:
            encoder = Name.parse(name)
            note = f"{run.plan.base.name} · {run.verdict_of(name).verdict} · same prompt and seed"
            sheets.append((suffix, Sheet(f"{encoder.list} / {encoder.id}", note, chosen, run.fps, run.frames)))
    return sheets


def _choose(pairs: Sequence[Pair], modality: str, counts: dict[str, int]) -> list[Pair]:
    own = [pair for pair in drawn_first(pairs) if pair.modality == modality and pair.before and pair.after]
    return [pair for group, count in counts.items() for pair in [p for p in own if p.group == group][:count]]
