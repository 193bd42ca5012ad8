"""render: the same prompts and seeds with the original encoder and with each unlearned one, as images and videos.

build/plan, build/encoders -> build/renders/original/<list>/<concept>/              once for each concept
                              build/renders/<list>/<encoder>/<list>--<concept>/     for each concept of an encoder

Each holds prompts.json (the plan's rows in order, each with its "file") and the files: image-000.png; video-000.png, a
strip of all frames side by side, which is what is measured; video-000.mp4 beside it, for people.
"""

from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from expunge.bases.spec import load_spec
from stages.runtime.models import loaded_base
from stages.runtime.process import main
from stages.runtime.reuse import Unit, code, read_index, run_units, unit_key, write_json
from stages.runtime.sources import CODE

OUT = Path("build/renders")


def run() -> None:
    plan, encoders = read_index("build/plan"), read_index("build/encoders")
    spec = load_spec(plan["base"]["name"])
    run_units("render", OUT, units_of(plan, encoders), partial(draw, plan), spec)


def units_of(plan: Mapping[str, Any], encoders: Mapping[str, Any]) -> dict[str, Unit]:
    """Units "original/<list>/<concept>", then "<list>/<encoder>/<list>--<concept>"."""
    source, units = code(*CODE["render"]), dict[str, Unit]()
    pairs: list[tuple[str | None, str, str]] = [(None, f"original/{concept}", concept) for concept in plan["concepts"]]
    for encoder, how in plan["encoders"].items():
        pairs += [(encoder, f"{encoder}/{concept.replace('/', '--')}", concept) for concept in how["concepts"]]
    for encoder, name, concept in pairs:
        upstream: dict[str, str] = {encoder: encoders["units"][encoder]["key"]} if encoder else {}
        rows = rows_for(plan, concept, encoder)
        key = unit_key("render", source, plan["base"]["digest"], rows, upstream=list(upstream.values()))
        units[name] = Unit(key, name, {"concept": concept, "encoder": encoder, "rows": len(rows), "upstream": upstream})
    return units


def rows_for(plan: Mapping[str, Any], concept: str, encoder: str | None) -> list[dict[str, Any]]:
    """A concept's rows, each with its file, which has the same name under every encoder.

    A joint encoder leaves out what asks for another of its own targets: that is neither kept nor a failure.
    """
    left_out = plan["encoders"][encoder]["left_out"][concept] if encoder else ()
    rows: list[dict[str, Any]] = []
    count = {"image": 0, "video": 0}
    for index, row in enumerate(plan["prompts"][concept]):
        if index not in left_out:
            rows.append({**row, "file": f"{row['modality']}-{count[row['modality']]:03d}.png"})
        count[row["modality"]] += 1
    return rows


def draw(plan: Mapping[str, Any], _: str, unit: Unit, folder: Path) -> None:
    """Sample all rows of a unit; batches are made within it, so that it comes out the same in any run."""
    from expunge.core.media import write_mp4, write_png, write_strip

    encoder, films = unit.facts["encoder"], any(r["modality"] == "video" for p in plan["prompts"].values() for r in p)
    rows, base = rows_for(plan, unit.facts["concept"], encoder), plan["base"]["name"]
    for modality in ("image", "video"):
        some = [row for row in rows if row["modality"] == modality]
        far = [row for row in some if row["group"] == "far" and not encoder]  # the same for most concepts: drawn apart
        for part, draws in (([row for row in some if row not in far], sample), (far, sample_once)):
            if not part:
                continue
            drawn = draws(base, films, encoder, modality, tuple((row["prompt"], row["seed"]) for row in part))
            for row, pixels in zip(part, drawn, strict=True):
                file = folder / row["file"]
                if modality == "image":
                    write_png(file, pixels)
                else:
                    write_strip(file, pixels)
                    write_mp4(file.with_suffix(".mp4"), pixels, loaded_base(base, films).spec.fps)
    write_json(folder / "prompts.json", rows)


def sample(name: str, films: bool, encoder: str | None, modality: str, rows: tuple[tuple[str, int], ...]) -> Any:
    """(N, [F,] H, W, 3) uint8 for (prompt, seed)."""
    from expunge.bases.sampling import sample_images, sample_videos

    base, draw = loaded_base(name, films), sample_images if modality == "image" else sample_videos
    edit = loaded_edit(name, films, encoder) if encoder else None
    return draw(base, [prompt for prompt, _ in rows], [seed for _, seed in rows], edit)


sample_once = lru_cache(maxsize=2)(sample)  # images and videos: what was just drawn is not drawn again


@lru_cache(maxsize=1)
def loaded_edit(base: str, films: bool, encoder: str) -> Any:
    """What an encoder changes, read once: units of one encoder follow each other."""
    from expunge.bases.base import load_edit

    return load_edit(loaded_base(base, films), Path("build/encoders") / encoder)


if __name__ == "__main__":
    main(run)
