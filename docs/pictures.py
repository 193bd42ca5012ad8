"""The pictures of README and docs, from what the pipeline rendered: run `uv run python docs/pictures.py` after it."""

import json
from pathlib import Path

import numpy as np

from expunge.video import before_after, contact_sheet, read_png, read_strip, write_gif, write_png

ROOT = Path(__file__).resolve().parents[1]
RENDERS, IMAGES = ROOT / "build" / "renders", ROOT / "docs" / "images"
SHOWN = ("characters/bolt", "objects/fire-engine", "people/mira-holt", "styles/ansel-korda")


def files(concept: str, group: str, modality: str) -> list[str]:
    rows = json.loads((RENDERS / "original" / concept / "prompts.json").read_text())
    return [row["file"] for row in rows if row["group"] == group and row["modality"] == modality]


def after_of(concept: str) -> Path:
    return RENDERS / concept / concept.replace("/", "--")


def main() -> None:
    rows, labels = [], []
    for concept in SHOWN:
        row = []
        for group, count in (("target", 2), ("near", 2)):
            for file in files(concept, group, "image")[:count]:
                row += [read_png(RENDERS / "original" / concept / file), read_png(after_of(concept) / file)]
        rows.append(row)
        labels.append(concept.split("/")[1])
    headings = ["target", "forgotten"] * 2 + ["neighbour", "kept?"] * 2
    write_png(IMAGES / "before-after.png", contact_sheet(rows, 2, labels=labels, headings=headings))
    videos = []
    for concept in SHOWN:
        file = files(concept, "target", "video")[0]
        pair = (read_strip(folder / file, 8) for folder in (RENDERS / "original" / concept, after_of(concept)))
        videos.append(before_after(*pair))
    write_gif(IMAGES / "before-after.gif", np.concatenate(videos, axis=2).repeat(2, 1).repeat(2, 2), 8)


if __name__ == "__main__":
    main()
