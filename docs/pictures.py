"""The pictures of README and docs, from what the pipeline rendered: run `uv run python docs/pictures.py` after it."""

import json
from pathlib import Path

import numpy as np

from expunge.core.media import before_after, contact_sheet, read_png, read_strip, write_gif, write_png

ROOT = Path(__file__).resolve().parents[1]
RENDERS, IMAGES = ROOT / "build" / "renders", ROOT / "docs" / "images"
SHOWN = ("characters/bolt", "objects/fire-engine", "people/mira-holt", "styles/ansel-korda")


def files(concept: str, group: str, modality: str) -> list[str]:
    rows = json.loads((RENDERS / "original" / concept / "prompts.json").read_text())
    return [row["file"] for row in rows if row["group"] == group and row["modality"] == modality]


def after_of(concept: str) -> Path:
    return RENDERS / concept / concept.replace("/", "--")


def pairs(concept: str, groups: dict[str, int]) -> list[np.ndarray]:
    """Pictures before, after, before, after ... of the first samples of each group."""
    pictures = []
    for group, count in groups.items():
        for file in files(concept, group, "image")[:count]:
            pictures += [read_png(RENDERS / "original" / concept / file), read_png(after_of(concept) / file)]
    return pictures


def sheet(name: str, concepts: tuple[str, ...], groups: dict[str, int]) -> None:
    """A row for each concept: pairs of before and after, group by group."""
    headings = [
        f"{group} {when}" for group, count in groups.items() for _ in range(count) for when in ("before", "after")
    ]
    rows = [pairs(concept, groups) for concept in concepts]
    labels = [concept.split("/")[1] for concept in concepts]
    write_png(IMAGES / name, contact_sheet(rows, 2, labels=labels, headings=headings))


def main() -> None:
    sheet("before-after.png", SHOWN, {"target": 2, "near": 2})
    sheet("groups.png", ("objects/fire-engine", "characters/bolt"), {"target": 1, "aliases": 1, "near": 1, "far": 1})
    sheet("sense.png", ("objects/fruit-bat",), {"target": 2, "sense": 2})
    videos = []
    for concept in SHOWN:
        file = files(concept, "target", "video")[0]
        before, after = (read_strip(folder / file, 8) for folder in (RENDERS / "original" / concept, after_of(concept)))
        videos.append(before_after(before, after))
    write_gif(IMAGES / "before-after.gif", np.concatenate(videos, axis=2).repeat(2, 1).repeat(2, 2), 8)


if __name__ == "__main__":
    main()
