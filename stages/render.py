"""render: the same prompts and seeds with the original encoder and with each unlearned one, as images and videos.

build/plan, build/encoders -> build/renders/original/<list>/<concept>/                      once for each concept
                              build/renders/<list>/<encoder>/<list>--<concept>/             for each of an encoder's

Each holds prompts.json (the plan's rows in order, each with its "file") and the files: image-000.png; video-000.png, a
strip of all frames side by side, which is what is measured; video-000.mp4 beside it, for people.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from expunge.prompts import stays
from stages.plan import concept_of
from stages.process import main
from stages.reuse import Unit, code, loaded_base, read_index, run_units, unit_key, write_json
from stages.sources import CODE

OUT = Path("build/renders")


def run() -> None:
    plan, encoders = read_index("build/plan"), read_index("build/encoders")
    run_units("render", OUT, units_of(plan, encoders), lambda name, unit, folder: draw(plan, unit, folder))


def units_of(plan: Mapping[str, Any], encoders: Mapping[str, Any]) -> dict[str, Unit]:
    """"original/<concept>" for each concept, "<encoder>/<concept>" for each concept of each encoder."""
    source, base, units = code(*CODE["render"]), plan["base"]["digest"], {}

    def add(name: str, concept: str, encoder: str | None, rows: list[Any], upstream: dict[str, str]) -> None:
        facts = {"concept": concept, "encoder": encoder, "rows": len(rows), "upstream": upstream}
        key = unit_key("render", source, base, rows, upstream=list(upstream.values()))
        units[name] = Unit(key, name, facts)

    for concept in plan["concepts"]:
        add(f"original/{concept}", concept, None, rows_for(plan, concept, None), {})
    for encoder, how in plan["encoders"].items():
        for concept in how["concepts"]:
            upstream = {encoder: encoders["units"][encoder]["key"]}
            name = f"{encoder}/{concept.replace('/', '--')}"
            add(name, concept, encoder, rows_for(plan, concept, encoder), upstream)
    return units


def rows_for(plan: Mapping[str, Any], concept: str, encoder: str | None) -> list[dict[str, Any]]:
    """A concept's rows, each with its file; for a joint encoder without those that ask for another of its targets.

    A row's file has the same name under every encoder.
    """
    rows, count = [], {"image": 0, "video": 0}
    for row in plan["prompts"][concept]:
        rows.append({**row, "file": f"{row['modality']}-{count[row['modality']]:03d}.png"})
        count[row["modality"]] += 1
    if encoder is None:
        return rows
    members = [concept_of(plan["concepts"][member]) for member in plan["encoders"][encoder]["concepts"]]
    return [row for row in rows if stays(row, members)]


def draw(plan: Mapping[str, Any], unit: Unit, folder: Path) -> None:
    from expunge.base import sample_images, sample_videos
    from expunge.video import write_mp4, write_png, write_strip

    rows = rows_for(plan, unit.facts["concept"], unit.facts["encoder"])
    films = any(row["modality"] == "video" for rows in plan["prompts"].values() for row in rows)
    base = loaded_base(plan["base"]["name"], films)
    changed = loaded_encoder(plan["base"]["name"], films, unit.facts["encoder"]) if unit.facts["encoder"] else ()
    for modality, sample in (("image", sample_images), ("video", sample_videos)):
        some = [row for row in rows if row["modality"] == modality]
        drawn = sample(base, [r["prompt"] for r in some], [r["seed"] for r in some], *changed) if some else ()
        for row, pixels in zip(some, drawn, strict=True):
            file = folder / row["file"]
            if modality == "image":
                write_png(file, pixels)
            else:
                write_strip(file, pixels)
                write_mp4(file.with_suffix(".mp4"), pixels, base.spec.fps)
    write_json(folder / "prompts.json", rows)


@lru_cache(maxsize=1)
def loaded_encoder(base: str, films: bool, encoder: str) -> tuple[Any, Any]:
    """(encoder, unconditional embedding or None)"""
    from expunge.base import load_encoder

    return load_encoder(loaded_base(base, films), Path("build/encoders") / encoder)


if __name__ == "__main__":
    main(run)
